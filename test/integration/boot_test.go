//go:build integration || e2e

package integration

import (
	"strings"
	"testing"

	"muster/bootstrap/bootreport"
	"muster/test/systemdtest"
)

func TestBootOfABareBinaryInUserData(t *testing.T) {
	t.Parallel()
	m := boot(t, bare(t, "--cluster prod"+tellAll))
	s := m.joined("record of bootstrap on this instance")
	if len(s.Signals) != 1 || s.Signals[0].Status != "SUCCESS" || s.Signals[0].UniqueID != instanceID || s.Signals[0].Scheme != "CFN_V1" ||
		s.Hook.Result != "CONTINUE" {
		t.Fatalf("signals %+v, hook %+v", s.Signals, s.Hook)
	}
	began, ended := m.at("cloud-final.service", "ExecMainStartTimestamp"), m.at("cloud-final.service", "ActiveEnterTimestamp")
	if m.at("ecs.service", "ExecMainStartTimestamp").Before(ended) {
		t.Error("ecs.service did not wait for user data: the test shows nothing")
	}
	t.Logf("user data: %v from the start of cloud-final.service to its end; signal after %v, of which the ECS agent took 1s; %d AWS calls",
		ended.Sub(began), s.Signals[0].Time.Sub(began), len(s.Calls))
	for _, unit := range []string{"muster-verify.service", "muster-agent.service"} {
		if got := m.property(unit, "UnitFileState"); got != "enabled" {
			t.Errorf("%s is %s", unit, got)
		}
		if got := m.property(unit, "ExecStart"); !strings.Contains(got, "path=/usr/local/bin/muster ") {
			t.Errorf("%s runs %s", unit, got)
		}
	}

	t.Run("and boots again without user data", func(t *testing.T) {
		m := machine{m.Machine, t}
		before := m.Run("cat", "/var/lib/muster/instances/"+instanceID+"/bootstrap.json")
		m.Reboot()
		s := m.joined("record of bootstrap on this instance")
		if m.Run("cat", "/var/lib/muster/instances/"+instanceID+"/bootstrap.json") != before {
			t.Error("user data ran again: the test shows nothing")
		}
		if len(s.Signals) != 1 || s.Stack != "CREATE_COMPLETE" { // the one signal is the simulated services' own
			t.Errorf("stack %s, signals %+v", s.Stack, s.Signals)
		}
		m.nobodyWaits()
	})
}

func TestBootWithAMistypedCluster(t *testing.T) {
	t.Parallel()
	m := boot(t, bare(t, "--cluster prdo"+tellAll))
	m.settle("degraded") // user data failed, and therefore cloud-final.service did too
	if got := m.property("cloud-final.service", "ActiveState"); got != "failed" {
		t.Errorf("cloud-final.service is %s", got)
	}
	m.neverRan()
	if got := m.property("ecs.service", "UnitFileState"); got != "masked-runtime" {
		t.Errorf("ecs.service is %s", got)
	}
	m.failure(bootreport.Misconfigured, "did you mean prod")
	if _, err := m.Try("test", "-e", "/etc/ecs/ecs.config"); err == nil {
		t.Error("ecs.config was written")
	}

	t.Run("is corrected by hand", func(t *testing.T) {
		m := machine{m.Machine, t}
		m.Run("/tmp/muster", "bootstrap", "--cluster", "prod")
		m.state("muster-verify.service", "active", "exited")
		m.state("ecs.service", "active", "running")
		if report := m.report(); report.Outcome != bootreport.Registered {
			t.Errorf("%+v", report)
		}
	})
}

func TestBootThatWouldWaitForItself(t *testing.T) {
	t.Parallel()
	m := boot(t, bare(t, "--wait --cluster prod"+tellAll))
	m.settle("degraded")
	m.neverRan()
	m.failure(bootreport.Misconfigured, "--wait would hang this boot")
}

// A rolling update ends the next old instance once this one signals, so the signal must wait for the task.
func TestBootSignalsOnceTheTaskOfItsServiceIsHealthy(t *testing.T) {
	t.Parallel()
	const script = "#!/bin/sh\ncp /srv/download/muster /tmp/muster\n/tmp/muster bootstrap --cluster prod --await-service grid" + tellAll + "\n"
	files := append(world(t, inGroup(), func(p *plan) { p.Settings, p.Service = nil, "grid" }), musterAt(t, "/srv/download/muster"))
	m := boot(t, append(files, systemdtest.UserData(instanceID, script)...))
	waits := func() bool {
		said, err := m.Try("journalctl", "--unit=muster-verify", "--no-pager")
		return err == nil && strings.Contains(said, "waiting for a healthy task of service grid on this instance")
	}
	m.Await("verify to wait for the task", waits)
	for _, health := range []string{"starting", "unhealthy"} {
		m.Run("/usr/libexec/world", "task", health)
		if s := m.story(); len(s.Signals) != 0 || s.Hook.Result != "" {
			t.Errorf("with a task that is %s: signals %+v, hook %+v", health, s.Signals, s.Hook)
		}
	}
	m.Run("/usr/libexec/world", "task", "healthy")
	m.joined("record of bootstrap on this instance")
	if s := m.story(); len(s.Signals) != 1 || s.Signals[0].Status != "SUCCESS" || s.Hook.Result != "CONTINUE" {
		t.Errorf("signals %+v, hook %+v", s.Signals, s.Hook)
	}
	if said := m.Run("journalctl", "--unit=muster-verify", "--no-pager"); !strings.Contains(said, "of service grid runs here and is healthy") {
		t.Error(said)
	}
}

func TestBootOfABakedImage(t *testing.T) {
	t.Parallel()
	options := inGroup()
	options.InstanceTags = map[string]string{"muster:cluster": "prod"}
	m := boot(t, baked(t, options))
	s := m.joined("instance tag muster:cluster")
	if len(s.Signals) != 1 || s.Signals[0].Status != "SUCCESS" || s.Hook.Result != "CONTINUE" {
		t.Errorf("signals %+v, hook %+v", s.Signals, s.Hook)
	}
	if m.at("ecs.service", "ExecMainStartTimestamp").Before(m.at("muster-bootstrap.service", "ActiveEnterTimestamp")) {
		t.Error("the ECS agent started before bootstrap had ended")
	}
	if shown := m.Run("/usr/bin/muster", "config", "show"); !strings.Contains(shown, "file /etc/muster/muster.env:") {
		t.Errorf("no setting comes from muster.env:\n%s", shown)
	}
	t.Run("and boots again", func(t *testing.T) {
		m := machine{m.Machine, t}
		m.Reboot()
		m.joined("instance tag muster:cluster")
		m.nobodyWaits()
	})
}

func TestBootOfABakedImageWithoutTheTag(t *testing.T) {
	t.Parallel()
	m := boot(t, baked(t, inGroup()))
	m.settle("degraded")
	if got := m.property("muster-bootstrap.service", "ExecMainStatus"); got != "78" {
		t.Errorf("muster bootstrap ended with %s, want 78", got)
	}
	m.neverRan()
	m.failure(bootreport.Misconfigured, "no cluster is set")
}

// A deployment tool leaves the binary in a directory that belongs to an ordinary user. If units ran it from there, that
// user could become root.
func TestBootOfABinaryThatBelongsToAUser(t *testing.T) {
	t.Parallel()
	script := "#!/bin/sh\nmkdir -p /srv/deploy\ncp /srv/download/muster /srv/deploy/muster\nchown -R 1000:1000 " +
		"/srv/deploy\n/srv/deploy/muster bootstrap --cluster prod" + tellAll + "\n"
	files := append(image(t, inGroup()), musterAt(t, "/srv/download/muster"))
	m := boot(t, append(files, systemdtest.UserData(instanceID, script)...))
	m.joined("record of bootstrap on this instance")
	for _, unit := range []string{"muster-verify.service", "muster-agent.service"} {
		if got := m.property(unit, "ExecStart"); !strings.Contains(got, "path=/usr/local/bin/muster ") {
			t.Errorf("%s runs %s", unit, got)
		}
	}
	if got := strings.TrimSpace(m.Run("stat", "-c", "%u:%g %a", "/usr/local/bin/muster")); got != "0:0 755" {
		t.Errorf("the program is %s", got)
	}
	if m.Run("sha256sum", "--tag", "/usr/local/bin/muster")[len("SHA256 (/usr/local/bin/muster)"):] != m.Run("sha256sum", "--tag",
		"/srv/download/muster")[len("SHA256 (/srv/download/muster)"):] {
		t.Error("the program is another")
	}
	said := m.Run("journalctl", "-b", "-u", "cloud-final.service", "-o", "cat")
	if !strings.Contains(said, "cannot run /srv/deploy/muster: /srv/deploy belongs to uid 1000") {
		t.Errorf("user data said: %s", said)
	}
	if strings.Contains(said, "version of systemd") || strings.Contains(said, "is older than") {
		t.Errorf("the version of systemd was not seen: %s", said)
	}
}
