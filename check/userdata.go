package check

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"muster/internal/cloudinit"
	"muster/internal/fix"
	"muster/internal/redact"
)

// userData sees what makes the ECS agent refuse to start since v1.105.0: there
// was user data, and cloud-init found no data source to take it from.
func (w World) userData(ctx context.Context) []Finding {
	boot, err := cloudinit.Read(w.Config.Root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Skipped("cloud-init left no result: it is not used here")
	case err != nil:
		return CouldNotLook(err, fix.Fix{})
	case boot.Running != "":
		return Passed("cloud-init still runs (" + boot.Running + "); on Amazon Linux the ECS agent starts after it")
	case boot.DataSource == cloudinit.NoDataSource:
		return w.notRun(ctx)
	case len(boot.Errors) > 0:
		var said []string
		for _, e := range boot.Errors[:min(len(boot.Errors), 5)] {
			said = append(said, redact.Text(firstLine(e)))
		}
		return []Finding{{ID: "cloud-init-errors", Status: Warn, Summary: "cloud-init ended with errors: a part of user data may have failed",
			Evidence: said, Fix: fix.Do("less /var/log/cloud-init-output.log")}}
	}
	return Passed("cloud-init is done, from " + boot.DataSource)
}

func (w World) notRun(ctx context.Context) []Finding {
	there, err := w.IMDS.HasUserData(ctx)
	switch {
	case err != nil:
		return CouldNotLook(err, fix.Fix{})
	case !there:
		return Passed("cloud-init found no data source, and there is no user data")
	}
	return []Finding{{ID: "user-data-not-run", Status: Fail,
		Summary:  "cloud-init found no data source at boot, so user data never ran; the ECS agent (from v1.105.0) refuses to start",
		Evidence: []string{"/var/lib/cloud/data/result.json: datasource DataSourceNone", "the metadata service has user data"},
		Fix:      fix.Do("reboot; if it comes back, replace the instance: aws ec2 terminate-instances --instance-ids " + w.instanceID())}}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// lifecycle is never a failure: the group has its reasons.
func (w World) lifecycle(ctx context.Context, f *facts) []Finding {
	state, there, err := w.IMDS.Metadata(ctx, "autoscaling/target-lifecycle-state")
	state = strings.TrimSpace(state)
	switch {
	case err != nil:
		return CouldNotLook(err, fix.Fix{})
	case !there:
		return Skipped("the instance is in no Auto Scaling group")
	case strings.HasPrefix(state, "Warmed:"):
		f.deferred = state
		return []Finding{{ID: "warm-pool", Status: Skip,
			Summary: "the instance is kept in the warm pool (" + state + "): with ECS_WARM_POOLS_CHECK=true the ECS agent registers when it goes into service"}}
	case state == "Standby":
		return []Finding{{ID: "standby", Status: Warn, Summary: "the Auto Scaling group has put this instance on standby",
			Fix: fix.Do("aws autoscaling exit-standby --auto-scaling-group-name GROUP --instance-ids " + w.instanceID())}}
	case state != "InService":
		return []Finding{{ID: "leaving", Status: Warn, Summary: "the Auto Scaling group is about to take this instance out of service (" + state + ")",
			Fix: fix.Do("aws autoscaling describe-scaling-activities --auto-scaling-group-name GROUP")}}
	}
	return Passed("target state InService")
}
