package ecsconfig

import (
	"fmt"
	"slices"
	"strings"

	"muster/internal/host/netpath"
)

// Severity is what comes of a problem. The order is from least to most.
type Severity int

// The severities.
const (
	// Cosmetic: the ECS agent reads what was meant.
	Cosmetic Severity = iota
	// Overridden: a later line sets the key again, to something else.
	Overridden
	// UnknownKey: neither the ECS agent nor ecs-init knows the key.
	UnknownKey
	// Ignored: the value or the line has no effect; a default counts.
	Ignored
	// Misread: the ECS agent takes another value than was meant, or does not see
	// the setting at all.
	Misread
	// Refused: ECS refuses the registration, and the ECS agent exits with code 5.
	Refused
	// Fatal: the ECS agent exits, or its container cannot be started.
	Fatal
)

func (s Severity) String() string {
	return [...]string{"cosmetic", "overridden", "unknown key", "ignored", "misread", "refused", "fatal"}[s]
}

// Problem is something in a settings file that the ECS agent reads otherwise than
// its author meant, or that it or ECS refuses. It never holds a value.
type Problem struct {
	File     string // path of the file; empty for Problems and Repair of a File, which has none
	Line     int    // counted from 1; 0 for the file as a whole
	Key      string // the variable that the line was meant to set, as it is written; empty where none can be made out
	Meant    string // the known key that was meant, if Key is none
	Severity Severity
	What     string // what is wrong, reading on from the key
	Effect   string // what comes of it, a clause such as "the ECS agent exits with code 1"
	Repair   string // what File.Repair does about it; empty where only a person can know
}

// String is one line: where, which key, and what is wrong.
func (p Problem) String() string {
	return strings.Join(strings.Fields(p.Where()+" "+p.Key+" "+p.What), " ")
}

// Where is the place of the problem, such as "/etc/ecs/ecs.config:3:", and without
// a colon if it is the file as a whole.
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

// Whole reports whether the problem is of the file as a whole.
func (p Problem) Whole() bool { return p.Line == 0 }

// Sets reports whether the problem is of the line that sets key, or was meant to.
func (p Problem) Sets(key string) bool { return p.Key == key || p.Meant == key }

// Worst returns the highest severity among the problems, Cosmetic if there are none.
func Worst(problems []Problem) Severity {
	worst := Cosmetic
	for _, p := range problems {
		worst = max(worst, p.Severity)
	}
	return worst
}

// Problems returns what is wrong with the file, in the order of its lines.
func (f *File) Problems() []Problem {
	_, problems := f.review()
	return problems
}

// Repair rewrites each line that is misread into what it was meant to say, drops those
// that a later line overrides, and returns what it repaired. Comments and lines whose
// meaning is unclear stay as they are. A second Repair finds nothing to do.
func (f *File) Repair() []Problem {
	lines, problems := f.review()
	f.lines = lines
	return slices.DeleteFunc(problems, func(p Problem) bool { return p.Repair == "" })
}

// review returns the lines as Repair leaves them, and all that is wrong with them
// as they are.
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

// overridden is the problem of a line that a later one overrides.
func (s statement) overridden(line, by int, later statement) Problem {
	p := Problem{Line: line, Key: s.key, Severity: Overridden, Repair: "drop this line",
		What: fmt.Sprintf("is set again on line %d: only the last one counts", by)}
	if s.value == later.value || strings.EqualFold(s.key, "NO_PROXY") && exempts(later.value, s.value) {
		p.Severity = Cosmetic
	}
	return p
}

// exempts says whether one value of NO_PROXY exempts all that another does, so that
// nothing is lost by overriding the other. Go exempts this host without an entry
// (golang.org/x/net/http/httpproxy, useProxy).
func exempts(value, other string) bool {
	proxy := netpath.Proxy{No: value}
	for entry := range strings.SplitSeq(other, ",") {
		if entry = strings.TrimSpace(entry); entry != "" && !proxy.Exempts(entry) {
			return false
		}
	}
	return true
}

// problems are what is wrong with a line that counts.
func (s statement) problems(at int, line string, last map[string]int) []Problem {
	var problems []Problem
	severity, effect := s.consequence()
	for _, f := range s.forms {
		problems = append(problems, Problem{Line: at, Key: s.name, Meant: s.key, Severity: severity,
			What: f.what, Effect: effect, Repair: f.repair})
	}
	if flaw, ok := s.flaw(line, last); ok {
		flaw.Line = at
		problems = append(problems, flaw)
	}
	for i := range problems {
		if problems[i].Meant == problems[i].Key {
			problems[i].Meant = ""
		}
	}
	return problems
}
