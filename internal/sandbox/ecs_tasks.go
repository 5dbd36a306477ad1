package sandbox

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"
)

// RunningTask is a running ECS task.
type RunningTask struct {
	Arn               string // generated if empty
	Service, Family   string // Family defaults to the service's name
	Group             string // defaults to service:Service, else family:Family
	ContainerInstance string // ARN; empty on Fargate
	// Interface is the task's own network interface, in awsvpc mode. A zero ID means host or bridge mode.
	Interface Interface

	Zone       string // default: the attribute ecs.availability-zone of the instance, else this instance's zone
	LastStatus string // default RUNNING
	Definition string // task definition, FAMILY:REVISION; default revision 1 of Family

	CPU, Memory string   // the reservation, in ECS's format; empty if ECS returns none
	GPUs        []string // ids of its GPUs
	HostPorts   []int    // TCP

	// Stopped is why the task stopped. It is nil for a running task.
	Stopped *TaskStop
}

// TaskStop is why a task stopped, as DescribeTasks reports it.
type TaskStop struct {
	Code, Reason string // stopCode and stoppedReason
	Containers   []ContainerStop
}

// ContainerStop is a container of a stopped task.
type ContainerStop struct {
	Name, Reason string
	ExitCode     *int // nil if the container did not run
}

const taskRunning = "RUNNING"

func (t *RunningTask) status() string { return cmp.Or(t.LastStatus, taskRunning) }

// AddTask adds a running task to a cluster, with its interface in the VPC, and returns its ARN.
func (s *Sandbox) AddTask(cluster string, t RunningTask) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.findCluster(cluster, s.opts.Region)
	if c == nil {
		c = s.setCluster(cluster, "ACTIVE")
	}
	t.Family = cmp.Or(t.Family, t.Service)
	if t.Group == "" {
		t.Group = t.group()
	}
	if t.Arn == "" {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails (crypto/rand)
		t.Arn = s.arn("ecs", "task/"+c.name+"/"+hex.EncodeToString(id[:]))
	}
	if t.Interface.ID != "" {
		if t.Interface.Type == "" {
			t.Interface.Type = "branch"
		}
		s.vpc.addInterface(t.Interface)
	}
	c.tasks = append(c.tasks, &t)
	c.byTask[t.Arn] = &t
	if t.status() == taskRunning {
		c.running[t.ContainerInstance]++
	} else {
		c.pending[t.ContainerInstance]++
	}
	return t.Arn
}

// group returns the group of the task, or the default of RunTask.
func (t *RunningTask) group() string {
	if t.Service != "" {
		return "service:" + t.Service
	}
	return "family:" + t.Family
}

func (s *Sandbox) listTasks(r *request) (any, *apiError) {
	var in struct {
		pageRequest
		Cluster, ServiceName, Family, DesiredStatus string
	}
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	c := s.findCluster(in.Cluster, r.region)
	if c == nil {
		return nil, &errClusterNotFound
	}
	if in.ServiceName != "" && !slices.ContainsFunc(c.tasks, func(t *RunningTask) bool { return t.Service == in.ServiceName }) {
		return nil, invalid("ServiceNotFoundException", "Service not found.")
	}
	var arns []string
	for _, t := range c.tasks {
		stopped := t.Stopped != nil
		if stopped != (in.DesiredStatus == "STOPPED") {
			continue
		}
		if (in.ServiceName == "" || t.Service == in.ServiceName) && (in.Family == "" || t.Family == in.Family) {
			arns = append(arns, t.Arn)
		}
	}
	return in.page("taskArns", arns)
}

type taskShape struct {
	TaskArn              string       `json:"taskArn"`
	ClusterArn           string       `json:"clusterArn"`
	ContainerInstanceArn string       `json:"containerInstanceArn,omitempty"`
	Group                string       `json:"group"`
	LastStatus           string       `json:"lastStatus"`
	DesiredStatus        string       `json:"desiredStatus"`
	Attachments          []attachment `json:"attachments"`
	TaskDefinitionArn    string       `json:"taskDefinitionArn"`
	AvailabilityZone     string       `json:"availabilityZone"`
	CPU                  string       `json:"cpu,omitempty"`
	Memory               string       `json:"memory,omitempty"`

	StopCode      string           `json:"stopCode,omitempty"`
	StoppedReason string           `json:"stoppedReason,omitempty"`
	Containers    []containerShape `json:"containers,omitempty"`
}

type containerShape struct {
	Name       string           `json:"name"`
	LastStatus string           `json:"lastStatus,omitempty"`
	Reason     string           `json:"reason,omitempty"`
	ExitCode   *int             `json:"exitCode,omitempty"`
	GPUs       []string         `json:"gpuIds,omitempty"`
	Bindings   []networkBinding `json:"networkBindings,omitempty"`
}

type networkBinding struct {
	HostPort int    `json:"hostPort"`
	Protocol string `json:"protocol"`
}

// task accepts an ARN or its last part.
func (c *cluster) task(ref string) *RunningTask {
	if t := c.byTask[ref]; t != nil {
		return t
	}
	n := slices.IndexFunc(c.tasks, func(t *RunningTask) bool { return strings.HasSuffix(t.Arn, "/"+ref) })
	if n < 0 {
		return nil
	}
	return c.tasks[n]
}

// taskZone returns the zone of a task: its own, its instance's, or that of the sandbox's instance.
func (s *Sandbox) taskZone(c *cluster, t *RunningTask) string {
	zone := t.Zone
	if ci := c.byInstance[t.ContainerInstance]; ci != nil && zone == "" {
		for _, a := range ci.Attributes {
			if a.Name == "ecs.availability-zone" {
				zone = a.Value
			}
		}
	}
	return cmp.Or(zone, s.zone())
}

type attachment struct {
	Type    string      `json:"type"`
	Status  string      `json:"status"`
	Details []Attribute `json:"details"`
}

func (s *Sandbox) describeTasks(r *request) (any, *apiError) {
	var in struct {
		Cluster string
		Tasks   []string
	}
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	c := s.findCluster(in.Cluster, r.region)
	switch {
	case c == nil:
		return nil, &errClusterNotFound
	case len(in.Tasks) == 0 || len(in.Tasks) > 100:
		return nil, invalid("InvalidParameterException", "Tasks must be 1 to 100.")
	}
	out := struct {
		Tasks    []taskShape `json:"tasks"`
		Failures []failure   `json:"failures"`
	}{[]taskShape{}, []failure{}}
	for _, ref := range in.Tasks {
		t := c.task(ref)
		if t == nil {
			out.Failures = append(out.Failures, failure{ref, "MISSING"})
			continue
		}
		out.Tasks = append(out.Tasks, s.showTask(c, t))
	}
	return out, nil
}

func (s *Sandbox) showTask(c *cluster, t *RunningTask) taskShape {
	out := taskShape{TaskArn: t.Arn, ClusterArn: s.arn("ecs", "cluster/"+c.name), ContainerInstanceArn: t.ContainerInstance,
		Group: t.Group, LastStatus: t.status(), DesiredStatus: taskRunning, Attachments: []attachment{},
		TaskDefinitionArn: s.arn("ecs", "task-definition/"+cmp.Or(t.Definition, t.Family+":1")), AvailabilityZone: s.taskZone(c, t),
		CPU: t.CPU, Memory: t.Memory}
	if len(t.GPUs)+len(t.HostPorts) > 0 {
		one := containerShape{Name: "app", GPUs: t.GPUs}
		for _, port := range t.HostPorts {
			one.Bindings = append(one.Bindings, networkBinding{port, "tcp"})
		}
		out.Containers = []containerShape{one}
	}
	if stop := t.Stopped; stop != nil {
		out.LastStatus, out.DesiredStatus, out.StopCode, out.StoppedReason = "STOPPED", "STOPPED", stop.Code, stop.Reason
		for _, c := range stop.Containers {
			out.Containers = append(out.Containers, containerShape{Name: c.Name, LastStatus: "STOPPED", Reason: c.Reason, ExitCode: c.ExitCode})
		}
	}
	if t.Interface.ID != "" {
		a := attachment{"ElasticNetworkInterface", "ATTACHED", []Attribute{{"networkInterfaceId", t.Interface.ID}}}
		for _, addr := range t.Interface.Addrs {
			if !strings.Contains(addr, ":") {
				a.Details = append(a.Details, Attribute{"privateIPv4Address", addr})
				break
			}
		}
		out.Attachments = append(out.Attachments, a)
	}
	return out
}
