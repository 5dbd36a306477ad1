package term

import (
	"errors"
	"strings"
	"testing"

	"muster/internal/base/fix"
)

func TestPrinterAlignsLabelsAndKeepsCommandsWhole(t *testing.T) {
	write := func(p *Printer) {
		p.Title(Red, "Problem: a\x1b[2Jb")
		p.Verdict(Red, "✗", "fail", "ports: closed for everyone else")
		p.Labelled("why", "one line that is long", "  an indented line that is long")
		p.Fix(fix.Do("Open the port for all:", "aws ec2 authorize-security-group-ingress"))
		p.Fix(fix.Do("", "sudo muster debug"))
		p.Blank()
		p.Line("    a line with an indent")
		p.Note("some could not be read")
	}
	for name, c := range map[string]struct {
		style Style
		want  []string
	}{
		"a pipe": {Style{}, []string{
			"Problem: a [2Jb",
			"fail       ports: closed for everyone else",
			"  why      one line that is long",
			"             an indented line that is long",
			"  fix      Open the port for all:",
			"           aws ec2 authorize-security-group-ingress",
			"  fix      sudo muster debug",
			"",
			"    a line with an indent",
			"note: some could not be read",
		}},
		"narrow": {Style{Width: 24, UTF8: true}, []string{
			"Problem: a [2Jb",
			"✗ fail     ports: closed",
			"           for everyone",
			"           else",
			"  why      one line that",
			"           is long",
			"             an indented",
			"             line that",
			"             is long",
			"  fix      Open the port",
			"           for all:",
			"           aws ec2 authorize-security-group-ingress",
			"  fix      sudo muster debug",
			"",
			"    a line with an",
			"    indent",
			"note: some could not be",
			"      read",
		}},
	} {
		var out strings.Builder
		write(NewPrinter(&out, c.style))
		if want := strings.Join(c.want, "\n") + "\n"; out.String() != want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, out.String(), want)
		}
	}
}

type counted struct{ writes int }

func (f *counted) Write([]byte) (int, error) {
	f.writes++
	return 0, errors.New("no space left on device")
}

func TestPrinterStopsAtTheFirstError(t *testing.T) {
	out := &counted{}
	p := NewPrinter(out, Style{})
	p.Line("one")
	p.Line("two")
	if p.Err() == nil || out.writes != 1 {
		t.Errorf("%d writes, error %v", out.writes, p.Err())
	}
}
