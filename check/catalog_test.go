package check_test

import (
	"slices"
	"testing"

	"muster/check"
	"muster/check/catalog"
	"muster/internal/config"
)

// A check comes after the checks that it needs. No ID is used twice, because a page, a golden file and a finding could
// not distinguish the two.
func TestTheCatalogIsConsistent(t *testing.T) {
	var checks, ids []string
	for _, c := range catalog.Checks(catalog.World{}) {
		for _, need := range check.IDs(slices.Concat(c.Needs, c.After)) {
			if !slices.Contains(checks, need) {
				t.Errorf("%s needs %s, which does not stand before it", c.ID, need)
			}
		}
		if !slices.Contains(check.Groups(), c.Group) || c.Title == "" {
			t.Errorf("%s has no group or no title", c.ID)
		}
		checks, ids = append(checks, c.ID), append(append(ids, c.ID), check.IDs(c.Findings)...)
	}
	slices.Sort(ids)
	if unique := slices.Compact(slices.Clone(ids)); len(unique) != len(ids) {
		t.Errorf("an id is taken twice in %v", ids)
	}
}

// verify runs fewer checks than check does.
func TestWhatIsNotThereIsNotLookedThrough(t *testing.T) {
	cfg, err := config.Load(config.Set{Flags: map[string]string{"MUSTER_ROOT": t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	checks, err := check.Select(catalog.Checks(catalog.World{Config: cfg}), []string{"instance", "network"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range check.Run(t.Context(), checks) {
		if r.Status != check.Skip && r.Status != check.Pass {
			t.Errorf("%s is %s: %+v", r.ID, r.Status, r.Findings)
		}
	}
}
