package bootstrap

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"muster/internal/host/units"
	"muster/internal/sandbox"
)

// Amazon Linux 2 has systemd 219, RHEL 8 has 239, Debian 11 has 247.
func TestOldSystemdGetsTheClusterButNotMustersUnits(t *testing.T) {
	t.Parallel()
	for _, packaged := range []bool{false, true} {
		for _, version := range []string{"219", "239 (239-82.el8_10.5)", "247.3-7+deb11u6"} {
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod", "CFN_STACK", "stack", "CFN_RESOURCE", "Workers")
			m.systemd.version = units.Version(version)
			if packaged {
				for _, unit := range m.host.UnitFiles {
					m.put("usr/lib/systemd/system/"+unit.Name, string(unit.Content))
				}
				m.systemd.load()
			}
			m.mustConfigure()
			if got := m.read(ecsConfig); got != "ECS_CLUSTER=prod\n" {
				t.Errorf("%s: %q", version, got)
			}
			wantCalls(t, m.systemd.did(), "start ecs.service")
			if left, _ := filepath.Glob(m.path("etc/systemd/system/muster-*")); len(left) != 0 {
				t.Errorf("%s: installed %v", version, left)
			}
			wantText(
				t,
				m.log.String(),
				"systemd "+version+" is older than 248, so muster-verify.service and muster-agent.service are not installed, enabled or started",
				"no signal is sent for this boot",
				"  sudo muster verify",
			)
		}
	}
}

// Only the version of systemd matters, not the name of the distribution.
func TestNewOrUnknownSystemdVersionGetsTheUnits(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"248", "249.11-0ubuntu3.16", "257.7-1", "devel", "unanswered"} {
		m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
		m.put("etc/os-release", "ID=unheard-of\n")
		m.systemd.version = units.Version(version)
		if version == "unanswered" {
			m.systemd.fail = func(_, name string) error {
				if name == "version" {
					return errors.New("no answer")
				}
				return nil
			}
		}
		m.mustConfigure()
		wantText(t, m.read("etc/systemd/system/"+agentUnit), "ExecStart=")
		if said := strings.Contains(m.log.String(), "could not check the version of systemd"); said != (version == "unanswered") {
			t.Errorf("%s: %s", version, m.log)
		}
	}
}
