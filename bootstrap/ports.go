package bootstrap

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"muster/internal/bootreport"
	"muster/internal/config"
	"muster/internal/exitcode"
	"muster/internal/fix"
	"muster/internal/ports"
)

// checkPorts checks the replication ports of an instance that has registered, if
// that was asked for. A port that is certainly closed is a warning or, by policy, a
// failure of the boot; what could not be looked at never is.
func (r *run) checkPorts(ctx context.Context, report *bootreport.Report) {
	if r.cfg.Ports == "" || r.cfg.PortsPolicy == config.PortsIgnore || r.Ports == nil {
		return
	}
	r.stagger(ctx)
	ctx, stop := context.WithTimeout(ctx, r.pace.ports)
	defer stop()
	judged, err := r.Ports(ctx, r.cfg, r.id, r.wanted.Text)
	if err != nil {
		r.warnOfPorts(report, "the replication ports could not be judged: "+err.Error())
		return
	}
	closed, open := judged.Closed()
	filtered, certain := judged.Filtered()
	for _, sentence := range slices.Concat(judged.Notes, closed, filtered, seenHere(judged)) {
		r.warnOfPorts(report, sentence)
	}
	if certain {
		closed = append(closed, filtered...)
	}
	switch {
	case len(closed) == 0:
		r.say("ports", "%s: none is known to be closed to the %d peers; dialled: %s", r.cfg.Ports, len(judged.Peers)-1, cmp.Or(judged.Contacts(), "nobody"))
	case r.cfg.PortsPolicy == config.PortsFail:
		report.Outcome, report.ExitCode = bootreport.PortsClosed, exitcode.Failed
		report.Reason = fmt.Sprintf("registered in cluster %s, but replication ports are closed", r.wanted)
		report.Cause = bootreport.NewCause("ports-closed", closed[0], fix.Do("Open the port, or list all closed ports:", cmp.Or(open, "muster ports")))
	}
}

// stagger waits, with full jitter, before the APIs are asked: their rates are
// shared by all instances that boot at once. Beside a root that is not the
// machine's own, nobody boots.
func (r *run) stagger(ctx context.Context) {
	if r.pace.stagger == 0 || r.cfg.Root != "/" {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(rand.N(r.pace.stagger)):
	}
}

// seenHere is what was found on the host. That nothing listens is no news on an
// instance that has just joined.
func seenHere(judged *ports.Report) (sentences []string) {
	for _, f := range judged.Findings {
		if f.ID != "no-listener" {
			sentences = append(sentences, fmt.Sprintf("on this host: %s (%s): %s", f.Summary, f.Evidence, f.Remedy))
		}
	}
	return sentences
}

func (r *run) warnOfPorts(report *bootreport.Report, text string) {
	report.Warnings = append(report.Warnings, text)
	r.warn("ports", "%s", text)
}
