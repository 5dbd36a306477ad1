package checkup

import (
	"slices"
	"testing"

	"muster/check"
	"muster/check/catalog"
	"muster/internal/sandbox"
)

// The test uses the real adapters with a sandboxed AWS on loopback.
func TestTheChecksOfTheNetworkReachTheSandbox(t *testing.T) {
	root, s := sandboxed(t)
	i := open(t, map[string]string{"MUSTER_ROOT": root, "MUSTER_CLUSTER": "prod"})
	w := catalog.World{Config: i.Config, Identity: i.Identity, NoIdentity: i.NoIdentity}
	passing := []string{"platform", "imds", "instance-role", "clock", "proxy", "dns", "ecs-endpoints", "poll-endpoint"}
	for _, r := range results(t, WithNetwork(t.Context(), i, w), []string{"instance", "network"}, []string{"disk"}) {
		if pass := slices.Contains(passing, r.ID); pass != (r.Status == check.Pass) || !pass && r.Status != check.Skip {
			t.Errorf("%s is %s: %+v", r.ID, r.Status, r.Findings)
		}
	}
	if calls := s.CallCount(sandbox.ECS, "DiscoverPollEndpoint"); calls != 1 {
		t.Errorf("%d calls of DiscoverPollEndpoint", calls)
	}
}
