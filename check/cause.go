package check

import (
	"cmp"
	"slices"
	"strings"
)

// explain marks the findings that are symptoms of others: of those that failed,
// and a warning also of one that warns.
func explain(results []Result) {
	failed, warned := namesWith(results, Fail), namesWith(results, Warn)
	for i := range results {
		for j := range results[i].Findings {
			f := &results[i].Findings[j]
			for _, name := range f.SymptomOf {
				key := failed[name]
				if key == "" && f.Status == Warn {
					key = warned[name]
				}
				id, _, _ := strings.Cut(name, about)
				if key == "" || key == f.key() || name == results[i].ID || slices.Contains(f.because, key) {
					continue
				}
				f.because = append(f.because, key)
				if !slices.Contains(f.Under, id) {
					f.Under = append(f.Under, id)
				}
			}
		}
	}
}

// about stands in a name between a finding's id and the thing that it is about.
const about = "@"

// key tells a finding from those of the same id about other things.
func (f *Finding) key() string {
	if len(f.About) == 0 {
		return f.ID
	}
	return f.ID + about + f.About[0]
}

// namesWith are the keys of the findings with this status, by all names that
// SymptomOf may have for them: their ids, these with what they are about, and the
// ids of their checks, which are keys of their own.
func namesWith(results []Result, status Status) map[string]string {
	names := map[string]string{}
	for _, r := range results {
		for _, f := range r.Findings {
			if f.Status != status {
				continue
			}
			names[r.ID] = r.ID
			if _, known := names[f.ID]; !known || len(f.About) == 0 {
				names[f.ID] = f.key()
			}
			for _, thing := range f.About {
				names[f.ID+about+thing] = f.key()
			}
		}
	}
	return names
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
			if f.Status == status && len(under[f.key()]) == 0 {
				causes = append(causes, Cause{Check: r.ID, Finding: f, Symptoms: symptoms(results, under, r.ID, f)})
			}
		}
	}
	slices.SortStableFunc(causes, func(a, b Cause) int {
		first := compareBool(!aboutCluster(a), !aboutCluster(b))
		return cmp.Or(first, len(b.Symptoms)-len(a.Symptoms))
	})
	return causes
}

// aboutCluster are the warnings that say where the instance is registered: whatever
// else there is to warn of matters less.
func aboutCluster(c Cause) bool {
	return c.Status == Warn && (c.ID == "cluster-unset" || c.ID == "cluster-default")
}

// links maps the key of each explained finding to what explains it, without
// the links that would close a circle: of those the first result stays a cause.
func links(results []Result) map[string][]string {
	under := map[string][]string{}
	for _, r := range slices.Backward(results) {
		for _, f := range r.Findings {
			for _, key := range f.because {
				if !leads(under, key, f.key()) {
					under[f.key()] = append(under[f.key()], key)
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
func symptoms(results []Result, under map[string][]string, check string, finding Finding) []string {
	var ids []string
	by := []string{check, finding.key()}
	explains := func(key string) bool { return slices.Contains(by, key) }
	for grew := true; grew; {
		grew = false
		for _, r := range results {
			blocked := slices.ContainsFunc(r.BlockedBy, explains)
			for _, f := range r.Findings {
				explained := f.Status != Pass && slices.ContainsFunc(under[f.key()], explains)
				if (blocked || explained) && f.ID != finding.ID && !slices.Contains(ids, f.ID) {
					ids, by, grew = append(ids, f.ID), append(by, f.key(), r.ID), true
				}
			}
		}
	}
	return ids
}
