package ecsagent

import "muster/internal/base/cluster"

// Standing is where the ECS agent is registered, compared with where it should be.
type Standing int

// The standings.
const (
	NotRegistered Standing = iota // it has no container instance ARN
	Elsewhere                     // in another cluster
	Registered                    // in the wanted cluster, or in any if none is wanted
)

// In compares with the wanted cluster, a name or an ARN; empty if none is wanted.
func (m Metadata) In(wanted string) Standing {
	switch {
	case m.ContainerInstanceARN == "":
		return NotRegistered
	case wanted != "" && !cluster.SameText(m.Cluster, wanted):
		return Elsewhere
	}
	return Registered
}
