// Package fit evaluates where ECS can place copies of a task: pure, without a call.
//
//	r := fit.Evaluate(task, instances, 3)
//	r.Verdict                     // query.Yes: three copies fit
//	r.Instances[0].Missing[0]     // RESOURCE:MEMORY: 1024 MiB needed, 512 MiB free
//	r.Changes                     // what the smallest change is
//
// How ECS counts is taken from the ECS developer guide and API reference; each rule names its
// page. A task is placed on an ACTIVE container instance whose agent is connected, that has what
// the task reserves, every attribute that the task definition requires, and that every placement
// constraint allows. A strategy only orders the instances that are left, so it never decides
// whether a task fits.
package fit

import (
	"cmp"
	"fmt"
	"slices"

	"muster/internal/fleet/query"
)

// MaxPorts is how many host ports an instance can have in use, default ones among them
// (API reference, PortMapping, hostPort).
const MaxPorts = 100

// MaxCopies is the most that is counted on one instance: ECS's quota of tasks in a service.
const MaxCopies = 5000

// Amounts are what an instance has, or a task reserves.
type Amounts struct {
	CPU    int `json:"cpu"`    // units, 1,024 a vCPU
	Memory int `json:"memory"` // MiB
	GPU    int `json:"gpu,omitempty"`
	ENI    int `json:"eni,omitempty"` // network interfaces for tasks in awsvpc mode
}

func (a Amounts) plus(b Amounts) Amounts {
	return Amounts{a.CPU + b.CPU, a.Memory + b.Memory, a.GPU + b.GPU, a.ENI + b.ENI}
}

func (a Amounts) minus(b Amounts) Amounts {
	return Amounts{a.CPU - b.CPU, a.Memory - b.Memory, a.GPU - b.GPU, a.ENI - b.ENI}
}

// Ports are host ports, by protocol.
type Ports struct{ TCP, UDP []int }

func (p Ports) count() int { return len(p.TCP) + len(p.UDP) }

// both are the ports that are in p and in q.
func (p Ports) both(q Ports) Ports {
	in := func(a, b []int) (out []int) {
		for _, port := range a {
			if slices.Contains(b, port) && !slices.Contains(out, port) {
				out = append(out, port)
			}
		}
		return out
	}
	return Ports{in(p.TCP, q.TCP), in(p.UDP, q.UDP)}
}

func (p Ports) without(q Ports) Ports {
	left := func(a, b []int) []int {
		return slices.DeleteFunc(slices.Clone(a), func(port int) bool { return slices.Contains(b, port) })
	}
	return Ports{left(p.TCP, q.TCP), left(p.UDP, q.UDP)}
}

func (p Ports) plus(q Ports) Ports {
	return Ports{slices.Concat(p.TCP, q.TCP), slices.Concat(p.UDP, q.UDP)}
}

// String is "tcp/80, udp/53".
func (p Ports) String() string {
	out := ""
	for _, of := range []struct {
		protocol string
		ports    []int
	}{{"tcp", p.TCP}, {"udp", p.UDP}} {
		for _, port := range of.ports {
			if out != "" {
				out += ", "
			}
			out += fmt.Sprintf("%s/%d", of.protocol, port)
		}
	}
	return out
}

// Placed is a task that is on an instance.
type Placed struct {
	ARN, Group string
	Amounts    Amounts
	Ports      Ports // fixed host ports
	// Unknown is why the amounts are not known; empty: they are.
	Unknown string
}

// Instance is a container instance.
type Instance struct {
	query.Instance // what placement constraints ask about; Groups and RunningTasks count Tasks

	ARN, Zone, Type string
	Status          string // ACTIVE, DRAINING, ...

	Registered, Free Amounts
	InUse            Ports // by the agent and by tasks
	Reserved         Ports // by the agent alone, at registration
	Tasks            []Placed

	// Why a part of Free is not known; empty: it is.
	GPUUnknown, ENIUnknown string
	// NotJudged is why ECS's placement on this instance is not muster's to judge, such as
	// for an instance that ECS manages itself; empty: it is judged.
	NotJudged string
}

// Name is the EC2 instance id, or else the ARN.
func (i Instance) Name() string { return cmp.Or(i.EC2InstanceID, i.ARN) }

// Attribute is a required attribute. An empty value requires only that it exists.
type Attribute struct{ Name, Value string }

// Constraint is a placement constraint of a task definition or of a service.
type Constraint struct {
	Type       string // distinctInstance or memberOf
	Expression string // of memberOf
	Of         string // whose it is, such as "task definition web:7"
}

// Task is what a copy of a task needs.
type Task struct {
	Name       string // family:revision
	Group      string // of its copies: service:web or family:web
	Needs      Amounts
	Ports      Ports // fixed host ports; dynamic ones need nothing
	Attributes []Attribute
	OS, Arch   string // runtimePlatform: LINUX, X86_64; empty: any
	// Constraints are those of the task definition and of the service.
	Constraints []Constraint
	// Subnets are those that a service in awsvpc mode names; empty: any.
	Subnets []string
	// Refused is why no container instance can run it, such as a definition for Fargate
	// only; empty: one can.
	Refused string
}

// Reason is why an instance gets no copy, as ECS names it in events and failures where it does
// (developer guide, "API failures error messages" and "Service event messages").
type Reason string

// The reasons. ECS has no word of its own for the first three.
const (
	NotJudged   Reason = "NOT_JUDGED"
	Status      Reason = "STATUS"
	Launch      Reason = "COMPATIBILITY"
	Agent       Reason = "AGENT"
	Missed      Reason = "ATTRIBUTE"
	Platform    Reason = "PLATFORM"
	Subnet      Reason = "SUBNET"
	Constrained Reason = "CONSTRAINT"
	CPU         Reason = "RESOURCE:CPU"
	Memory      Reason = "RESOURCE:MEMORY"
	PortsTaken  Reason = "RESOURCE:PORTS"
	GPU         Reason = "RESOURCE:GPU"
	ENI         Reason = "RESOURCE:ENI"
)

// Missing is one thing that keeps a copy off an instance, or that may.
type Missing struct {
	Reason Reason `json:"reason"`
	// Unknown: it could not be evaluated, so nothing is claimed either way.
	Unknown bool   `json:"unknown,omitempty"`
	Text    string `json:"text"` // such as "needs 1024 MiB of memory, 512 MiB are free"
	Need    int    `json:"need,omitempty"`
	Have    int    `json:"have,omitempty"`
}
