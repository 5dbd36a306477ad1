package ports

import (
	"cmp"
	"fmt"
	"slices"

	"muster/internal/base/balancer"
	"muster/internal/fleet"
	"muster/internal/report/ports"
	"muster/reach"
)

// addBalancers adds the requirements of the load balancers on their target ports. A zero target means dynamic host
// ports. Their range is the one configured for the ECS agent (since 1.70 the agent chooses the port for hostPort 0,
// agent/utils/ephemeral_ports.go), or else the kernel's, or else Linux's default.
func addBalancers(q *ports.Question, found fleet.Fleet, opts Options, kernel reach.Range) {
	if len(found.Balancers) == 0 {
		return
	}
	q.Kinds = map[string]string{}
	for _, e := range found.Balancers {
		kind := kindOf(e, found.Kinds)
		q.Notes = append(q.Notes, clientNote(q, e, kind)...)
		e.Name, e.Ephemeral = "load balancer "+e.Name, reach.BalancerEphemeral()
		q.Balancers = append(q.Balancers, e)
		q.Kinds[e.Name] = string(kind)
	}
	targets := opts.Targets
	if len(targets) == 0 {
		targets = []reach.Range{{}}
	}
	for _, target := range targets {
		if target != (reach.Range{}) {
			q.Targets = append(q.Targets, reach.TargetNeed(target))
			continue
		}
		dynamic := cmp.Or(opts.Dynamic, kernel)
		if dynamic == (reach.Range{}) {
			dynamic = reach.LinuxEphemeral()
			q.Notes = append(q.Notes,
				fmt.Sprintf("assuming Linux's default range of dynamic host ports, %s: no host's range could be read", dynamic))
		}
		q.Targets = append(q.Targets, reach.BalancerNeed(dynamic))
	}
}

// kindOf returns the kind from the network interface's type, or else from its description. It returns "" if neither
// shows it.
func kindOf(e reach.Endpoint, kinds map[string]balancer.Kind) balancer.Kind {
	if e.Type == "network_load_balancer" {
		return balancer.Network
	}
	return kinds[e.ID]
}

// clientNote returns a note about a Network Load Balancer. By default it preserves client addresses for instance
// targets ("Client IP preservation", NLB guide). The instance's security groups must then admit the clients, unless
// they name a group of the load balancer. EC2 does not return this attribute, because it belongs to the target group.
func clientNote(q *ports.Question, node reach.Endpoint, kind balancer.Kind) []string {
	if kind != balancer.Network {
		return nil
	}
	for _, g := range q.World.Groups {
		for _, r := range g.Rules {
			if r.Direction == reach.Ingress && r.Peer.Group.ID != "" && slices.Contains(node.Groups, r.Peer.Group.ID) {
				return nil
			}
		}
	}
	return []string{fmt.Sprintf("%s is a Network Load Balancer. Whether it preserves client addresses is unknown (attribute "+
		"preserve_client_ip.enabled of the target group), and clients were not evaluated: if it does, the rules must admit the "+
		"clients, or name a group of the load balancer", node.Name)}
}
