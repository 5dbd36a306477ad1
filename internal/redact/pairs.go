package redact

import (
	"strings"

	"muster/internal/base/lazyregexp"
)

// Many formats store a name and its value in two fields, in any order:
//
//	{"name":"DB_PASSWORD","value":"..."}
//	{Name: "x", Value: "y"}
//	ParameterKey=x,ParameterValue=y
//	<property name="x" value="y"/>
//	Property: x, Value: "y"
//
// A file has a path and its content.

// pairField matches the start of such a field. The first group is its name.
var pairField = lazyregexp.New(`(?i)(?:^|[^\w])(?:` + quotes +
	`)?((?:[a-z]+[_-]?)?(?:name|key|property|value)|val|path|dest|contents?)(?:` + quotes + `)?` +
	`\s*(?:[:=]>?|,\s*` + quotes + `)\s*(?:Some\()?`)

// pair is an object whose end has not been found yet.
type pair struct {
	isSecret bool // the name is the name of a secret
	named    bool
	values   []span
	isFile   bool // the path names a secret
	contents []span
}

// paired finds the values of pairs whose name is the name of a secret.
func paired(line, lower string, found []span) []span {
	if !strings.Contains(lower, "val") && !strings.Contains(lower, "content") {
		return found
	}
	var p pair
	for f, ok := nextField(line, lower, 0); ok; f, ok = nextField(line, lower, f.end) {
		isPath, isContent := isPathField(f.name), isContentField(f.name)
		complete := p.named && len(p.values) > 0 && !isPath && !isContent
		if complete || ends(f.before) {
			found, p = p.close(found), pair{}
		}
		text := line[f.value.from:f.value.to]
		switch {
		case isPath:
			p.isFile = p.isFile || namesSecret(text)
		case isContent:
			p.contents = append(p.contents, f.value)
		case isValueField(f.name):
			p.values = append(p.values, f.value)
		default:
			p.named, p.isSecret = true, p.isSecret || strengthOf(text) >= wordName
		}
	}
	return p.close(found)
}

// field is a field of an object, or of text that looks like one.
type field struct {
	name   string
	before string // the text between the field before and this one
	value  span
	end    int // of the field, where the next one may begin
}

// nextField finds the first field from at on.
func nextField(line, lower string, at int) (f field, ok bool) {
	if at >= len(line) {
		return field{}, false
	}
	m := pairField.Get().FindStringSubmatchIndex(line[at:])
	if m == nil {
		return field{}, false
	}
	v := readValue(line[at+m[1]:], false)
	from := at + m[1] + v.from
	text := line[from : at+m[1]+v.to]
	if !v.quoted {
		text = text[:cutAt(text)]
	}
	return field{
		name: lower[at+m[2] : at+m[3]], before: line[at : at+m[2]],
		value: span{from, from + len(text), "named-secret"}, end: at + m[1] + max(v.from+len(text), 1),
	}, true
}

func (p pair) close(found []span) []span {
	if p.isSecret {
		found = append(found, p.values...)
	}
	if p.isFile {
		found = append(found, p.contents...)
	}
	return found
}

func isPathField(field string) bool { return field == "path" || field == "dest" || field == "filename" }

func isContentField(field string) bool { return field == "content" || field == "contents" }

func isValueField(field string) bool {
	return strings.HasSuffix(field, "value") || field == "val"
}

// ends reports whether an object ends between two fields.
func ends(between string) bool {
	return strings.ContainsAny(strings.NewReplacer("&quot;", "", `"),`, "", "Some(", "").Replace(between), "{}()<>;")
}

// cutAt returns the end of an unquoted value that is followed by other fields.
func cutAt(text string) int {
	if at := strings.IndexAny(text, ",}>;"); at >= 0 {
		return at
	}
	if strings.HasSuffix(text, ")") || strings.HasSuffix(text, "]") {
		return len(text) - 1
	}
	return len(text)
}
