package ecsconfig

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// draft is a file during its repair, with one setting per line, in UTF-8.
type draft struct {
	lines    []string
	at       []int // line number of each line in the file
	problems []Problem
	foreign  bool // the file is not a settings file, so its lines mean nothing
}

func (f *File) draft() *draft {
	d := &draft{}
	lines := f.lines
	data := f.Bytes()
	if plain, ok := fromUTF16(data); ok {
		lines = Parse(plain).lines
		d.fileProblem("is UTF-16 text", "convert it to UTF-8", bytes.IndexByte(data, '=') >= 0)
	}
	switch {
	case isJSONContainer(string(data)):
		d.foreign = true
		d.problems = append(d.problems, Problem{Severity: Misread, Effect: nothingRead,
			What: "is JSON instead of KEY=value lines"})
	case isBinary(data) && len(d.problems) == 0:
		d.foreign = true
		d.fileProblem("is not a text file", "", bytes.IndexByte(data, '=') >= 0)
	}
	if d.foreign {
		d.lines = lines
		return d
	}
	for i, line := range lines {
		d.add(i+1, line)
	}
	d.join()
	return d
}

// fileProblem adds a problem of the whole file. A NUL in a line with "=" reaches the environment of the agent's
// container.
func (d *draft) fileProblem(what, repair string, assigns bool) {
	p := Problem{What: what, Repair: repair, Severity: Misread, Effect: nothingRead}
	if assigns {
		p.Severity = Fatal
		p.Effect += "; the NUL bytes in it may also keep Docker from starting the agent's container"
	}
	d.problems = append(d.problems, p)
}

// add appends a line, split if it holds several settings.
func (d *draft) add(at int, line string) {
	body := strings.TrimRight(line, "\r\n")
	end := line[len(body):]
	if strings.Contains(strings.TrimSpace(body), "\r") {
		d.problems = append(d.problems, Problem{Line: at, Severity: Misread, What: "has carriage returns instead of line feeds",
			Effect: "the ECS agent reads several lines as one", Repair: "use line feeds"})
		for part := range strings.SplitSeq(body, "\r") {
			d.cut(at, part, "\n")
		}
		return
	}
	d.cut(at, body, end)
}

func (d *draft) cut(at int, body, end string) {
	for {
		s := intended(body)
		if s.rest == "" {
			d.push(at, body+end)
			return
		}
		rest := s.rest
		key := intended(rest).key
		severity, effect := s.consequence()
		d.problems = append(d.problems,
			Problem{Line: at, Key: s.key, Severity: max(severity, Misread), Effect: effect,
				What: "shares its line with " + key, Repair: "put each on its own line"},
			Problem{Line: at, Key: key, Severity: Misread, Effect: "the ECS agent does not see " + key,
				What: "is on the same line as " + s.key, Repair: "put it on its own line"})
		text := strings.TrimRight(body, " \t")
		separator := end
		if separator == "" {
			separator = "\n"
		}
		d.push(at, trimSeparator(text[:len(text)-len(rest)])+separator)
		body = rest
	}
}

func (d *draft) push(at int, line string) {
	d.lines, d.at = append(d.lines, line), append(d.at, at)
}

const nothingRead = "the ECS agent reads no settings from it"

// maxJoined limits how many lines a JSON value can span.
const maxJoined = 200

// join puts multi-line JSON on one line.
func (d *draft) join() {
	for i := 0; i < len(d.lines); i++ {
		s := intended(d.lines[i])
		k := byName[s.key]
		if k == nil || k.Kind.open == 0 || !strings.Contains(s.value, string(k.Kind.open)) || k.read(s.value).Fault == "" {
			continue
		}
		value, n := d.continued(i, s)
		if n == 0 {
			continue
		}
		severity, effect := s.consequenceOf(value)
		d.problems = append(d.problems, Problem{Line: d.at[i], Key: s.key, Severity: severity, Effect: effect,
			What: "has JSON that continues on the next lines", Repair: "join the lines"})
		d.lines[i] = assign(d.lines[i], s.key, value)
		d.lines = append(d.lines[:i+1], d.lines[i+1+n:]...)
		d.at = append(d.at[:i+1], d.at[i+1+n:]...)
	}
}

// continued returns the JSON that begins in line i, and the number of lines it spans.
func (d *draft) continued(i int, s statement) (value string, lines int) {
	all := strings.TrimSuffix(strings.TrimSpace(s.raw), `\`)
	for n := 1; n <= maxJoined && i+n < len(d.lines) && len(all) < maxAssignment; n++ {
		next := strings.TrimSpace(d.lines[i+n])
		if known := byName[intended(next).key]; known != nil {
			return "", 0
		}
		all += strings.TrimSuffix(next, `\`)
		if value := unquote(all); isJSONContainer(value) {
			var compact bytes.Buffer
			if json.Compact(&compact, []byte(value)) != nil {
				return "", 0
			}
			return compact.String(), n
		}
	}
	return "", 0
}

// consequenceOf returns the consequence of a line with the intended value.
func (s statement) consequenceOf(value string) (Severity, string) {
	s.value = value
	return s.consequence()
}

// fromUTF16 returns data in UTF-8 if it is UTF-16 of either byte order, with or without a byte order mark.
func fromUTF16(data []byte) ([]byte, bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order, data = binary.LittleEndian, data[2:]
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order, data = binary.BigEndian, data[2:]
	default:
		if order = orderOf(data); order == nil {
			return nil, false
		}
	}
	units := make([]uint16, 0, len(data)/2)
	for ; len(data) >= 2; data = data[2:] {
		units = append(units, order.Uint16(data))
	}
	text := string(utf16.Decode(units))
	if strings.ContainsRune(text, utf8.RuneError) || strings.ContainsFunc(text, func(r rune) bool { return r < '\t' }) {
		return nil, false
	}
	return []byte(text), true
}

// orderOf detects the byte order of UTF-16 without a mark. Settings are mostly ASCII, so every other byte is NUL.
func orderOf(data []byte) binary.ByteOrder {
	if len(data) < 6 || len(data)%2 != 0 { // A=1
		return nil
	}
	var nul [2]int
	for i, b := range data {
		if b == 0 {
			nul[i%2]++
		}
	}
	switch most := len(data) * 45 / 100; {
	case nul[1] >= most && nul[0] == 0:
		return binary.LittleEndian
	case nul[0] >= most && nul[1] == 0:
		return binary.BigEndian
	}
	return nil
}

// isBinary reports whether data is not text, such as a compressed file. NUL bytes alone are reported for their line
// instead.
func isBinary(data []byte) bool {
	if utf8.Valid(data) {
		return false
	}
	control := 0
	for _, b := range data {
		if b != 0 && (b < '\t' || b > '\r' && b < ' ') {
			control++
		}
	}
	return control > len(data)/20
}
