package cli

import (
	"slices"
	"testing"

	"muster/check"
	"muster/check/catalog"
	"muster/internal/config"
	"muster/internal/host/imds"
	"muster/internal/sandbox"
)

// The real adapters, all the way to a sandboxed AWS on loopback.
func TestTheChecksOfTheNetworkReachTheSandbox(t *testing.T) {
	root, s := sandboxed(t)
	cfg, err := config.Load(config.Set{Flags: map[string]string{"MUSTER_ROOT": root, "MUSTER_CLUSTER": "prod"}})
	if err != nil {
		t.Fatal(err)
	}
	w := catalog.World{Config: cfg}
	w.Identity, w.NoIdentity = imds.New(s.IMDSURL(), glance).Identity(t.Context())
	checks, err := check.Select(catalog.Checks(onNetwork(t.Context(), &clients{}, w)), []string{"instance", "network"}, []string{"disk"})
	if err != nil {
		t.Fatal(err)
	}
	passing := []string{"platform", "imds", "instance-role", "clock", "proxy", "dns", "ecs-endpoints", "poll-endpoint"}
	for _, r := range check.Run(t.Context(), checks) {
		if pass := slices.Contains(passing, r.ID); pass != (r.Status == check.Pass) || !pass && r.Status != check.Skip {
			t.Errorf("%s is %s: %+v", r.ID, r.Status, r.Findings)
		}
	}
	if calls := s.CallCount(sandbox.ECS, "DiscoverPollEndpoint"); calls != 1 {
		t.Errorf("%d calls of DiscoverPollEndpoint", calls)
	}
}
