package fit_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"muster/internal/fleet/fit"
	"muster/internal/fleet/query"
)

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
	cpu, memory, gpu, eni := h.cpu-l.cpu, h.memory-l.memory, h.gpu-l.gpu, h.eni
	for _, t := range append(h.tasks, l) {
		if t.eni {
			eni--
		}
	}
	for _, t := range h.tasks {
		cpu, memory, gpu = cpu-t.cpu, memory-t.memory, gpu-t.gpu
		for _, p := range t.tcp {
			if slices.Contains(l.tcp, p) {
				return false
			}
		}
	}
	return cpu >= 0 && memory >= 0 && gpu >= 0 && eni >= 0
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
