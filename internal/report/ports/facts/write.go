package facts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"muster/internal/file/jsonfile"
	"muster/internal/redact"
	"muster/internal/report/ports"
	"muster/reach"
)

// Write writes the input of a question to the file at path, readable only by its owner. selection is what was
// evaluated: profiles and ports.
func Write(path string, q ports.Question, selection, version string) error {
	d, err := encode(q, selection, version)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return jsonfile.Write(path, d, 0o600)
}

func encode(q ports.Question, selection, version string) (document, error) {
	d := document{Schema: Schema, Kind: kind, Version: version, At: q.At.UTC().Truncate(time.Second), Scope: q.Scope, Region: q.Region,
		Ports: selection, OwnInterfaces: q.OwnInterfaces, Groups: []group{}, ACLs: []acl{}, Peers: []endpoint{}}
	if q.Self >= 0 {
		d.Self = &q.Self
	}
	for _, p := range q.Listened {
		d.Listened = append(d.Listened, portTexts(p))
	}
	for _, n := range q.Targets {
		d.Targets = append(d.Targets, target{n.Ports.String(), n.Role != reach.TargetNeed(n.Ports).Role})
	}
	for _, e := range q.Peers {
		d.Peers = append(d.Peers, encodeEndpoint(e, ""))
	}
	for _, e := range q.Balancers {
		d.Balancers = append(d.Balancers, encodeEndpoint(e, q.Kinds[e.Name]))
	}
	d.addWorld(q.World)
	for _, n := range q.Notes {
		d.Notes = append(d.Notes, redact.Text(n))
	}
	digest, err := d.digest()
	d.Digest = digest
	return d, err
}

// digest returns the SHA-256 of the document without its digest.
func (d document) digest() (string, error) {
	d.Digest = ""
	data, err := jsonfile.Marshal(d)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

func (d *document) addWorld(w reach.World) {
	for _, g := range w.Groups {
		d.Groups = append(d.Groups, encodeGroup(g))
	}
	slices.SortStableFunc(d.Groups, func(a, b group) int { return strings.Compare(a.ID, b.ID) })
	for _, l := range w.PrefixLists {
		out := prefixList{ID: l.ID, Unread: encodeUnread(l.Unread)}
		for _, e := range l.Entries {
			out.Entries = append(out.Entries, e.String())
		}
		slices.Sort(out.Entries)
		d.PrefixLists = append(d.PrefixLists, out)
	}
	slices.SortStableFunc(d.PrefixLists, func(a, b prefixList) int { return strings.Compare(a.ID, b.ID) })
	for _, a := range w.ACLs {
		d.ACLs = append(d.ACLs, encodeACL(a))
	}
	slices.SortStableFunc(d.ACLs, func(a, b acl) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), slices.Compare(a.Subnets, b.Subnets))
	})
	for pair, via := range w.Middleboxes {
		d.Middleboxes = append(d.Middleboxes, middlebox{pair.From, pair.To, via})
	}
	slices.SortFunc(d.Middleboxes, func(a, b middlebox) int { return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To)) })
	for pair, f := range w.RouteFaults {
		d.RouteFaults = append(d.RouteFaults, routeFault{pair.From, pair.To, f.Blackhole, redact.Text(f.Text)})
	}
	slices.SortFunc(d.RouteFaults, func(a, b routeFault) int { return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To)) })
}

func encodeUnread(u reach.Unread) *unread {
	if u == (reach.Unread{}) {
		return nil
	}
	return &unread{u.Action, redact.Text(u.Reason)}
}

func encodeENI(e reach.ENI) eni {
	return eni{ID: e.ID, Addresses: addressTexts(e.Addrs), Groups: e.Groups, Type: e.Type, Subnet: e.Subnet, VPC: e.VPC, Trunk: e.Trunk,
		Task: e.Task, Unread: encodeUnread(e.Unread)}
}

func encodeEndpoint(e reach.Endpoint, kind string) endpoint {
	out := endpoint{Name: e.Name, eni: encodeENI(e.ENI), Trunked: e.Trunked, Region: e.Region, Account: e.Account, Kind: kind}
	for _, other := range e.Others {
		out.Others = append(out.Others, encodeENI(other))
	}
	if e.Ephemeral != (reach.Range{}) {
		out.Ephemeral = e.Ephemeral.String()
	}
	return out
}

func addressTexts(addrs []netip.Addr) (out []string) {
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return out
}

func portTexts(p reach.Ports) []string {
	out := []string{}
	for _, r := range p {
		out = append(out, r.String())
	}
	return out
}

func encodeGroup(g reach.Group) group {
	out := group{ID: g.ID, Name: redact.Text(g.Name), Unread: encodeUnread(g.Unread)}
	for _, r := range g.Rules {
		out.Rules = append(out.Rules, encodeRule(r))
	}
	slices.SortStableFunc(out.Rules, func(a, b rule) int {
		return cmp.Or(strings.Compare(a.Direction, b.Direction), strings.Compare(a.Protocol, b.Protocol), strings.Compare(a.Ports, b.Ports),
			strings.Compare(a.CIDR, b.CIDR), strings.Compare(a.PrefixList, b.PrefixList), slices.Compare(a.IDs, b.IDs))
	})
	return out
}

func encodeRule(r reach.Rule) rule {
	out := rule{IDs: r.IDs, Direction: r.Direction.String(), Protocol: r.Protocol.String(), Ports: r.Ports.String(),
		PrefixList: r.Peer.PrefixList,
		Error:      redact.Text(r.Err), Text: redact.Text(r.Text)}
	if r.ICMP != (reach.ICMPType{}) {
		out.ICMP = &icmp{r.ICMP.Type, r.ICMP.Code}
	}
	if r.Peer.CIDR.IsValid() {
		out.CIDR = r.Peer.CIDR.String()
	}
	if g := r.Peer.Group; g.ID != "" {
		out.Group = &ref{g.ID, g.Owner, g.VPC, g.Peering, g.Status}
	}
	return out
}

func encodeACL(a reach.ACL) acl {
	out := acl{ID: a.ID, Subnets: slices.Sorted(slices.Values(a.Subnets)), Unread: encodeUnread(a.Unread)}
	for _, e := range a.Entries {
		entry := aclEntry{Number: e.Number, Direction: e.Direction.String(), Allow: e.Allow, Protocol: e.Protocol.String(),
			Ports: e.Ports.String(),
			Error: redact.Text(e.Err)}
		if e.ICMP != (reach.ICMPType{}) {
			entry.ICMP = &icmp{e.ICMP.Type, e.ICMP.Code}
		}
		if e.CIDR.IsValid() {
			entry.CIDR = e.CIDR.String()
		}
		out.Entries = append(out.Entries, entry)
	}
	slices.SortStableFunc(out.Entries, func(a, b aclEntry) int {
		return cmp.Or(strings.Compare(a.Direction, b.Direction), a.Number-b.Number)
	})
	return out
}
