package check

import (
	"errors"
	"fmt"
	"slices"

	"muster/internal/base/nearest"
)

// Select returns the checks named in only, by ID or by group, and all checks that they need. A nil only selects all.
// Checks named in skip are left out even if others need them. An unknown name is an error that lists similar names.
func Select(checks []Check, only, skip []string) ([]Check, error) {
	for _, name := range slices.Concat(only, skip) {
		if !slices.ContainsFunc(checks, func(c Check) bool { return c.named(name) }) {
			return nil, unknownName(checks, name)
		}
	}
	wanted := map[string]bool{}
	for _, c := range slices.Backward(checks) { // a check comes after those that it needs
		if only == nil || wanted[c.ID] || slices.ContainsFunc(only, c.named) {
			wanted[c.ID] = true
			for _, need := range c.Needs {
				wanted[need.ID] = true
			}
		}
	}
	var selected []Check
	for _, c := range checks {
		if wanted[c.ID] && !slices.ContainsFunc(skip, c.named) {
			selected = append(selected, c)
		}
	}
	if len(selected) == 0 {
		return nil, errors.New("no check is left to run")
	}
	return selected, nil
}

// WithoutDeep returns the IDs of all checks except the deep ones.
func WithoutDeep(checks []Check) []string {
	var ids []string
	for _, c := range checks {
		if !c.Deep {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func (c Check) named(name string) bool { return c.ID == name || string(c.Group) == name }

// Names returns the names that Select accepts: the groups and the IDs of the checks.
func Names(checks []Check) []string {
	var known []string
	for _, g := range Groups() {
		known = append(known, string(g))
	}
	for _, c := range checks {
		known = append(known, c.ID)
	}
	return known
}

func unknownName(checks []Check, name string) error {
	return fmt.Errorf("unknown check or group %q: %s", name, nearest.Hint(name, Names(checks), "muster check --list shows them"))
}
