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
	imds := []*Kind{IMDSCheck}
	return []Check{
		{Kind: IMDSCheck, Group: Instance, Title: "the instance metadata service answers", Run: w.metadataService,
			Findings: []*Kind{IMDSDisabled, IMDSSilent, IMDSUnreachable, IMDSGarbled, IMDSBroken, IMDSTurnedOff}},
		{Kind: InstanceRoleCheck, Group: Instance, Title: "the instance has a role with credentials", Needs: imds, Run: given(w.IMDS != nil, w.instanceRole),
			Findings: []*Kind{NoInstanceProfile, InstanceProfileBroken, RoleNotTrusted, CredentialsExpired}},
		{Kind: UserDataCheck, Group: Instance, Title: "cloud-init ran user data", Needs: imds, Run: given(w.IMDS != nil, w.userData),
			Findings: []*Kind{UserDataNotRun, UserDataMalformed, UserDataFailed, CloudInitErrors}},
		{Kind: LifecycleCheck, Group: Instance, Title: "the Auto Scaling group keeps this instance in service", Needs: imds,
			Run:      given(w.IMDS != nil, func(ctx context.Context) []Finding { return w.lifecycle(ctx, f) }),
			Findings: []*Kind{WarmPool, WarmPoolUnchecked, SpotDrainingOff, Standby, Leaving}},
		{Kind: DiskCheck, Group: Instance, Title: "the disks have free space and are writable", Run: given(w.FileSystem != nil, w.disk),
			Findings: []*Kind{DiskFull, InodesFull, ReadOnlyFileSystem}},
		{Kind: PressureCheck, Group: Instance, Title: "the host is not starved of memory, CPU or I/O", Run: w.pressure,
			Findings: []*Kind{StarvedHost, OOMKills}},
		{Kind: ClockCheck, Group: Instance, Title: "the clock is correct", Run: given(w.IMDS != nil && w.Net != nil, w.clock), Findings: []*Kind{ClockSkew}},
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
