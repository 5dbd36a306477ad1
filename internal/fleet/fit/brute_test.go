package fit_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/fleet/fit"
	"muster/internal/fleet/query"
)

// A second implementation, which shares nothing with the first: it puts one copy after the other
// on a table of what each instance has, in a random order, until none takes another one; it tries
// every size of the task, every set of tasks and every number of new instances. Constraints are
// not parsed: they are made as trees, and written as text for the first implementation.

const clusters = 10_000

func TestEvaluateAgreesWithBruteForce(t *testing.T) {
	var verdicts [3]int
	var kinds = map[fit.Kind]int{}
	for seed := range uint64(clusters) {
		r := rand.New(rand.NewPCG(seed, 16))
		w := newWorld(r)
		got := fit.Evaluate(w.task(), w.fleet(), w.count)
		verdicts[got.Verdict]++
		for _, c := range got.Changes {
			kinds[c.Kind]++
		}
		if diff := cmp.Diff(w.brute(r), outcome(got)); diff != "" {
			t.Fatalf("seed %d, %+v\n%s", seed, w, diff)
		}
	}
	t.Logf("%d clusters: %d fit, %d do not, %d unknown; changes %v",
		clusters, verdicts[query.Yes], verdicts[query.No], verdicts[query.Unknown], kinds)
	// A generator whose clusters all end alike would compare nothing.
	for truth, n := range verdicts {
		if n < clusters/50 {
			t.Errorf("only %d clusters are %v", n, query.Truth(truth))
		}
	}
	for _, kind := range []fit.Kind{fit.Resize, fit.Stop, fit.Add} {
		if kinds[kind] < clusters/50 {
			t.Errorf("only %d changes are %v", kinds[kind], kind)
		}
	}
}

// result is what both implementations are compared by.
type result struct {
	Verdict query.Truth
	Copies  int
	Open    bool
	Zones   map[string]int
	Each    map[string]string // by instance: its copies and the reasons
	Resize  string
	Stop    string
	Add     map[string]int // by type
}

func outcome(r fit.Report) result {
	out := result{Verdict: r.Verdict, Copies: r.Copies, Open: r.Open}
	out.Zones, out.Each, out.Add = map[string]int{}, map[string]string{}, map[string]int{}
	for _, z := range r.Zones {
		out.Zones[z.Name] = z.Copies
	}
	for _, i := range r.Instances {
		var reasons []string
		for _, m := range i.Missing {
			reasons = append(reasons, reason(m.Reason, m.Unknown))
		}
		slices.Sort(reasons)
		out.Each[i.Instance.EC2InstanceID] = fmt.Sprint(i.Copies, i.Open, slices.Compact(reasons))
	}
	for _, c := range r.Changes {
		switch c.Kind {
		case fit.Resize:
			out.Resize = fmt.Sprint(c.CPU, " ", c.Memory)
		case fit.Stop:
			var memory, cpu int
			for _, t := range c.Tasks {
				memory, cpu = memory+t.Amounts.Memory, cpu+t.Amounts.CPU
			}
			out.Stop = fmt.Sprint(len(c.Tasks), " ", memory, " ", cpu)
		case fit.Add:
			out.Add[c.Type] = c.Number
		}
	}
	return out
}

func reason(r fit.Reason, unknown bool) string {
	if unknown {
		return string(r) + "?"
	}
	return string(r)
}

// ours is a copy of the task as a load.
func (w world) ours() load {
	return load{group: "service:web", cpu: w.cpu, memory: w.memory, gpu: w.gpu, eni: w.awsvpc, tcp: w.tcp}
}

// left returns what the tasks of the host leave of it.
func (h host) left() (cpu, memory, gpu, eni int) {
	cpu, memory, gpu, eni = h.cpu, h.memory, h.gpu, h.eni
	for _, t := range h.tasks {
		cpu, memory, gpu = cpu-t.cpu, memory-t.memory, gpu-t.gpu
		if t.eni {
			eni--
		}
	}
	return cpu, memory, gpu, eni
}

func (h host) runs(group string) bool {
	return slices.ContainsFunc(h.tasks, func(t load) bool { return t.group == group })
}

// takes lists why the instance does not take one more copy.
func (w world) takes(h host) (reasons []string) {
	add := func(is bool, r fit.Reason) {
		if is {
			reasons = append(reasons, string(r))
		}
	}
	cpu, memory, gpu, eni := h.left()
	isBusy := func(p int) bool {
		return p == 22 || slices.ContainsFunc(h.tasks, func(t load) bool { return slices.Contains(t.tcp, p) })
	}
	udpBusy := len(w.udp) > 0 && h.runs("copy")
	add(h.status != "ACTIVE", fit.Status)
	add(!h.connected, fit.Agent)
	add(w.attribute != "" && h.role == "", fit.Missed)
	add(w.windows, fit.Platform)
	add(w.distinct && h.runs("service:web"), fit.Constrained)
	add(w.rule != nil && !w.rule.holds(h), fit.Constrained)
	add(w.cpu > cpu && w.cpu > 0, fit.CPU)
	add(w.memory > memory, fit.Memory)
	add(udpBusy || slices.ContainsFunc(w.tcp, isBusy), fit.PortsTaken)
	add(w.gpu > gpu, fit.GPU)
	if w.nonsense {
		reasons = append(reasons, reason(fit.Constrained, true))
	}
	if w.awsvpc && h.noENI {
		reasons = append(reasons, reason(fit.ENI, true))
	}
	add(w.awsvpc && !h.noENI && eni < 1, fit.ENI)
	slices.Sort(reasons)
	return slices.Compact(reasons)
}

func onlyUnknown(reasons []string) bool {
	return len(reasons) > 0 && !slices.ContainsFunc(reasons, func(r string) bool { return !strings.HasSuffix(r, "?") })
}

// fill puts copies on the instances in a random order, one at a time, up to most.
func (w world) fill(r *rand.Rand, most int) (each []int, open []bool) {
	hosts := slices.Clone(w.hosts)
	each, open = make([]int, len(hosts)), make([]bool, len(hosts))
	for total := 0; total < most; {
		placed := false
		for _, n := range r.Perm(len(hosts)) {
			why := w.takes(hosts[n])
			open[n] = onlyUnknown(why)
			if len(why) > 0 || total >= most {
				continue
			}
			one := w.ours()
			hosts[n].tasks = append(slices.Clone(hosts[n].tasks), one)
			if len(w.udp) > 0 { // a marker that holds the UDP port, and nothing else
				hosts[n].tasks = append(hosts[n].tasks, load{group: "copy"})
			}
			each[n]++
			total++
			placed = true
		}
		if !placed {
			break
		}
	}
	return each, open
}

func total(each []int) (n int) {
	for _, c := range each {
		n += c
	}
	return n
}

const plenty = 1000 // copies: no instance of the generator takes so many

func (w world) brute(r *rand.Rand) result {
	each, open := w.fill(r, plenty)
	out := result{Copies: total(each), Open: slices.Contains(open, true)}
	out.Zones, out.Each, out.Add = map[string]int{}, map[string]string{}, map[string]int{}
	for n, h := range w.hosts {
		out.Zones[h.zone] += each[n]
		out.Each[h.id] = fmt.Sprint(each[n], open[n], w.takes(h))
	}
	switch {
	case out.Copies >= w.count:
		out.Verdict = query.Yes
		return out
	case out.Open:
		out.Verdict = query.Unknown
	default:
		out.Verdict = query.No
	}
	out.Resize, out.Stop = w.resize(r), w.stop(r)
	for _, h := range w.hosts {
		if n := w.more(r, h); n > 0 && (out.Add[h.kind] == 0 || n < out.Add[h.kind]) {
			out.Add[h.kind] = n
		}
	}
	return out
}

func (w world) enough(r *rand.Rand) bool {
	each, _ := w.fill(r, w.count)
	return total(each) >= w.count
}

func (w world) resize(r *rand.Rand) string {
	for m := w.memory - 1; m >= 6; m-- {
		v := w
		if v.memory = m; v.enough(r) {
			return fmt.Sprint(0, " ", m)
		}
	}
	for c := w.cpu - 1; c >= 2; c-- {
		v := w
		if v.cpu = c; v.enough(r) {
			return fmt.Sprint(c, " ", 0)
		}
	}
	if w.cpu <= 2 || w.memory <= 6 {
		return ""
	}
	for percent := 99; percent >= 1; percent-- {
		v := w
		v.cpu, v.memory = max(2, w.cpu*percent/100), max(6, w.memory*percent/100)
		if v.enough(r) {
			return fmt.Sprint(v.cpu, " ", v.memory)
		}
	}
	return ""
}

// on is how many copies fit on one instance.
func (w world) on(r *rand.Rand, h host) int {
	w.hosts = []host{h}
	each, _ := w.fill(r, plenty)
	return each[0]
}

// stop tries every set of tasks of every instance.
func (w world) stop(r *rand.Rand) string {
	best := []int{4, 0, 0}
	for _, h := range w.hosts {
		for set := 1; set < 1<<len(h.tasks); set++ {
			v := h
			v.tasks = nil
			cost := []int{0, 0, 0}
			allowed := true
			for n, t := range h.tasks {
				if set&(1<<n) == 0 {
					v.tasks = append(v.tasks, t)
					continue
				}
				allowed = allowed && t.group != "service:web"
				cost = []int{cost[0] + 1, cost[1] + t.memory, cost[2] + t.cpu}
			}
			if allowed && slices.Compare(cost, best) < 0 && w.on(r, v) > w.on(r, h) {
				best = cost
			}
		}
	}
	if best[0] > 3 {
		return ""
	}
	return fmt.Sprint(best[0], " ", best[1], " ", best[2])
}

// more adds empty instances like h until the copies fit.
func (w world) more(r *rand.Rand, h host) int {
	h.tasks, h.status, h.connected = nil, "ACTIVE", true
	if len(w.takes(h)) > 0 {
		return 0
	}
	v := w
	v.hosts = slices.Clone(w.hosts)
	for n := 1; ; n++ {
		v.hosts = append(v.hosts, h)
		if v.enough(r) {
			return n
		}
	}
}
