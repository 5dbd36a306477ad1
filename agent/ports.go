package agent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Ports is what a look at the replication ports found.
type Ports struct {
	Known   bool
	Blocked int    // pairs of peers, times ranges, of which not all is open
	First   string // a sentence about the first of them
	Remedy  string
}

// portsPatience bounds one look, which makes some calls a hundred peers.
const portsPatience = 2 * time.Minute

// watchPorts looks now and then, at moments that no fleet has in common.
func (a *Agent) watchPorts(ctx context.Context, period time.Duration) {
	log := a.Log.With("phase", "ports")
	next := time.NewTimer(rand.N(period))
	defer next.Stop()
	was, blind := 0, false
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
		if err != nil && ctx.Err() == nil && !blind { // once, until it can look again
			log.Warn("the replication ports could not be judged: " + err.Error())
		}
		blind = err != nil
		a.mu.Lock()
		a.ports = found
		a.mu.Unlock()
		switch {
		case err != nil:
			continue
		case found.Blocked > 0 && was == 0:
			a.say(log.Error, "ports-blocked", fmt.Sprintf("%d pairs of peers cannot reach each other on all replication ports: %s", found.Blocked, found.First), "remedy", found.Remedy)
		case found.Blocked == 0 && was > 0:
			a.say(log.Info, "ports-open", "the replication ports are open again")
		}
		was = found.Blocked
	}
}
