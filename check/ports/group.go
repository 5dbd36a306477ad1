// Package ports checks the replication ports on this host, and between this instance and its peers. The function Ports
// does the same for a whole fleet.
package ports

import (
	"context"

	"muster/check"
	"muster/check/subject"
	"muster/internal/host/hostports"
	"muster/internal/report/ports"
)

// Group holds the dependencies of these checks.
type Group struct {
	*subject.Instance
	// HostPorts checks the replication ports on this host. Ports evaluates them between this instance and its peers.
	// Each is nil if that is not possible here.
	HostPorts func(context.Context) hostports.Report
	Ports     func(context.Context) (*ports.Report, error)
	Others    Others
}

// Others are the checks of other groups that these checks refer to.
type Others struct{ DockerCheck *check.Kind }

// Checks returns the checks of this group.
func (g Group) Checks() []check.Check {
	return []check.Check{
		{Kind: HostPortsCheck, Group: check.PortsOf, Title: "nothing on this host blocks the replication ports", Run: g.hostPorts,
			Findings: hostPortFindings()},
		{Kind: ReplicationPortsCheck, Group: check.PortsOf, Run: g.replicationPorts, Remote: true, Timeout: portsTimeout,
			Title:    "the replication ports are open between this instance and its peers",
			Findings: []*check.Kind{ReplicationPortClosed, ReplicationPortFiltered, ReplicationPortUnknown}},
	}
}
