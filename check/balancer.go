package check

import (
	"context"
	"fmt"
	"slices"

	"muster/internal/ports"
	"muster/reach"
)

// addBalancers asks also what the load balancer needs. kernel is where Docker
// picks host ports from on this host; the zero Range: not known.
func addBalancers(ctx context.Context, look PortsLook, q *ports.Question, kernel reach.Range) error {
	found, err := look.Balancers(ctx)
	if err != nil {
		return fmt.Errorf("finding the load balancer: %w", err)
	}
	for _, note := range notes(found) {
		if !slices.Contains(q.Notes, note) {
			q.Notes = append(q.Notes, note)
		}
	}
	for _, e := range found.Endpoints {
		e.Name, e.Ephemeral = "load balancer "+e.Name, reach.BalancerEphemeral()
		q.Balancers = append(q.Balancers, e)
	}
	q.World = join(q.World, found.World)
	if look.Target != 0 {
		q.Target = reach.Need{Protocol: reach.TCP, Ports: reach.Range{First: look.Target, Last: look.Target}, Flow: reach.Inbound, Profile: "load balancer", Role: "target"}
		return nil
	}
	if kernel == (reach.Range{}) {
		kernel = reach.LinuxEphemeral()
		q.Notes = append(q.Notes, fmt.Sprintf("dynamic host ports are taken to be Linux's default, %s: the range of no host was read", kernel))
	}
	q.Target = reach.BalancerNeed(kernel)
	return nil
}

// join adds to a world what only the other holds. What both read counts once.
func join(w, other reach.World) reach.World {
	for _, g := range other.Groups {
		if !slices.ContainsFunc(w.Groups, func(o reach.Group) bool { return o.ID == g.ID }) {
			w.Groups = append(w.Groups, g)
		}
	}
	for _, l := range other.PrefixLists {
		if !slices.ContainsFunc(w.PrefixLists, func(o reach.PrefixList) bool { return o.ID == l.ID }) {
			w.PrefixLists = append(w.PrefixLists, l)
		}
	}
	// Of two ACLs for one subnet the last counts: the peers' own.
	w.ACLs = slices.Concat(other.ACLs, w.ACLs)
	return w
}
