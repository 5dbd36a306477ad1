package bootstrap

import (
	"errors"
	"testing"

	"muster/internal/exitcode"
	"muster/internal/sandbox"
)

func TestAWarmPoolIsToldOnceHoweverOftenTheUnitAsks(t *testing.T) {
	t.Parallel()
	m := awaited(t, "Warmed:Running", sandbox.Hook{}, sandbox.AgentPlan{}).mustConfigure()
	for range 3 {
		_, err := m.verify()
		wantExit(t, err, exitcode.Deferred)
	}
	if n := m.CallCount(sandbox.AutoScaling, "CompleteLifecycleAction"); n != 1 {
		t.Errorf("the hook was completed %d times", n)
	}
	before := len(m.Calls())
	_, err := m.verify()
	wantExit(t, err, exitcode.Deferred)
	if n := len(m.Calls()) - before; n != 0 {
		t.Errorf("%d AWS calls a minute while nothing changes", n)
	}
}

func TestABootstrapThatFailsNeverEndsALiveInstance(t *testing.T) {
	t.Parallel()
	m := awaited(t, "", sandbox.Hook{}, sandbox.AgentPlan{}).set("CLUSTER", "prdo", "ON_FAILURE", "unhealthy", "LIFECYCLE_HOOK", "")
	wantExit(t, m.configure(), exitcode.BadConfiguration)
	if got := m.InstanceHealth(); got != "Healthy" {
		t.Errorf("the instance is %s after a slip", got)
	}
}

func TestASettingsFileThatCannotBeReadHoldsTheAgentBack(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	m.host.Settings.Bad = errors.New("/etc/muster/muster.env:2: the line is not KEY=VALUE")
	err := m.configure()
	wantExit(t, err, exitcode.BadConfiguration)
	wantText(t, whole(err), "muster.env:2")
	wantText(t, m.log.String(), "ecs.service is held back")
}

func TestAUnitThatTheAdministratorMaskedIsLeftAlone(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	m.systemd.unit(agentUnit).Masked = true
	m.mustConfigure()
	wantText(t, m.log.String(), "muster-agent.service is masked on this instance, so it is not started", "queued ecs.service (start), muster-verify.service; not waiting")
}
