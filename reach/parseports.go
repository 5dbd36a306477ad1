package reach

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ParsePorts parses a comma-separated list of profiles ("ignite2"), profiles with optional roles ("ignite2+thin+rest"),
// single roles ("kafka:broker") and port ranges ("tcp/9000-9009", "udp/8301"). It returns the needs in that order
// without duplicates. The warnings list profiles that use the same port and profiles that do not work in a VPC. The
// error names every invalid item.
func ParsePorts(s string) (needs []Need, warnings []string, err error) {
	var wanted []Need // the needs and the other ports that the products listen on
	var wrong []error
	for item := range strings.SplitSeq(s, ",") {
		p, err := parseItem(strings.TrimSpace(item))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("ports %q: %w", strings.TrimSpace(item), err))
			continue
		}
		needs = append(needs, p.Needs...)
		wanted = append(wanted, slices.Concat(p.Needs, p.Beside)...)
		if p.Warning != "" {
			warnings = append(warnings, p.Name+": "+p.Warning)
		}
	}
	if len(wrong) > 0 {
		return nil, nil, errors.Join(wrong...)
	}
	return distinct(needs), distinct(append(warnings, collisions(distinct(wanted))...)), nil
}

// parseItem returns the selected part of a profile, or a profile without a name for a port range.
func parseItem(item string) (Profile, error) {
	if protocol, ports, ok := strings.Cut(item, "/"); ok {
		n, err := parseNeed(protocol, ports)
		return Profile{Needs: []Need{n}}, err
	}
	words := strings.Split(strings.ToLower(item), "+")
	name, only, alone := strings.Cut(words[0], ":")
	p, err := findProfile(name)
	if err != nil {
		return Profile{}, err
	}
	if alone {
		if p.Needs, err = p.only(only); err != nil {
			return Profile{}, err
		}
	}
	for _, role := range words[1:] {
		needs, err := p.role(role)
		if err != nil {
			return Profile{}, err
		}
		p.Needs = append(p.Needs, needs...)
	}
	for _, part := range [][]Need{p.Needs, p.Beside} {
		for i := range part {
			part[i].Profile = p.Name
		}
	}
	return p, nil
}

func parseNeed(protocol, ports string) (Need, error) {
	p, err := ParseProtocol(protocol)
	if err != nil || !p.HasPorts() {
		return Need{}, fmt.Errorf("protocol %q must be tcp or udp", protocol)
	}
	r, err := ParseRange(ports)
	if err != nil {
		return Need{}, err
	}
	n := Need{Protocol: p, Ports: r}
	return n, n.Validate()
}

func findProfile(name string) (Profile, error) {
	all := Profiles()
	if i := slices.IndexFunc(all, func(p Profile) bool { return p.Name == name }); i >= 0 {
		return all[i], nil
	}
	if name == "" {
		return Profile{}, errors.New("nothing selected; want a profile such as ignite2, or tcp/9000-9009")
	}
	if strings.Trim(name, "0123456789-") == "" {
		return Profile{}, fmt.Errorf("no protocol; want tcp/%s or udp/%s", name, name)
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	return Profile{}, fmt.Errorf("no such profile%s", near(name, names))
}

func (p *Profile) role(name string) ([]Need, error) {
	var names []string
	for _, r := range p.Roles {
		if r.Name == name {
			return r.Needs, nil
		}
		names = append(names, r.Name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no optional roles", p.Name)
	}
	return nil, fmt.Errorf("%s has no role %q%s", p.Name, name, near(name, names))
}

// RoleNames returns the names of the roles that can be selected alone: the roles of the needs, in lower case with
// hyphens, and the optional roles.
func (p *Profile) RoleNames() []string {
	var out []string
	for _, n := range p.Needs {
		out = append(out, n.roleName())
	}
	for _, r := range p.Roles {
		out = append(out, r.Name)
	}
	return distinct(out)
}

func (n Need) roleName() string { return strings.ReplaceAll(strings.ToLower(n.Role), " ", "-") }

// only returns the needs of one role.
func (p *Profile) only(role string) ([]Need, error) {
	var out []Need
	for _, n := range p.Needs {
		if n.roleName() == role {
			out = append(out, n)
		}
	}
	for _, r := range p.Roles {
		if r.Name == role {
			out = append(out, r.Needs...)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no role %q%s", p.Name, role, near(role, p.RoleNames()))
	}
	return out, nil
}

// near returns a suggestion: the names within an edit distance of 2 and those that start with word, or else all names.
func near(word string, names []string) string {
	var similar []string
	for _, name := range names {
		if len(word) < 30 && distance(word, name) <= 2 || len(word) > 2 && strings.HasPrefix(name, word) {
			similar = append(similar, name)
		}
	}
	if len(similar) == 0 {
		return "; known names are " + strings.Join(names, ", ")
	}
	return "; did you mean " + strings.Join(similar, " or ") + "?"
}

// distance returns the Levenshtein distance of a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0]++
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// collisions returns a warning for each pair of products that use the same port. In host network mode only the first
// one to start gets the port.
func collisions(needs []Need) []string {
	var out []string
	for i, a := range needs {
		for _, b := range needs[i+1:] {
			both := a.Ports.set().Intersect(b.Ports.set())
			if a.Profile == b.Profile || a.Profile == "" || b.Profile == "" || a.Protocol != b.Protocol || len(both) == 0 {
				continue
			}
			out = append(out, fmt.Sprintf("%s %s and %s %s both use %s %s: on one host only the first process to start gets it",
				a.Profile, a.Role, b.Profile, b.Role, a.Protocol, both))
		}
	}
	return out
}
