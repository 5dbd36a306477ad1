// Package inventory models what AWS knows about an ECS cluster at one time: its container instances, services and
// tasks, and the Auto Scaling groups that launch its instances.
//
//	Inventory
//	  Cluster, Providers
//	  Instances   ECS's container instances, with what EC2 adds
//	  Services    with deployments and the latest events
//	  Groups      with scheduled actions and scaling activities
//	  Tasks       counts, never the tasks themselves
//	  Unread      what could not be read, and the IAM action that was missing
//
// It contains only values, and imports only the standard library. Package awsapi provides the values, package
// internal/fleet/survey reads a cluster, and package internal/fleet/verdict evaluates it.
package inventory

import (
	"slices"
	"strings"
	"time"

	"muster/internal/base/arn"
)

// Inventory holds the data of one cluster.
type Inventory struct {
	Region  string
	At      time.Time // start of the reading
	Cluster Cluster
	// Providers are the capacity providers of the cluster.
	Providers []Provider
	Instances []Instance // sorted by zone, then by id
	Services  []Service  // sorted by name
	Groups    []Group    // sorted by name
	Tasks     []TaskCount
	// Unread lists the parts that could not be read, once for each part and action.
	Unread []Unread
	Notes  []string // parts that were left out on purpose
	Calls  int      // number of requests, including retries
}

// Part is a part of an Inventory.
type Part string

// Parts that are read separately.
const (
	PartCluster    Part = "cluster"
	PartProviders  Part = "capacity providers"
	PartInstances  Part = "instances"
	PartEC2        Part = "EC2 instances" // launch time, state and group of the instances
	PartServices   Part = "services"
	PartTasks      Part = "tasks"
	PartGroups     Part = "groups"
	PartScheduled  Part = "scheduled actions"
	PartActivities Part = "scaling activities"
)

// Unread is a part that could not be read, or not completely.
type Unread struct {
	Part   Part
	Action string // the IAM action, such as ecs:ListTasks; empty for what was left out on purpose
	Reason string // AWS's error code, or the error's text
	Denied bool   // a permission is missing
}

// Missing returns why a part could not be read. ok is false if it was read.
func (i *Inventory) Missing(part Part) (why Unread, ok bool) {
	n := slices.IndexFunc(i.Unread, func(u Unread) bool { return u.Part == part })
	if n < 0 {
		return Unread{}, false
	}
	return i.Unread[n], true
}

// Group returns the Auto Scaling group of this name, or nil.
func (i *Inventory) Group(name string) *Group {
	n := slices.IndexFunc(i.Groups, func(g Group) bool { return g.Name == name })
	if n < 0 {
		return nil
	}
	return &i.Groups[n]
}

// Cluster is an ECS cluster (API reference, Cluster).
type Cluster struct {
	ARN, Name string
	Status    string // ACTIVE, PROVISIONING, DEPROVISIONING, FAILED, INACTIVE; empty if unknown
	Instances int    // registeredContainerInstancesCount
	Services  int    // activeServicesCount
	Running   int    // runningTasksCount
	Pending   int    // pendingTasksCount
	Providers []string
}

// Provider is a capacity provider.
type Provider struct {
	Name   string
	Status string
	// Group is the name of the Auto Scaling group. It is empty for FARGATE, FARGATE_SPOT and Managed Instances.
	Group string
	// Managed is true for ECS Managed Instances, which AWS launches and patches.
	Managed bool
	// Scaling is true if ECS sets the group's desired capacity (managed scaling).
	Scaling bool
	Target  int // targetCapacity in percent, if Scaling
}

// Kind is the kind of machine that a container instance runs on.
type Kind string

// Kinds of container instances. muster evaluates only EC2 instances.
const (
	EC2      Kind = "ec2"
	External Kind = "external" // ECS Anywhere, with IDs mi-...
	Managed  Kind = "managed"  // ECS Managed Instances
)

// Instance is a container instance.
type Instance struct {
	ARN          string
	ID           string // EC2 id i-..., or mi-... outside EC2
	Kind         Kind
	Zone, Type   string // attributes ecs.availability-zone and ecs.instance-type
	Status       string // REGISTERING, REGISTRATION_FAILED, ACTIVE, DRAINING, DEREGISTERING
	StatusReason string
	Connected    bool   // agentConnected
	Health       string // OK, IMPAIRED, INSUFFICIENT_DATA, INITIALIZING; empty if ECS returned none
	Agent        string // version of the ECS agent: 1.105.1
	Docker       string // version of Docker, as the agent reports it
	Registered   time.Time
	Running      int // number of tasks
	Pending      int
	Provider     string // capacity provider; empty if there is none
	// Total holds what the instance registered with. Free holds what no task has reserved.
	Total, Free Resources
	Attributes  []Attribute // sorted by name

	// The following fields come from EC2. They are zero if EC2 could not be read.
	State    string // pending, running, stopping, stopped, shutting-down, terminated; empty if unknown
	Launched time.Time
	Group    string // the Auto Scaling group's name, from the tag aws:autoscaling:groupName
}

// ShortARN returns the last part of the ARN.
func (i *Instance) ShortARN() string { return arn.Last(i.ARN) }

// Attribute returns the value of an attribute. ok is false if the instance does not have it.
func (i *Instance) Attribute(name string) (value string, ok bool) {
	n, found := slices.BinarySearchFunc(i.Attributes, name, func(a Attribute, name string) int { return strings.Compare(a.Name, name) })
	if !found {
		return "", false
	}
	return i.Attributes[n].Value, true
}

// VersionAttribute is the attribute that muster-agent sets to its version, with --publish-version.
const VersionAttribute = "muster.version"

// Muster returns the version that muster-agent published last. It is empty if none was published.
func (i *Instance) Muster() string {
	version, _ := i.Attribute(VersionAttribute)
	return version
}

// Resources holds amounts of resources in ECS's units.
type Resources struct {
	CPU    int // CPU units, 1024 per vCPU
	Memory int // MiB
	// TCP and UDP are sorted lists of the host ports in use. They contain the ports that the ECS agent reserves. In
	// Free they also contain the ports of tasks. Every other port is free (API reference, ContainerInstance,
	// remainingResources).
	TCP, UDP []uint16
	GPUs     []string // IDs; in Free, the ones that no task uses
}

// Attribute is an attribute of a container instance. Most built-in ones have no value.
type Attribute struct{ Name, Value string }

// TaskCount is a group of tasks with equal properties and their number.
type TaskCount struct {
	Group      string // service:NAME, family:NAME, or the group passed to RunTask
	Definition string // FAMILY:REVISION
	Zone       string
	Instance   string // ARN of the container instance; empty on Fargate
	Status     string // lastStatus: PROVISIONING, PENDING, ACTIVATING, RUNNING, ...
	Tasks      int
}

// Add adds tasks to the counts.
func Add(to map[TaskCount]int, tasks []TaskCount) {
	for _, t := range tasks {
		n := t.Tasks
		t.Tasks = 0
		to[t] += n
	}
}

// Launch holds what EC2 adds to a container instance.
type Launch struct {
	ID, State  string
	Zone, Type string
	Launched   time.Time
	Group      string // from the tag aws:autoscaling:groupName
}
