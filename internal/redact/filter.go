package redact

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"

	"muster/internal/term"
)

// Filter masks a text line by line. It recognizes secrets that span lines, and counts masked secrets. The zero value is
// ready to use. Use one Filter for one text at a time.
type Filter struct {
	// Hits counts the masked secrets by rule ID.
	Hits map[string]int

	lines
	argv vector
}

// Text masks a text. The number of lines stays the same.
func (f *Filter) Text(text string) string {
	if !strings.Contains(text, "\n") {
		return f.Line(text)
	}
	lines := strings.Split(text, "\n")
	crs := make([]string, len(lines)) // the rules do not expect carriage returns, which terminals and Windows write
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
		crs[i] = line[len(lines[i]):]
	}
	for i, line := range lines {
		lines[i] = f.line(line, following(lines, i))
	}
	for i := range lines {
		lines[i] += crs[i]
	}
	return strings.Join(lines, "\n")
}

// Lines masks texts of one or more lines that belong together, such as the evidence of a finding.
func (f *Filter) Lines(texts []string) []string {
	rest := strings.Split(f.Text(strings.Join(texts, "\n")), "\n")
	masked := slices.Clone(texts)
	for i, text := range texts {
		n := 1 + strings.Count(text, "\n")
		masked[i], rest = strings.Join(rest[:n], "\n"), rest[n:]
	}
	return masked
}

// ahead is the number of following lines that can affect how a line is masked. near is the number of them that can hold
// the other fields of the same object.
const ahead, near = 64, 4

// following returns the lines that follow line i.
func following(lines []string, i int) []string { return lines[i+1 : min(i+1+ahead, len(lines))] }

// Apart masks a text that does not continue the previous text.
func (f *Filter) Apart(text string) string {
	apart := Filter{Hits: f.Hits}
	masked := apart.Text(text)
	f.Hits = apart.Hits
	return masked
}

// Line masks one line, without its line ending.
func (f *Filter) Line(line string) string { return f.line(line, nil) }

// line masks a line. next contains the lines that follow it.
func (f *Filter) line(line string, next []string) string {
	long := len(line) > maxLine
	if long {
		f.hit(LongLine)
		line = line[:maxLine]
	}
	spans := apart(line, f.find(line, next, 0))
	line = f.replace(line, spans)
	if long {
		line = strings.ToValidUTF8(line[:max(0, len(line)-maxSecret)], "?") + cutMark
	}
	if len(spans) == 0 && !long || line == Mask {
		return line
	}
	return f.masked(line)
}

// find finds the secrets in a line, in no particular order, and updates the state. next contains the lines that follow
// the line.
func (f *Filter) find(line string, next []string, depth int) []span {
	n := prefixed(line)
	body := line[n:]
	below := next
	if next = next[:min(len(next), near)]; n > 0 {
		next = withoutPrefixes(next)
	}
	found := f.continued(body)
	if found == nil {
		f.begin(body)
		f.programBelow(body, below)
		found = f.contents(body, below)
	}
	if len(found) == 1 && found[0].to-found[0].from == len(body) {
		return moved(found, n)
	}
	found = append(append(found, f.argv.next(body)...), writtenTo(body)...)
	if namedBelow(body, next) {
		found = append(found, fieldIn(body)...)
	}
	if len(next) > 0 && feedsNext(body, next[0]) {
		found = append(found, firstGroup(body, fed.Get().FindStringSubmatchIndex(body))...)
	}
	if n > 0 { // some rules apply only at the start of a line
		found = append(found, secretsIn(body, depth)...)
	}
	found = append(moved(found, n), secretsIn(line, depth)...)
	reachesEnd := func(s span) bool { return s.to == len(line) }
	if f.inside == nothing && strings.HasSuffix(line, `\`) && slices.ContainsFunc(found, reachesEnd) {
		f.inside = inValue
	}
	f.announce(body)
	return found
}

func (f *Filter) hit(id string) {
	if f.Hits == nil {
		f.Hits = map[string]int{}
	}
	f.Hits[id]++
}

// maxLine is the maximum length of a line in bytes. A longer line is cut maxSecret bytes before that length, so that no
// part of a secret remains at the cut.
const maxLine, maxSecret = 64 << 10, 8 << 10

const cutMark = " [cut: a line of more than 64 KiB]"

// raw is a line of the input.
type raw struct {
	text  string
	ended bool // terminated by a newline
	err   error
}

// Copy copies a text and masks it line by line. It replaces control characters and invalid UTF-8. It keeps only
// the lines in memory that can affect how a line is masked.
func (f *Filter) Copy(dst io.Writer, src io.Reader) error {
	in := bufio.NewReaderSize(src, 2*maxLine)
	var read []raw
	var texts []string
	for {
		for len(read) <= ahead && (len(read) == 0 || read[len(read)-1].err == nil) {
			line := readLine(in)
			read, texts = append(read, line), append(texts, line.text)
		}
		line := read[0]
		masked := f.line(line.text, texts[1:])
		if line.ended {
			masked += "\n"
		}
		if _, err := io.WriteString(dst, masked); err != nil {
			return err
		}
		switch {
		case errors.Is(line.err, io.EOF):
			return nil
		case line.err != nil:
			return line.err
		}
		read, texts = slices.Delete(read, 0, 1), slices.Delete(texts, 0, 1)
	}
}

// readLine reads one line. It discards the part of a line that exceeds maxLine.
func readLine(in *bufio.Reader) raw {
	data, err := in.ReadSlice('\n')
	text, ended := strings.CutSuffix(string(data), "\n")
	text = Clean(strings.TrimSuffix(text, "\r"))
	for errors.Is(err, bufio.ErrBufferFull) {
		text += strings.Repeat(" ", max(0, maxLine+1-len(text))) // long enough for line to cut it
		data, err = in.ReadSlice('\n')
		ended = err == nil && strings.HasSuffix(string(data), "\n")
	}
	return raw{text, ended, err}
}

// Clean returns a line as valid UTF-8 without active characters (see term.Inert).
func Clean(line string) string { return term.Inert(strings.ToValidUTF8(line, "?")) }
