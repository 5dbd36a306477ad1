package cli

import (
	"os"
	"path/filepath"
	"testing"

	"muster/check"
	"muster/check/catalog"
	"muster/internal/config"
	"muster/internal/host/imds"
	"muster/internal/sandbox"
)

// The real adapters, all the way to a sandboxed ECS on loopback.
func TestTheChecksOfECSReachTheSandbox(t *testing.T) {
	root, s := sandboxed(t)
	if err := os.MkdirAll(filepath.Join(root, "etc/ecs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "etc/ecs/ecs.config"), []byte("ECS_CLUSTER=prod\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.StartAgent(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Agent.Await(t.Context(), func(st sandbox.AgentStatus) bool { return st.Phase == sandbox.PhaseRegistered }); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Set{Environ: s.Environ(), Flags: map[string]string{"MUSTER_CLUSTER": "prod", "MUSTER_PORTS": "ignite2"}})
	if err != nil {
		t.Fatal(err)
	}
	w := catalog.World{Config: cfg}
	w.Identity, w.NoIdentity = imds.New(s.IMDSURL(), glance).Identity(t.Context())
	want := map[string]check.Status{
		"docker": check.Skip, "agent-image": check.Skip, "ecs-config": check.Pass, "ecs-unit": check.Skip, "checkpoint": check.Pass, "agent-log": check.Pass,
		"registered": check.Pass, "cluster": check.Pass, "container-instance": check.Pass, "registrations": check.Pass, "host-ports": check.Skip, "replication-ports": check.Pass, "containers": check.Skip, "muster-agent": check.Skip,
	}
	checks, err := check.Select(catalog.Checks(onECS(t.Context(), &clients{}, onDocker(w))), []string{"docker", "ecs", "ports", "health"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range check.Run(t.Context(), checks) {
		if r.Status != want[r.ID] {
			t.Errorf("%s is %s: %+v", r.ID, r.Status, r.Findings)
		}
	}
}
