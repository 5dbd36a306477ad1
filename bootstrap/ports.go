package bootstrap

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"muster/bootstrap/bootreport"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/base/gate"
	"muster/internal/config"
	"muster/internal/report/ports"
)

// checkPorts checks the replication ports of a registered instance, if they are configured. A port that is certainly
// closed is a warning or, depending on the policy, fails the boot. A port that could not be checked never fails the
// boot.
func (r *run) checkPorts(ctx context.Context, report *bootreport.Report) {
	if r.Config.Ports == "" || r.Config.PortsPolicy == config.PortsIgnore || r.Ports == nil {
		return
	}
	r.stagger(ctx)
	ctx, stop := context.WithTimeout(ctx, r.pace.ports)
	defer stop()
	found, err := r.Ports(ctx, r.Instance, r.wanted.Text)
	if err != nil {
		r.warnOfPorts(report, "could not check the replication ports: "+err.Error())
		return
	}
	closed, open := found.Closed()
	filtered, certain := found.Filtered()
	for _, sentence := range slices.Concat(found.Notes, closed, filtered, onHost(found)) {
		r.warnOfPorts(report, sentence)
	}
	if certain {
		closed = append(closed, filtered...)
	}
	r.openGate(ctx, report, found, certain)
	switch {
	case len(closed) == 0:
		r.info("ports", "%s: no port is known to be closed; peers: %d, dialed: %s",
			r.Config.Ports, len(found.Peers)-1, cmp.Or(found.Contacts(), "none"))
	case r.Config.PortsPolicy == config.PortsFail:
		report.Outcome, report.ExitCode = bootreport.PortsClosed, exitcode.Failed
		report.Reason = fmt.Sprintf("registered in cluster %s, but replication ports are closed", r.wanted)
		report.Cause = bootreport.NewCause("ports-closed", closed[0], openPort(open))
	}
}

// openGate sets the attribute of the container instance to open, if a gate is set, the
// ports are proved open and ECS has confirmed that the container instance is this one. Only
// the agent closes the gate, because it checks the ports more than once.
func (r *run) openGate(ctx context.Context, report *bootreport.Report, found *ports.Report, filtered bool) {
	if r.Config.Gate == "" {
		return
	}
	self := gate.Self{Cluster: r.wanted.Text, ARN: report.ContainerInstanceARN}
	switch state := found.Gate(); {
	case state != gate.Open:
		r.info("gate", "attribute %s is unchanged: the ports are %s", r.Config.Gate, state)
	case filtered:
		r.info("gate", "attribute %s is unchanged: probes got no response although the rules are open", r.Config.Gate)
	case r.confirmed == nil || r.confirmed.err != nil || r.confirmed.instance.EC2InstanceID != r.Identity.InstanceID:
		r.warnOfPorts(report, "attribute "+r.Config.Gate+" was not set: ECS has not confirmed that "+self.ARN+" is this instance")
	default:
		if err := r.aws.PutAttribute(ctx, self.Cluster, self.ARN, r.Config.Gate, gate.Open.String()); err != nil {
			r.warnOfPorts(report, "attribute "+r.Config.Gate+" was not set to open: "+err.Error())
			return
		}
		r.info("gate", "set attribute %s=%s of this container instance", r.Config.Gate, gate.Open)
	}
}

// retryFactor multiplies the maximum delay when verify runs again after closed ports. A closed port rarely opens within
// a minute, and each check costs about eight API calls.
const retryFactor = 40

// stagger waits for a random time before the APIs are called, because all instances that boot at once share their rate
// limits. It does not wait if the root is not "/", because then this is not a boot.
func (r *run) stagger(ctx context.Context) {
	if r.pace.stagger == 0 || r.Config.Root != "/" {
		return
	}
	longest := r.pace.stagger
	if r.lastReport().Outcome == bootreport.PortsClosed {
		longest *= retryFactor
	}
	select {
	case <-ctx.Done():
	case <-time.After(rand.N(longest)):
	}
}

// onHost returns what was found on this host. It omits no-listener, because on an instance that has just joined it is
// normal that no task listens yet.
func onHost(found *ports.Report) (sentences []string) {
	for _, f := range found.Findings {
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

// openPort returns the fix for a closed port. open is the command that opens it, or "" if it is unknown.
func openPort(open string) fix.Fix {
	if open == "" {
		return fix.Do("List the closed ports and what closes them:", "muster ports")
	}
	return fix.Do("Open the port:", open)
}
