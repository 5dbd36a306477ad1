package ports

import (
	"cmp"
	"fmt"
	"slices"

	"muster/internal/report/ports"
	"muster/reach"
)

// addBalancers adds the requirements of the load balancers on their target ports. A zero target means dynamic host
// ports: the range configured for the ECS agent (since 1.70 the agent chooses the port for hostPort 0,
// agent/utils/ephemeral_ports.go), or else the kernel's range, or else Linux's default.
func addBalancers(q *ports.Question, balancers []reach.Endpoint, opts Options, kernel reach.Range) {
	dynamic, target := cmp.Or(opts.Dynamic, kernel), opts.Target
	for _, e := range balancers {
		q.Notes = append(q.Notes, clientNote(q, e)...)
		e.Name, e.Ephemeral = "load balancer "+e.Name, reach.BalancerEphemeral()
		q.Balancers = append(q.Balancers, e)
	}
	switch {
	case len(balancers) == 0:
		return
	case target != (reach.Range{}):
		q.Target = reach.Need{Protocol: reach.TCP, Ports: target, Flow: reach.Inbound, Profile: "load balancer", Role: "target"}
		return
	case dynamic == (reach.Range{}):
		dynamic = reach.LinuxEphemeral()
		q.Notes = append(
			q.Notes,
			fmt.Sprintf("assuming Linux's default range of dynamic host ports, %s: no host's range could be read", dynamic),
		)
	}
	q.Target = reach.BalancerNeed(dynamic)
}

// clientNote returns a note about a Network Load Balancer. By default it preserves client addresses for instance
// targets ("Client IP preservation", NLB guide). The instance's security groups must then admit the clients, unless
// they name a group of the load balancer.
func clientNote(q *ports.Question, balancer reach.Endpoint) []string {
	if balancer.Type != "network_load_balancer" {
		return nil
	}
	for _, g := range q.World.Groups {
		for _, r := range g.Rules {
			if r.Direction == reach.Ingress && r.Peer.Group.ID != "" && slices.Contains(balancer.Groups, r.Peer.Group.ID) {
				return nil
			}
		}
	}
	return []string{fmt.Sprintf("%s is a Network Load Balancer and may preserve client addresses, which were not evaluated: "+
		"then the rules must admit the clients, or name a group of the load balancer", balancer.Name)}
}
