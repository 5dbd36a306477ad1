package bootstrap

import (
	"cmp"
	"context"
	"fmt"

	"muster/internal/config"
	"muster/internal/exitcode"
)

// checkPorts judges the replication ports of an instance that has registered,
// if that was asked for. A closed port is a warning or, by policy, a failure of
// the boot; what could not be looked at never is.
func (r *run) checkPorts(ctx context.Context, report *Report) {
	if r.cfg.Ports == "" || r.cfg.PortsPolicy == config.PortsIgnore || r.Ports == nil {
		return
	}
	ctx, stop := context.WithTimeout(ctx, r.pace.ports)
	defer stop()
	judged, err := r.Ports(ctx, r.cfg, r.id, r.wanted.Text)
	if err != nil {
		r.warnOfPorts(report, "the replication ports could not be judged: "+err.Error())
		return
	}
	for _, note := range judged.Notes {
		r.warnOfPorts(report, note)
	}
	closed, fix := judged.Closed()
	for _, sentence := range closed {
		r.warnOfPorts(report, sentence)
	}
	switch {
	case len(closed) == 0:
		r.say("ports", "%s: none is known to be closed to the %d peers", r.cfg.Ports, len(judged.Peers)-1)
	case r.cfg.PortsPolicy == config.PortsFail:
		report.Outcome, report.ExitCode = PortsClosed, exitcode.Failed
		report.Reason = fmt.Sprintf("registered in cluster %s, but replication ports are closed", r.wanted)
		report.Cause = &Cause{"ports-closed", closed[0], cmp.Or(fix, "muster ports shows all of them")}
	}
}

func (r *run) warnOfPorts(report *Report, text string) {
	report.Warnings = append(report.Warnings, text)
	r.warn("ports", "%s", text)
}
