package ports

import (
	"cmp"
	"fmt"
	"slices"

	"muster/internal/report/ports"
	"muster/reach"
)

// addBalancers adds what the load balancers need on their target ports. The zero
// target is dynamic host ports: of the range that the ECS agent is configured with
// (since 1.70 the agent picks hostPort 0, agent/utils/ephemeral_ports.go), else of the
// kernel's, else of Linux's default.
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

// clientNote is about a Network Load Balancer, which preserves the addresses of its
// clients by default where targets are instances ("Client IP preservation", NLB
// guide): then the instance's groups have to admit the clients, unless they name a
// group of the load balancer.
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
