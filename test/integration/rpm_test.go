//go:build e2e

package integration

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"muster/test/need"
	"muster/test/systemdtest"
)

// rpmProgram runs this machine's rpm, with its libraries, on a machine that has none. Debian's rpm needs an option to
// confirm that this is intended.
const rpmProgram = `#!/bin/sh
exec /opt/rpm/loader --library-path /opt/rpm/lib /opt/rpm/rpm --dbpath /var/lib/rpm "$@"
`

func rpmFormat() format {
	return format{
		file: func(version string) string { return "muster-" + version + "-1.x86_64.rpm" },
		install: []string{
			"rpm",
			"--upgrade",
			"--oldpackage",
			"--replacepkgs",
			"--nodeps",
			"--force-debian",
		},
		remove: []string{"rpm", "--erase"},
		aside:  ".rpmnew",
	}
}

// rpmTools returns rpm as files for a machine.
func rpmTools(t *testing.T) []systemdtest.File {
	t.Helper()
	program := need.Program(t, "rpm", "apt-get install rpm")
	loads, err := exec.CommandContext(t.Context(), "ldd", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := []systemdtest.File{{Path: "/usr/bin/rpm", Mode: 0o755, Content: rpmProgram}, fileOf(t, program, "/opt/rpm/rpm", 0o755)}
	for _, library := range regexp.MustCompile(`/\S+`).FindAllString(string(loads), -1) {
		at := "/opt/rpm/lib/" + filepath.Base(library)
		if regexp.MustCompile(`^ld-linux`).MatchString(filepath.Base(library)) {
			at = "/opt/rpm/loader"
		}
		files = append(files, fileOf(t, library, at, 0o755))
	}
	err = filepath.WalkDir("/usr/lib/rpm", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, fileOf(t, path, path, 0o755))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// rpmInstalled returns an image with the older version installed by rpm.
func rpmInstalled(t *testing.T, commands ...string) string {
	t.Helper()
	systemdtest.Require(t)
	files := append(rpmTools(t), fileOf(t, filepath.Join("../../dist/e2e", rpmFormat().file(olderVersion)), "/opt/bake/muster.rpm", 0o644))
	return systemdtest.Bake(t, files, append([]string{"rpm --install --nodeps --force-debian /opt/bake/muster.rpm"}, commands...)...)
}

func TestPackagedAnRPMInstalledDuringABakeStartsAndEnablesNothing(t *testing.T) {
	t.Parallel()
	m := packaged(t, rpmInstalled(t), image(t, inGroup()), "")
	m.idle()
	m.Run("rpm", "--verify", "--nodeps", "--noconfig", "muster")
	m.Run("test", "-s", "/usr/share/licenses/muster/LICENSE")
}

func TestPackagedRPMUpgradeDowngradeAndRemovalLeaveTheInstanceAtWork(t *testing.T) {
	t.Parallel()
	m := packaged(t, rpmInstalled(t), image(t, inGroup(), signalSettings()...), shipped(t, "baked.sh"))
	m.signaled("record of bootstrap on this instance")
	m.replaced(rpmFormat())
	m.Run("grep", "MUSTER_WATCH_PERIOD=30s", "/etc/muster/muster.env.rpmsave")
}

func TestPackagedRPMRemovalWithBootstrapInFrontOfTheECSAgentLeavesItAtWork(t *testing.T) {
	t.Parallel()
	options := inGroup()
	options.InstanceTags = map[string]string{"muster:cluster": "prod"}
	m := packaged(t, rpmInstalled(t, "systemctl enable muster-bootstrap.service"), image(t, options, signalSettings()...), "")
	m.signaled("instance tag muster:cluster")
	ecs := m.property("ecs.service", "MainPID")
	m.Run("rpm", "--erase", "muster")
	m.atWork(ecs)
	m.Run("test", "-d", "/var/lib/muster/instances") // rpm has no purge, so the state remains
	m.Reboot()
	m.state("ecs.service", "active", "running")
}
