package ports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/internal/base/exitcode"
	"muster/reach"
)

// Diff is the comparison of a report with a baseline: ports that closed, ports that opened, and ports that are unknown
// now. It is the output of --baseline. Fields may be added but never removed or renamed.
type Diff struct {
	Schema   int       `json:"schema"`
	Scope    string    `json:"scope"`
	Region   string    `json:"region"`
	At       time.Time `json:"at"`
	Baseline time.Time `json:"baseline"` // when the baseline's facts were read
	// Closed ports were open in the baseline. Opened ports are open now and were not. Unknown ports were open, and a
	// rule that decides about them cannot be read now.
	Closed  []Change `json:"closed"`
	Opened  []Change `json:"opened"`
	Unknown []Change `json:"unknown"`
	// Unchanged is the number of pairs times port ranges without a change.
	Unchanged int      `json:"unchanged"`
	New       []string `json:"new,omitempty"`  // peers that the baseline does not have
	Gone      []string `json:"gone,omitempty"` // peers that only the baseline has
	Notes     []string `json:"notes,omitempty"`
	// More is the number of changes that were left out at the end of each list.
	More int `json:"more,omitempty"`
}

// Change is the change of one requirement. It is the same for each pair of From and To.
type Change struct {
	From []string `json:"from"`
	To   []string `json:"to"`
	// MoreFrom and MoreTo are the number of peers that From and To leave out.
	MoreFrom int    `json:"moreFrom,omitempty"`
	MoreTo   int    `json:"moreTo,omitempty"`
	Need     string `json:"need"`
	Ports    string `json:"ports"`
	// Spare is true if the closed ports are needed only for further servers on one host.
	Spare bool `json:"spare,omitempty"`
	// Causes are the rules, entries and routes between the first pair that were added or removed.
	Causes   []string `json:"causes"`
	Sentence string   `json:"sentence"` // the current verdict on the first pair
	Fixes    []Fix    `json:"fixes,omitempty"`

	from, to []string // all peers
}

// Compare compares a report with the facts of a baseline, which it evaluates for the same requirements. A peer that is
// new is compared with one of the baseline's peers that has the same security groups, in the same subnet if possible.
// If there is no such peer, it is compared with what was open between any two peers.
func Compare(now *Report, baseline Question) (*Diff, error) {
	c := &comparison{now: now, d: &Diff{Schema: 1, Scope: now.Scope, Region: now.Region, At: now.At, Baseline: baseline.At.UTC(),
		Closed: []Change{}, Opened: []Change{}, Unknown: []Change{}, Notes: slices.Clone(now.Notes)}}
	q := now.question
	baseline.Listened = nil
	baseline.Needs, baseline.Targets, baseline.All = q.Needs, q.Targets, true
	peers := c.match(q.Peers, baseline.Peers, "peer")
	if baseline.Self = -1; q.Self >= 0 {
		if baseline.Self = peers[q.Self]; baseline.Self < 0 {
			return nil, exitcode.Wrap(exitcode.Undetermined,
				fmt.Errorf("the baseline has neither %s nor a peer with the same security groups", q.Peers[q.Self].Name))
		}
	}
	if len(q.Balancers) > 0 && len(baseline.Balancers) == 0 {
		c.d.Notes = append(c.d.Notes, "the baseline has no load balancer: its target ports were not compared")
	}
	then, err := Judge(baseline)
	if err != nil {
		return nil, err
	}
	c.then, c.causes = then, newWorlds(q.World, baseline.World)
	for i, m := range now.matrices {
		if i < len(then.matrices) {
			c.matrix(m, then.matrices[i])
		}
	}
	listed := spelled{all: now.all}
	for _, list := range []*[]Change{&c.d.Closed, &c.d.Unknown, &c.d.Opened} {
		*list = merge(*list)
		for i := range *list {
			one := &(*list)[i]
			one.from, one.to = one.From, one.To
			one.From, one.MoreFrom = listed.list(one.from)
			one.To, one.MoreTo = listed.list(one.to)
		}
	}
	return c.d, nil
}

// Err returns nil if no port closed. Ports that are unknown now are undetermined.
func (d *Diff) Err() error {
	switch {
	case slices.ContainsFunc(d.Closed, func(c Change) bool { return !c.Spare }):
		return exitcode.Wrap(exitcode.Failed, fmt.Errorf("%s: ports closed since the baseline", d.Scope))
	case len(d.Unknown) > 0:
		return exitcode.Wrap(exitcode.Undetermined, fmt.Errorf("%s: ports that were open in the baseline could not be checked", d.Scope))
	}
	return nil
}

type comparison struct {
	now, then *Report
	causes    worlds
	d         *Diff
	explained int
}

// match returns the index of each endpoint's counterpart, or -1 if it has none.
func (c *comparison) match(now, then []reach.Endpoint, what string) []int {
	counterparts := counterparts(now, then)
	known := map[string]bool{}
	for _, e := range now {
		known[e.Name] = true
	}
	before := map[string]bool{}
	for _, e := range then {
		before[e.Name] = true
		if !known[e.Name] {
			c.d.Gone = append(c.d.Gone, e.Name)
		}
	}
	for i, e := range now {
		if !before[e.Name] {
			c.d.New = append(c.d.New, e.Name)
			if counterparts[i] < 0 {
				c.d.Notes = append(c.d.Notes,
					fmt.Sprintf("%s %s has no counterpart in the baseline: no peer there has the same security groups", what, e.Name))
			}
		}
	}
	return counterparts
}

// counterparts finds counterparts by name, or else by network interface, by security groups and subnet, or by security
// groups alone.
func counterparts(now, then []reach.Endpoint) []int {
	out := make([]int, len(now))
	keys := []func(reach.Endpoint) string{
		func(e reach.Endpoint) string { return e.Name },
		func(e reach.Endpoint) string { return e.ID },
		func(e reach.Endpoint) string { return guards(e) + " " + e.Subnet },
		guards,
	}
	for k := range out {
		out[k] = -1
	}
	for _, key := range keys {
		first := map[string]int{}
		for i := len(then) - 1; i >= 0; i-- {
			first[key(then[i])] = i
		}
		for k, e := range now {
			if i, ok := first[key(e)]; ok && out[k] < 0 && key(e) != "" {
				out[k] = i
			}
		}
	}
	return out
}

// guards returns a key for the endpoint's security groups, or "" if they are unknown.
func guards(e reach.Endpoint) string {
	if len(e.Groups) == 0 {
		return ""
	}
	return strings.Join(slices.Sorted(slices.Values(e.Groups)), " ")
}

// line is a set of endpoints with equal verdicts now, whose counterparts also had equal verdicts.
type line struct{ all, before []int }

func lines(number []int32, counterparts []int, before []int32) []line {
	type key struct{ now, then int32 }
	at := map[key]int{}
	var out []line
	for i, n := range number {
		k := key{n, -1}
		if counterparts[i] >= 0 {
			k.then = before[counterparts[i]]
		}
		at1, ok := at[k]
		if !ok {
			at1 = len(out)
			at[k] = at1
			out = append(out, line{})
		}
		out[at1].all = append(out[at1].all, i)
		out[at1].before = append(out[at1].before, counterparts[i])
	}
	return out
}

func (c *comparison) matrix(m, before *reach.Matrix) {
	fromNow, toNow := m.Alike()
	fromThen, toThen := before.Alike()
	froms := lines(fromNow, counterparts(m.From, before.From), fromThen)
	tos := lines(toNow, counterparts(m.To, before.To), toThen)
	for need := range m.Needs {
		best := once(func() reach.Ports { return anyOpen(before, need) })
		for _, from := range froms {
			for _, to := range tos {
				c.cell(m, before, need, from, to, best)
			}
		}
	}
}

// once returns a function that calls f at most once and returns its result.
func once[T any](f func() T) func() T {
	var value T
	called := false
	return func() T {
		if !called {
			value, called = f(), true
		}
		return value
	}
}

// anyOpen returns the ports of the requirement that were open between any two peers.
func anyOpen(m *reach.Matrix, need int) (open reach.Ports) {
	for _, b := range m.Blocks() {
		open = open.Union(b.Outcomes[need].Open(m.Needs[need]))
	}
	return open
}

// cell compares, for one requirement, which ports a set of equal endpoints can reach on another set.
func (c *comparison) cell(m, before *reach.Matrix, need int, from, to line, best func() reach.Ports) {
	f, t, pairs := firstPair(m, from.all, to.all)
	if pairs == 0 {
		return
	}
	n := m.Needs[need]
	o, _ := m.At(from.all[f], to.all[t], need)
	then, known := c.openThen(before, need, from.before[f], to.before[t], best)
	open := o.Open(n)
	closed, opened := then.Intersect(o.Missing), open.Subtract(then)
	unknown := then.Intersect(o.Unknown)
	if len(closed)+len(opened)+len(unknown) == 0 || !known && len(closed)+len(unknown) == 0 {
		c.d.Unchanged += pairs
		return
	}
	if c.explained++; c.explained > maxChanges {
		c.d.More++
		return
	}
	change := Change{From: names(m.From, from.all), To: names(m.To, to.all), Need: n.String()}
	v := m.Verdict(from.all[f], to.all[t], need)
	change.Sentence = v.Sentence()
	if known && from.before[f] >= 0 && to.before[t] >= 0 {
		change.Causes = c.causes.between(before.Verdict(from.before[f], to.before[t], need), v, before.From[from.before[f]], m.From[from.all[f]],
			before.To[to.before[t]], m.To[to.all[t]])
	}
	if len(change.Causes) == 0 {
		change.Causes = []string{"a new peer, which has no counterpart in the baseline"}
	}
	c.add(change, m, need, o, v, [3]reach.Ports{closed, unknown, opened})
}

func (c *comparison) add(change Change, m *reach.Matrix, need int, o reach.Outcome, v reach.Verdict, parts [3]reach.Ports) {
	for i, list := range []*[]Change{&c.d.Closed, &c.d.Unknown, &c.d.Opened} {
		if len(parts[i]) == 0 {
			continue
		}
		one := change
		one.Ports = parts[i].String()
		if i == 0 {
			one.Spare = c.now.status(m.Needs[need], o) == reach.Open
			for _, f := range v.Fixes {
				one.Fixes = append(one.Fixes, Fix{f.Command(), f.CloudFormation(), f.Terraform()})
			}
		}
		*list = append(*list, one)
	}
}

// openThen returns the ports that were open between the counterparts. known is false if the counterparts were not a
// pair.
func (c *comparison) openThen(before *reach.Matrix, need, from, to int, best func() reach.Ports) (open reach.Ports, known bool) {
	if from >= 0 && to >= 0 {
		if o, judged := before.At(from, to, need); judged {
			return o.Open(before.Needs[need]), true
		}
		// Two new peers with the same counterpart are compared with what that counterpart could reach.
	}
	return best(), false
}

// firstPair returns the first pair of two different endpoints, and the number of such pairs.
func firstPair(m *reach.Matrix, from, to []int) (f, t, pairs int) {
	f = -1
	for i, a := range from {
		for k, b := range to {
			if m.Self(a, b) {
				continue
			}
			if f < 0 {
				f, t = i, k
			}
			pairs++
		}
	}
	return f, t, pairs
}

// merge joins changes that differ only in From, and then those that differ only in To.
func merge(all []Change) []Change {
	for _, side := range []func(*Change) (same, joined *[]string){
		func(c *Change) (*[]string, *[]string) { return &c.To, &c.From },
		func(c *Change) (*[]string, *[]string) { return &c.From, &c.To },
	} {
		at := map[string]int{}
		var out []Change
		for _, c := range all {
			same, joined := side(&c)
			key := strings.Join([]string{c.Need, c.Ports, fmt.Sprint(c.Spare), strings.Join(c.Causes, "\n"), strings.Join(*same, "\n")}, "\x00")
			i, ok := at[key]
			if !ok {
				at[key] = len(out)
				out = append(out, c)
				continue
			}
			_, first := side(&out[i])
			*first = slices.Concat(*first, *joined)
			out[i].Fixes = distinctFixes(slices.Concat(out[i].Fixes, c.Fixes))
		}
		all = out
	}
	slices.SortStableFunc(all, func(a, b Change) int { return cmp.Compare(len(b.From)*len(b.To), len(a.From)*len(a.To)) })
	if all == nil {
		return []Change{}
	}
	return all
}

func distinctFixes(all []Fix) (out []Fix) {
	for _, f := range all {
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}
