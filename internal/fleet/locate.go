package fleet

import (
	"context"
	"net/netip"
	"slices"

	"muster/internal/awsapi"
	"muster/internal/base/balancer"
	"muster/reach"
)

// locate finds the network interface of each member.
func (f *Fleet) locate(ctx context.Context, api Interfaces, region string, members []member) {
	var ids, enis []string
	var addrs []netip.Addr
	for _, m := range members {
		switch {
		case m.unread != "":
		case m.instance != "":
			ids = append(ids, m.instance)
		case m.eni != "":
			enis = append(enis, m.eni)
		default:
			addrs = append(addrs, m.addr)
		}
	}
	l := lookup{fleet: f, instances: map[string]awsapi.Instance{}, interfaces: map[string]awsapi.Interface{}}
	instances, err := api.Instances(ctx, ids)
	l.instanceErr = err
	for _, i := range instances {
		l.instances[i.ID] = i
	}
	interfaces, err := api.Interfaces(ctx, enis)
	l.interfaceErr = err
	for _, i := range interfaces {
		l.interfaces[i.ID] = i
	}
	l.at, l.atErr = api.InterfacesAt(ctx, addrs)
	l.owners = map[netip.Addr][]awsapi.Interface{}
	for _, i := range l.at {
		for _, a := range i.Addrs {
			l.owners[a] = append(l.owners[a], i)
		}
	}
	for _, i := range l.instances {
		for _, n := range i.Interfaces {
			l.vpcs = append(l.vpcs, n.VPC)
		}
	}
	slices.Sort(l.vpcs)
	l.vpcs = slices.Compact(l.vpcs)
	for _, m := range members {
		if e, ok := l.endpoint(m); ok {
			e.Region = region
			f.add(e, m.self)
		}
	}
}

// add adds an endpoint, but only once per interface, because traffic within an interface does not leave it.
func (f *Fleet) add(e reach.Endpoint, self bool) {
	key := e.Key()
	at, known := f.at[key]
	switch {
	case !known || key == "":
		if f.at == nil {
			f.at = map[string]int{}
		}
		at = len(f.Endpoints)
		f.at[key] = at
		f.Endpoints = append(f.Endpoints, e)
	case !self:
		f.note("%s and %s are the same network interface", f.Endpoints[at].Name, e.Name)
	}
	if self && f.Self < 0 {
		f.Self = at
	}
}

// lookup holds what EC2 returned about the members, and which calls failed.
type lookup struct {
	fleet        *Fleet
	instances    map[string]awsapi.Instance
	instanceErr  error
	interfaces   map[string]awsapi.Interface
	interfaceErr error
	at           []awsapi.Interface
	atErr        error
	owners       map[netip.Addr][]awsapi.Interface
	vpcs         []string // VPCs of the instances
}

// endpoint returns the member's endpoint. It returns false for a member that is not a peer, and adds a note.
func (l *lookup) endpoint(m member) (reach.Endpoint, bool) {
	switch {
	case m.unread != "":
		return unknown(m, l.missing(m.unread)), true
	case m.instance != "":
		return l.byInstance(m)
	case m.eni != "":
		return l.byInterface(m)
	}
	return l.byAddress(m)
}

func (l *lookup) byInstance(m member) (reach.Endpoint, bool) {
	i, ok := l.instances[m.instance]
	switch {
	case !ok && l.instanceErr != nil:
		return unknown(m, l.fleet.unread(l.instanceErr)), true
	case !ok:
		l.fleet.note("%s is left out: EC2 has no such instance any more", m.name)
		return reach.Endpoint{}, false
	case i.State == "pending":
		l.fleet.note("%s is still starting", m.name)
	case i.State != "running":
		l.fleet.note("%s is left out: it is %s", m.name, i.State)
		return reach.Endpoint{}, false
	}
	return l.onInstance(m, i), true
}

// onInstance returns the endpoint with the instance's primary address, which ECS and the metadata service report.
func (l *lookup) onInstance(m member, i awsapi.Instance) reach.Endpoint {
	var enis []reach.ENI
	account := ""
	for _, n := range i.Interfaces {
		enis = append(enis, n.ENI)
		account = n.Account
	}
	e, err := reach.EndpointAt(m.name, i.Addr, enis)
	if err != nil {
		l.fleet.note("%s has no network interface with an address", m.name)
		return unknown(m, l.missing(m.name+" has no network interface with an address"))
	}
	e.Account = account
	return e
}

func (l *lookup) byInterface(m member) (reach.Endpoint, bool) {
	i, ok := l.interfaces[m.eni]
	switch {
	case !ok && l.interfaceErr != nil:
		return unknown(m, l.fleet.unread(l.interfaceErr)), true
	case !ok:
		l.fleet.note("%s is left out: its network interface %s does not exist any more", m.name, m.eni)
		return reach.Endpoint{}, false
	}
	return l.onInterface(m, i), true
}

func (l *lookup) byAddress(m member) (reach.Endpoint, bool) {
	owners := l.owners[m.addr]
	switch {
	case len(owners) == 0 && l.atErr != nil:
		return unknown(m, l.fleet.unread(l.atErr)), true
	case len(owners) == 0 && public(m.addr):
		why := m.name + " is a public address, over which a reference to a group does not hold: pass the private address"
		l.fleet.note("%s", why)
		return unknown(m, reach.Unread{Reason: why}), true
	case len(owners) == 0:
		l.fleet.note("no network interface of this region owns %s", m.addr)
		return unknown(m, l.missing("no network interface of this region owns "+m.name)), true
	case len(owners) > 1:
		owners = l.inOurVPC(owners)
	}
	if len(owners) > 1 {
		why := "network interfaces of several VPCs own " + m.name
		l.fleet.note("%s", why)
		return unknown(m, l.missing(why)), true
	}
	return l.onInterface(m, owners[0]), true
}

// public reports whether the address can be a public one of an instance. EC2 finds interfaces by their private addresses.
func public(a netip.Addr) bool { return a.Is4() && a.IsGlobalUnicast() && !a.IsPrivate() }

// inOurVPC selects the interface in the VPC of another member, if several VPCs contain the address.
func (l *lookup) inOurVPC(owners []awsapi.Interface) []awsapi.Interface {
	ours := slices.DeleteFunc(slices.Clone(owners), func(o awsapi.Interface) bool { return !slices.Contains(l.vpcs, o.VPC) })
	if len(ours) == 0 {
		return owners
	}
	return ours
}

func (l *lookup) onInterface(m member, i awsapi.Interface) reach.Endpoint {
	e := reach.Endpoint{Name: m.name, ENI: i.ENI, Account: i.Account}
	if described, ok := balancer.Described(i.Description); ok && l.fleet.Kinds != nil {
		l.fleet.Kinds[i.ID] = described.Kind
	}
	if m.addr.IsValid() {
		if at, err := reach.EndpointAt(m.name, m.addr, []reach.ENI{i.ENI}); err == nil {
			e.ENI = at.ENI
		}
	}
	if len(e.Addrs) == 0 {
		l.fleet.note("%s has no address: %s has none", m.name, i.ID)
		e.Unread = l.missing(i.ID + " has no address")
	}
	return e
}

func (l *lookup) missing(reason string) reach.Unread { return l.fleet.missing(reason) }

// unknown returns the endpoint of a member of which only the name, and perhaps the address, is known.
func unknown(m member, why reach.Unread) reach.Endpoint {
	e := reach.Endpoint{Name: m.name, ENI: reach.ENI{ID: m.eni, Unread: why}}
	if m.addr.IsValid() {
		e.Addrs = []netip.Addr{m.addr}
	}
	return e
}
