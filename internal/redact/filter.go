package redact

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"strings"
)

// Filter masks a text line by line. It remembers what goes on over several
// lines, and counts. Its zero value is ready; it serves one text at a time.
type Filter struct {
	// Hits counts what was masked, by the id of the rule.
	Hits map[string]int

	hidden int // lines hidden since
	indent int // of a hidden YAML block
	inside state
}

// state is what the next line continues.
type state int

const (
	nothing  state = iota
	inPEM          // until its END
	inBlock        // lines of YAML that are indented more
	inBase64       // lines of nothing but base64
	inValue        // one more line: the last ended in a backslash
)

// maxPEM is the most lines of a private key: one of 16384 bits has 200.
const maxPEM = 300

var (
	pemBegin    = regexp.MustCompile(`-----BEGIN[A-Z0-9 ]*PRIVATE KEY`)
	pemEnd      = regexp.MustCompile(`-----END[A-Z0-9 ]*-----`)
	blockScalar = regexp.MustCompile(`(?i)^([\s#]*)[\s-]*["']?[\w.-]*(?:` + named + `|auth)[\w.-]*["']?\s*:\s*[|>][+-]?[0-9]?[+-]?\s*$`)
	base64Rest  = regexp.MustCompile(`^\s*[A-Za-z0-9+/]+={0,2}\s*$|\s[A-Za-z0-9+/]+={1,2}\s*$`)
)

// Text masks a text of any number of lines, whose number stays.
func (f *Filter) Text(text string) string {
	if !strings.Contains(text, "\n") {
		return f.Line(text)
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = f.Line(line)
	}
	return strings.Join(lines, "\n")
}

// Apart masks a text that neither continues what was before it nor is continued.
func (f *Filter) Apart(text string) string {
	apart := Filter{Hits: f.Hits}
	masked := apart.Text(text)
	f.Hits = apart.Hits
	return masked
}

// Line masks one line, without its line ending.
func (f *Filter) Line(line string) string {
	if rule := f.goesOn(line); rule != "" {
		f.hit(rule)
		return Mask
	}
	f.begins(line)
	masked := f.masked(line)
	if masked != line && f.inside == nothing && strings.HasSuffix(line, `\`) {
		f.inside = inValue
	}
	return masked
}

// goesOn is the rule by which the line is hidden as a part of what began before
// it; "" if it is not.
func (f *Filter) goesOn(line string) string {
	f.hidden++
	switch was := f.inside; was {
	case inPEM:
		if pemEnd.MatchString(line) || f.hidden >= maxPEM {
			f.inside = nothing
		}
		return "private-key"
	case inBlock:
		if trimmed := strings.TrimLeft(line, " \t#"); trimmed == "" || len(line)-len(trimmed) > f.indent {
			return "named-secret"
		}
	case inBase64:
		if base64Rest.MatchString(line) {
			return "base64"
		}
	case inValue:
		if !strings.HasSuffix(line, `\`) {
			f.inside = nothing
		}
		return "named-secret"
	}
	f.inside = nothing
	return ""
}

// begins notes what the line begins and does not end.
func (f *Filter) begins(line string) {
	f.hidden = 0
	if at := pemBegin.FindAllStringIndex(line, -1); at != nil && !pemEnd.MatchString(line[at[len(at)-1][1]:]) {
		f.inside = inPEM
	} else if m := blockScalar.FindStringSubmatch(line[:min(len(line), 256)]); m != nil { // no name is longer
		f.inside, f.indent = inBlock, len(m[1])
	} else if len(line) >= 56 && ofBase64(line[len(line)-1]) && isMixed(lastRun(line)) {
		f.inside = inBase64
	}
}

// lastRun is what base64 a line ends in, if it is as long as a line of a key.
func lastRun(line string) string {
	run := line[strings.LastIndexFunc(line, func(c rune) bool { return c >= 0x80 || !ofBase64(byte(c)) })+1:]
	if len(run) < 56 {
		return ""
	}
	return run
}

// maxPasses bounds how often the rules go over one line. What one has masked
// may let another see more.
const maxPasses = 8

func (f *Filter) masked(line string) string {
	for range maxPasses {
		before := line
		lower := strings.ToLower(line)
		for _, r := range rules() {
			if r.mayBeIn(lower) {
				line = f.apply(r, line)
			}
		}
		if line = f.maskRuns(line); line == before {
			break
		}
	}
	return line
}

func (r rule) mayBeIn(lower string) bool {
	for _, hint := range r.hints {
		if strings.Contains(lower, hint) {
			return true
		}
	}
	return len(r.hints) == 0
}

// apply masks what the rule finds. It looks on right behind each find: what ends
// one secret may stand before the next.
func (f *Filter) apply(r rule, line string) string {
	var out strings.Builder
	rest := line
	for m := r.pattern.FindStringSubmatchIndex(rest); m != nil && m[3] > 0; m = r.pattern.FindStringSubmatchIndex(rest) {
		secret := rest[m[2]:m[3]]
		if secret != "" && strings.Trim(secret, `"'`) != Mask && (r.is == nil || r.is(secret)) {
			f.hit(r.ID)
			secret = Mask
		}
		out.WriteString(rest[:m[2]] + secret)
		rest = rest[m[3]:]
	}
	return out.String() + rest
}

func (f *Filter) hit(id string) {
	if f.Hits == nil {
		f.Hits = map[string]int{}
	}
	f.Hits[id]++
}

// maxLine is the longest line that is looked at, in bytes. Of a longer one no
// more is kept, less what could be the beginning of a secret.
const maxLine, maxSecret = 64 << 10, 8 << 10

// LongLine is the rule by which the rest of an endless line is left out.
const LongLine = "long-line"

// Copy masks what it reads, line by line, and takes the control characters and
// what is no UTF-8 out. It holds one line at a time.
func (f *Filter) Copy(dst io.Writer, src io.Reader) error {
	in := bufio.NewReaderSize(src, maxLine)
	for {
		raw, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		line, ended := strings.CutSuffix(string(raw), "\n")
		masked := f.Line(Clean(strings.TrimSuffix(line, "\r")))
		if long {
			f.hit(LongLine)
			masked = Clean(masked[:max(0, len(masked)-maxSecret)]) + " [cut: a line of more than 64 KiB]"
			err = skipLine(in)
			ended = err == nil
		}
		if ended {
			masked += "\n"
		}
		if _, failed := io.WriteString(dst, masked); failed != nil {
			return failed
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// skipLine reads on to the end of the line.
func skipLine(in *bufio.Reader) error {
	for {
		if _, err := in.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// Clean makes a line valid UTF-8 without control characters.
func Clean(line string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' || c >= 0x7f && c <= 0x9f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(line, "?"))
}
