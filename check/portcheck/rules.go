package portcheck

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	checkports "muster/check/ports"
	"muster/internal/fleet"
	"muster/internal/instance"
	"muster/internal/report/ports"
	"muster/reach"
)

// Blocked is the result of evaluating the rules between this instance and its peers.
type Blocked struct {
	Pairs  int    // number of blocked combinations of a peer and a port range
	First  string // one of them; empty if there are none
	Remedy string
}

// ByRules returns a function that evaluates the ports of this instance by rules alone. It dials no peer and checks
// nothing on this host. ByRules returns nil if no ports are set. The function returns an error if some pairs are
// unknown and none is known to be blocked.
func ByRules(i *instance.Instance, api fleet.API) func(context.Context) (Blocked, error) {
	needs, _, err := reach.ParsePorts(i.Config.Ports)
	if i.Config.Ports == "" || err != nil { // Load has already validated it
		return nil
	}
	peers := fleet.Selector{Cluster: i.Cluster(), Self: i.Identity.InstanceID}
	discover := func(ctx context.Context) (fleet.Fleet, error) { return fleet.Discover(ctx, api, peers) }
	return func(ctx context.Context) (Blocked, error) {
		return byRules(ctx, discover, "cluster "+peers.Cluster, api.Region(), needs)
	}
}

func byRules(
	ctx context.Context,
	discover func(context.Context) (fleet.Fleet, error),
	scope, region string,
	needs []reach.Need,
) (Blocked, error) {
	report, err := checkports.Ports(ctx, checkports.Options{Discover: discover}, scope, region, needs)
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
	if closed, fix := report.Closed(); len(closed) > 0 {
		found.First, found.Remedy = closed[0], cmp.Or(fix, "muster ports shows all of them")
	}
	return found, nil
}
