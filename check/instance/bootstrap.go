package instance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/file/safefile"
)

// bootReport is what is read of the report of a boot: why bootstrap failed, and
// which of those who wait for this instance could not be notified.
type bootReport struct {
	Cause struct {
		ID      string  `json:"id"`
		Summary string  `json:"summary"`
		Fix     fix.Fix `json:"fix"`
	} `json:"cause"`
	Deliveries []struct {
		To    string `json:"to"`
		What  string `json:"what"`
		Error string `json:"error"`
		// Temporary: muster-verify.service sends it again.
		Temporary bool    `json:"temporary"`
		Fix       fix.Fix `json:"fix"`
	} `json:"deliveries"`
	StartedAt time.Time `json:"started_at"`
}

func (w Group) bootstrap(context.Context) []check.Finding {
	if w.Config == nil {
		return check.Skipped("muster's settings are not available")
	}
	path := w.Config.ReportPath(cmp.Or(w.Identity.InstanceID, "unknown")) // as bootstrap names it
	report, err := readReport(path)
	of := fmt.Sprintf("%s, written %s", path, report.StartedAt.Format(time.RFC3339))
	switch failed := report.Cause.ID == BootstrapFailed.ID; {
	case errors.Is(err, fs.ErrPermission):
		return check.CouldNotLook(err, fix.Do("Run muster as root:", "sudo muster debug"))
	case err != nil:
		return check.CouldNotLook(err, fix.Fix{})
	case failed && report.StartedAt.After(w.Record.At):
		return []check.Finding{{Kind: BootstrapFailed, Status: check.Fail, Summary: "muster bootstrap failed: " + report.Cause.Summary, Fix: report.Cause.Fix, Evidence: []string{of}}}
	}
	if found := append(w.undelivered(report, of), w.notRootsAlone()...); len(found) > 0 {
		return found
	}
	if w.Record.InstanceID == "" {
		return check.Skipped("muster bootstrap has not run on this instance")
	}
	return check.Passed("configured for cluster "+w.Record.Cluster+", from "+w.Record.ClusterOrigin, "at "+w.Record.At.Format(time.RFC3339))
}

// undelivered are the signals of the last verify that did not arrive: the launch
// hook or the stack waits until its timeout, and then treats this instance as failed.
func (w Group) undelivered(report bootReport, of string) []check.Finding {
	var found []check.Finding
	for _, d := range report.Deliveries {
		if d.Error == "" {
			continue
		}
		f := check.Finding{Kind: SignalUndelivered, Status: check.Warn, Summary: fmt.Sprintf("%s did not receive its signal: %s", d.To, d.What),
			Evidence: []string{d.Error, of}, Fix: d.Fix}
		switch {
		case d.Temporary:
			f.Fix = fix.Do("The error may pass, and muster-verify.service sends the signal again every minute. To send it now:",
				"sudo systemctl restart muster-verify.service")
		case len(d.Fix.Commands) == 0:
			f.Fix = fix.Do("Correct the name of the hook, stack or resource in user data, then send the signal again:", w.signalAgain())
		}
		found = append(found, f)
	}
	return found
}

// signalAgain is the command with what the last bootstrap was given, which is
// probably what is wrong.
func (w Group) signalAgain() string {
	command := "sudo muster verify"
	for _, s := range [][2]string{{"MUSTER_LIFECYCLE_HOOK", " --lifecycle-hook HOOK"}, {"MUSTER_CFN_STACK", " --cfn-stack STACK --cfn-resource RESOURCE"}} {
		if w.Record.Settings[s[0]] != "" {
			command += s[1]
		}
	}
	return command
}

// readReport reads the report of a boot; without one it is zero.
func readReport(path string) (report bootReport, err error) {
	data, err := safefile.Read(path, subject.MaxSmall)
	if errors.Is(err, fs.ErrNotExist) {
		return report, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &report)
	}
	if err != nil {
		return report, fmt.Errorf("reading the boot report %s: %w", path, err)
	}
	return report, nil
}
