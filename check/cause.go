package check

import "slices"

// explain marks the findings that are symptoms of others: of those that failed,
// and a warning also of one that warns.
func explain(results []Result) {
	failed, warned := idsWith(results, Fail), idsWith(results, Warn)
	for i := range results {
		for j := range results[i].Findings {
			f := &results[i].Findings[j]
			for _, id := range f.SymptomOf {
				bad := failed[id] || f.Status == Warn && warned[id]
				if bad && id != f.ID && id != results[i].ID && !slices.Contains(f.Under, id) {
					f.Under = append(f.Under, id)
				}
			}
		}
	}
}

// idsWith are the ids of the findings with this status, and of their checks.
func idsWith(results []Result, status Status) map[string]bool {
	ids := map[string]bool{}
	for _, r := range results {
		for _, f := range r.Findings {
			if f.Status == status {
				ids[f.ID], ids[r.ID] = true, true
			}
		}
	}
	return ids
}

// Cause is a finding that failed, or warns, and that no other explains.
type Cause struct {
	Check string `json:"check"`
	Finding
	// Symptoms are the ids of the findings and the checks that it explains.
	Symptoms []string `json:"symptoms,omitempty"`
}

// Causes are the failed findings that nothing explains: those first that explain
// the most, else in the order of the results.
func Causes(results []Result) []Cause { return unexplained(results, Fail) }

// Warnings are the warnings that nothing explains, in the same order.
func Warnings(results []Result) []Cause { return unexplained(results, Warn) }

func unexplained(results []Result, status Status) []Cause {
	under := links(results)
	var causes []Cause
	for _, r := range results {
		for _, f := range r.Findings {
			if f.Status == status && len(under[f.ID]) == 0 {
				causes = append(causes, Cause{Check: r.ID, Finding: f, Symptoms: symptoms(results, under, r.ID, f.ID)})
			}
		}
	}
	slices.SortStableFunc(causes, func(a, b Cause) int { return len(b.Symptoms) - len(a.Symptoms) })
	return causes
}

// links maps the id of each explained finding to what explains it, without
// the links that would close a circle: of those the first result stays a cause.
func links(results []Result) map[string][]string {
	under := map[string][]string{}
	for _, r := range slices.Backward(results) {
		for _, f := range r.Findings {
			for _, id := range f.Under {
				if !leads(under, id, f.ID) {
					under[f.ID] = append(under[f.ID], id)
				}
			}
		}
	}
	return under
}

func leads(under map[string][]string, from, to string) bool {
	return from == to || slices.ContainsFunc(under[from], func(next string) bool { return leads(under, next, to) })
}

// symptoms are what the finding, or its check, explains, also by way of other
// symptoms: findings of others, and the checks that were not run because of it.
func symptoms(results []Result, under map[string][]string, check, finding string) []string {
	var ids []string
	by := []string{check, finding}
	explains := func(id string) bool { return slices.Contains(by, id) }
	for grew := true; grew; {
		grew = false
		for _, r := range results {
			blocked := slices.ContainsFunc(r.BlockedBy, explains)
			for _, f := range r.Findings {
				explained := f.Status != Pass && slices.ContainsFunc(under[f.ID], explains)
				if (blocked || explained) && f.ID != finding && !slices.Contains(ids, f.ID) {
					ids, by, grew = append(ids, f.ID), append(by, f.ID, r.ID), true
				}
			}
		}
	}
	return ids
}
