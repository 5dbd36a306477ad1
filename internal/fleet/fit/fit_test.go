package fit_test

import (
	"slices"
	"strings"
	"testing"

	"muster/internal/fleet/fit"
	"muster/internal/fleet/query"
)

func instance(id string, edit ...func(*fit.Instance)) fit.Instance {
	all := fit.Amounts{CPU: 2048, Memory: 3768, ENI: 2} // a t2.medium of AWS's examples has 3768 MiB left for tasks
	i := fit.Instance{
		Instance: query.Instance{
			EC2InstanceID: id, AgentConnected: true,
			Attributes: map[string]string{"ecs.os-type": "linux", "ecs.cpu-architecture": "x86_64"},
		},
		ARN:  "arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/" + strings.Repeat("0", 30) + id[len(id)-2:],
		Zone: "a", Type: "m5.large", Status: "ACTIVE", Registered: all, Free: all,
		Reserved: fit.Ports{TCP: []int{22, 2375, 2376, 51678, 51679}}, InUse: fit.Ports{TCP: []int{22, 2375, 2376, 51678, 51679}},
	}
	for _, e := range edit {
		e(&i)
	}
	return i
}

func task(edit ...func(*fit.Task)) fit.Task {
	t := fit.Task{Name: "web:7", Group: "service:web", Needs: fit.Amounts{CPU: 256, Memory: 512}, OS: "LINUX"}
	for _, e := range edit {
		e(&t)
	}
	return t
}

// "If your task definition specifies 1000 MiB of memory, and the container instances in your
// cluster each have 1024 MiB of memory, you can only run one copy of this task per container
// instance"; the same sentence for 1,000 and 1,024 CPU units ("Service event messages").
func TestAWSsOwnExamples(t *testing.T) {
	small := func(i *fit.Instance) { i.Free = fit.Amounts{CPU: 1024, Memory: 1024}; i.Registered = i.Free }
	for name, needs := range map[string]fit.Amounts{"memory": {CPU: 10, Memory: 1000}, "CPU": {CPU: 1000, Memory: 10}} {
		r := fit.Evaluate(task(func(t *fit.Task) { t.Needs = needs }), []fit.Instance{instance("i-01", small), instance("i-02", small)}, 3)
		if r.Copies != 2 || r.Instances[0].Copies != 1 || r.Verdict != query.No {
			t.Errorf("%s: %d copies, %v", name, r.Copies, r.Verdict)
		}
	}
}

func TestWhatIsMissing(t *testing.T) {
	on := func(edit func(*fit.Instance)) []fit.Instance { return []fit.Instance{instance("i-01", edit)} }
	nothing := func(*fit.Instance) {}
	for name, c := range map[string]struct {
		task fit.Task
		of   []fit.Instance
		want string // reason and text
		fits query.Truth
	}{
		"nothing":  {task(), on(nothing), "", query.Yes},
		"draining": {task(), on(func(i *fit.Instance) { i.Status = "DRAINING" }), "STATUS its status is DRAINING, not ACTIVE", query.No},
		"no agent": {task(), on(func(i *fit.Instance) { i.AgentConnected = false }), "AGENT its ECS agent is not connected", query.No},
		"memory": {
			task(),
			on(func(i *fit.Instance) { i.Free.Memory = 511 }),
			"RESOURCE:MEMORY needs 512 MiB of memory, 511 free",
			query.No,
		},
		"CPU":           {task(), on(func(i *fit.Instance) { i.Free.CPU = 0 }), "RESOURCE:CPU needs 256 CPU units, 0 free", query.No},
		"overcommitted": {task(), on(func(i *fit.Instance) { i.Free.CPU = -5 }), "RESOURCE:CPU needs 256 CPU units, 0 free", query.No},
		"port of a task": {
			task(hostPort(8080)),
			on(func(i *fit.Instance) { i.InUse.TCP = append(i.InUse.TCP, 8080) }),
			"RESOURCE:PORTS host port tcp/8080 is in use",
			query.No,
		},
		// The default reserved ports (API reference, PortMapping).
		"reserved port":    {task(hostPort(22)), on(nothing), "RESOURCE:PORTS host port tcp/22 is in use", query.No},
		"the agent's port": {task(hostPort(51678)), on(nothing), "RESOURCE:PORTS host port tcp/51678 is in use", query.No},
		"another protocol": {task(func(t *fit.Task) { t.Ports.UDP = []int{22} }), on(nothing), "", query.Yes},
		"more than 100": {
			task(hostPort(8080)),
			on(func(i *fit.Instance) { i.InUse = fit.Ports{TCP: sequence(9000, 60), UDP: sequence(9000, 40)} }),
			"RESOURCE:PORTS it would have 101 host ports in use, more than 100",
			query.No,
		},
		"exactly 100": {
			task(hostPort(8080)),
			on(func(i *fit.Instance) { i.InUse = fit.Ports{TCP: sequence(9000, 60), UDP: sequence(9000, 39)} }),
			"",
			query.Yes,
		},
		"attribute": {
			task(requires("ecs.capability.efs", "")),
			on(nothing),
			"ATTRIBUTE it has no attribute ecs.capability.efs",
			query.No,
		},
		"value": {
			task(requires("stack", "prod")),
			on(attr("stack", "test")),
			"ATTRIBUTE its attribute stack is test, not prod",
			query.No,
		},
		"any value": {task(requires("stack", "")), on(attr("stack", "test")), "", query.Yes},
		"architecture": {
			task(func(t *fit.Task) { t.Arch = "ARM64" }),
			on(nothing),
			"PLATFORM its ecs.cpu-architecture is x86_64, and the task needs ARM64",
			query.No,
		},
		"same architecture": {task(func(t *fit.Task) { t.Arch = "X86_64" }), on(nothing), "", query.Yes},
		"Windows": {task(func(t *fit.Task) { t.OS = "WINDOWS_SERVER_2022_CORE" }), on(attr("ecs.os-family", "LINUX")),
			"PLATFORM its ecs.os-family is LINUX, and the task needs WINDOWS_SERVER_2022_CORE", query.No},
		"no platform": {
			task(),
			on(func(i *fit.Instance) { i.Attributes = nil }),
			"PLATFORM? it has no attribute ecs.os-type to compare with linux",
			query.Unknown,
		},
		"GPU": {task(func(t *fit.Task) { t.Needs.GPU = 1 }), on(nothing), "RESOURCE:GPU needs 1 GPUs, 0 free", query.No},
		"GPUs not known": {task(func(t *fit.Task) { t.Needs.GPU = 1 }), on(func(i *fit.Instance) { i.GPUUnknown = "tasks were not read" }),
			"RESOURCE:GPU? free GPUs: tasks were not read", query.Unknown},
		"interface": {
			task(awsvpc()),
			on(func(i *fit.Instance) { i.Free.ENI = 0 }),
			"RESOURCE:ENI needs 1 network interface for a task, 0 free",
			query.No,
		},
		"interfaces not known": {
			task(awsvpc()),
			on(func(i *fit.Instance) { i.ENIUnknown = "x9.huge" }),
			"RESOURCE:ENI? free network interfaces: x9.huge",
			query.Unknown,
		},
		"Fargate": {
			task(func(t *fit.Task) { t.Refused = "it is for Fargate only" }),
			on(nothing),
			"COMPATIBILITY it is for Fargate only",
			query.No,
		},
		"managed": {
			task(),
			on(func(i *fit.Instance) { i.NotJudged = "ECS manages it" }),
			"NOT_JUDGED? ECS manages it",
			query.Unknown,
		},
		"distinct": {task(constraint("distinctInstance", "")), on(func(i *fit.Instance) { i.Groups = []string{"service:web"} }),
			"CONSTRAINT distinctInstance: it runs a task of service:web", query.No},
		"distinct, tasks not read": {task(constraint("distinctInstance", "")), on(func(i *fit.Instance) { i.TasksUnknown = "not read" }),
			"CONSTRAINT? distinctInstance: not read", query.Unknown},
		"member": {task(constraint("memberOf", "attribute:stack == prod")), on(attr("stack", "test")),
			"CONSTRAINT memberOf attribute:stack == prod (service web) does not hold", query.No},
		"not parsed": {task(constraint("memberOf", "stack is prod")), on(nothing),
			`CONSTRAINT? cannot parse the expression "stack is prod" at character 1: "stack" is not a subject that AWS documents`, query.Unknown},
		"unknown type": {
			task(constraint("nearTo", "x")),
			on(nothing),
			`CONSTRAINT? muster does not know the constraint type "nearTo"`,
			query.Unknown,
		},
		"no subnet": {task(awsvpc("subnet-1")), []fit.Instance{instance("i-01", attr("ecs.subnet-id", "subnet-2")),
			instance("i-02", attr("ecs.subnet-id", "subnet-1"), func(i *fit.Instance) { i.Zone = "b" })},
			"SUBNET none of the service's subnets (subnet-1) is in its zone a", query.No},
		"same subnet": {task(awsvpc("subnet-1")), on(attr("ecs.subnet-id", "subnet-1")), "", query.Yes},
		"another subnet of the zone": {task(awsvpc("subnet-1")), []fit.Instance{instance("i-01", attr("ecs.subnet-id", "subnet-2")),
			instance("i-02", attr("ecs.subnet-id", "subnet-1"))}, "", query.Yes},
		"subnet without instances": {task(awsvpc("subnet-9")), on(attr("ecs.subnet-id", "subnet-2")),
			"SUBNET? it is in none of the service's subnets (subnet-9), and the zone of one of them is unknown", query.Unknown},
	} {
		r := fit.Evaluate(c.task, c.of, 1).Instances[0]
		var got []string
		for _, m := range r.Missing {
			got = append(got, reason(m.Reason, m.Unknown)+" "+m.Text)
		}
		if strings.Join(got, "; ") != c.want || r.Fits != c.fits || r.Copies > 0 != (c.fits == query.Yes) || r.Open != (c.fits == query.Unknown) {
			t.Errorf("%s: %v, %q, %d copies\nwant %v, %q", name, r.Fits, got, r.Copies, c.fits, c.want)
		}
	}
}

func hostPort(port int) func(*fit.Task) { return func(t *fit.Task) { t.Ports.TCP = []int{port} } }

func requires(name, value string) func(*fit.Task) {
	return func(t *fit.Task) { t.Attributes = append(t.Attributes, fit.Attribute{Name: name, Value: value}) }
}

func awsvpc(subnets ...string) func(*fit.Task) {
	return func(t *fit.Task) { t.Needs.ENI, t.Subnets = 1, subnets }
}

func constraint(kind, expression string) func(*fit.Task) {
	return func(t *fit.Task) {
		t.Constraints = append(t.Constraints, fit.Constraint{Type: kind, Expression: expression, Of: "service web"})
	}
}

func attr(name, value string) func(*fit.Instance) {
	return func(i *fit.Instance) { i.Attributes[name] = value }
}

func sequence(from, n int) (out []int) {
	for k := range n {
		out = append(out, from+k)
	}
	return out
}

// The limits that the developer guide's text gives for c5.large: two tasks without a trunk, ten
// with one (container-instance-eni).
func TestTaskInterfaces(t *testing.T) {
	for _, c := range []struct {
		kind  string
		trunk bool
		want  int
		known bool
	}{{"c5.large", false, 2, true}, {"c5.large", true, 10, true}, {"x9.huge", true, 0, false}, {"", false, 0, false}} {
		if got, known := fit.TaskInterfaces(c.kind, c.trunk); got != c.want || known != c.known {
			t.Errorf("%s, trunk %v: %d %v", c.kind, c.trunk, got, known)
		}
	}
}

func TestClosestLacksLeast(t *testing.T) {
	r := fit.Evaluate(task(), []fit.Instance{
		instance("i-01", func(i *fit.Instance) { i.Free.Memory = 100 }),
		instance("i-02", func(i *fit.Instance) { i.Free.Memory = 500 }),
		instance("i-03", func(i *fit.Instance) { i.Free.Memory, i.Free.CPU = 511, 255 }),
		instance("i-04"),
	}, 99)
	if got, ok := r.Closest(); !ok || got.Instance.EC2InstanceID != "i-02" {
		t.Errorf("%v, %v", got.Instance.EC2InstanceID, ok)
	}
	if _, ok := fit.Evaluate(task(), []fit.Instance{instance("i-04")}, 1).Closest(); ok {
		t.Error("every instance takes a copy")
	}
}

// The messages of AWS's page "Service event messages", of the API reference's examples, and of
// public reports.
func TestEvents(t *testing.T) {
	const unplaced = "(service web) was unable to place a task because no container instance met all of its requirements."
	const more = " For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
	for message, want := range map[string]fit.Event{
		unplaced + " The closest matching container-instance b1a73168-f8a6-4ed9-b69e-94adc7a0f1e0 has insufficient memory available." + more: {
			Closest: "b1a73168-f8a6-4ed9-b69e-94adc7a0f1e0", Reason: fit.Memory, Text: "has insufficient memory available"},
		unplaced + " The closest matching container-instance 48fccf62981f4fc2b53e62233a586fe8 has insufficient CPU units available." + more: {
			Closest: "48fccf62981f4fc2b53e62233a586fe8", Reason: fit.CPU, Text: "has insufficient CPU units available"},
		unplaced + " The closest matching (container-instance 3f4de1c5-ffdd-4954-af7e-75b4be0c8841) " +
			"is already using a port required by your task." + more: {
			Closest: "3f4de1c5-ffdd-4954-af7e-75b4be0c8841", Reason: fit.PortsTaken, Text: "is already using a port required by your task"},
		unplaced + ` The closest matching container-instance 5f encountered error "AGENT".` + more: {
			Closest: "5f", Reason: fit.Agent, Text: `encountered error "AGENT"`},
		unplaced + ` The closest matching container-instance 5f encountered error "RESOURCE:ENI".` + more: {
			Closest: "5f", Reason: fit.ENI, Text: `encountered error "RESOURCE:ENI"`},
		unplaced + " The closest matching container-instance 5f doesn't have the agent connected." + more: {
			Closest: "5f", Reason: fit.Agent, Text: "doesn't have the agent connected"},
		unplaced + " The closest matching container-instance 5f is missing an attribute required by your task." + more: {
			Closest: "5f", Reason: fit.Missed, Text: "is missing an attribute required by your task"},
		unplaced: {Text: "because no container instance met all of its requirements"},
		"(service web) was unable to place a task. Reason: Capacity is unavailable at this time.": {
			Text: "Reason: Capacity is unavailable at this time",
		},
	} {
		if got, ok := fit.ParseEvent(message); !ok || got != want {
			t.Errorf("%s\ngot  %+v %v\nwant %+v", message, got, ok, want)
		}
	}
	if _, ok := fit.ParseEvent("(service web) has reached a steady state."); ok {
		t.Error("a steady state is not about placement")
	}
	i := instance("i-01")
	for closest, want := range map[string]bool{strings.Repeat("0", 30) + "01": true, i.ARN: true, "i-01": true, "": false, "01": false} {
		if got := (fit.Event{Closest: closest}).Names(i); got != want {
			t.Errorf("%q: %v", closest, got)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add("(service web) was unable to place a task because no container instance met all of its requirements. " +
		"The closest matching (container-instance 3f4d) is already using a port required by your task. For more information, see")
	f.Add(`was unable to place a task closest matching container-instance x encountered error "RESOURCE:ENI"`)
	f.Fuzz(func(t *testing.T, message string) {
		e, ok := fit.ParseEvent(message)
		if ok != strings.Contains(message, "was unable to place a task") || !ok && e != (fit.Event{}) {
			t.Errorf("%q: %+v, %v", message, e, ok)
		}
		if !strings.Contains(message, e.Closest) || !strings.Contains(message, e.Text) {
			t.Errorf("%q: %+v is not of the message", message, e)
		}
	})
}

// Ten thousand instances with forty tasks each are evaluated, changes included, in less than a
// few seconds: nothing grows with the square of the cluster.
func TestALargeClusterIsEvaluated(t *testing.T) {
	var fleet []fit.Instance
	for n := range 10_000 {
		i := instance("i-01", func(i *fit.Instance) { i.Free = fit.Amounts{CPU: n % 200, Memory: n % 400} })
		for k := range 40 {
			group := []string{"service:a", "service:b", "service:c"}[k%3]
			i.Tasks = append(i.Tasks, fit.Placed{Group: group, Amounts: fit.Amounts{CPU: 40 + k%4, Memory: 80}})
		}
		fleet = append(fleet, i)
	}
	r := fit.Evaluate(task(), fleet, 10)
	kinds := []fit.Kind{}
	for _, c := range r.Changes {
		kinds = append(kinds, c.Kind)
	}
	if r.Verdict != query.No || !slices.Equal(kinds, []fit.Kind{fit.Resize, fit.Stop, fit.Add}) {
		t.Errorf("%v, %v", r.Verdict, r.Changes)
	}
}
