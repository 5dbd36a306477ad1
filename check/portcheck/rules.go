package portcheck

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	checkports "muster/check/ports"
	"muster/internal/base/gate"
	"muster/internal/fleet"
	"muster/internal/host/hostports"
	"muster/internal/instance"
	"muster/internal/report/ports"
	"muster/reach"
)

// Blocked is the result of evaluating the rules between this instance and its peers.
type Blocked struct {
	Pairs  int    // number of blocked combinations of a peer and a port range
	First  string // one of them; empty if there are none
	Remedy string
	Gate   gate.State
}

// ByRules returns a function that evaluates the ports of this instance by rules alone. It dials no peer and checks
// nothing on this host. ByRules returns nil if no ports are set. The function returns an error if some pairs are
// unknown and none is known to be blocked.
func ByRules(i *instance.Instance, api fleet.API) func(context.Context) (Blocked, error) {
	needs, _, err := reach.ParsePorts(i.Config.Ports)
	if i.Config.Ports == "" || err != nil { // Load has already validated it
		return nil
	}
	p := &Place{selector: fleet.Selector{Cluster: i.Cluster(), Self: i.Identity.InstanceID}}
	p.front(i.Config)
	look := checkports.Options{
		Discover: func(ctx context.Context) (fleet.Fleet, error) { return fleet.Discover(ctx, api, p.selector) },
		Targets:  p.targets,
		Dynamic:  cmp.Or(agentRange(i.Config), hostports.Ephemeral()),
	}
	return func(ctx context.Context) (Blocked, error) {
		return byRules(ctx, look, "cluster "+p.selector.Cluster, api.Region(), needs)
	}
}

func byRules(
	ctx context.Context,
	look checkports.Options,
	scope, region string,
	needs []reach.Need,
) (Blocked, error) {
	report, err := checkports.Ports(ctx, look, scope, region, needs)
	if err != nil {
		return Blocked{}, err
	}
	return blocked(report)
}

func blocked(report *ports.Report) (found Blocked, err error) {
	for status, n := range report.Counts {
		if status != reach.Open.String() && status != reach.Unknown.String() {
			found.Pairs += n
		}
	}
	if n := report.Counts[reach.Unknown.String()]; n > 0 && found.Pairs == 0 {
		return Blocked{}, fmt.Errorf("%d pairs: %s", n, strings.Join(report.Notes, "; "))
	}
	found.Gate = report.Gate()
	if closed, fix := report.Closed(); len(closed) > 0 {
		found.First, found.Remedy = closed[0], cmp.Or(fix, "muster ports shows all of them")
	}
	return found, nil
}
