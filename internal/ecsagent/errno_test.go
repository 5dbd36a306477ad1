package ecsagent

import (
	"strings"
	"testing"
)

// What open(2) refuses with is not a damage of agent.db: moved aside, a sound state
// is lost. The errors are those of the open(2) manual.
func TestASoundStateIsNotMovedAside(t *testing.T) {
	const head = `level=critical time=2026-01-02T15:00:20Z msg="Error creating data client" error="`
	for _, c := range []struct{ err, says string }{
		{"open /data/agent.db: read-only file system", "read-only"},
		{"open /data/agent.db: too many open files", "too many open files"},
		{"read /data/agent.db: input/output error", "input/output error"},
		{"stat /var/lib/ecs/data: no such file or directory", "ECS_DATADIR"},
		{"stat /data: no such file or directory", "/data"},
		{"open /data/agent.db: permission denied", "permission denied"},
	} {
		got := read(t, logDir(t, "ecs-agent.log", head+c.err+"\"\n")).Cause
		if !strings.Contains(got.Summary, c.says) || strings.Contains(got.Fix.String(), "mv ") {
			t.Errorf("%s: %s, %s", c.err, got.Summary, got.Fix)
		}
		if denied := strings.Contains(got.Summary+got.Fix.String(), "restorecon"); denied != strings.Contains(c.err, "permission") {
			t.Errorf("%s: %s, %s", c.err, got.Summary, got.Fix)
		}
	}
}
