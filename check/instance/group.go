// Package instance checks the instance itself: its platform, the metadata service, the
// role, user data, the Auto Scaling lifecycle, the disks, memory and CPU, the clock, and
// what muster bootstrap did.
package instance

import (
	"context"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/host/kernel"
)

// Metadata is the instance metadata service.
type Metadata interface {
	// Metadata reads a path below /latest/meta-data/. A path that does not exist is no error.
	Metadata(ctx context.Context, path string) (value string, ok bool, err error)
	subject.UserData
	Date(ctx context.Context) (time.Time, error) // by the service's clock
}

// Group is what these checks depend on.
type Group struct {
	*subject.Instance
	IMDS    Metadata // nil: it cannot be asked
	Systemd subject.Systemd
	Route   subject.Route
	// FileSystem measures the file system of a path; nil: none is measured.
	FileSystem func(path string) (kernel.FileSystem, error)
	Getenv     func(name string) string // muster's own environment; nil: it is empty
}

// Checks are the checks of this group in two parts, because those of the network explain
// whether bootstrap failed. The warm pool's state is empty unless it defers the
// registration.
func (w Group) Checks() (first, bootstrap []check.Check, warmPool *check.Learned[string]) {
	imds := []*check.Kind{IMDSCheck}
	lifecycle, warmPool := check.Learn(check.Check{Kind: LifecycleCheck, Group: check.Instance,
		Title: "the Auto Scaling group keeps this instance in service", Needs: imds,
		Findings: []*check.Kind{WarmPool, WarmPoolUnchecked, SpotDrainingOff, Standby, Leaving}}, w.lifecycle)
	first = []check.Check{
		{Kind: PlatformCheck, Group: check.Instance, Title: "muster supports this platform", Run: w.platformFinding,
			Findings: []*check.Kind{PlatformUnsupported, SystemdTooOld}},
		{Kind: IMDSCheck, Group: check.Instance, Title: "the instance metadata service answers", Run: w.metadataService,
			Findings: []*check.Kind{IMDSDisabled, IMDSSilent, IMDSUnreachable, IMDSGarbled, IMDSBroken, IMDSTurnedOff}},
		{Kind: InstanceRoleCheck, Group: check.Instance, Title: "the instance has a role with credentials", Needs: imds,
			Run:      check.Given(w.IMDS != nil, w.instanceRole),
			Findings: []*check.Kind{NoInstanceProfile, InstanceProfileBroken, RoleNotTrusted, CredentialsExpired}},
		{Kind: UserDataCheck, Group: check.Instance, Title: "cloud-init ran user data", Needs: imds,
			Run:      check.Given(w.IMDS != nil, w.userData),
			Findings: []*check.Kind{UserDataNotRun, UserDataMalformed, UserDataFailed, CloudInitErrors}},
		lifecycle,
		{Kind: DiskCheck, Group: check.Instance, Title: "the disks have free space and are writable",
			Run:      check.Given(w.FileSystem != nil, w.disk),
			Findings: []*check.Kind{DiskFull, InodesFull, ReadOnlyFileSystem}},
		{Kind: PressureCheck, Group: check.Instance, Title: "the host is not starved of memory, CPU or I/O", Run: w.pressure,
			Findings: []*check.Kind{StarvedHost, OOMKills}},
		{Kind: ClockCheck, Group: check.Instance, Title: "the clock is correct",
			Run:      check.Given(w.IMDS != nil && w.Route.Net != nil, w.clock),
			Findings: []*check.Kind{ClockSkew}},
	}
	first[4].Run = check.Given(w.IMDS != nil, lifecycle.Run)
	bootstrap = []check.Check{
		{Kind: BootstrapCheck, Group: check.Instance, Title: "muster bootstrap has configured this instance", Run: w.bootstrap,
			Findings: []*check.Kind{BootstrapFailed, SignalUndelivered, NotRootsAlone}},
	}
	return first, bootstrap, warmPool
}
