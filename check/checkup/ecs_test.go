package checkup

import (
	"os"
	"path/filepath"
	"testing"

	"muster/check"
	"muster/internal/sandbox"
)

// The test uses the real adapters with a sandboxed ECS on loopback.
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
	i := open(t, map[string]string{"MUSTER_CLUSTER": "prod", "MUSTER_PORTS": "ignite2"})
	want := map[string]check.Status{
		"docker":             check.Skip,
		"agent-image":        check.Skip,
		"ecs-config":         check.Pass,
		"ecs-unit":           check.Skip,
		"checkpoint":         check.Pass,
		"agent-log":          check.Pass,
		"registered":         check.Pass,
		"cluster":            check.Pass,
		"container-instance": check.Pass,
		"registrations":      check.Pass,
		"host-ports":         check.Skip,
		"replication-ports":  check.Pass,
		"containers":         check.Skip,
		"orphans":            check.Skip,
		"tasks":              check.Pass,
		"muster-agent":       check.Skip,
	}
	for _, r := range results(t, World(t.Context(), i), []string{"docker", "ecs", "ports", "health"}, nil) {
		if r.Status != want[r.ID] {
			t.Errorf("%s is %s: %+v", r.ID, r.Status, r.Findings)
		}
	}
}
