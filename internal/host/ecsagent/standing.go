package ecsagent

import "muster/internal/base/cluster"

// Standing is the result of comparing the agent's registration with the wanted cluster.
type Standing int

// Standings.
const (
	NotRegistered Standing = iota // it has no container instance ARN
	Elsewhere                     // in another cluster
	Registered                    // in the wanted cluster, or in any if none is wanted
)

// In compares the registration with the wanted cluster, which is a name or an ARN. An empty one accepts any cluster.
func (m Metadata) In(wanted string) Standing {
	switch {
	case m.ContainerInstanceARN == "":
		return NotRegistered
	case wanted != "" && !cluster.SameText(m.Cluster, wanted):
		return Elsewhere
	}
	return Registered
}
