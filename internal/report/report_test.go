package report_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"muster/check"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/report"
	"muster/internal/term"
	"muster/test/golden"
)

var (
	pipe   = term.Style{}
	narrow = term.Style{Width: 40}
	modern = term.Style{Width: 100, Color: true, UTF8: true}
)

func TestTheRenderingsAreFrozen(t *testing.T) {
	r, well := made(t, sick(), report.About{}), made(t, healthy(), report.About{})
	for name, show := range map[string]func(io.Writer) error{
		"table.txt":           func(w io.Writer) error { return r.Table(w, pipe, false) },
		"table-verbose.txt":   func(w io.Writer) error { return r.Table(w, pipe, true) },
		"table-narrow.txt":    func(w io.Writer) error { return r.Table(w, narrow, false) },
		"table-modern.txt":    func(w io.Writer) error { return r.Table(w, modern, false) },
		"debug.txt":           func(w io.Writer) error { return r.Diagnosis(w, pipe, false) },
		"debug-verbose.txt":   func(w io.Writer) error { return r.Diagnosis(w, pipe, true) },
		"debug-narrow.txt":    func(w io.Writer) error { return r.Diagnosis(w, narrow, false) },
		"short.txt":           r.Short,
		"report.json":         r.JSON,
		"junit.xml":           r.JUnit,
		"healthy.txt":         func(w io.Writer) error { return well.Table(w, pipe, false) },
		"healthy-debug.txt":   func(w io.Writer) error { return well.Diagnosis(w, pipe, false) },
		"healthy-report.json": well.JSON,
	} {
		t.Run(name, func(t *testing.T) { golden.File(t, name, shown(t, show)) })
	}
}

func TestExitCodes(t *testing.T) {
	unknown := finds("docker", check.Docker, check.Undetermined(errors.New("no answer"), fix.Do("look at docker"))...)
	warning := finds("clock", check.Network, check.Finding{Status: check.Warn, Summary: "2 s behind"})
	failure := finds("disk", check.Instance, check.Finding{Status: check.Fail, Summary: "full"})
	both := finds("both", check.Network, check.Finding{Status: check.Warn, Summary: "odd"},
		check.Finding{ID: "half", Status: check.Unknown, Summary: "half"})
	for name, c := range map[string]struct {
		checks []check.Check
		about  report.About
		want   int
		head   string // the beginning of the table
	}{
		"healthy":              {healthy(), report.About{Strict: true}, exitcode.Healthy, "Healthy\n"},
		"a warning is allowed": {[]check.Check{warning}, report.About{}, exitcode.Healthy, "Warning: 2 s behind\n"},
		"unless it is not":     {[]check.Check{warning}, report.About{Strict: true}, exitcode.Warnings, "Warning: 2 s behind\n"},
		"what could not be checked": {[]check.Check{unknown}, report.About{Strict: true}, exitcode.Undetermined,
			"Could not check: no answer\n  fix      look at docker\n\n"},
		"a warning beside it leads": {[]check.Check{unknown, warning}, report.About{Strict: true}, exitcode.Undetermined,
			"Warning: 2 s behind\n"},
		"beside a warning of the same": {[]check.Check{both}, report.About{}, exitcode.Undetermined, "Warning: odd\n"},
		"the API's word is not needed": {[]check.Check{remote(unknown)}, report.About{}, exitcode.Healthy, "Healthy\n"},
		"unless it was asked for": {[]check.Check{remote(unknown)}, report.About{Asked: []string{"docker"}}, exitcode.Undetermined,
			"Could not check: no answer\n"},
		"a failure is stronger than all": {[]check.Check{unknown, warning, failure}, report.About{Strict: true}, exitcode.Failed,
			"Cause: full\n"},
		"interrupted": {[]check.Check{failure}, report.About{Interrupted: true}, exitcode.Interrupted, "Cause: full\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r := made(t, c.checks, c.about)
			if got := exitcode.Of(r.Err()); got != c.want || r.ExitCode != c.want {
				t.Errorf("got %d and %d, want %d", got, r.ExitCode, c.want)
			}
			if got := string(shown(t, func(w io.Writer) error { return r.Table(w, pipe, false) })); !strings.HasPrefix(got, c.head) {
				t.Errorf("it begins %q", got)
			}
		})
	}
}

// Every finding that did not pass is in the table by name, or is counted.
func TestNothingVanishes(t *testing.T) {
	r := made(t, sick(), report.About{})
	table := string(shown(t, func(w io.Writer) error { return r.Table(w, pipe, false) }))
	for _, id := range []string{"disk-full", "clock", "route", "cluster-missing", "terminal-error", "registered", "tasks"} {
		if n := strings.Count(table, " "+id+": ") + strings.Count(table, " explain "+id+"\n"); n == 0 || n > 2 {
			t.Errorf("%s stands %d times in\n%s", id, n, table)
		}
	}
	if !strings.HasSuffix(table, "9 checks: 1 passed, 3 skipped, 1 unknown, 1 warned, 3 failed\n") {
		t.Errorf("it ends\n%s", table)
	}
}

func TestFortyColumns(t *testing.T) {
	r := made(t, sick(), report.About{})
	for name, show := range map[string]func(io.Writer) error{
		"check": func(w io.Writer) error { return r.Table(w, narrow, true) },
		"debug": func(w io.Writer) error { return r.Diagnosis(w, narrow, true) },
	} {
		for line := range strings.Lines(string(shown(t, show))) {
			text := strings.TrimSpace(line)
			if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > 40 && strings.Contains(text, " ") && !strings.Contains(text,
				"muster explain ") {
				t.Errorf("%s has a line of %d: %q", name, len(line)-1, line)
			}
		}
	}
}

func TestWithoutUTF8AllIsASCII(t *testing.T) {
	r := made(t, []check.Check{finds("a", check.ECS,
		check.Finding{Status: check.Fail, Summary: "Gr\u00fc\u00dfe", Evidence: []string{"\u2713"}, Fix: fix.Do("\u65e5\u672c")})},
		report.About{})
	for _, show := range []func(io.Writer) error{
		func(w io.Writer) error { return r.Table(w, pipe, true) },
		func(w io.Writer) error { return r.Diagnosis(w, pipe, true) },
	} {
		for _, b := range shown(t, show) {
			if b >= 0x80 || b == 0x1b {
				t.Fatalf("byte %#x", b)
			}
		}
	}
}

func TestASymptomTellsNoRemedyOfItsOwn(t *testing.T) {
	checks := []check.Check{
		finds("cause", check.ECS, check.Finding{Status: check.Fail, Summary: "a", Fix: fix.Do("fix the cause")}),
		finds(
			"symptom",
			check.ECS,
			check.Finding{Status: check.Fail, Summary: "b", Fix: fix.Do("deregister it"), SymptomOf: kinds("cause")},
		),
	}
	text := string(shown(t, func(w io.Writer) error { return made(t, checks, report.About{}).Diagnosis(w, pipe, true) }))
	if strings.Contains(text, "deregister it") || !strings.Contains(text, "fix the cause") {
		t.Error(text)
	}
}
