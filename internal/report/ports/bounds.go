package ports

import "muster/reach"

// Bounds of a report. In a fleet whose rules name every peer by address there are as many blocks as pairs. Its report
// stays under 1 MB in each format, and --all lifts the bounds on blocks and names.
const (
	maxBlocks = 200
	// maxChanges is the number of changes since a baseline that are explained.
	maxChanges = 500
	// maxNames is the number of names in the blocks together. After that, a block lists leastNames of each side.
	maxNames, leastNames = 12_000, 5
	// maxFixes is the number of rules listed with one outcome. After maxFixesInAll in the report it is one. --fix
	// prints all of them.
	maxFixes, maxFixesInAll = 20, 200
)

// spelled counts what a report has listed.
type spelled struct {
	names, fixes int
	all          bool // do not shorten names
}

// list returns the names to list, and how many are left out.
func (s *spelled) list(names []string) (shown []string, more int) {
	n := len(names)
	if s.names+n > maxNames && !s.all {
		n = min(n, leastNames)
	}
	s.names += n
	return names[:n:n], len(names) - n
}

// rules returns the rules to list for one outcome.
func (s *spelled) rules(all []reach.Opening) []Fix {
	n := min(len(all), maxFixes)
	if s.fixes+n > maxFixesInAll {
		n = min(n, 1)
	}
	s.fixes += n
	var out []Fix
	for _, f := range all[:n] {
		out = append(out, Fix{f.Command(), f.CloudFormation(), f.Terraform()})
	}
	return out
}
