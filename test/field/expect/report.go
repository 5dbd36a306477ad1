package expect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"muster/test/field/fieldcase"
)

// Report is the part of muster's JSON that cases use (docs/schema/check.json).
type Report struct {
	Causes []Cause
	Checks []struct {
		ID, Status string
		Findings   []struct{ ID, Status string }
	}
}

// Cause is a failed finding that no other finding explains.
type Cause struct {
	ID, Summary string
	Fix         *struct { // nil if muster does not report it separately
		Text     string
		Commands []string
	}
}

// ParseReport reads the output of --output json.
func ParseReport(stdout string) (*Report, error) {
	var r Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		return nil, fmt.Errorf("--output json: %w", err)
	}
	return &r, nil
}

// cause returns the id of the first cause, or "none".
func (r *Report) cause() string {
	if len(r.Causes) == 0 {
		return "none"
	}
	return r.Causes[0].ID
}

// Cause checks the id of the first cause.
func (r *Report) Cause(want, not []string) (wrong []string) {
	id := r.cause()
	if want != nil && !slices.Contains(want, id) {
		wrong = append(wrong, fmt.Sprintf("cause: want %s, got %s", strings.Join(want, " or "), id))
	}
	if slices.Contains(not, id) {
		wrong = append(wrong, "cause: must not be "+id)
	}
	return wrong
}

// Findings checks the statuses of findings. A finding that several checks report has failed if it failed in one of
// them.
func (r *Report) Findings(want map[string]fieldcase.Words) []string {
	got := map[string]string{}
	for _, c := range r.Checks {
		for _, f := range c.Findings {
			if got[f.ID] == "" || f.Status == "fail" {
				got[f.ID] = f.Status
			}
		}
	}
	return statuses("finding", want, got)
}

// ChecksAre checks the statuses of checks.
func (r *Report) ChecksAre(want map[string]fieldcase.Words) []string {
	got := map[string]string{}
	for _, c := range r.Checks {
		got[c.ID] = c.Status
	}
	return statuses("check", want, got)
}

// NoWarnings checks that no finding is a warning.
func (r *Report) NoWarnings() (wrong []string) {
	for _, c := range r.Checks {
		for _, f := range c.Findings {
			if f.Status == "warn" {
				wrong = append(wrong, fmt.Sprintf("finding %s: want no warning", f.ID))
			}
		}
	}
	return wrong
}

func statuses(what string, want map[string]fieldcase.Words, got map[string]string) (wrong []string) {
	for _, id := range slices.Sorted(maps.Keys(want)) {
		is := got[id]
		if is == "" {
			is = "absent"
		}
		if !slices.Contains(want[id], is) {
			wrong = append(wrong, fmt.Sprintf("%s %s: want %s, got %s", what, id, strings.Join(want[id], " or "), is))
		}
	}
	return wrong
}
