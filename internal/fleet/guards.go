package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"

	"muster/internal/awsapi"
	"muster/reach"
)

// readGroups reads the security groups of the endpoints and of the other interfaces of their hosts. Two calls return
// rules: DescribeSecurityGroups also returns groups without rules, and DescribeSecurityGroupRules returns rule IDs. One
// of the two is enough for a verdict.
func (f *Fleet) readGroups(ctx context.Context, api Groups) {
	carried := map[string]bool{}
	for _, e := range f.all() {
		for _, eni := range append([]reach.ENI{e.ENI}, e.Others...) {
			for _, id := range eni.Groups {
				carried[id] = true
			}
		}
	}
	ids := slices.Sorted(maps.Keys(carried))
	groups, groupsErr := api.SecurityGroups(ctx, ids)
	rules, rulesErr := api.SecurityGroupRules(ctx, ids)
	switch {
	case rulesErr != nil && groupsErr == nil:
		f.note("rules are shown without their IDs: %v", rulesErr)
	case groupsErr != nil && rulesErr == nil:
		f.note("security groups are known only from their rules: %v", groupsErr)
	}
	plain, identified := byID(groups), byID(rules)
	for _, id := range ids {
		g := f.group(id, plain[id], identified[id], groupsErr, rulesErr)
		for _, n := range g.Notes {
			f.note("%s", n)
		}
		f.World.Groups = append(f.World.Groups, g)
	}
}

// group combines the results of the two calls for one group. A missing rule could only open a port, so Unread is set if
// the rules are incomplete.
func (f *Fleet) group(id string, plain, identified *reach.Group, plainErr, rulesErr error) reach.Group {
	switch {
	case plain != nil && (rulesErr != nil || identified == nil):
		return *plain
	case plain != nil:
		g := *identified
		g.Name = plain.Name
		return g
	case plainErr == nil:
		f.note("%s is not among the groups of this account and region", id)
		u := reach.Unread{Action: "ec2:DescribeSecurityGroups", Reason: id + " does not exist, or belongs to another account"}
		f.miss(u)
		return reach.Group{ID: id, Unread: u}
	case identified == nil:
		return reach.Group{ID: id, Unread: f.unread(plainErr)}
	case rulesErr != nil:
		identified.Unread = f.unread(plainErr)
	}
	return *identified
}

func byID(groups []reach.Group) map[string]*reach.Group {
	out := map[string]*reach.Group{}
	for i := range groups {
		out[groups[i].ID] = &groups[i]
	}
	return out
}

// readACLs reads the network ACLs of the endpoints' subnets.
func (f *Fleet) readACLs(ctx context.Context, api Lists) {
	left := map[string]bool{}
	for _, e := range f.all() {
		if e.Subnet != "" {
			left[e.Subnet] = true
		}
	}
	acls, err := api.NetworkACLs(ctx, slices.Sorted(maps.Keys(left)))
	f.World.ACLs = acls
	for _, a := range acls {
		for _, subnet := range a.Subnets {
			delete(left, subnet)
		}
	}
	if len(left) == 0 {
		return
	}
	why := reach.Unread{Action: "ec2:DescribeNetworkAcls", Reason: "EC2 returned no network ACL for the subnet"}
	if err != nil {
		why = f.unread(err)
	} else {
		f.note("EC2 returned no network ACL for %q", slices.Sorted(maps.Keys(left)))
		f.miss(why)
	}
	f.World.ACLs = append(f.World.ACLs, reach.ACL{Subnets: slices.Sorted(maps.Keys(left)), Unread: why})
}

// readPrefixLists reads the prefix lists that the rules refer to. If a call fails for a reason that affects every list,
// it does not request the others.
func (f *Fleet) readPrefixLists(ctx context.Context, api Lists) {
	var refused reach.Unread
	for _, id := range f.namedLists() {
		list := reach.PrefixList{ID: id, Unread: refused}
		if refused == (reach.Unread{}) {
			var err error
			list, err = api.PrefixList(ctx, id)
			list.ID = id
			if err != nil {
				list.Unread = f.unread(err)
			} else if list.Unread != (reach.Unread{}) {
				f.miss(list.Unread)
			}
			var e *awsapi.Error
			if errors.As(err, &e) && e.Kind != awsapi.Failed {
				refused = list.Unread
			}
		}
		f.World.PrefixLists = append(f.World.PrefixLists, list)
	}
}

func (f *Fleet) namedLists() []string {
	ids := map[string]bool{}
	for _, g := range f.World.Groups {
		for _, r := range g.Rules {
			if r.Peer.PrefixList != "" {
				ids[r.Peer.PrefixList] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(ids))
}
