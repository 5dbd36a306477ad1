package bootstrap

import (
	"errors"
	"testing"

	"muster/internal/base/exitcode"
	"muster/internal/sandbox"
)

func TestSignalsOfAWarmPoolInstanceAreSentOnce(t *testing.T) {
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

// The unit runs verify every minute. Delivered signals are not sent again, undelivered ones are.
func TestRetrySendsOnlyUndeliveredSignals(t *testing.T) {
	t.Parallel()
	m := awaited(t, "", sandbox.Hook{}, sandbox.AgentPlan{}).mustConfigure()
	denied := sandbox.AccessDenied(sandbox.CloudFormation, "")
	denied.Times = 1
	m.Inject(denied)
	report, err := m.verify()
	wantExit(t, err, exitcode.SignalUndelivered)
	if want := "registered in cluster prod, but 1 of 2 signals was not delivered"; report.Reason != want || err.Error() != want {
		t.Errorf("%q, %v", report.Reason, err)
	}
	wantText(t, report.Line(), report.Reason)
	wantText(t, whole(err), "CloudFormation stack stack: SUCCESS for Workers not delivered")
	for range 2 {
		if _, err := m.verify(); err != nil {
			t.Error(err)
		}
	}
	hooks, signals := m.CallCount(sandbox.AutoScaling, "CompleteLifecycleAction"), m.CallCount(sandbox.CloudFormation, "")
	if hooks != 1 || signals != 2 {
		t.Errorf("the hook was completed %d times, the stack signaled %d times", hooks, signals)
	}
	if got := m.received(); got != "CONTINUE, SUCCESS by CFN_V1, Healthy" {
		t.Error(got)
	}
	m.mustConfigure() // a new bootstrap starts from scratch
	if _, err := m.verify(); err != nil {
		t.Error(err)
	}
	if n := m.CallCount(sandbox.CloudFormation, ""); n != 3 {
		t.Errorf("signaled %d times", n)
	}
}

func TestFailedBootstrapNeverReplacesALiveInstance(t *testing.T) {
	t.Parallel()
	m := awaited(t, "", sandbox.Hook{}, sandbox.AgentPlan{}).set("CLUSTER", "prdo", "ON_FAILURE", "unhealthy", "LIFECYCLE_HOOK", "")
	wantExit(t, m.configure(), exitcode.BadConfiguration)
	if got := m.InstanceHealth(); got != "Healthy" {
		t.Errorf("the instance is %s after a slip", got)
	}
}

func TestUnreadableSettingsFileHoldsTheAgentBack(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	m.host.Settings.Bad = errors.New("/etc/muster/muster.env:2: the line is not KEY=VALUE")
	err := m.configure()
	wantExit(t, err, exitcode.BadConfiguration)
	wantText(t, whole(err), "muster.env:2")
	wantText(t, m.log.String(), "ecs.service is held back")
}

func TestMaskedUnitIsUnchanged(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	m.systemd.unit(agentUnit).Masked = true
	m.mustConfigure()
	wantText(
		t,
		m.log.String(),
		"muster-agent.service is masked on this instance, so it is not started",
		"queued ecs.service (start), muster-verify.service; not waiting",
	)
}
