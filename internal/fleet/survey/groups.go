package survey

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"muster/internal/awsapi"
	"muster/internal/fleet/inventory"
)

// Budget returns the maximum number of calls for reading a cluster.
func Budget(instances, services, tasks int) int {
	return 12 + 3*ceil(instances, awsapi.MaxDescribed) + ceil(services, awsapi.MaxServices) + 2*ceil(tasks, awsapi.MaxDescribed)
}

func ceil(n, per int) int { return (n + per - 1) / per }

// scheduleCalls returns how many calls scheduled actions and scaling activities may take together. It is the rest of
// the budget, without retries.
func (r *reader) scheduleCalls() int {
	instances, services, tasks := len(r.inv.Instances), len(r.inv.Services), r.seen.Tasks
	used := 1 + ceil(len(r.inv.Providers), 10) + 2 // cluster, providers, groups
	used += max(1, 2*ceil(instances, awsapi.MaxDescribed)) + ceil(instances, 1000)
	used += max(1, ceil(services, awsapi.MaxDescribed)+ceil(services, awsapi.MaxServices))
	if !r.o.NoTasks {
		used += max(1, 2*ceil(tasks, awsapi.MaxDescribed))
	}
	return min(max(Budget(instances, services, tasks)-used, 2), 6)
}

// groups reads the Auto Scaling groups of the cluster, and the sources of changes of their size.
func (r *reader) groups(ctx context.Context) {
	names := r.groupNames()
	found, err := r.api.GroupsNamed(ctx, names)
	r.unread(inventory.PartGroups, err)
	if err == nil {
		var tagged []inventory.Group
		tagged, err = r.api.GroupsTagged(ctx, awsapi.ScopeTag, r.inv.Cluster.Name)
		r.unread(inventory.PartGroups, err)
		for _, g := range tagged {
			if !slices.Contains(names, g.Name) {
				found = append(found, g)
			}
		}
	}
	for n := range found {
		for _, p := range r.inv.Providers {
			if p.Group == found[n].Name {
				found[n].Provider = p.Name
			}
		}
	}
	slices.SortFunc(found, func(a, b inventory.Group) int { return cmp.Compare(a.Name, b.Name) })
	r.inv.Groups = found
	r.absent(names)
	if len(found) > 0 {
		r.schedules(ctx)
	}
	r.report()
}

// groupNames returns the groups that the capacity providers, the instances and the options name.
func (r *reader) groupNames() []string {
	names := slices.Clone(r.o.Groups)
	for _, p := range r.inv.Providers {
		names = append(names, p.Group)
	}
	for _, i := range r.inv.Instances {
		names = append(names, i.Group)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	slices.Sort(names)
	return slices.Compact(names)
}

// absent records the named groups that Auto Scaling does not know.
func (r *reader) absent(names []string) {
	if _, missing := r.inv.Missing(inventory.PartGroups); missing {
		return
	}
	for _, name := range names {
		if r.inv.Group(name) == nil {
			r.inv.Notes = append(r.inv.Notes, fmt.Sprintf("Auto Scaling group %s does not exist", name))
		}
	}
}

// schedules reads scheduled actions and activities within scheduleCalls. For a few groups it reads all of them. For
// more groups, it reads the scheduled actions from the region's list, and the activities only of groups that lack
// instances.
func (r *reader) schedules(ctx context.Context) {
	groups := r.inv.Groups
	left := r.scheduleCalls()
	if len(groups) <= left/2 {
		for n := range groups {
			r.scheduled(ctx, groups[n].Name, 1)
		}
		left -= len(groups)
	} else {
		r.scheduled(ctx, "", left/2)
		left -= left / 2
	}
	short := make([]int, 0, len(groups))
	for n := range groups {
		short = append(short, n)
	}
	slices.SortStableFunc(short, func(a, b int) int { return lacking(&groups[b]) - lacking(&groups[a]) })
	if len(short) > left {
		r.inv.Notes = append(
			r.inv.Notes,
			fmt.Sprintf("scaling activities were read for %d of %d groups, to keep the number of calls low", left, len(short)),
		)
		short = short[:left]
	}
	for _, n := range short {
		all, err := r.api.Activities(ctx, groups[n].Name)
		r.unread(inventory.PartActivities, err)
		if err != nil {
			return
		}
		groups[n].Activities = all
		groups[n].ActivitiesRead = true
	}
}

// lacking returns a priority: the larger it is, the more a group's activities matter.
func lacking(g *inventory.Group) int {
	switch {
	case g.InService() < g.Desired:
		return 2
	case g.Desired == 0:
		return 1
	}
	return 0
}

func (r *reader) scheduled(ctx context.Context, group string, pages int) {
	if _, missing := r.inv.Missing(inventory.PartScheduled); missing {
		return
	}
	all, more, err := r.api.ScheduledActions(ctx, group, pages)
	r.unread(inventory.PartScheduled, err)
	if err == nil && more {
		r.inv.Notes = append(r.inv.Notes, "the region has more scheduled actions than were read")
	}
	for n := range r.inv.Groups {
		g := &r.inv.Groups[n]
		for _, a := range all {
			if a.Group == g.Name {
				g.Scheduled = append(g.Scheduled, a)
			}
		}
		slices.SortFunc(g.Scheduled, func(a, b inventory.ScheduledAction) int { return cmp.Compare(a.Name, b.Name) })
	}
}
