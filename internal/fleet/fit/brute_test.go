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

// world is a random cluster and a random task.
type world struct {
	hosts                     []host
	count                     int
	cpu, memory, gpu          int
	tcp, udp                  []int
	awsvpc, distinct, windows bool
	rule                      tree // nil: none
	nonsense                  bool // a constraint that cannot be parsed
	attribute                 string
}

type host struct {
	id, zone, kind        string
	status                string
	connected             bool
	cpu, memory, gpu, eni int // in all
	noENI                 bool
	role                  string // an attribute; empty: none
	version               int    // of the agent: 1.VERSION.0
	tasks                 []load
}

type load struct {
	group            string
	cpu, memory, gpu int
	eni              bool
	tcp              []int
}

func newWorld(r *rand.Rand) world {
	w := world{
		count: 1 + r.IntN(6), cpu: r.IntN(12), memory: 7 + r.IntN(20), distinct: r.IntN(5) == 0,
		awsvpc: r.IntN(4) == 0, windows: r.IntN(30) == 0, nonsense: r.IntN(30) == 0,
	}
	if r.IntN(6) == 0 {
		w.gpu = 1 + r.IntN(2)
	}
	if !w.awsvpc && r.IntN(4) == 0 {
		w.tcp = []int{8000 + r.IntN(3)}
	}
	if !w.awsvpc && r.IntN(8) == 0 {
		w.udp = []int{8000}
	}
	if r.IntN(4) == 0 {
		w.attribute = "role"
	}
	if r.IntN(2) == 0 {
		w.rule = grow(r, 3)
	}
	for n := range 1 + r.IntN(6) {
		w.hosts = append(w.hosts, newHost(r, n))
	}
	return w
}

func newHost(r *rand.Rand, n int) host {
	kind := r.IntN(3)
	h := host{
		id: fmt.Sprintf("i-%d", n), zone: string('a' + rune(r.IntN(3))), kind: fmt.Sprintf("t%d.x", kind),
		status: "ACTIVE", connected: r.IntN(12) > 0, cpu: 10 + 10*kind, memory: 30 + 20*kind, gpu: kind * r.IntN(2), eni: 1 + kind,
		noENI: r.IntN(10) == 0, version: r.IntN(4),
	}
	if r.IntN(12) == 0 {
		h.status = "DRAINING"
	}
	if r.IntN(3) > 0 {
		h.role = []string{"web", "db", "web2"}[r.IntN(3)]
	}
	for range r.IntN(6) {
		groups := []string{"service:web", "service:db", "family:x"}
		l := load{group: groups[r.IntN(3)], cpu: r.IntN(6), memory: 6 + r.IntN(12), eni: r.IntN(4) == 0}
		if r.IntN(4) == 0 {
			l.tcp = []int{8000 + r.IntN(3)}
		}
		if r.IntN(6) == 0 {
			l.gpu = 1
		}
		if s := h.spare(l); s {
			h.tasks = append(h.tasks, l)
		}
	}
	return h
}

// spare reports whether a task of the generator goes on the instance.
func (h host) spare(l load) bool {
	cpu, memory, gpu, eni := h.left()
	if l.eni {
		eni--
	}
	for _, t := range h.tasks {
		for _, p := range t.tcp {
			if slices.Contains(l.tcp, p) {
				return false
			}
		}
	}
	return cpu >= l.cpu && memory >= l.memory && gpu >= l.gpu && eni >= 0
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

// task and fleet are the world for the implementation under test.
func (w world) task() fit.Task {
	t := fit.Task{
		Name: "web:1", Group: "service:web", Ports: fit.Ports{TCP: w.tcp, UDP: w.udp}, OS: "LINUX", Arch: "ARM64",
		Needs: fit.Amounts{CPU: w.cpu, Memory: w.memory, GPU: w.gpu},
	}
	if w.awsvpc {
		t.Needs.ENI = 1
	}
	if w.windows {
		t.OS = "WINDOWS_SERVER_2022_CORE"
	}
	if w.attribute != "" {
		t.Attributes = []fit.Attribute{{Name: w.attribute}}
	}
	if w.distinct {
		t.Constraints = append(t.Constraints, fit.Constraint{Type: "distinctInstance"})
	}
	if w.rule != nil {
		t.Constraints = append(t.Constraints, fit.Constraint{Type: "memberOf", Expression: w.rule.text()})
	}
	if w.nonsense {
		t.Constraints = append(t.Constraints, fit.Constraint{Type: "memberOf", Expression: "colour == blue"})
	}
	return t
}

func (w world) fleet() (out []fit.Instance) {
	for _, h := range w.hosts {
		all := fit.Amounts{CPU: h.cpu, Memory: h.memory, GPU: h.gpu, ENI: h.eni}
		i := fit.Instance{
			Instance: query.Instance{EC2InstanceID: h.id, AgentConnected: h.connected, AgentVersion: fmt.Sprintf("1.%d.0", h.version),
				RunningTasks: len(h.tasks), Attributes: map[string]string{
					"ecs.os-type": "linux", "ecs.os-family": "LINUX", "ecs.cpu-architecture": "arm64", "ecs.availability-zone": h.zone,
				}},
			Zone: h.zone, Type: h.kind, Status: h.status, Registered: all, Free: all,
			Reserved: fit.Ports{TCP: []int{22}}, InUse: fit.Ports{TCP: []int{22}},
		}
		if h.role != "" {
			i.Attributes["role"] = h.role
		}
		if h.noENI {
			i.ENIUnknown = "the limit of the type is not known"
		}
		for _, t := range h.tasks {
			p := fit.Placed{Group: t.group, Amounts: fit.Amounts{CPU: t.cpu, Memory: t.memory, GPU: t.gpu}, Ports: fit.Ports{TCP: t.tcp}}
			if t.eni {
				p.Amounts.ENI = 1
			}
			i.Tasks = append(i.Tasks, p)
			i.Groups = append(i.Groups, t.group)
			i.Free.CPU, i.Free.Memory, i.Free.GPU, i.Free.ENI =
				i.Free.CPU-t.cpu, i.Free.Memory-t.memory, i.Free.GPU-t.gpu, i.Free.ENI-p.Amounts.ENI
			i.InUse.TCP = append(i.InUse.TCP, t.tcp...)
		}
		out = append(out, i)
	}
	return out
}

// tree is a constraint.
type tree interface {
	holds(h host) bool
	text() string
}

type leaf struct {
	written string
	is      func(h host) bool
}

func (l leaf) holds(h host) bool { return l.is(h) }
func (l leaf) text() string      { return l.written }

type branch struct {
	op   string // and, or, not
	of   []tree
	form string // how it is written
}

func (b branch) holds(h host) bool {
	switch b.op {
	case "not":
		return !b.of[0].holds(h)
	case "and":
		return b.of[0].holds(h) && b.of[1].holds(h)
	}
	return b.of[0].holds(h) || b.of[1].holds(h)
}

func (b branch) text() string {
	texts := []any{}
	for _, t := range b.of {
		texts = append(texts, t.text())
	}
	return fmt.Sprintf(b.form, texts...)
}

func grow(r *rand.Rand, depth int) tree {
	pick := func(forms ...string) string { return forms[r.IntN(len(forms))] }
	if depth == 0 || r.IntN(3) == 0 {
		return leaves(r)
	}
	switch r.IntN(3) {
	case 0:
		return branch{"not", []tree{grow(r, depth-1)}, pick("not(%s)", "!(%s)", "not (%s)")}
	case 1:
		return branch{"and", []tree{grow(r, depth-1), grow(r, depth-1)}, pick("(%s) and (%s)", "(%s) && (%s)", "((%s)&&(%s))")}
	}
	return branch{"or", []tree{grow(r, depth-1), grow(r, depth-1)}, pick("(%s) or (%s)", "(%s) || (%s)", "( (%s) or (%s) )")}
}

func leaves(r *rand.Rand) tree {
	n := r.IntN(4)
	running := func(h host) (k int) {
		for _, t := range h.tasks {
			if t.group != "copy" {
				k++
			}
		}
		return k
	}
	runs := func(h host, group string) bool {
		return slices.ContainsFunc(h.tasks, func(t load) bool { return t.group == group })
	}
	all := []leaf{
		{"attribute:role == web", func(h host) bool { return h.role == "web" }},
		{"attribute:role != web", func(h host) bool { return h.role != "web" && h.role != "" }},
		{"attribute:role exists", func(h host) bool { return h.role != "" }},
		{"attribute:role not_exists", func(h host) bool { return h.role == "" }},
		{"attribute:role in [web, 'db']", func(h host) bool { return h.role == "web" || h.role == "db" }},
		{"attribute:role =~ web.*", func(h host) bool { return strings.HasPrefix(h.role, "web") }},
		{"attribute:ecs.availability-zone !in [a,b]", func(h host) bool { return h.zone == "c" }},
		{"task:group == service:web", func(h host) bool { return runs(h, "service:web") }},
		{"not(task:group == service:db)", func(h host) bool { return !runs(h, "service:db") }},
		{"agentConnected == true", func(h host) bool { return h.connected }},
		{"ec2InstanceId in ['i-0', i-3]", func(h host) bool { return h.id == "i-0" || h.id == "i-3" }},
		{fmt.Sprintf("runningTasksCount < %d", n), func(h host) bool { return running(h) < n }},
		{fmt.Sprintf("runningTasksCount greater_than_equal %d", n), func(h host) bool { return running(h) >= n }},
		{fmt.Sprintf("agentVersion <= 1.%d.0", n), func(h host) bool { return h.version <= n }},
	}
	return all[r.IntN(len(all))]
}
