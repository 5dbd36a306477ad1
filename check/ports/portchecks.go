package ports

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/base/plural"
	"muster/internal/report/ports"
	"muster/reach"
)

// definite returns the findings of package hostports that certainly separate peers. The others only make it likely, or
// may be intended.
func definite() []*check.Kind {
	return []*check.Kind{MulticastFinder, PortNotPublished, PublishedOnOtherAddress, OtherHostPort, V6OnlyListener,
		ListenerOnOtherAddress}
}

func hostPortFindings() []*check.Kind {
	return append(definite(), Docker0Announced, BridgeAddressAnnounced, ListenerBeyondFirstPort, NoListener,
		EphemeralOverlap, HostPortsUnread)
}

func (g Group) hostPorts(ctx context.Context) []check.Finding {
	if why := g.noPorts(g.HostPorts == nil); why != nil {
		return why
	}
	var found []check.Finding
	seen := g.HostPorts(ctx)
	for _, h := range seen.Findings {
		kind := check.KindOf(hostPortFindings(), h.ID)
		f := check.Finding{
			Kind:      kind,
			Status:    check.Warn,
			Summary:   h.Summary,
			Evidence:  []string{h.Evidence},
			Fix:       h.Fix,
			Confirm:   h.Confirm,
			SymptomOf: []*check.Kind{g.Others.DockerCheck},
		}
		if slices.Contains(definite(), kind) && !h.Inferred {
			f.Status = check.Fail
		}
		found = append(found, f)
	}
	if len(seen.Notes) > 0 {
		f := check.Finding{Kind: HostPortsUnread, Status: check.Unknown, Summary: seen.Notes[0], Evidence: subject.Bounded(seen.Notes[1:])}
		if slices.ContainsFunc(seen.Notes, func(note string) bool { return strings.Contains(note, "permission denied") }) {
			f.Fix = fix.Do("Run muster as root:", "sudo muster debug")
		}
		found = append(found, f)
	}
	if len(found) == 0 {
		return check.Passed(g.Config.Ports + ": nothing on this host blocks the ports")
	}
	return found
}

func (g Group) noPorts(blind bool) []check.Finding {
	switch {
	case g.Config.Ports == "":
		return check.Skipped("no replication ports are configured (MUSTER_PORTS)")
	case blind:
		return check.Skipped("the ports cannot be checked from this host")
	}
	return nil
}

func (g Group) replicationPorts(ctx context.Context) []check.Finding {
	if why := g.noPorts(g.Ports == nil); why != nil {
		return why
	}
	report, err := g.Ports(ctx)
	if err != nil {
		return check.Undetermined(err, fix.Do("Check the ports alone:", allPorts))
	}
	found := append(portFindings(report), probeFindings(report)...)
	if len(found) > 0 {
		return found
	}
	var seen []string
	for _, d := range report.Dialled() {
		seen = append(seen, d.String())
	}
	return check.Passed(g.Config.Ports+": the rules allow all peers, and no dial went unanswered", seen...)
}

// portsTimeout allows for the discovery of a whole cluster, page by page.
const portsTimeout = 15 * time.Second

const allPorts = "muster ports"

// portFindings returns the problems of a report, one finding for each sentence.
func portFindings(report *ports.Report) (found []check.Finding) {
	reported := map[string]bool{}
	for _, b := range report.Blocks {
		for _, o := range b.Outcomes {
			if o.Status == reach.Open.String() || reported[o.Sentence] {
				continue
			}
			reported[o.Sentence] = true
			found = append(found, portFinding(b, o))
		}
	}
	if more := len(found) - subject.MaxLines; more > 0 { // the worst come first
		found = found[:subject.MaxLines]
		last := &found[subject.MaxLines-1]
		last.Evidence = append(last.Evidence, fmt.Sprintf("and %d more: muster ports shows all of them", more))
	}
	return found
}

func portFinding(b ports.Block, o ports.Outcome) check.Finding {
	f := check.Finding{Kind: ReplicationPortClosed, Status: check.Fail, Summary: pairSummary(b, o, "cannot reach"),
		Evidence: append([]string{o.Sentence}, subject.Bounded(o.Warnings)...)}
	if more := b.Pairs() - 1; more > 0 {
		f.Evidence = append(f.Evidence, "the same"+strings.Replace(subject.AndMore(more, "pair"), " and", " for", 1))
	}
	var commands []string
	for _, fix := range o.Fixes {
		commands = append(commands, fix.Command)
	}
	switch {
	case o.Status == reach.Unknown.String():
		f.Kind, f.Status, f.Summary = ReplicationPortUnknown, check.Unknown, pairSummary(b, o, "to")
		f.Fix = fix.Do("Allow the action named above in the instance role, then check again:", allPorts)
	case len(commands) == 1:
		f.Fix = fix.Do("Add the rule:", commands...)
	case len(commands) > 1:
		f.Fix = fix.Do("Add the rules:", commands...)
	case o.Status == reach.Blocked.String():
		f.Fix = fix.Do("In the network ACL named above, allow these ports and the return traffic, then check again:", allPorts)
	default:
		f.Fix = fix.Do("Show all pairs and rules:", allPorts)
	}
	return f
}

// pairSummary names the first pair and the ports that are closed between its instances.
func pairSummary(b ports.Block, o ports.Outcome, verb string) string {
	if len(b.From) == 0 || len(b.To) == 0 {
		return o.Sentence
	}
	to := b.To[0]
	if to == b.From[0] && len(b.To) > 1 {
		to = b.To[1]
	}
	what := o.Need
	if part := o.Missing + o.Unknown; part != "" && !strings.Contains(what, " "+part+" ") && !strings.HasSuffix(what, " "+part) {
		protocol, _, _ := strings.Cut(what, " ")
		what = protocol + " " + part
	}
	return fmt.Sprintf("%s %s %s on %s", b.From[0], verb, to, what)
}

// probeFindings returns findings for peers that do not respond although the rules allow it. The cause is a firewall on
// the host or a route, which no API shows. If none of several peers responds, or if a silent peer responds on other
// ports, packets are filtered. A listener here shows that peers should have one, too.
func probeFindings(report *ports.Report) (found []check.Finding) {
	for _, d := range report.Dialled() {
		if d.Lost == 0 {
			continue
		}
		f := check.Finding{Kind: ReplicationPortFiltered, Status: check.Warn, Evidence: append(subject.Bounded(d.Unanswered),
			"security groups and network ACLs: OPEN"),
			Summary: fmt.Sprintf("%d of %s %s not respond on %s despite open rules: probably a host firewall", d.Lost, plural.Count(d.Peers, "peer"),
				plural.Word(d.Lost, "does", "do"), probedPorts(d)),
			Fix: fix.Do("On the peer, allow the port from this instance in the firewall; to list its rules:", "sudo nft list ruleset",
				"sudo iptables -nvL INPUT"),
			Confirm: fmt.Sprintf("on the peer: sudo tcpdump -ni any '%s' shows packets that arrive and get no response", tcpdumpFilter(d))}
		if d.Elsewhere || d.Lost == d.Peers && d.Peers > 1 && d.Listened {
			f.Status = check.Fail
		}
		found = append(found, f)
	}
	for _, why := range report.Undialled() {
		found = append(found, check.Finding{Kind: ReplicationPortUnknown, Status: check.Unknown,
			Summary: "no peer could be dialed from here: " + why,
			Fix:     fix.Do("Check the ports again later:", allPorts)})
	}
	return found
}

// probedPorts returns text such as "tcp 47100 and 47199".
func probedPorts(d ports.Dialled) string {
	protocol, _, _ := strings.Cut(d.Need, " ")
	var texts []string
	for _, port := range d.Ports {
		texts = append(texts, fmt.Sprint(port))
	}
	return protocol + " " + strings.Join(texts, " and ")
}

// tcpdumpFilter returns a tcpdump expression for the probed ports.
func tcpdumpFilter(d ports.Dialled) string {
	protocol, _, _ := strings.Cut(d.Need, " ")
	var parts []string
	for _, port := range d.Ports {
		parts = append(parts, fmt.Sprintf("%s port %d", protocol, port))
	}
	return strings.Join(parts, " or ")
}
