package fit

import (
	"cmp"
	"slices"

	"muster/internal/fleet/query"
)

// Result is the evaluation of one instance.
type Result struct {
	Instance Instance
	// Fits is whether a copy can be placed now. It is Unknown if nothing definite prevents it and something could not
	// be evaluated.
	Fits    query.Truth
	Missing []Missing
	// Copies is how many copies fit one after the other. Open is true if it is unknown whether more fit.
	Copies int
	Open   bool
}

// Zone holds how many copies fit in an Availability Zone.
type Zone struct {
	Name      string `json:"zone"`
	Instances int    `json:"instances"`
	Copies    int    `json:"copies"`
	Open      bool   `json:"open,omitempty"` // more copies may fit
}

// Report is the evaluation of a cluster.
type Report struct {
	Task  Task
	Count int // number of copies to place

	Verdict   query.Truth // whether Count copies fit
	Copies    int         // total number that fits; each instance is counted up to MaxCopies
	Open      bool        // more copies may fit
	Zones     []Zone
	Instances []Result // sorted by zone and name
	Changes   []Change // changes that let Count copies fit; empty if they fit already
}

// Evaluate evaluates how many copies of a task fit on the instances, and what is missing for
// count of them.
func Evaluate(t Task, instances []Instance, count int) Report {
	j := newJob(t, instances)
	r := Report{Task: t, Count: count}
	for _, i := range instances {
		r.Instances = append(r.Instances, j.evaluate(i))
	}
	slices.SortStableFunc(r.Instances, func(a, b Result) int {
		return cmp.Or(cmp.Compare(a.Instance.Zone, b.Instance.Zone), cmp.Compare(a.Instance.Name(), b.Instance.Name()))
	})
	for _, one := range r.Instances {
		r.add(one)
	}
	switch {
	case r.Copies >= count:
		r.Verdict = query.Yes
	case r.Open:
		r.Verdict = query.Unknown
	default:
		r.Verdict = query.No
	}
	if r.Verdict != query.Yes && t.Refused == "" {
		r.Changes = j.changes(instances, r)
	}
	return r
}

func (j job) evaluate(i Instance) Result {
	out := Result{Instance: i, Missing: j.missing(i), Fits: query.Yes}
	if len(out.Missing) > 0 {
		out.Fits = query.Unknown
	}
	if slices.ContainsFunc(out.Missing, func(m Missing) bool { return !m.Unknown }) {
		out.Fits = query.No
	}
	out.Copies, out.Open = j.copies(i, MaxCopies)
	return out
}

func (r *Report) add(one Result) {
	r.Copies += one.Copies
	r.Open = r.Open || one.Open
	k := slices.IndexFunc(r.Zones, func(z Zone) bool { return z.Name == one.Instance.Zone })
	if k < 0 {
		r.Zones, k = append(r.Zones, Zone{Name: one.Instance.Zone}), len(r.Zones)
	}
	z := &r.Zones[k]
	z.Instances++
	z.Copies += one.Copies
	z.Open = z.Open || one.Open
}

// Closest is, among the instances without space for a copy, the one that lacks the least: the fewest requirements, then
// the smallest share of CPU and memory. ECS does not document how it selects the instance that it names in an event.
func (r Report) Closest() (Result, bool) {
	var best *Result
	for k := range r.Instances {
		if one := &r.Instances[k]; one.Fits != query.Yes && (best == nil || one.distance() < best.distance()) {
			best = one
		}
	}
	if best == nil {
		return Result{}, false
	}
	return *best, true
}

// distance is the number of things that are missing, and then the sum of the shares.
func (r Result) distance() float64 {
	share := 0.0
	for _, m := range r.Missing {
		if m.Need > 0 {
			share += float64(m.Need-m.Have) / float64(m.Need)
			continue
		}
		share++
	}
	return 1000*float64(len(r.Missing)) + share
}
