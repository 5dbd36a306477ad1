package registration

import (
	"math/rand/v2"
	"time"

	"muster/internal/base/arn"
	"muster/internal/base/cluster"
	"muster/internal/host/ecsagent"
)

// Self is this instance by its identity document, with which the answers of others
// are compared. What is empty is not compared.
type Self struct{ InstanceID, Region, Account string }

// foreign says why the answer on the introspection port cannot be about this
// instance, or is empty.
func (s Self) foreign(meta ecsagent.Metadata) string {
	own := arn.Owner{Region: s.Region, Account: s.Account}
	if why := own.Foreign(meta.ContainerInstanceARN, "container-instance"); why != "" {
		return "port 51678 answers for another instance: " + why
	}
	ref, err := cluster.Parse(meta.Cluster)
	if err == nil && ref.Region != "" {
		if why := own.Foreign(meta.Cluster, "cluster"); why != "" {
			return "port 51678 answers for another instance: " + why
		}
	}
	return ""
}

// differs reports whether ECS named another EC2 instance.
func (s Self) differs(id string) bool { return s.InstanceID != "" && id != "" && id != s.InstanceID }

// claim is what the answer on the introspection port says this instance is.
type claim struct{ cluster, arn string }

// askSoon is within what time ECS is asked about an ARN that has changed: it is a new
// registration, or somebody else's.
const askSoon = time.Minute

// claims takes note of what the ECS agent says, and keeps it unless ECS has said that
// it is another instance's.
func (w *Watch) claims(c claim) {
	if w.claim.arn != c.arn {
		w.snapshot.ECS = Word{} // it was of another registration
		if w.snapshot.ARN != "" && w.snapshot.ARN != c.arn {
			w.asking.due = time.Now().Add(rand.N(askSoon))
		}
	}
	w.claim = c
	if w.snapshot.ECS.Foreign == "" {
		w.snapshot.Cluster, w.snapshot.ARN = c.cluster, c.arn
	}
}
