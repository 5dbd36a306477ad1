package ports

import (
	"fmt"

	"muster/internal/report/ports"
	"muster/reach"
)

// addBalancers asks also what the load balancer needs on its target port; 0: on
// any that Docker gives to hostPort 0. kernel is where Docker picks host ports
// from on this host; the zero Range: not known.
func addBalancers(q *ports.Question, balancers []reach.Endpoint, target uint16, kernel reach.Range) {
	for _, e := range balancers {
		e.Name, e.Ephemeral = "load balancer "+e.Name, reach.BalancerEphemeral()
		q.Balancers = append(q.Balancers, e)
	}
	switch {
	case len(balancers) == 0:
		return
	case target != 0:
		q.Target = reach.Need{Protocol: reach.TCP, Ports: reach.Range{First: target, Last: target}, Flow: reach.Inbound,
			Profile: "load balancer", Role: "target"}
		return
	case kernel == (reach.Range{}):
		kernel = reach.LinuxEphemeral()
		q.Notes = append(q.Notes, fmt.Sprintf("assuming Linux's default range of dynamic host ports, %s: no host's range could be read", kernel))
	}
	q.Target = reach.BalancerNeed(kernel)
}
