// Package capacity reads the input of package fit: a task definition or a service, and the container instances of a
// cluster with their tasks.
//
//	calls   task definition 1, service 1, container instances 2 per 100, tasks 2 per 100,
//	        1 per 100 instance types for a task in awsvpc mode, and 2 for what a service's tasks used
//
// If a call is denied, its data is unknown, with the IAM action. The instances are still evaluated with the data that
// is known.
package capacity

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"muster/internal/awsapi"
	"muster/internal/base/arn"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/base/nearest"
	"muster/internal/fleet/fit"
	"muster/internal/fleet/inventory"
	"muster/internal/fleet/query"
)

// API is the AWS API that is used.
type API interface {
	TaskDefinition(ctx context.Context, ref string) (awsapi.Definition, error)
	TaskFamilies(ctx context.Context) ([]string, error)
	Service(ctx context.Context, cluster, name string) (awsapi.PlacedService, error)
	ServiceARNs(ctx context.Context, cluster string) iter.Seq2[[]string, error]
	ClusterNames(ctx context.Context) ([]string, error)
	ContainerInstanceARNs(ctx context.Context, cluster, filter string) iter.Seq2[[]string, error]
	DescribeInstances(ctx context.Context, cluster string, arns []string) ([]inventory.Instance, error)
	TaskARNs(ctx context.Context, cluster string) iter.Seq2[[]string, error]
	PlacedTasks(ctx context.Context, cluster string, arns []string) ([]awsapi.PlacedTask, error)
	InterfaceLimits(ctx context.Context, kinds []string) (map[string]int, error)
	DescribeProviders(ctx context.Context, cluster string) ([]inventory.Provider, error)
	HighestMetric(ctx context.Context, namespace, name string, dimensions []awsapi.Dimension, since time.Time) (*float64, int, error)
	Region() string
}

// Question holds the arguments of an evaluation.
type Question struct {
	Cluster    string
	Definition string // FAMILY, FAMILY:REVISION or ARN; empty if Service is set
	Service    string
	Count      int // number of copies; 0 means one, or as many as the service lacks
}

// Answer holds the evaluation and its sources.
type Answer struct {
	fit.Report
	Cluster, Region string
	Definition      awsapi.Definition
	Service         *inventory.Service // nil if the question names no service
	// Event is the service's latest event about a task that could not be placed, or nil.
	Event   *fit.Event
	EventAt time.Time
	Used    *Used // nil if the question names no service
	Notes   []string
}

// Evaluate reads the data and evaluates it. Its error has an exit code and a fix.
func Evaluate(ctx context.Context, api API, q Question) (*Answer, error) {
	r := &reader{api: api, q: q, out: &Answer{Cluster: q.Cluster, Region: api.Region()}}
	task, count, err := r.task(ctx)
	if err != nil {
		return nil, err
	}
	instances, err := r.instances(ctx, task)
	if err != nil {
		return nil, err
	}
	r.out.Report = fit.Evaluate(task, instances, count)
	if r.q.Service != "" {
		r.out.Used = r.used(ctx)
	}
	return r.out, nil
}

type reader struct {
	api API
	q   Question
	out *Answer
}

func (r *reader) note(format string, args ...any) {
	r.out.Notes = append(r.out.Notes, fmt.Sprintf(format, args...))
}

// task reads the task definition, and the service if the question names one.
func (r *reader) task(ctx context.Context) (t fit.Task, count int, err error) {
	ref, count := r.q.Definition, max(r.q.Count, 1)
	var subnets []string
	var more []fit.Constraint
	if r.q.Service != "" {
		s, err := r.service(ctx)
		if err != nil {
			return t, 0, err
		}
		ref, subnets = s.Definition, s.Subnets
		for _, c := range s.Constraints {
			more = append(more, fit.Constraint{Type: c.Type, Expression: c.Expression, Of: "service " + s.Name})
		}
		if r.q.Count == 0 {
			count = max(1, s.Desired-s.Running)
		}
	}
	d, err := r.api.TaskDefinition(ctx, ref)
	if err != nil {
		return t, 0, r.noDefinition(ctx, ref, err)
	}
	r.out.Definition = d
	if d.Status != "ACTIVE" {
		if r.q.Service == "" {
			return t, 0, r.inactive(d)
		}
		r.note("task definition %s is %s; the service keeps using it", d.Task.Name, d.Status)
	}
	t = d.Task
	if r.q.Service != "" {
		t.Group, t.Subnets = "service:"+r.out.Service.Name, subnets
	}
	t.Constraints = append(t.Constraints, more...)
	return t, count, nil
}

func (r *reader) service(ctx context.Context) (awsapi.PlacedService, error) {
	s, err := r.api.Service(ctx, r.q.Cluster, r.q.Service)
	switch {
	case errors.Is(err, awsapi.ErrNoSuchCluster):
		return s, r.noCluster(ctx, err)
	case errors.Is(err, awsapi.ErrNoSuchService):
		names, listed := r.serviceNames(ctx)
		return s, exitcode.Wrap(exitcode.Usage, fix.Wrap(near(err, r.q.Service, names, listed),
			fix.Do("List the services of the cluster:", "aws ecs list-services --cluster "+r.q.Cluster+" --region "+r.api.Region())))
	case err != nil:
		return s, exitcode.Wrap(exitcode.Undetermined, err)
	}
	r.out.Service = &s.Service
	for _, e := range s.Events {
		if event, ok := fit.ParseEvent(e.Message); ok {
			r.out.Event, r.out.EventAt = &event, e.At
			break
		}
	}
	if s.LaunchType == "FARGATE" {
		r.note("the service runs on Fargate, where ECS places no task on an instance")
	}
	if s.Scheduling == "DAEMON" {
		r.note("a daemon service runs one copy on each instance that its constraints allow, so the number of copies does not apply")
	}
	return s, nil
}

func (r *reader) serviceNames(ctx context.Context) (names []string, err error) {
	for arns, err := range r.api.ServiceARNs(ctx, r.q.Cluster) {
		if err != nil {
			return names, err
		}
		for _, service := range arns {
			names = append(names, arn.Last(service))
		}
		if len(names) >= 300 {
			return names, nil
		}
	}
	return names, nil
}

// near adds similar names to an error, or why they could not be listed.
func near(err error, want string, names []string, listed error) error {
	if listed != nil {
		return fmt.Errorf("%w; could not look for similar names: %v", err, listed) //nolint:errorlint // the first is the error
	}
	if hint := nearest.Hint(want, names, ""); hint != "" {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}

func (r *reader) noCluster(ctx context.Context, err error) error {
	names, listed := r.api.ClusterNames(ctx)
	return exitcode.Wrap(exitcode.Usage, fix.Wrap(near(err, r.q.Cluster, names, listed),
		fix.Do("List the clusters of the region:", "aws ecs list-clusters --region "+r.api.Region())))
}

// noDefinition adds similar families, or the revisions of the family, to an error.
func (r *reader) noDefinition(ctx context.Context, ref string, err error) error {
	if !errors.Is(err, awsapi.ErrNoSuchDefinition) {
		return exitcode.Wrap(exitcode.Undetermined, err)
	}
	family, _, _ := strings.Cut(arn.Last(ref), ":")
	families, listed := r.api.TaskFamilies(ctx)
	if !slices.Contains(families, family) {
		err = near(err, family, families, listed)
	}
	return exitcode.Wrap(exitcode.Usage, fix.Wrap(err, r.listDefinitions(family)))
}

func (r *reader) inactive(d awsapi.Definition) error {
	return exitcode.Wrap(exitcode.Usage, fix.Wrap(
		fmt.Errorf("task definition %s is %s: ECS starts no new task from it", d.Task.Name, d.Status), r.listDefinitions(d.Family)))
}

func (r *reader) listDefinitions(family string) fix.Fix {
	return fix.Do("List the active task definitions of the family:",
		fmt.Sprintf("aws ecs list-task-definitions --family-prefix %s --status ACTIVE --region %s", family, r.api.Region()))
}

// instances reads the container instances and their tasks.
func (r *reader) instances(ctx context.Context, t fit.Task) ([]fit.Instance, error) {
	var all []inventory.Instance
	for arns, err := range r.api.ContainerInstanceARNs(ctx, r.q.Cluster, "") {
		var some []inventory.Instance
		if err == nil {
			some, err = r.api.DescribeInstances(ctx, r.q.Cluster, arns)
		}
		switch {
		case errors.Is(err, awsapi.ErrNoSuchCluster):
			return nil, r.noCluster(ctx, err)
		case err != nil:
			return nil, exitcode.Wrap(exitcode.Undetermined, err)
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		r.note("the cluster has no container instances, so nothing can be placed on one")
	}
	placed, unread := r.tasks(ctx, len(all))
	managed := r.managed(ctx, all)
	limits := r.limits(ctx, t, all)
	var out []fit.Instance
	for i := range all {
		one := instance(&all[i], placed[all[i].ARN], unread)
		if managed[all[i].Provider] {
			one.NotJudged = "ECS manages this instance and launches others as tasks need them: muster does not evaluate its placement"
		}
		interfaces(&one, limits, unread)
		out = append(out, one)
	}
	return out, nil
}

// tasks reads the placed tasks by instance. unread is the reason if they are unknown.
func (r *reader) tasks(ctx context.Context, instances int) (by map[string][]fit.Placed, unread string) {
	by = map[string][]fit.Placed{}
	if instances == 0 {
		return by, ""
	}
	for arns, err := range r.api.TaskARNs(ctx, r.q.Cluster) {
		var some []awsapi.PlacedTask
		if err == nil {
			some, err = r.api.PlacedTasks(ctx, r.q.Cluster, arns)
		}
		if err != nil {
			r.note("the tasks of the instances are not known: %v", err)
			return map[string][]fit.Placed{}, "the tasks of the instance could not be read"
		}
		for _, t := range some {
			by[t.Instance] = append(by[t.Instance], t.Placed)
		}
	}
	return by, ""
}

// managed returns the capacity providers of Managed Instances. It makes a call only if an instance has a capacity
// provider.
func (r *reader) managed(ctx context.Context, all []inventory.Instance) map[string]bool {
	out := map[string]bool{}
	if !slices.ContainsFunc(all, func(i inventory.Instance) bool { return i.Provider != "" }) {
		return out
	}
	providers, err := r.api.DescribeProviders(ctx, r.q.Cluster)
	if err != nil {
		r.note("could not check whether instances are Managed Instances: %v", err)
	}
	for _, p := range providers {
		out[p.Name] = p.Managed
	}
	return out
}

// limits requests from EC2 how many network interfaces the instance types have, if the task needs one.
func (r *reader) limits(ctx context.Context, t fit.Task, all []inventory.Instance) map[string]int {
	if t.Needs.ENI == 0 {
		return nil
	}
	var kinds []string
	for _, i := range all {
		if i.Type != "" && i.Kind == inventory.EC2 && !slices.Contains(kinds, i.Type) {
			kinds = append(kinds, i.Type)
		}
	}
	if len(kinds) == 0 {
		return nil
	}
	limits, err := r.api.InterfaceLimits(ctx, kinds)
	if err != nil {
		r.note("the limits of network interfaces come from muster's table: %v", err)
	}
	return limits
}

func instance(i *inventory.Instance, tasks []fit.Placed, unread string) fit.Instance {
	out := fit.Instance{
		Instance: query.Instance{
			EC2InstanceID: i.ID, AgentConnected: i.Connected, AgentVersion: i.Agent, RegisteredAt: i.Registered,
			RunningTasks: i.Running, Attributes: map[string]string{}, TasksUnknown: unread,
		},
		ARN: i.ARN, Zone: i.Zone, Type: i.Type, Status: i.Status, Tasks: tasks,
		Registered: fit.Amounts{CPU: i.Total.CPU, Memory: i.Total.Memory, GPU: len(i.Total.GPUs)},
		Free:       fit.Amounts{CPU: i.Free.CPU, Memory: i.Free.Memory},
		Reserved:   fit.Ports{TCP: integers(i.Total.TCP), UDP: integers(i.Total.UDP)},
		InUse:      fit.Ports{TCP: integers(i.Free.TCP), UDP: integers(i.Free.UDP)},
	}
	for _, a := range i.Attributes {
		out.Attributes[a.Name] = a.Value
	}
	for _, t := range tasks {
		out.Groups = append(out.Groups, t.Group)
	}
	if i.Kind == inventory.External {
		out.NotJudged = "it is an external instance (ECS Anywhere), which muster does not evaluate"
	}
	gpus(&out, unread)
	return out
}

// gpus counts the GPUs that no task uses. AWS does not document the content of remainingResources for GPUs.
func gpus(i *fit.Instance, unread string) {
	i.Free.GPU = i.Registered.GPU
	if i.Registered.GPU == 0 {
		return
	}
	i.GPUUnknown = unread
	for _, t := range i.Tasks {
		i.Free.GPU -= t.Amounts.GPU
	}
}

// interfaces sets how many tasks in awsvpc mode the instance can run. EC2's limit includes the primary interface
// (developer guide, container-instance-eni). With a trunk, ECS's own limit applies.
func interfaces(i *fit.Instance, limits map[string]int, unread string) {
	_, trunk := i.Attributes["ecs.awsvpc-trunk-id"]
	limit, known := fit.TaskInterfaces(i.Type, trunk)
	if most := limits[i.Type]; most > 0 && !trunk {
		limit, known = most-1, true
	}
	switch {
	case !known && trunk:
		i.ENIUnknown = "muster does not know the limit of type " + i.Type + " with a trunk interface"
	case !known:
		i.ENIUnknown = "muster does not know the limit of type " + i.Type
	case unread != "":
		i.ENIUnknown = unread
	}
	i.Registered.ENI, i.Free.ENI = limit, limit
	for _, t := range i.Tasks {
		i.Free.ENI -= t.Amounts.ENI
	}
}

func integers(ports []uint16) (out []int) {
	for _, p := range ports {
		out = append(out, int(p))
	}
	return out
}
