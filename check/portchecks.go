package check

import (
	"context"
	"fmt"
	"slices"
	"time"

	"muster/internal/fix"
	"muster/internal/ports"
	"muster/reach"
)

// portChecks look at the replication ports, where some are configured.
func portChecks(w World) []Check {
	return []Check{
		{ID: "host-ports", Group: PortsOf, Title: "nothing on this host stands between the replication ports and the peers", Run: w.hostPorts, Findings: hostPortFindings()},
		{ID: "replication-ports", Group: PortsOf, Title: "the replication ports are open between this instance and its peers", Run: w.replicationPorts, Remote: true,
			Findings: []string{"replication-port-closed", "replication-port-unknown"}, Timeout: portsTimeout},
	}
}

// definite are the findings of package hostports which by themselves keep peers
// apart; the others make it likely, or may be meant.
func definite() []string {
	return []string{"multicast-finder", "port-not-published", "published-on-other-address", "other-host-port", "v6-only-listener", "listener-on-other-address"}
}

func hostPortFindings() []string {
	return append(definite(), "docker0-announced", "bridge-address-announced", "listener-beyond-first-port", "no-listener", "ephemeral-overlap", "host-ports-unread")
}

func (w World) hostPorts(ctx context.Context) []Finding {
	if why := w.noPorts(w.HostPorts == nil); why != nil {
		return why
	}
	var found []Finding
	seen := w.HostPorts(ctx)
	for _, h := range seen.Findings {
		f := Finding{ID: h.ID, Status: Warn, Summary: h.Summary, Evidence: []string{h.Evidence}, Fix: h.Fix, SymptomOf: []string{"docker"}}
		if slices.Contains(definite(), h.ID) && !h.Inferred {
			f.Status = Fail
		}
		found = append(found, f)
	}
	if len(seen.Notes) > 0 {
		found = append(found, Finding{ID: "host-ports-unread", Status: Unknown, Summary: seen.Notes[0], Evidence: bounded(seen.Notes[1:]), Fix: fix.Do("run it as root: sudo muster debug")})
	}
	if len(found) == 0 {
		return Passed(w.Config.Ports + ": nothing on this host is in the way")
	}
	return found
}

func (w World) noPorts(blind bool) []Finding {
	switch {
	case w.Config.Ports == "":
		return Skipped("no replication ports are configured (MUSTER_PORTS)")
	case blind:
		return Skipped("the ports are not looked at here")
	}
	return nil
}

func (w World) replicationPorts(ctx context.Context) []Finding {
	if why := w.noPorts(w.Ports == nil); why != nil {
		return why
	}
	report, err := w.Ports(ctx)
	if err != nil {
		return CouldNotLook(err, fix.Do("muster ports says more"))
	}
	if found := portFindings(report); len(found) > 0 {
		return found
	}
	return Passed(w.Config.Ports + ": none is known to be closed to the peers")
}

// portsTimeout is for the discovery of a whole cluster, page by page.
const portsTimeout = 15 * time.Second

// portFindings are the problems of a report, a finding for each sentence.
func portFindings(report *ports.Report) (found []Finding) {
	said := map[string]bool{}
	for _, b := range report.Blocks {
		for _, o := range b.Outcomes {
			if o.Status == reach.Open.String() || said[o.Sentence] {
				continue
			}
			said[o.Sentence] = true
			f := Finding{ID: "replication-port-closed", Status: Fail, Summary: o.Sentence, Evidence: bounded(o.Warnings), Fix: fix.Do("muster ports shows all of them")}
			if o.Status == reach.Unknown.String() {
				f.ID, f.Status = "replication-port-unknown", Unknown
			}
			if len(o.Fixes) > 0 {
				f.Fix = fix.Do(o.Fixes[0].Command)
			}
			found = append(found, f)
		}
	}
	if more := len(found) - maxLines; more > 0 { // the worst stand first
		found = found[:maxLines]
		last := &found[maxLines-1]
		last.Evidence = append(last.Evidence, fmt.Sprintf("and %d more: muster ports shows all of them", more))
	}
	return found
}
