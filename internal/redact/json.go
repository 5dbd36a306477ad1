package redact

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"muster/internal/base/lazyregexp"
	"muster/internal/term"
)

// jsonToken matches a string, including the colon after a key, and the start or end of an object or array.
var jsonToken = lazyregexp.New(`"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\]]`)

// JSON masks the strings of a JSON document. A string is masked by its key, by the name in the same object ({"name":
// ..., "value": ...}), or by the rules. The strings of an array are also treated as the lines of one text and as the
// arguments of one command. The order of keys does not change. Invalid JSON is masked as text. Control characters are
// escaped.
func (f *Filter) JSON(data []byte) []byte {
	if !json.Valid(data) {
		return []byte(f.cleaned(string(data)))
	}
	w := walk{filter: f, data: data, stack: []level{{}}}
	for _, m := range jsonToken.Get().FindAllSubmatchIndex(data, -1) {
		w.token(m)
	}
	return term.InertJSON(bytes.Join(append(w.out, data[w.end:]), nil))
}

// cleaned masks a text and escapes its control characters.
func (f *Filter) cleaned(text string) string {
	lines := strings.Split(f.Text(text), "\n")
	for i, line := range lines {
		lines[i] = Clean(line)
	}
	return strings.Join(lines, "\n")
}

// walk is one pass over a JSON document.
type walk struct {
	filter *Filter
	data   []byte
	end    int      // end of the last token
	out    [][]byte // the output in pieces, because earlier values can be masked later
	stack  []level
}

// level is an open object or array.
type level struct {
	from     int
	name     string // the key of this object or array
	key      string // the key of the next value
	lines    *Filter
	isSecret bool    // the key or a name field is the name of a secret
	values   []place // of value fields
	isFile   bool    // a path field names a secret
	contents []place // of content fields
	elements []place
	deep     bool // contains other objects or arrays
}

// place is the position of a string in the input and in the output.
type place struct{ from, to, out int }

func (w *walk) token(m []int) {
	between := strings.TrimSpace(string(w.data[w.end:m[0]]))
	w.out = append(w.out, w.data[w.end:m[0]])
	w.end = m[1]
	top := &w.stack[len(w.stack)-1]
	switch w.data[m[0]] {
	case '{', '[':
		name := top.key
		if top.key == "" && w.data[top.from] == '[' {
			name = top.name
		}
		top.key, top.lines, top.deep = "", nil, true
		w.stack = append(w.stack, level{from: m[0], name: name, isSecret: w.data[m[0]] == '{' && strengthOf(name) >= codeName})
	case '}', ']':
		w.close(top)
		w.stack = w.stack[:len(w.stack)-1]
	default:
		w.text(top, between, m)
		return
	}
	w.out = append(w.out, w.data[m[0]:m[1]])
}

// text masks a key or a value.
func (w *walk) text(top *level, between string, m []int) {
	var text string
	if m[2] >= 0 { // a key
		_ = json.Unmarshal(w.data[m[0]:m[2]], &text) // cannot fail, because the document is valid
		w.quote(&Filter{Hits: w.filter.Hits}, "", text)
		w.out = append(w.out, w.data[m[2]:m[1]])
		top.key = text
		return
	}
	_ = json.Unmarshal(w.data[m[0]:m[1]], &text)
	at := place{m[0], m[1], len(w.out)}
	if w.data[top.from] == '[' {
		if top.lines == nil || between != "," && len(top.elements) > 0 {
			top.lines = &Filter{Hits: w.filter.Hits}
		}
		w.quote(top.lines, top.name, text)
		if between == "," && len(top.elements) > 0 {
			last := top.elements[len(top.elements)-1]
			var before string
			_ = json.Unmarshal(w.data[last.from:last.to], &before) // cannot fail, because the document is valid
			if feedsNext(before, text) {
				w.mask(last, "named-secret")
			}
		}
		top.elements = append(top.elements, at)
		return
	}
	top.note(strings.ToLower(top.key), text, at)
	w.quote(&Filter{Hits: w.filter.Hits}, top.key, text)
	top.key = ""
}

// note records a field of the object that can name a secret, or hold one that another field names.
func (l *level) note(key, text string, at place) {
	switch {
	case isValueField(key):
		l.values = append(l.values, at)
	case isContentField(key):
		l.contents = append(l.contents, at)
	case isPathField(key):
		l.isFile = l.isFile || namesSecret(text)
	case strings.HasSuffix(key, "name"), strings.HasSuffix(key, "key"):
		l.isSecret = l.isSecret || strengthOf(text) >= wordName
	}
}

func (w *walk) quote(f *Filter, key, text string) {
	f.Hits = w.filter.Hits
	quoted, _ := json.Marshal(f.field(key, text))
	w.filter.Hits = f.Hits
	w.out = append(w.out, quoted)
}

// close masks the secrets that are recognizable only in the complete object or array.
func (w *walk) close(l *level) {
	if l.isSecret {
		for _, v := range l.values {
			w.mask(v, "named-secret")
		}
	}
	if l.isFile {
		for _, c := range l.contents {
			w.mask(c, "named-secret")
		}
	}
	if len(l.elements) < 2 || l.deep || w.end-l.from > maxLine {
		return
	}
	for _, s := range secretsIn(string(w.data[l.from:w.end]), maxDepth) {
		for _, e := range l.elements {
			if l.from+s.from < e.to && l.from+s.to > e.from && bytes.Equal(w.out[e.out], w.data[e.from:e.to]) {
				w.mask(e, s.rule)
			}
		}
	}
	w.aboveNames(l.elements)
}

// aboveNames masks the secrets in the elements of an array, which are lines, that are recognizable only from a line
// below.
func (w *walk) aboveNames(elements []place) {
	lines := make([]string, len(elements))
	for i, e := range elements {
		_ = json.Unmarshal(w.data[e.from:e.to], &lines[i]) // cannot fail, because the document is valid
	}
	for i, line := range new(Filter).Lines(lines) {
		e := elements[i]
		if line != lines[i] && bytes.Equal(w.out[e.out], w.data[e.from:e.to]) {
			w.out[e.out], _ = json.Marshal(line)
			w.filter.hit("named-secret")
		}
	}
}

func (w *walk) mask(p place, rule string) {
	if text := string(w.out[p.out]); !slices.Contains([]string{`""`, `"` + Mask + `"`}, text) {
		w.out[p.out] = []byte(`"` + Mask + `"`)
		w.filter.hit(rule)
	}
}

// field masks a value by its key, if it has one, or by the rules.
func (f *Filter) field(key, value string) string {
	if value != "" && value != Mask && secretName.Get().MatchString(key) && !resource.Get().MatchString(value) {
		f.hit("named-secret")
		return Mask
	}
	return f.Text(value)
}
