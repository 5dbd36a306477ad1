// Package fit evaluates where ECS can place copies of a task. It is pure and makes no calls.
//
//	r := fit.Evaluate(task, instances, 3)
//	r.Verdict                     // query.Yes: three copies fit
//	r.Instances[0].Missing[0]     // RESOURCE:MEMORY: 1024 MiB needed, 512 MiB free
//	r.Changes                     // the smallest changes that let them fit
//
// The rules come from the ECS developer guide and API reference. Each rule names its page. ECS places a task on an
// ACTIVE container instance with a connected agent. The instance must have what the task reserves, and every attribute
// that the task definition requires. Every placement constraint must allow it. A strategy only orders the remaining
// instances, so it never decides whether a task fits.
package fit

import (
	"cmp"
	"fmt"
	"slices"

	"muster/internal/fleet/query"
)

// MaxPorts is the maximum number of host ports in use on an instance, including the default ones (API reference,
// PortMapping, hostPort).
const MaxPorts = 100

// MaxCopies is the maximum number of copies counted on one instance. It is ECS's quota for the tasks of a service.
const MaxCopies = 5000

// Amounts holds the resources that an instance has or a task reserves.
type Amounts struct {
	CPU    int `json:"cpu"`    // units, 1,024 per vCPU
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

// Ports holds host ports by protocol.
type Ports struct{ TCP, UDP []int }

func (p Ports) count() int { return len(p.TCP) + len(p.UDP) }

// both returns the ports that are in p and in q.
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

// String returns text such as "tcp/80, udp/53".
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

// Placed is a task on an instance.
type Placed struct {
	ARN, Group string
	Amounts    Amounts
	Ports      Ports // fixed host ports
	// Unknown is the reason why the amounts are unknown. It is empty if they are known.
	Unknown string
}

// Instance is a container instance.
type Instance struct {
	query.Instance // the data for placement constraints; Groups and RunningTasks count Tasks

	ARN, Zone, Type string
	Status          string // ACTIVE, DRAINING, ...

	Registered, Free Amounts
	InUse            Ports // by the agent and by tasks
	Reserved         Ports // only by the agent, since the registration
	Tasks            []Placed

	// Reasons why a part of Free is unknown. They are empty if it is known.
	GPUUnknown, ENIUnknown string
	// NotJudged is the reason why muster does not evaluate ECS's placement on this instance, for example because ECS
	// manages it. It is empty if muster evaluates the instance.
	NotJudged string
}

// Name returns the EC2 instance ID, or else the ARN.
func (i Instance) Name() string { return cmp.Or(i.EC2InstanceID, i.ARN) }

// Attribute is a required attribute. An empty value requires only that it exists.
type Attribute struct{ Name, Value string }

// Constraint is a placement constraint of a task definition or of a service.
type Constraint struct {
	Type       string // distinctInstance or memberOf
	Expression string // for memberOf
	Of         string // the owner of the constraint, such as "task definition web:7"
}

// Task holds the requirements of a copy of a task.
type Task struct {
	Name       string // family:revision
	Group      string // group of the copies: service:web or family:web
	Needs      Amounts
	Ports      Ports // fixed host ports, without dynamic ones
	Attributes []Attribute
	OS, Arch   string // runtimePlatform: LINUX, X86_64; empty means any
	// Constraints are the placement constraints of the task definition and of the service.
	Constraints []Constraint
	// Subnets are the subnets of a service in awsvpc mode. No subnets means any.
	Subnets []string
	// Refused is the reason why no container instance can run the task, such as a definition for Fargate only. It is
	// empty if one can.
	Refused string
}

// Reason is why an instance gets no copy. It is ECS's own name in events and failures, if there is one (developer
// guide, "API failures error messages" and "Service event messages").
type Reason string

// Reasons. ECS has no name for the first three.
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

// Missing is something that prevents, or may prevent, a copy on an instance.
type Missing struct {
	Reason Reason `json:"reason"`
	// Unknown is true if it could not be evaluated, so that it makes no claim either way.
	Unknown bool   `json:"unknown,omitempty"`
	Text    string `json:"text"` // such as "needs 1024 MiB of memory, 512 MiB are free"
	Need    int    `json:"need,omitempty"`
	Have    int    `json:"have,omitempty"`
}
