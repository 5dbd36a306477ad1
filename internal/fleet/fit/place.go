package fit

import (
	"fmt"
	"slices"
	"strings"

	"muster/internal/fleet/query"
)

// job is a task with parsed constraints.
type job struct {
	Task
	distinct bool
	members  []member
	zones    map[string]string // zones of the subnets that contain instances
}

type member struct {
	Constraint
	expr *query.Expr
	err  error
}

func newJob(t Task, instances []Instance) job {
	j := job{Task: t, zones: map[string]string{}}
	for _, c := range t.Constraints {
		if c.Type == "distinctInstance" {
			j.distinct = true
			continue
		}
		m := member{Constraint: c}
		m.expr, m.err = query.Parse(c.Expression)
		if c.Type != "memberOf" {
			m.err = fmt.Errorf("muster does not know the constraint type %q", c.Type)
		}
		j.members = append(j.members, m)
	}
	for _, i := range instances {
		if subnet := i.Attributes["ecs.subnet-id"]; subnet != "" {
			j.zones[subnet] = i.Zone
		}
	}
	return j
}

// missing returns everything that prevents one more copy on the instance.
func (j job) missing(i Instance) []Missing {
	return slices.Concat(j.state(i), j.attributes(i), j.constraints(i), j.resources(i))
}

func (j job) state(i Instance) (out []Missing) {
	add := func(of Reason, unknown bool, format string, args ...any) {
		out = append(out, Missing{Reason: of, Unknown: unknown, Text: fmt.Sprintf(format, args...)})
	}
	if i.NotJudged != "" {
		add(NotJudged, true, "%s", i.NotJudged)
	}
	if j.Refused != "" {
		add(Launch, false, "%s", j.Refused)
	}
	// Only ACTIVE instances accept tasks (API reference, ContainerInstance, status).
	if i.Status != "ACTIVE" {
		add(Status, false, "its status is %s, not ACTIVE", i.Status)
	}
	if !i.AgentConnected {
		add(Agent, false, "its ECS agent is not connected")
	}
	return out
}

func (j job) attributes(i Instance) (out []Missing) {
	for _, a := range j.Attributes {
		value, there := i.Attributes[a.Name]
		switch {
		case !there:
			out = append(out, Missing{Reason: Missed, Text: "it has no attribute " + a.Name})
		case a.Value != "" && a.Value != value:
			out = append(out, Missing{Reason: Missed, Text: fmt.Sprintf("its attribute %s is %s, not %s", a.Name, value, a.Value)})
		}
	}
	return append(append(out, j.platform(i)...), j.subnet(i)...)
}

// platform compares runtimePlatform with the attributes that ECS adds to each instance (developer guide,
// task-placement-constraints, built-in attributes). Windows versions are compared with ecs.os-family.
func (j job) platform(i Instance) (out []Missing) {
	compare := func(want, name string) {
		if j.requires(name) {
			return // already one of the attributes
		}
		switch value, there := i.Attributes[name]; {
		case !there:
			out = append(out, Missing{Reason: Platform, Unknown: true, Text: "it has no attribute " + name + " to compare with " + want})
		case !strings.EqualFold(value, want):
			out = append(out, Missing{Reason: Platform, Text: fmt.Sprintf("its %s is %s, and the task needs %s", name, value, want)})
		}
	}
	switch j.OS {
	case "":
	case "LINUX":
		compare("linux", "ecs.os-type")
	default:
		compare(j.OS, "ecs.os-family")
	}
	if j.Arch != "" {
		compare(j.Arch, "ecs.cpu-architecture")
	}
	return out
}

func (j job) requires(name string) bool {
	return slices.ContainsFunc(j.Attributes, func(a Attribute) bool { return a.Name == name && a.Value != "" })
}

// subnet checks the zone of the instance. A network interface can only be attached in its own zone (EC2 user guide,
// elastic network interfaces). Therefore a task in awsvpc mode needs an instance in the zone of one of the service's
// subnets. The zone of a subnet is known from the instances in it.
func (j job) subnet(i Instance) []Missing {
	if len(j.Subnets) == 0 || j.Needs.ENI == 0 || slices.Contains(j.Subnets, i.Attributes["ecs.subnet-id"]) {
		return nil
	}
	unknown := i.Zone == ""
	for _, s := range j.Subnets {
		zone, known := j.zones[s]
		if known && zone == i.Zone {
			return nil
		}
		unknown = unknown || !known || zone == ""
	}
	text := fmt.Sprintf("none of the service's subnets (%s) is in its zone %s", strings.Join(j.Subnets, ", "), i.Zone)
	if unknown {
		text = "it is in none of the service's subnets (" + strings.Join(j.Subnets, ", ") + "), and the zone of one of them is unknown"
	}
	return []Missing{{Reason: Subnet, Unknown: unknown, Text: text}}
}

func (j job) constraints(i Instance) (out []Missing) {
	if j.distinct {
		switch {
		case i.TasksUnknown != "":
			out = append(out, Missing{Reason: Constrained, Unknown: true, Text: "distinctInstance: " + i.TasksUnknown})
		case slices.Contains(i.Groups, j.Group):
			out = append(out, Missing{Reason: Constrained, Text: "distinctInstance: it runs a task of " + j.Group})
		}
	}
	for _, m := range j.members {
		of := "memberOf " + m.Expression
		if m.Of != "" {
			of += " (" + m.Of + ")"
		}
		if m.err != nil {
			out = append(out, Missing{Reason: Constrained, Unknown: true, Text: m.err.Error()})
			continue
		}
		switch a := m.expr.Match(i.Instance); a.Is {
		case query.No:
			out = append(out, Missing{Reason: Constrained, Text: of + " does not hold"})
		case query.Unknown:
			out = append(out, Missing{Reason: Constrained, Unknown: true, Text: of + ": " + a.Why})
		}
	}
	return out
}

func (j job) resources(i Instance) (out []Missing) {
	lacks := func(of Reason, need, have int, what string) {
		if need > 0 && need > have {
			text := fmt.Sprintf("needs %d %s, %d free", need, what, max(have, 0))
			out = append(out, Missing{Reason: of, Text: text, Need: need, Have: max(have, 0)})
		}
	}
	lacks(CPU, j.Needs.CPU, i.Free.CPU, "CPU units")
	lacks(Memory, j.Needs.Memory, i.Free.Memory, "MiB of memory")
	if taken := j.Ports.both(i.InUse); taken.count() > 0 {
		out = append(out, Missing{Reason: PortsTaken, Text: "host port " + taken.String() + " is in use"})
	} else if n := i.InUse.count() + j.Ports.count(); j.Ports.count() > 0 && n > MaxPorts {
		text := fmt.Sprintf("it would have %d host ports in use, more than %d", n, MaxPorts)
		out = append(out, Missing{Reason: PortsTaken, Text: text, Need: j.Ports.count(), Have: max(MaxPorts-i.InUse.count(), 0)})
	}
	if j.Needs.GPU > 0 && i.GPUUnknown != "" {
		out = append(out, Missing{Reason: GPU, Unknown: true, Text: "free GPUs: " + i.GPUUnknown})
	} else {
		lacks(GPU, j.Needs.GPU, i.Free.GPU, "GPUs")
	}
	if j.Needs.ENI > 0 && i.ENIUnknown != "" {
		out = append(out, Missing{Reason: ENI, Unknown: true, Text: "free network interfaces: " + i.ENIUnknown})
	} else {
		lacks(ENI, j.Needs.ENI, i.Free.ENI, "network interface for a task")
	}
	return out
}

// place returns the instance with one more copy.
func (j job) place(i Instance) Instance {
	i.Free = i.Free.minus(j.Needs)
	i.InUse = i.InUse.plus(j.Ports)
	i.Groups = append(slices.Clip(i.Groups), j.Group)
	i.RunningTasks++
	return i
}

// stop returns the instance without these tasks.
func (i Instance) stop(tasks []Placed) Instance {
	i.Groups = slices.Clone(i.Groups)
	for _, t := range tasks {
		i.Free = i.Free.plus(t.Amounts)
		i.InUse = i.InUse.without(t.Ports)
		if k := slices.Index(i.Groups, t.Group); k >= 0 {
			i.Groups = slices.Delete(i.Groups, k, k+1)
		}
		i.RunningTasks--
	}
	return i
}

// empty returns a new instance with the same type, zone and attributes, and without tasks.
func (i Instance) empty() Instance {
	i.Status, i.AgentConnected = "ACTIVE", true
	i.Free, i.InUse = i.Registered, i.Reserved
	i.Tasks, i.Groups, i.RunningTasks, i.TasksUnknown, i.GPUUnknown = nil, nil, 0, "", ""
	return i
}

// copies returns how many copies fit one after the other, up to most. open is true if it is unknown whether another one
// fits.
func (j job) copies(i Instance, most int) (n int, open bool) {
	if !j.steady() {
		return j.copiesByStep(i, most)
	}
	missing := j.missing(i)
	if len(missing) > 0 {
		return 0, !slices.ContainsFunc(missing, func(m Missing) bool { return !m.Unknown })
	}
	n = most
	for _, r := range []struct{ need, have int }{
		{j.Needs.CPU, i.Free.CPU}, {j.Needs.Memory, i.Free.Memory}, {j.Needs.GPU, i.Free.GPU}, {j.Needs.ENI, i.Free.ENI},
	} {
		if r.need > 0 {
			n = min(n, r.have/r.need)
		}
	}
	if j.distinct || j.Ports.count() > 0 {
		n = min(n, 1)
	}
	return n, false
}

// steady reports whether no constraint can change its result when a copy is placed.
func (j job) steady() bool {
	return !slices.ContainsFunc(j.members, func(m member) bool { return m.err == nil && m.expr.DependsOnTasks() })
}

func (j job) copiesByStep(i Instance, most int) (n int, open bool) {
	for ; n < most; n++ {
		missing := j.missing(i)
		if len(missing) > 0 {
			return n, !slices.ContainsFunc(missing, func(m Missing) bool { return !m.Unknown })
		}
		i = j.place(i)
	}
	return n, false
}
