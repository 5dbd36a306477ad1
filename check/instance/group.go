// Package instance checks the instance itself: platform, metadata service, role, user data, Auto Scaling lifecycle,
// disks, memory, CPU, clock, and the result of muster bootstrap.
package instance

import (
	"context"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/host/kernel"
)

// Metadata is a client of the instance metadata service.
type Metadata interface {
	// Metadata reads a path below /latest/meta-data/. A missing path is not an error.
	Metadata(ctx context.Context, path string) (value string, ok bool, err error)
	subject.UserData
	Date(ctx context.Context) (time.Time, error) // the service's time
}

// Group holds the dependencies of these checks.
type Group struct {
	*subject.Instance
	IMDS    Metadata // nil if it cannot be queried
	Systemd subject.Systemd
	Route   subject.Route
	// FileSystem returns the usage of a path's file system. If it is nil, no file system is measured.
	FileSystem func(path string) (kernel.FileSystem, error)
	Getenv     func(name string) string // muster's own environment; nil means empty
}

// Checks returns the checks of this group in two parts, because the network checks explain a failure of bootstrap and
// must come in between. The warm pool's state is empty unless it defers the registration.
func (g Group) Checks() (first, bootstrap []check.Check, warmPool *check.Learned[string]) {
	imds := []*check.Kind{IMDSCheck}
	lifecycle, warmPool := check.Learn(check.Check{Kind: LifecycleCheck, Group: check.Instance,
		Title: "the Auto Scaling group keeps this instance in service", Needs: imds,
		Findings: []*check.Kind{WarmPool, WarmPoolUnchecked, SpotDrainingOff, Standby, Leaving}}, g.lifecycle)
	first = []check.Check{
		{Kind: PlatformCheck, Group: check.Instance, Title: "muster supports this platform", Run: g.platformFinding,
			Findings: []*check.Kind{PlatformUnsupported, SystemdTooOld}},
		{Kind: IMDSCheck, Group: check.Instance, Title: "the instance metadata service responds", Run: g.metadataService,
			Findings: []*check.Kind{IMDSDisabled, IMDSSilent, IMDSUnreachable, IMDSGarbled, IMDSBroken, IMDSTurnedOff}},
		{Kind: InstanceRoleCheck, Group: check.Instance, Title: "the instance has a role with credentials", Needs: imds,
			Run:      check.IfAvailable(g.IMDS != nil, g.instanceRole),
			Findings: []*check.Kind{NoInstanceProfile, InstanceProfileBroken, RoleNotTrusted, CredentialsExpired}},
		{Kind: UserDataCheck, Group: check.Instance, Title: "cloud-init ran user data", Needs: imds,
			Run:      check.IfAvailable(g.IMDS != nil, g.userData),
			Findings: []*check.Kind{UserDataNotRun, UserDataMalformed, UserDataFailed, CloudInitErrors}},
		lifecycle,
		{Kind: DiskCheck, Group: check.Instance, Title: "the disks have free space and are writable",
			Run:      check.IfAvailable(g.FileSystem != nil, g.disk),
			Findings: []*check.Kind{DiskFull, InodesFull, ReadOnlyFileSystem}},
		{Kind: PressureCheck, Group: check.Instance, Title: "the host is not starved of memory, CPU or I/O", Run: g.pressure,
			Findings: []*check.Kind{StarvedHost, OOMKills}},
		{Kind: ClockCheck, Group: check.Instance, Title: "the clock is correct",
			Run:      check.IfAvailable(g.IMDS != nil && g.Route.Net != nil, g.clock),
			Findings: []*check.Kind{ClockSkew}},
	}
	first[4].Run = check.IfAvailable(g.IMDS != nil, lifecycle.Run)
	bootstrap = []check.Check{
		{Kind: BootstrapCheck, Group: check.Instance, Title: "muster bootstrap has configured this instance", Run: g.bootstrap,
			Findings: []*check.Kind{BootstrapFailed, SignalUndelivered, NotRootsAlone}},
	}
	return first, bootstrap, warmPool
}
