package agent

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"muster/agent/agentstate"
	"muster/internal/base/gate"
)

// Ports is the result of a check of the replication ports.
type Ports struct {
	Known   bool
	Blocked int    // number of combinations of a peer and a port range that are not completely open
	First   string // a sentence about the first of them
	Remedy  string
	Gate    gate.State
	Trouble string // why the ports could not be checked; empty if they could
}

// portsPatience is the timeout of one check, which makes a few calls per hundred peers.
const portsPatience = 2 * time.Minute

// gateAgain is the time until a check whose result would change the gate is repeated.
const gateAgain = time.Minute

// observeGate updates the attribute of this instance, and reports whether another check should follow soon.
func (a *Agent) observeGate(ctx context.Context, is gate.State) (again bool) {
	if a.Gate == nil {
		return false
	}
	ctx, stop := context.WithTimeout(ctx, portsPatience)
	defer stop()
	line, failed, again := a.Gate.Observe(ctx, is, a.shared.confirmedSelf())
	a.shared.setGate(a.Gate.Standing())
	switch {
	case line == "":
	case failed:
		a.report(a.Log.Warn, "gate", line)
	default:
		a.report(a.Log.Info, "gate", line)
	}
	return again
}

// gateState returns the state of the attribute, or nil if no gate is set.
func (a *Agent) gateState() *agentstate.Gate {
	if a.Settings.Config == nil || a.Settings.Gate == "" {
		return nil
	}
	is, ports := a.shared.latestGate()
	out := &agentstate.Gate{Attribute: a.Settings.Gate, Since: is.Since, Checked: is.Looked, Why: is.Why}
	if is.Set != gate.Undecided {
		out.Value = is.Set.String()
	}
	switch {
	case a.Ports == nil && len(a.Waits.List()) == 0:
		out.Why = "no replication ports are set (MUSTER_PORTS)"
	case !is.Looked.IsZero():
		out.Ports = is.Seen.String()
	}
	if is.Seen == gate.Undecided {
		out.Why = cmp.Or(out.Why, ports.Trouble)
	}
	return out
}

// watchPorts checks the ports once per period. The times are random, so that the instances of a fleet do not check
// simultaneously.
func (a *Agent) watchPorts(ctx context.Context, period time.Duration) {
	log := a.Log.With("phase", "ports")
	next := time.NewTimer(rand.N(period))
	defer next.Stop()
	was, failureLogged := 0, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			next.Reset(period*2/3 + rand.N(period*2/3))
		}
		look, stop := context.WithTimeout(ctx, portsPatience)
		found, err := a.Ports(look)
		stop()
		if err != nil && ctx.Err() == nil && !failureLogged {
			log.Warn("could not evaluate the replication ports: " + err.Error())
		}
		if failureLogged = err != nil; failureLogged {
			found.Trouble = err.Error()
		}
		a.shared.setPorts(found)
		if a.observeGate(ctx, found.Gate) {
			next.Reset(gateAgain)
		}
		switch {
		case err != nil:
			continue
		case found.Blocked > 0 && was == 0:
			a.report(log.Error, "ports-blocked", fmt.Sprintf("%d port ranges between this instance and its peers or load balancers are closed: %s",
				found.Blocked, found.First), "remedy", found.Remedy)
		case found.Blocked == 0 && was > 0:
			a.report(log.Info, "ports-open", "the replication ports are open again")
		}
		was = found.Blocked
	}
}
