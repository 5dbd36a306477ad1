package ecsconfig

import (
	"fmt"
	"slices"
	"strings"

	"muster/internal/host/netpath"
)

// Severity ranks the effect of a problem, from least to most severe.
type Severity int

// Severities.
const (
	// Cosmetic means that the ECS agent reads the intended value.
	Cosmetic Severity = iota
	// Overridden means that a later line sets the key to a different value.
	Overridden
	// UnknownKey means that neither the ECS agent nor ecs-init knows the key.
	UnknownKey
	// Ignored means that the value or the line has no effect and a default applies.
	Ignored
	// Misread means that the ECS agent reads a different value than intended, or does not see the setting.
	Misread
	// Refused means that ECS rejects the registration, and the ECS agent exits with code 5.
	Refused
	// Fatal means that the ECS agent exits, or its container cannot start.
	Fatal
)

func (s Severity) String() string {
	return [...]string{"cosmetic", "overridden", "unknown key", "ignored", "misread", "refused", "fatal"}[s]
}

// Problem is a part of a settings file that the ECS agent misreads, or that it or ECS rejects. It never contains a
// value.
type Problem struct {
	File     string // path; empty for a File, which has none
	Line     int    // counts from 1; 0 for the whole file
	Key      string // the variable as written that the line was meant to set; empty if unclear
	Intended string // the known key that was meant, if Key is unknown
	Severity Severity
	What     string // what is wrong, as a predicate of the key
	Effect   string // a clause such as "the ECS agent exits with code 1"
	Repair   string // what File.Repair changes; empty if it cannot fix the problem
}

// String returns one line with the location, the key and the problem.
func (p Problem) String() string {
	return strings.Join(strings.Fields(p.Where()+" "+p.Key+" "+p.What), " ")
}

// Where returns the location of the problem, such as "/etc/ecs/ecs.config:3:". It has no colon for a problem of the
// whole file.
func (p Problem) Where() string {
	switch {
	case p.File == "" && p.Line == 0:
		return ""
	case p.Line == 0:
		return p.File
	case p.File == "":
		return fmt.Sprintf("line %d:", p.Line)
	}
	return fmt.Sprintf("%s:%d:", p.File, p.Line)
}

// Whole reports whether the problem affects the whole file.
func (p Problem) Whole() bool { return p.Line == 0 }

// Sets reports whether the problem affects the line that sets key, or was meant to.
func (p Problem) Sets(key string) bool { return p.Key == key || p.Intended == key }

// Worst returns the highest severity of the problems, or Cosmetic if there are none.
func Worst(problems []Problem) Severity {
	worst := Cosmetic
	for _, p := range problems {
		worst = max(worst, p.Severity)
	}
	return worst
}

// Problems returns the problems of the file, in line order.
func (f *File) Problems() []Problem {
	_, problems := f.review()
	return problems
}

// Repair rewrites each misread line as intended, drops overridden lines, and returns the repaired problems. Comments and
// unclear lines are unchanged. Repair is idempotent.
func (f *File) Repair() []Problem {
	lines, problems := f.review()
	f.lines = lines
	return slices.DeleteFunc(problems, func(p Problem) bool { return p.Repair == "" })
}

// review returns the lines after a Repair, and all problems of the current lines.
func (f *File) review() (lines []string, problems []Problem) {
	d := f.draft()
	if d.foreign {
		return d.lines, d.problems
	}
	statements := make([]statement, len(d.lines))
	last := map[string]int{}
	for i, line := range d.lines {
		statements[i] = intended(line)
		if key := statements[i].key; key != "" {
			last[key] = i
		}
	}
	problems = d.problems
	for i, s := range statements {
		at, set := last[s.key]
		if set && at != i {
			problems = append(problems, s.overridden(d.at[i], d.at[at], statements[at]))
			d.lines[i] = ""
			continue
		}
		problems = append(problems, s.problems(d.at[i], d.lines[i], last)...)
		if s.misread() {
			d.lines[i] = assign(d.lines[i], s.key, s.value)
		}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	return slices.DeleteFunc(d.lines, func(line string) bool { return line == "" }), problems
}

// overridden returns the problem of a line that a later line overrides.
func (s statement) overridden(line, by int, later statement) Problem {
	p := Problem{Line: line, Key: s.key, Severity: Overridden, Repair: "drop this line",
		What: fmt.Sprintf("is set again on line %d: only the last line takes effect", by)}
	if s.value == later.value || strings.EqualFold(s.key, "NO_PROXY") && exempts(later.value, s.value) {
		p.Severity = Cosmetic
	}
	return p
}

// exempts reports whether one value of NO_PROXY covers all exemptions of another, so that overriding the other loses
// nothing. Go exempts localhost without an entry (golang.org/x/net/http/httpproxy, useProxy).
func exempts(value, other string) bool {
	proxy := netpath.Proxy{No: value}
	for entry := range strings.SplitSeq(other, ",") {
		if entry = strings.TrimSpace(entry); entry != "" && !proxy.Exempts(entry) {
			return false
		}
	}
	return true
}

// problems returns the problems of a line that takes effect.
func (s statement) problems(at int, line string, last map[string]int) []Problem {
	var problems []Problem
	severity, effect := s.consequence()
	for _, f := range s.forms {
		problems = append(problems, Problem{Line: at, Key: s.name, Intended: s.key, Severity: severity,
			What: f.what, Effect: effect, Repair: f.repair})
	}
	if flaw, ok := s.flaw(line, last); ok {
		flaw.Line = at
		problems = append(problems, flaw)
	}
	for i := range problems {
		if problems[i].Intended == problems[i].Key {
			problems[i].Intended = ""
		}
	}
	return problems
}
