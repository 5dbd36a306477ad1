package registration

import (
	"math/rand/v2"
	"time"

	"muster/internal/base/arn"
	"muster/internal/base/cluster"
	"muster/internal/host/ecsagent"
)

// Self is this instance's identity, from its identity document. Responses are compared with it. Empty fields are not
// compared.
type Self struct{ InstanceID, Region, Account string }

// foreign returns why a response of the introspection port cannot be about this instance, or "".
func (s Self) foreign(meta ecsagent.Metadata) string {
	own := arn.Owner{Region: s.Region, Account: s.Account}
	if why := own.Foreign(meta.ContainerInstanceARN, "container-instance"); why != "" {
		return "port 51678 responds for another instance: " + why
	}
	ref, err := cluster.Parse(meta.Cluster)
	if err == nil && ref.Region != "" {
		if why := own.Foreign(meta.Cluster, "cluster"); why != "" {
			return "port 51678 responds for another instance: " + why
		}
	}
	return ""
}

// differs reports whether ECS returned the ID of another EC2 instance.
func (s Self) differs(id string) bool { return s.InstanceID != "" && id != "" && id != s.InstanceID }

// claim is the registration that the introspection port reports for this instance.
type claim struct{ cluster, arn string }

// askSoon is the maximum delay of the call to ECS after the ARN changed. The ARN is then from a new registration, or
// from another instance.
const askSoon = time.Minute

// claims records the registration that the ECS agent reports. It becomes part of the snapshot unless ECS has returned
// another instance for it.
func (w *Watch) claims(c claim) {
	if w.claim.arn != c.arn {
		w.snapshot.ECS = ECSStatus{} // it belongs to another registration
		if w.snapshot.ARN != "" && w.snapshot.ARN != c.arn {
			w.asking.due = time.Now().Add(rand.N(askSoon))
		}
	}
	w.claim = c
	if w.snapshot.ECS.Foreign == "" {
		w.snapshot.Cluster, w.snapshot.ARN = c.cluster, c.arn
	}
}
