package facts

import (
	"errors"
	"fmt"
	"net/netip"

	"muster/internal/report/ports"
	"muster/reach"
)

// decoder collects errors with their position in the document.
type decoder struct{ errs []error }

func (d *decoder) fail(where string, err error) {
	const most = 5
	if err != nil && len(d.errs) < most {
		d.errs = append(d.errs, fmt.Errorf("%s: %w", where, err))
	}
}

func (d *document) question() (ports.Question, error) {
	var in decoder
	q := ports.Question{Scope: d.Scope, Region: d.Region, Self: -1, At: d.At, OwnInterfaces: d.OwnInterfaces, Notes: d.Notes}
	if d.Self != nil {
		if q.Self = *d.Self; q.Self < 0 || q.Self >= len(d.Peers) {
			in.fail("self", fmt.Errorf("there is no peer %d", q.Self))
		}
	}
	if _, _, err := reach.ParsePorts(d.Ports); err != nil {
		in.fail("ports", err)
	}
	for i, texts := range d.Listened {
		q.Listened = append(q.Listened, in.ports(fmt.Sprintf("listened[%d]", i), texts))
	}
	for i, t := range d.Targets {
		r := in.portRange(fmt.Sprintf("targets[%d]", i), t.Ports)
		need := reach.TargetNeed(r)
		if t.Dynamic {
			need = reach.BalancerNeed(r)
		}
		in.fail(fmt.Sprintf("targets[%d]", i), need.Validate())
		q.Targets = append(q.Targets, need)
	}
	for i, e := range d.Peers {
		q.Peers = append(q.Peers, in.endpoint(fmt.Sprintf("peers[%d]", i), e))
	}
	q.Kinds = map[string]string{}
	for i, e := range d.Balancers {
		q.Balancers = append(q.Balancers, in.endpoint(fmt.Sprintf("balancers[%d]", i), e))
		q.Kinds[e.Name] = e.Kind
	}
	q.World = in.world(d)
	return q, errors.Join(in.errs...)
}

func (d *decoder) world(doc *document) (w reach.World) {
	for i, g := range doc.Groups {
		out := reach.Group{ID: g.ID, Name: g.Name, Unread: g.Unread.decoded()}
		for k, r := range g.Rules {
			out.Rules = append(out.Rules, d.rule(fmt.Sprintf("groups[%d].rules[%d]", i, k), r))
		}
		w.Groups = append(w.Groups, out)
	}
	for i, l := range doc.PrefixLists {
		out := reach.PrefixList{ID: l.ID, Unread: l.Unread.decoded()}
		for k, e := range l.Entries {
			out.Entries = append(out.Entries, d.cidr(fmt.Sprintf("prefixLists[%d].entries[%d]", i, k), e))
		}
		w.PrefixLists = append(w.PrefixLists, out)
	}
	for i, a := range doc.ACLs {
		out := reach.ACL{ID: a.ID, Subnets: a.Subnets, Unread: a.Unread.decoded()}
		for k, e := range a.Entries {
			out.Entries = append(out.Entries, d.aclEntry(fmt.Sprintf("acls[%d].entries[%d]", i, k), e))
		}
		w.ACLs = append(w.ACLs, out)
	}
	w.Middleboxes, w.RouteFaults = map[reach.SubnetPair]string{}, map[reach.SubnetPair]reach.RouteFault{}
	for _, m := range doc.Middleboxes {
		w.Middleboxes[reach.SubnetPair{From: m.From, To: m.To}] = m.Via
	}
	for _, f := range doc.RouteFaults {
		w.RouteFaults[reach.SubnetPair{From: f.From, To: f.To}] = reach.RouteFault{Blackhole: f.Blackhole, Text: f.Text}
	}
	return w
}

func (u *unread) decoded() reach.Unread {
	switch {
	case u == nil:
		return reach.Unread{}
	case *u == (unread{}):
		return reach.Unread{Reason: "no reason is given"}
	}
	return reach.Unread{Action: u.Action, Reason: u.Reason}
}

func (d *decoder) endpoint(where string, e endpoint) reach.Endpoint {
	out := reach.Endpoint{Name: e.Name, ENI: d.eni(where, e.eni), Trunked: e.Trunked, Region: e.Region, Account: e.Account}
	for i, other := range e.Others {
		out.Others = append(out.Others, d.eni(fmt.Sprintf("%s.others[%d]", where, i), other))
	}
	if e.Name == "" {
		d.fail(where, errors.New("the name is empty"))
	}
	if e.Ephemeral != "" {
		out.Ephemeral = d.portRange(where+".ephemeral", e.Ephemeral)
	}
	return out
}

func (d *decoder) eni(where string, e eni) reach.ENI {
	out := reach.ENI{ID: e.ID, Groups: e.Groups, Type: e.Type, Subnet: e.Subnet, VPC: e.VPC, Trunk: e.Trunk, Task: e.Task,
		Unread: e.Unread.decoded()}
	for _, text := range e.Addresses {
		addr, err := netip.ParseAddr(text)
		d.fail(where+".addresses", err)
		out.Addrs = append(out.Addrs, addr)
	}
	return out
}

func (d *decoder) rule(where string, r rule) reach.Rule {
	out := reach.Rule{IDs: r.IDs, Direction: d.direction(where, r.Direction), Protocol: d.protocol(where, r.Protocol),
		Ports: d.portRange(where+".ports", r.Ports), Err: r.Error, Text: r.Text, Peer: reach.Peer{PrefixList: r.PrefixList}}
	if r.ICMP != nil {
		out.ICMP = reach.ICMPType{Type: r.ICMP.Type, Code: r.ICMP.Code}
	}
	peers := 0
	if r.CIDR != "" {
		out.Peer.CIDR = d.cidr(where+".cidr", r.CIDR)
		peers++
	}
	if r.Group != nil {
		g := r.Group
		out.Peer.Group = reach.GroupRef{ID: g.ID, Owner: g.Owner, VPC: g.VPC, Peering: g.Peering, Status: g.Status}
		peers++
	}
	if r.PrefixList != "" {
		peers++
	}
	if peers > 1 || peers == 0 && r.Error == "" || r.Group != nil && r.Group.ID == "" {
		d.fail(where, errors.New("exactly one of cidr, group and prefixList is needed"))
	}
	return out
}

func (d *decoder) aclEntry(where string, e aclEntry) reach.ACLEntry {
	out := reach.ACLEntry{Number: e.Number, Direction: d.direction(where, e.Direction), Allow: e.Allow,
		Protocol: d.protocol(where, e.Protocol),
		Ports:    d.portRange(where+".ports", e.Ports), Err: e.Error}
	if e.ICMP != nil {
		out.ICMP = reach.ICMPType{Type: e.ICMP.Type, Code: e.ICMP.Code}
	}
	if e.CIDR != "" || e.Error == "" {
		out.CIDR = d.cidr(where+".cidr", e.CIDR)
	}
	return out
}

func (d *decoder) direction(where, text string) reach.Direction {
	switch text {
	case reach.Ingress.String():
	case reach.Egress.String():
		return reach.Egress
	default:
		d.fail(where+".direction", fmt.Errorf("%+.40q is neither ingress nor egress", text))
	}
	return reach.Ingress
}

func (d *decoder) protocol(where, text string) reach.Protocol {
	p, err := reach.ParseProtocol(text)
	d.fail(where+".protocol", err)
	return p
}

func (d *decoder) portRange(where, text string) reach.Range {
	r, err := reach.ParseRange(text)
	d.fail(where, err)
	return r
}

func (d *decoder) ports(where string, texts []string) reach.Ports {
	var all []reach.Range
	for _, text := range texts {
		all = append(all, d.portRange(where, text))
	}
	return reach.PortsOf(all...)
}

func (d *decoder) cidr(where, text string) netip.Prefix {
	p, err := netip.ParsePrefix(text)
	d.fail(where, err)
	return p.Masked()
}
