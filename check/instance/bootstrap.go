package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"muster/bootstrap/bootreport"
	"muster/check"
	"muster/internal/base/fix"
)

func (g Group) bootstrap(context.Context) []check.Finding {
	if g.Config == nil {
		return check.Skipped("muster's settings are not available")
	}
	path := g.Config.ReportPath(cmp.Or(g.Identity.InstanceID, "unknown")) // the file name that bootstrap uses
	report, err := bootreport.Read(path)
	of := fmt.Sprintf("%s, written %s", path, report.StartedAt.Format(time.RFC3339))
	switch failed := report.Cause != nil && report.Cause.ID == BootstrapFailed.ID; {
	case errors.Is(err, fs.ErrPermission):
		return check.Undetermined(err, fix.Do("Run muster as root:", "sudo muster debug"))
	case err != nil:
		return check.Undetermined(err, fix.Fix{})
	case failed && report.StartedAt.After(g.Record.At):
		return []check.Finding{{Kind: BootstrapFailed, Status: check.Fail, Summary: "muster bootstrap failed: " + report.Cause.Summary,
			Fix: report.Cause.Fix, Evidence: []string{of}}}
	}
	if found := append(g.undelivered(report, of), g.notRootsAlone()...); len(found) > 0 {
		return found
	}
	if g.Record.InstanceID == "" {
		return check.Skipped("muster bootstrap has not run on this instance")
	}
	return check.Passed("configured for cluster "+g.Record.Cluster+", from "+g.Record.ClusterOrigin, "at "+g.Record.At.Format(time.RFC3339))
}

// undelivered returns a finding for each signal of the last verify that was not delivered. The launch hook or the stack
// waits until its timeout, and then treats this instance as failed.
func (g Group) undelivered(report bootreport.Report, of string) []check.Finding {
	var found []check.Finding
	for _, d := range report.Undelivered() {
		f := check.Finding{
			Kind:     SignalUndelivered,
			Status:   check.Warn,
			Summary:  fmt.Sprintf("%s did not receive its signal: %s", d.To, d.What),
			Evidence: []string{d.Error, of},
			Fix:      d.Fix,
		}
		switch {
		case d.Temporary:
			f.Fix = fix.Do("The error may pass, and muster-verify.service sends the signal again every minute. To send it now:",
				"sudo systemctl restart muster-verify.service")
		case len(d.Fix.Commands) == 0:
			f.Fix = fix.Do("Correct the name of the hook, stack or resource in user data, then send the signal again:", g.signalAgain())
		}
		found = append(found, f)
	}
	return found
}

// signalAgain returns the verify command with placeholders for the arguments that the last bootstrap set, because one
// of them is probably wrong.
func (g Group) signalAgain() string {
	command := "sudo muster verify"
	for _, s := range [][2]string{{"MUSTER_LIFECYCLE_HOOK", " --lifecycle-hook HOOK"},
		{"MUSTER_CFN_STACK", " --cfn-stack STACK --cfn-resource RESOURCE"}} {
		if g.Record.Settings[s[0]] != "" {
			command += s[1]
		}
	}
	return command
}
