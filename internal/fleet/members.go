package fleet

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"muster/internal/awsapi"
	"muster/internal/base/arn"
)

// member is a peer whose network interface has not been found yet. The field that is set, instance, eni or addr,
// determines how it is found.
type member struct {
	name     string
	instance string     // EC2 id
	eni      string     // interface of an awsvpc task
	addr     netip.Addr // a given address, or the task's
	unread   string     // for a placeholder of peers that were not queried: the reason
	self     bool
}

// finder collects the members, each only once.
type finder struct {
	api   Members
	s     Selector
	found []member
	names map[string]bool // names of the members found so far
	notes []string
}

// find returns the members sorted by name, because ECS returns them in no fixed order. Given addresses keep their
// order.
func find(ctx context.Context, api Members, s Selector) ([]member, []string, error) {
	f := &finder{api: api, s: s, names: map[string]bool{}}
	err := f.find(ctx)
	if len(s.Addresses) == 0 {
		slices.SortFunc(f.found, func(a, b member) int { return strings.Compare(a.name, b.name) })
	}
	return f.found, f.notes, err
}

func (f *finder) find(ctx context.Context) error {
	switch {
	case len(f.s.Addresses) > 0:
		f.add(byHand(f.s.Addresses...)...)
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
	return f.cluster(ctx)
}

func (f *finder) cluster(ctx context.Context) error {
	arns, more, err := f.arns(ctx, "", f.s.Brief)
	if err != nil {
		return err
	}
	err = f.containerInstances(ctx, arns)
	if more {
		f.note("only the first %d container instances of cluster %s are evaluated", len(arns), f.s.Cluster)
		f.addSelf("")
	}
	f.addSelf("cluster " + f.s.Cluster)
	return err
}

// arns lists container instances. With brief, it reads only one page. more is true if that page was full, because there
// may be others.
func (f *finder) arns(ctx context.Context, filter string, brief bool) (all []string, more bool, err error) {
	for page, err := range f.api.ContainerInstanceARNs(ctx, f.s.Cluster, filter) {
		if all = append(all, page...); err != nil || brief {
			return all, len(page) >= fullPage, err
		}
	}
	return all, false, nil
}

func (f *finder) note(format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

func (f *finder) add(members ...member) {
	for _, m := range members {
		if !f.names[m.name] {
			f.names[m.name] = true
			f.found = append(f.found, m)
		}
	}
}

// byHand returns the members with the given addresses.
func byHand(addrs ...netip.Addr) []member {
	var out []member
	for _, a := range addrs {
		a = a.Unmap().WithZone("")
		out = append(out, member{name: a.String(), addr: a})
	}
	return out
}

// addInstances leaves out ECS Anywhere instances (mi-...). They are not EC2 instances, and EC2 would reject the whole
// call.
func (f *finder) addInstances(ids []string) {
	for _, id := range ids {
		if !strings.HasPrefix(id, "i-") {
			f.note("%q is left out: it is not an EC2 instance", id)
			continue
		}
		f.add(member{name: id, instance: id, self: id == f.s.Self})
	}
}

// addSelf adds this instance to the peers if it is missing. It may not have registered yet, or not have started its
// task.
func (f *finder) addSelf(of string) {
	if f.s.Self == "" || slices.ContainsFunc(f.found, func(m member) bool { return m.self }) {
		return
	}
	if of != "" {
		f.note("%s is not in %s yet; it is evaluated as if it were", f.s.Self, of)
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

// tasks finds awsvpc tasks by their own interfaces, and all other tasks by their instances.
func (f *finder) tasks(ctx context.Context) error {
	var own []awsapi.Task
	hosts, calls := map[string]bool{}, 0
	for page, err := range f.api.Tasks(ctx, f.s.Cluster, f.s.Service, f.s.Family) {
		if err != nil {
			return err
		}
		for _, t := range page {
			switch {
			case t.Interface != "":
				own = append(own, t)
			case t.ContainerInstance != "":
				hosts[t.ContainerInstance] = true
			default:
				f.note("task %s is left out: it has neither a network interface nor a container instance", arn.Last(t.ARN))
			}
		}
		calls += 2
		full := len(page) >= fullPage && len(own) == 0
		if full && calls == 2 {
			if done, err := f.hosts(ctx, page); done || err != nil {
				return err
			}
		}
		if full && !f.s.AllTasks && calls+len(hosts)/fullPage+3 > hostCalls {
			f.add(member{name: "further tasks of " + f.s.Family, unread: fmt.Sprintf("family %s has more than the %d tasks that 30 API calls "+
				"find; --all-tasks finds all", f.s.Family, calls/2*fullPage)})
			break
		}
	}
	if err := f.containerInstances(ctx, slices.Sorted(maps.Keys(hosts))); err != nil {
		return err
	}
	return f.ownInterfaces(ctx, own)
}

// hostCalls limits the ECS calls, so that enough of the 30 calls for 1,000 peers remain for EC2. A hundred tasks in
// host mode take one ListTasks, one DescribeTasks and, if they run on as many instances, one
// DescribeContainerInstances.
const hostCalls = 21

// fullPage is the maximum number of items in a page of ECS.
const fullPage = 100

// hosts requests the instances that run the tasks instead of the tasks themselves, if there are many tasks. With one
// task per instance, this takes a third fewer calls. It requires that the tasks have no interfaces of their own. That
// is the same for all tasks of a service, as long as its network mode does not change.
//
// The groups of all tasks of a family are known only after all tasks were read. But if every instance that runs any
// task also runs a task of a group that was seen, then no other instance can run another task of the family.
func (f *finder) hosts(ctx context.Context, seen []awsapi.Task) (done bool, err error) {
	filter := "task:group == service:" + arn.Last(f.s.Service)
	if f.s.Service == "" {
		if filter = groupsOf(seen, f.s.Family); filter == "" {
			return false, nil
		}
		others, _, err := f.arns(ctx, "runningTasksCount > 0 and not("+filter+")", true)
		if err != nil || len(others) > 0 {
			return false, err
		}
	}
	arns, _, err := f.arns(ctx, filter, false)
	if err != nil {
		return false, err
	}
	err = f.containerInstances(ctx, arns)
	f.addSelf("the tasks of " + f.s.Service + f.s.Family)
	return true, err
}

// groupsOf returns a filter for the hosts of the tasks' groups, in the cluster query language. It returns "" if one of
// the groups has a custom name, because such a group may also contain tasks of other families.
func groupsOf(tasks []awsapi.Task, family string) string {
	groups := map[string]bool{}
	for _, t := range tasks {
		if !strings.HasPrefix(t.Group, "service:") && t.Group != "family:"+family {
			return ""
		}
		groups["task:group == "+t.Group] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(groups)), " or ")
}

// ownInterfaces adds the awsvpc tasks. ECS must be called to find out which of them run on this instance, because an
// interface does not show on whose trunk it is.
func (f *finder) ownInterfaces(ctx context.Context, tasks []awsapi.Task) error {
	here := map[string]bool{}
	switch {
	case len(tasks) == 0 && slices.ContainsFunc(f.found, func(m member) bool { return m.unread != "" }):
		f.addSelf("") // this instance may run one of the others
	case len(tasks) == 0:
		f.addSelf("the tasks of " + f.s.Service + f.s.Family)
	case f.s.Self != "":
		arns, _, err := f.arns(ctx, "ec2InstanceId == "+f.s.Self, false)
		if err != nil {
			return err
		}
		for _, arn := range arns {
			here[arn] = true
		}
	}
	for _, t := range tasks {
		f.add(member{name: "task " + arn.Last(t.ARN), eni: t.Interface, addr: t.Addr, self: here[t.ContainerInstance]})
	}
	if n := len(slices.DeleteFunc(slices.Clone(f.found), func(m member) bool { return !m.self })); f.s.Self != "" && n != 1 {
		f.note("%d of these tasks run on %s", n, f.s.Self)
	}
	return nil
}
