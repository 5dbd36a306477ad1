package fit

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

// Kind is a kind of change.
type Kind string

// Kinds of changes.
const (
	Resize Kind = "resize" // let the task reserve less
	Stop   Kind = "stop"   // stop tasks of other groups
	Add    Kind = "add"    // add instances of a type that the cluster has
)

// Change is a change that lets more copies fit.
type Change struct {
	Kind Kind `json:"kind"`
	// For Resize: the maximum that the task may reserve so that all copies fit.
	CPU    int `json:"cpu,omitempty"`
	Memory int `json:"memory,omitempty"`
	// For Stop: the smallest set of tasks, all on one instance, whose stop lets one more copy fit.
	Instance string   `json:"instance,omitempty"`
	Tasks    []Placed `json:"-"`
	// For Add: the number of instances of this type that all copies need. The example has the assumed attributes.
	Type    string `json:"type,omitempty"`
	Number  int    `json:"number,omitempty"`
	Example string `json:"example,omitempty"`
	// Copies is the minimum number of copies that fit with the change.
	Copies int `json:"copies"`
}

// Limits of the proposed changes.
const (
	minMemory  = 6 // MiB (API reference, ContainerDefinition, memory)
	minCPU     = 2 // units (API reference, ContainerDefinition, cpu: the kernel's least share)
	maxStopped = 3 // maximum number of tasks to stop, because more is not a small change
	maxTypes   = 3
)

func (j job) changes(instances []Instance, r Report) []Change {
	var out []Change
	if c, ok := j.resize(instances, r.Count); ok {
		out = append(out, c)
	}
	if c, ok := j.stops(instances); ok {
		c.Copies += r.Copies
		out = append(out, c)
	}
	return append(out, j.adds(instances, r.Count-r.Copies, r.Copies)...)
}

// fitting returns how many copies fit, up to count, if a copy reserves this much CPU and memory.
func (j job) fitting(instances []Instance, cpu, memory, count int) int {
	j.Needs.CPU, j.Needs.Memory = cpu, memory
	n := 0
	for _, i := range instances {
		more, _ := j.copies(i, count-n)
		if n += more; n >= count {
			break
		}
	}
	return n
}

// resize finds the largest memory reservation with which count copies fit, or else the largest CPU reservation. If
// neither is enough, it reduces both by the same percentage, as small as possible.
func (j job) resize(instances []Instance, count int) (Change, bool) {
	cpu, memory := j.Needs.CPU, j.Needs.Memory
	c := Change{Kind: Resize, Copies: count}
	fits := func(cpu, memory int) bool { return j.fitting(instances, cpu, memory, count) >= count }
	if most := largest(minMemory, memory, func(m int) bool { return fits(cpu, m) }); most > 0 {
		c.Memory = most
		return c, true
	}
	if most := largest(minCPU, cpu, func(u int) bool { return fits(u, memory) }); most > 0 {
		c.CPU = most
		return c, true
	}
	scaled := func(percent int) (int, int) {
		return max(minCPU, cpu*percent/100), max(minMemory, memory*percent/100)
	}
	if cpu <= minCPU || memory <= minMemory {
		return c, false
	}
	most := largest(1, 100, func(percent int) bool { return fits(scaled(percent)) })
	c.CPU, c.Memory = scaled(most)
	return c, most > 0
}

// largest returns the largest n with least <= n < below for which fits(n) is true, or 0. If fits is true for a number,
// it must be true for every smaller one.
func largest(least, below int, fits func(int) bool) int {
	if below <= least {
		return 0
	}
	n := sort.Search(below-least, func(k int) bool { return !fits(least + k) })
	if n == 0 {
		return 0
	}
	return least + n - 1
}

// stops finds the smallest set of tasks on one instance without which one more copy fits. Among sets of the same size,
// it returns the one with the least memory and CPU.
func (j job) stops(instances []Instance) (Change, bool) {
	var best Change
	var found bool
	for _, i := range instances {
		if i.TasksUnknown != "" || slices.ContainsFunc(slices.Concat(j.state(i), j.attributes(i)), definite) {
			continue
		}
		most := maxStopped
		if found {
			most = len(best.Tasks)
		}
		if tasks, ok := j.fewest(i, most); ok && (!found || less(tasks, best.Tasks)) {
			best, found = Change{Kind: Stop, Instance: i.Name(), Tasks: tasks, Copies: 1}, true
		}
	}
	return best, found
}

func definite(m Missing) bool { return !m.Unknown }

func less(a, b []Placed) bool {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(sum(a).Memory, sum(b).Memory), cmp.Compare(sum(a).CPU, sum(b).CPU)) < 0
}

func sum(tasks []Placed) (out Amounts) {
	for _, t := range tasks {
		out = out.plus(t.Amounts)
	}
	return out
}

// fewest finds the smallest set of tasks without which the instance takes one more copy than now. It tries sets of
// growing size. Tasks of the same group with the same reservations are interchangeable, so it tries only the first
// ones.
func (j job) fewest(i Instance, most int) ([]Placed, bool) {
	kinds := j.stoppable(i)
	now, _ := j.copies(i, MaxCopies)
	for size := 1; size <= most; size++ {
		if !j.freed(i, bound(kinds, size), now+1) {
			continue
		}
		var best []Placed
		choose(kinds, size, nil, func(tasks []Placed) {
			if best != nil && !less(tasks, best) || !j.freed(i, sum(tasks), now+1) {
				return
			}
			if n, _ := j.copies(i.stop(tasks), now+1); n > now {
				best = slices.Clone(tasks)
			}
		})
		if best != nil {
			return best, true
		}
	}
	return nil, false
}

// freed reports whether these additional amounts are enough for this many copies. It is a quick test that excludes most
// sets.
func (j job) freed(i Instance, more Amounts, copies int) bool {
	has := i.Free.plus(more)
	enough := func(need, have int) bool { return need == 0 || copies*need <= have }
	return enough(j.Needs.CPU, has.CPU) && enough(j.Needs.Memory, has.Memory) && enough(j.Needs.GPU, has.GPU) && enough(j.Needs.ENI, has.ENI)
}

// bound returns an upper bound of what a set of this size can free: for each resource, the sum of the largest
// reservations.
func bound(kinds [][]Placed, size int) Amounts {
	top := func(of func(Amounts) int) (n int) {
		for _, kind := range kinds {
			for _, t := range kind {
				n = max(n, of(t.Amounts))
			}
		}
		return n * size
	}
	return Amounts{
		top(func(a Amounts) int { return a.CPU }), top(func(a Amounts) int { return a.Memory }),
		top(func(a Amounts) int { return a.GPU }), top(func(a Amounts) int { return a.ENI }),
	}
}

// stoppable returns the tasks that may be stopped, grouped by kind, with no more of each kind than can be needed. It
// excludes copies of the task itself, because stopping one gains nothing.
func (j job) stoppable(i Instance) (kinds [][]Placed) {
	for _, t := range i.Tasks {
		if t.Unknown != "" || t.Group == j.Group {
			continue
		}
		k := slices.IndexFunc(kinds, func(kind []Placed) bool { return alike(kind[0], t) })
		if k < 0 {
			kinds = append(kinds, []Placed{t})
		} else if len(kinds[k]) < maxStopped {
			kinds[k] = append(kinds[k], t)
		}
	}
	return kinds
}

func alike(a, b Placed) bool {
	return a.Group == b.Group && a.Amounts == b.Amounts && slices.Equal(a.Ports.TCP, b.Ports.TCP) && slices.Equal(a.Ports.UDP, b.Ports.UDP)
}

// choose calls try with every choice of size tasks.
func choose(kinds [][]Placed, size int, chosen []Placed, try func([]Placed)) {
	if size == 0 {
		try(chosen)
		return
	}
	if len(kinds) == 0 {
		return
	}
	for n := min(size, len(kinds[0])); n >= 0; n-- {
		choose(kinds[1:], size-n, append(slices.Clip(chosen), kinds[0][:n]...), try)
	}
}

// adds finds, for each instance type of the cluster, how many new instances the missing copies need. It returns the few
// types that need the fewest instances.
func (j job) adds(instances []Instance, missing, already int) []Change {
	type offer struct {
		copies int
		of     Instance
	}
	best := map[string]offer{}
	for _, i := range instances {
		if i.NotJudged != "" || i.Type == "" {
			continue
		}
		if n, _ := j.copies(i.empty(), missing); n > best[i.Type].copies {
			best[i.Type] = offer{n, i}
		}
	}
	var out []Change
	for kind, o := range best {
		number := (missing + o.copies - 1) / o.copies
		out = append(out, Change{Kind: Add, Type: kind, Number: number, Example: o.of.Name(), Copies: already + number*o.copies})
	}
	slices.SortFunc(out, func(a, b Change) int { return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Type, b.Type)) })
	return out[:min(len(out), maxTypes)]
}

// String describes the change in words.
func (c Change) String() string {
	switch c.Kind {
	case Resize:
		text := ""
		if c.CPU > 0 {
			text = fmt.Sprintf("%d CPU units", c.CPU)
		}
		if c.CPU > 0 && c.Memory > 0 {
			text += " and "
		}
		if c.Memory > 0 {
			text += fmt.Sprintf("%d MiB of memory", c.Memory)
		}
		return "let the task reserve at most " + text
	case Stop:
		text := fmt.Sprintf("stop %d task", len(c.Tasks))
		if len(c.Tasks) != 1 {
			text += "s"
		}
		return text + " on " + c.Instance
	}
	text := fmt.Sprintf("add %d instance", c.Number)
	if c.Number != 1 {
		text += "s"
	}
	return text + " of type " + c.Type
}
