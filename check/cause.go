package check

import (
	"cmp"
	"slices"
)

// explain marks the findings that other findings explain. A failed finding can explain any finding. A warning can
// explain only warnings.
func explain(results []Result) {
	failed, warned := namesWith(results, Fail), namesWith(results, Warn)
	for i := range results {
		for j := range results[i].Findings {
			f := &results[i].Findings[j]
			for _, kind := range f.SymptomOf {
				by, explained := f.explainedBy(kind, failed)
				if !explained && f.Status == Warn {
					by, explained = f.explainedBy(kind, warned)
				}
				if !explained || by == f.name() || kind.ID == results[i].ID || slices.Contains(f.because, by) {
					continue
				}
				f.because = append(f.because, by)
				if !slices.Contains(f.Under, kind.ID) {
					f.Under = append(f.Under, kind.ID)
				}
			}
		}
	}
}

// name identifies a finding. Findings of the same kind about different things have different names. The name of a check
// has no thing.
type name struct{ id, thing string }

func (f *Finding) name() name {
	if len(f.About) == 0 {
		return name{id: f.ID}
	}
	return name{f.ID, f.About[0]}
}

// explainedBy returns the name of the finding or check of this kind that explains f. It must be about the same thing as
// f, or about no thing in particular.
func (f *Finding) explainedBy(kind *Kind, names map[name]name) (by name, explained bool) {
	for _, thing := range f.About {
		if by, explained := names[name{kind.ID, thing}]; explained {
			return by, true
		}
	}
	by, explained = names[name{id: kind.ID}]
	return by, explained && (len(f.About) == 0 || by.thing == "")
}

// namesWith returns the names under which each finding with this status can be referred to, mapped to the finding's own
// name. They are its kind, its kind combined with each thing that it is about, and its check. A check's name maps to
// itself.
func namesWith(results []Result, status Status) map[name]name {
	names := map[name]name{}
	for _, r := range results {
		for _, f := range r.Findings {
			if f.Status != status {
				continue
			}
			names[name{id: r.ID}] = name{id: r.ID}
			if _, known := names[name{id: f.ID}]; !known || len(f.About) == 0 {
				names[name{id: f.ID}] = f.name()
			}
			for _, thing := range f.About {
				names[name{f.ID, thing}] = f.name()
			}
		}
	}
	return names
}

// Cause is a failed finding or a warning that no other finding explains.
type Cause struct {
	Check string `json:"check"`
	Finding
	// Symptoms are the IDs of the findings and checks that the cause explains.
	Symptoms []string `json:"symptoms,omitempty"`
}

// Causes returns the failed findings that no other finding explains. Those with the most symptoms come first, then the
// order is that of the results.
func Causes(results []Result) []Cause { return unexplained(results, Fail) }

// Warnings returns the warnings that no other finding explains, in the same order.
func Warnings(results []Result) []Cause { return unexplained(results, Warn) }

func unexplained(results []Result, status Status) []Cause {
	under := links(results)
	var causes []Cause
	for _, r := range results {
		for _, f := range r.Findings {
			if f.Status == status && len(under[f.name()]) == 0 {
				causes = append(causes, Cause{Check: r.ID, Finding: f, Symptoms: symptoms(results, under, r.ID, f)})
			}
		}
	}
	slices.SortStableFunc(causes, func(a, b Cause) int {
		first := compareBool(!a.comesFirst(), !b.comesFirst())
		return cmp.Or(first, len(b.Symptoms)-len(a.Symptoms))
	})
	return causes
}

func (c Cause) comesFirst() bool { return c.Status == Warn && c.Kind != nil && c.Kind.FirstWarning }

// links maps the name of each explained finding to the findings that explain it. It leaves out a link that would close
// a cycle, so that the first result of the cycle remains a cause.
func links(results []Result) map[name][]name {
	under := map[name][]name{}
	for _, r := range slices.Backward(results) {
		for _, f := range r.Findings {
			for _, by := range f.because {
				if !leads(under, by, f.name()) {
					under[f.name()] = append(under[f.name()], by)
				}
			}
		}
	}
	return under
}

func leads(under map[name][]name, from, to name) bool {
	return from == to || slices.ContainsFunc(under[from], func(next name) bool { return leads(under, next, to) })
}

// symptoms returns the IDs of the findings that this finding or its check explains, directly or through other symptoms.
// It includes the checks that it blocked.
func symptoms(results []Result, under map[name][]name, check string, finding Finding) []string {
	var ids []string
	by := []name{{id: check}, finding.name()}
	explains := func(n name) bool { return slices.Contains(by, n) }
	for grew := true; grew; {
		grew = false
		for _, r := range results {
			blocked := slices.ContainsFunc(r.BlockedBy, func(id string) bool { return explains(name{id: id}) })
			for _, f := range r.Findings {
				explained := f.Status != Pass && slices.ContainsFunc(under[f.name()], explains)
				if (blocked || explained) && f.ID != finding.ID && !slices.Contains(ids, f.ID) {
					ids, by, grew = append(ids, f.ID), append(by, f.name(), name{id: r.ID}), true
				}
			}
		}
	}
	return ids
}
