package check

import (
	"context"
	"strings"
	"time"

	"muster/internal/file/safefile"
)

// Metadata is the instance metadata service.
type Metadata interface {
	// Metadata reads a path below /latest/meta-data/. One that is not there is no error.
	Metadata(ctx context.Context, path string) (value string, ok bool, err error)
	// UserData is for its form alone; what it says is never shown.
	UserData(ctx context.Context) (data []byte, ok bool, err error)
	Date(ctx context.Context) (time.Time, error) // by the service's clock
}

// instanceChecks cover the instance itself.
func instanceChecks(w World, f *facts) []Check {
	imds := []string{"imds"}
	return []Check{
		{ID: "imds", Group: Instance, Title: "the instance metadata service answers", Run: w.metadataService,
			Findings: []string{"imds-disabled", "imds-silent", "imds-unreachable", "imds-garbled", "imds-broken", "imds-turned-off"}},
		{ID: "instance-role", Group: Instance, Title: "the instance has a role with credentials", Needs: imds, Run: given(w.IMDS != nil, w.instanceRole),
			Findings: []string{"no-instance-profile", "instance-profile-broken", "role-not-trusted", "credentials-expired"}},
		{ID: "user-data", Group: Instance, Title: "cloud-init ran user data", Needs: imds, Run: given(w.IMDS != nil, w.userData),
			Findings: []string{"user-data-not-run", "user-data-malformed", "user-data-failed", "cloud-init-errors"}},
		{ID: "lifecycle", Group: Instance, Title: "the Auto Scaling group keeps this instance in service", Needs: imds,
			Run:      given(w.IMDS != nil, func(ctx context.Context) []Finding { return w.lifecycle(ctx, f) }),
			Findings: []string{"warm-pool", "warm-pool-unchecked", "spot-draining-off", "standby", "leaving"}},
		{ID: "disk", Group: Instance, Title: "the disks have free space and are writable", Run: given(w.FileSystem != nil, w.disk),
			Findings: []string{"disk-full", "inodes-full", "read-only-file-system"}},
		{ID: "pressure", Group: Instance, Title: "the host is not starved of memory, CPU or I/O", Run: w.pressure,
			Findings: []string{"starved-host", "oom-kills"}},
		{ID: "clock", Group: Instance, Title: "the clock is correct", Run: given(w.IMDS != nil && w.Net != nil, w.clock), Findings: []string{"clock-skew"}},
	}
}

// given skips a check without what it looks at.
func given(there bool, run func(context.Context) []Finding) func(context.Context) []Finding {
	if there {
		return run
	}
	return func(context.Context) []Finding { return Skipped("not available on this host") }
}

// instanceID is for the commands that are printed. cloud-init wrote it down at a
// boot at which the metadata service answered.
func (w World) instanceID() string {
	if w.Identity.InstanceID != "" {
		return w.Identity.InstanceID
	}
	if data, err := safefile.Read(w.Config.Path("/var/lib/cloud/data/instance-id"), maxSmall); err == nil {
		if id := strings.TrimSpace(string(data)); strings.HasPrefix(id, "i-") && strings.Trim(id, "i-0123456789abcdef") == "" {
			return id
		}
	}
	return "INSTANCE_ID"
}

// region is for the commands that are printed.
func (w World) region() string {
	if w.Identity.Region != "" {
		return w.Identity.Region
	}
	return "REGION"
}
