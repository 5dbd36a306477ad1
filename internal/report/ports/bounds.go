package ports

import (
	"fmt"
	"slices"
	"strings"

	"muster/internal/base/plural"
	"muster/reach"
)

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

// maxRules is the default quota "Inbound or outbound rules per security group" (Amazon VPC user guide, quotas). It counts
// each direction on its own.
const maxRules = 60

// quota returns comments about the groups that would have more rules than the default quota.
func (r *Report) quota(openings []reach.Opening) string {
	type side struct {
		group     string
		direction reach.Direction
	}
	rules := map[side]int{}
	for _, o := range openings {
		rules[side{o.Group, o.Direction}] += len(o.Ports)
	}
	for _, g := range r.question.World.Groups {
		for i := range g.Rules {
			if s := (side{g.ID, g.Rules[i].Direction}); rules[s] > 0 {
				rules[s]++
			}
		}
	}
	var out []string
	for s, n := range rules {
		if n > maxRules {
			out = append(out, fmt.Sprintf("\n# %s would have %s: the default quota is %d. Name a group or a CIDR instead of addresses, or raise "+
				"the quota.\n",
				s.group, plural.Count(n, s.direction.String()+" rule"), maxRules))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "")
}
