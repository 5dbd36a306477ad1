package bootstrap

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/internal/base/exitcode"
	"muster/internal/sandbox"
)

// download puts a binary where a user would deploy it, and runs bootstrap from there.
func (m *machine) download() *machine {
	m.put("srv/deploy/muster", "a program")
	for path, mode := range map[string]os.FileMode{"srv/deploy/muster": 0o755, "srv/deploy": 0o777} {
		if err := os.Chmod(m.path(path), mode); err != nil {
			m.t.Fatal(err)
		}
	}
	m.host.Binary = m.path("srv/deploy/muster")
	return m
}

func TestUnitsDoNotRunAProgramThatAUserCanReplace(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod").download().mustConfigure()
	wantText(t, m.log.String(), "copied this program to /usr/local/bin/muster", "because they cannot run ", "srv/deploy/muster: ")
	for _, unit := range []string{verifyUnit, agentUnit} {
		wantText(t, m.read("etc/systemd/system/"+unit), "\nExecStart=/usr/local/bin/muster ")
	}
	if got := m.read("usr/local/bin/muster"); got != "a program" {
		t.Errorf("%q", got)
	}
}

func TestNoUnitIsInstalledWithoutASafeDirectory(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod").download()
	if err := os.Chmod(m.path("usr/local/bin"), 0o777); err != nil {
		t.Fatal(err)
	}
	err := m.configure()
	wantExit(t, err, exitcode.Failed)
	wantText(t, whole(err), "installing the binary as /usr/local/bin/muster: /usr/local/bin can be written by every user (mode 0777)",
		"the units run as root and cannot use "+m.host.Binary, "\nsudo chmod go-w /usr/local/bin\nsudo muster bootstrap --cluster prod")
	if left, _ := filepath.Glob(m.path("etc/systemd/system/muster-*")); len(left) != 0 {
		t.Errorf("installed %v", left)
	}
}

func TestPackagedUnitsNeedNoCopyOfTheProgram(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod").download()
	for _, unit := range m.host.UnitFiles {
		m.put("usr/lib/systemd/system/"+unit.Name, string(unit.Content))
	}
	if err := m.systemd.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.mustConfigure()
	if got := m.read("usr/local/bin/muster"); got != "the binary" || strings.Contains(m.log.String(), "copied") {
		t.Errorf("%q, %s", got, m.log)
	}
}
