package fleet

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"muster/internal/awsapi"
)

// member is a peer before its network interface is known. Which of instance, eni
// and addr is set says how to find that.
type member struct {
	name     string
	instance string     // EC2 id
	eni      string     // of an awsvpc task
	addr     netip.Addr // given by hand, or of the task
	self     bool
}

// finder collects the members, each once.
type finder struct {
	api   Members
	s     Selector
	found []member
	notes []string
}

// find sorts the members by name, so that two runs list them alike: ECS does not
// promise an order. Addresses stay as they were given.
func find(ctx context.Context, api Members, s Selector) ([]member, []string, error) {
	f := &finder{api: api, s: s}
	err := f.find(ctx)
	if len(s.Addresses) == 0 {
		slices.SortFunc(f.found, func(a, b member) int { return strings.Compare(a.name, b.name) })
	}
	return f.found, f.notes, err
}

func (f *finder) find(ctx context.Context) error {
	switch {
	case len(f.s.Addresses) > 0:
		for _, a := range f.s.Addresses {
			a = a.Unmap().WithZone("")
			f.add(member{name: a.String(), addr: a})
		}
		f.addSelf("")
		return nil
	case f.s.Group != "":
		ids, err := f.api.GroupInstances(ctx, f.s.Group)
		f.addInstances(ids)
		f.addSelf("Auto Scaling group " + f.s.Group)
		return err
	case f.s.Service != "" || f.s.Family != "":
		return f.tasks(ctx)
	}
	arns, err := f.api.ListContainerInstances(ctx, f.s.Cluster, "")
	if err != nil {
		return err
	}
	err = f.containerInstances(ctx, arns)
	f.addSelf("cluster " + f.s.Cluster)
	return err
}

func (f *finder) note(format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

func (f *finder) add(m member) {
	same := func(o member) bool { return o.name == m.name }
	if !slices.ContainsFunc(f.found, same) {
		f.found = append(f.found, m)
	}
}

// addInstances leaves out ECS Anywhere: an mi-... is no EC2 instance, and EC2
// refuses a whole call for it.
func (f *finder) addInstances(ids []string) {
	for _, id := range ids {
		if !strings.HasPrefix(id, "i-") {
			f.note("%q is left out: it is not an EC2 instance", id)
			continue
		}
		f.add(member{name: id, instance: id, self: id == f.s.Self})
	}
}

// addSelf makes the asking instance one of the peers, if it is not: it may not have
// registered yet, or not have started its task.
func (f *finder) addSelf(of string) {
	if f.s.Self == "" || slices.ContainsFunc(f.found, func(m member) bool { return m.self }) {
		return
	}
	if of != "" {
		f.note("%s is not in %s yet; it is judged as if it were", f.s.Self, of)
	}
	f.addInstances([]string{f.s.Self})
}

func (f *finder) containerInstances(ctx context.Context, arns []string) error {
	all, err := f.api.ContainerInstances(ctx, f.s.Cluster, arns)
	for _, ci := range all {
		f.addInstances([]string{ci.EC2InstanceID})
	}
	return err
}

// tasks finds awsvpc tasks by their own interfaces, and all others by their
// instances.
func (f *finder) tasks(ctx context.Context) error {
	var own []awsapi.Task
	var hosts []string
	for page, err := range f.api.Tasks(ctx, f.s.Cluster, f.s.Service, f.s.Family) {
		if err != nil {
			return err
		}
		for _, t := range page {
			switch {
			case t.Interface != "":
				own = append(own, t)
			case t.ContainerInstance != "":
				hosts = append(hosts, t.ContainerInstance)
			default:
				f.note("task %s is left out: it has neither a network interface nor a container instance", short(t.ARN))
			}
		}
		if f.s.Service != "" && len(own) == 0 && len(page) >= manyTasks {
			return f.hostsOfService(ctx)
		}
	}
	slices.Sort(hosts)
	if err := f.containerInstances(ctx, slices.Compact(hosts)); err != nil {
		return err
	}
	return f.ownInterfaces(ctx, own)
}

// manyTasks is a full page of tasks.
const manyTasks = 100

// hostsOfService asks ECS for the instances that run the service's tasks. For many
// tasks on as many instances this takes a third fewer calls than by the tasks; it
// needs to be known that they have no interfaces of their own, and that is the
// same for all tasks of a service as long as its network mode is not changed.
func (f *finder) hostsOfService(ctx context.Context) error {
	arns, err := f.api.ListContainerInstances(ctx, f.s.Cluster, "task:group == service:"+short(f.s.Service))
	if err != nil {
		return err
	}
	err = f.containerInstances(ctx, arns)
	f.addSelf("the tasks of " + f.s.Service)
	return err
}

// ownInterfaces adds the awsvpc tasks. Which of them run here is a question to ECS,
// because the interface does not say on whose trunk it is.
func (f *finder) ownInterfaces(ctx context.Context, tasks []awsapi.Task) error {
	here := map[string]bool{}
	if len(tasks) == 0 {
		f.addSelf("the tasks of " + f.s.Service + f.s.Family)
	} else if f.s.Self != "" {
		arns, err := f.api.ListContainerInstances(ctx, f.s.Cluster, "ec2InstanceId == "+f.s.Self)
		if err != nil {
			return err
		}
		for _, arn := range arns {
			here[arn] = true
		}
	}
	for _, t := range tasks {
		f.add(member{name: "task " + short(t.ARN), eni: t.Interface, addr: t.Addr, self: here[t.ContainerInstance]})
	}
	if n := len(slices.DeleteFunc(slices.Clone(f.found), func(m member) bool { return !m.self })); f.s.Self != "" && n != 1 {
		f.note("%d of these tasks run on %s", n, f.s.Self)
	}
	return nil
}

// short is the last part of an ARN.
func short(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }
