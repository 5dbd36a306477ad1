//go:build e2e

package integration

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/bootstrap/bootreport"
	"muster/test/systemdtest"
)

// Versions of the packages under test, which are two builds of one tree, and the user data files that the packaging
// ships.
const (
	olderVersion, newerVersion = "0.1.0", "0.2.0"
	userdata                   = "../../packaging/userdata/"
	newSetting                 = "# NEW-IN-0.2.0" // a line in the newer package's muster.env; see scripts/e2e
)

// deb returns a package that `make e2e` built, at path on the machine.
func deb(t *testing.T, version, path string) systemdtest.File {
	t.Helper()
	return fileOf(t, filepath.Join("../../dist/e2e", "muster_"+version+"_amd64.deb"), path, 0o644)
}

func fileOf(t *testing.T, source, path string, mode os.FileMode) systemdtest.File {
	t.Helper()
	content, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	return systemdtest.File{Path: path, Mode: mode, Content: string(content)}
}

// shipped returns a file of packaging/userdata, changed to name the cluster of this test.
func shipped(t *testing.T, name string) string {
	t.Helper()
	content := fileOf(t, userdata+name, "", 0).Content
	if len(content) > 16<<10 { // EC2's maximum
		t.Errorf("%s has %d bytes", name, len(content))
	}
	return content
}

// installed returns an image with the older version's package installed.
func installed(t *testing.T, commands ...string) string {
	t.Helper()
	return systemdtest.Bake(t, []systemdtest.File{deb(t, olderVersion, "/opt/bake/muster.deb")},
		append([]string{"dpkg --install /opt/bake/muster.deb"}, commands...)...)
}

// packaged boots an image with the simulated services, and with user data if script is not empty.
func packaged(t *testing.T, image string, files []systemdtest.File, script string) machine {
	t.Helper()
	if script != "" {
		files = append(files, systemdtest.UserData(instanceID, script)...)
	}
	return machine{systemdtest.BootFrom(t, image, files...), t}
}

func TestPackagedInstallingDuringABakeStartsAndEnablesNothing(t *testing.T) {
	t.Parallel()
	m := packaged(t, installed(t), image(t, inGroup()), "")
	m.idle()
	m.Run("test", "-s", "/usr/share/doc/muster/copyright")
}

// idle checks that no muster unit runs or is enabled.
func (m machine) idle() {
	m.t.Helper()
	m.settle("running")
	for _, unit := range []string{"muster-bootstrap", "muster-verify", "muster-agent"} {
		if got := m.property(
			unit+".service",
			"UnitFileState",
		) + " " + m.property(
			unit+".service",
			"ActiveState",
		); got != "disabled inactive" {
			m.t.Errorf("%s is %s", unit, got)
		}
	}
	if got := m.Run("muster", "--version"); !strings.Contains(got, olderVersion) {
		m.t.Error(got)
	}
	for _, path := range []string{
		"/etc/muster/muster.env", "/usr/lib/systemd/system-preset/80-muster.preset", "/usr/share/muster/clean-image",
		"/usr/share/muster/assert-image-clean",
		"/usr/share/man/man1/muster.1.gz", "/usr/share/man/man1/muster-bootstrap.1.gz", "/usr/share/doc/muster/permissions.md",
		"/usr/share/bash-completion/completions/muster", "/usr/share/zsh/site-functions/_muster",
		"/usr/share/fish/vendor_completions.d/muster.fish",
	} {
		m.Run("test", "-s", path)
	}
}

func TestPackagedTheShippedUserDataBootsRegistersAndSignals(t *testing.T) {
	t.Parallel()
	base := installed(t)
	for name, origin := range map[string]string{
		"baked.sh":          "record of bootstrap on this instance",
		"multipart.txt":     "file /etc/muster/muster.env:",
		"cloud-config.yaml": "file /etc/muster/muster.env:",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := packaged(t, base, image(t, inGroup(), signalSettings()...), shipped(t, name))
			began := m.signaled(origin)
			t.Logf("%s: from the start of cloud-final.service to the signal: %v, of which the ECS agent took 1s", name, began)
		})
	}
}

// signaled checks a successful boot, and returns the time from the start of cloud-final.service to the signal.
func (m machine) signaled(origin string) time.Duration {
	m.t.Helper()
	m.settle("running")
	m.state("muster-verify.service", "active", "exited")
	m.state("muster-agent.service", "active", "running")
	report := m.report()
	if report.Outcome != bootreport.Registered || !report.Confirmed || report.Cluster != "prod" ||
		!strings.HasPrefix(report.ClusterOrigin, origin) {
		m.t.Errorf("%+v", report)
	}
	s := m.story()
	if len(s.Signals) != 1 || s.Signals[0].Status != "SUCCESS" || s.Hook.Result != "CONTINUE" {
		m.t.Fatalf("signals %+v, hook %+v", s.Signals, s.Hook)
	}
	return s.Signals[0].Time.Sub(m.at("cloud-final.service", "ExecMainStartTimestamp"))
}

// The launch template's user data names no cluster. The instance's tag does.
func TestPackagedTheShippedLaunchTemplate(t *testing.T) {
	t.Parallel()
	var template struct {
		LaunchTemplateData struct {
			UserData          []byte // base64 in the JSON
			TagSpecifications []struct{ Tags []struct{ Key, Value string } }
		}
	}
	decode(t, shipped(t, "launch-template.json"), &template)
	options := inGroup()
	options.InstanceTags = map[string]string{}
	for _, tag := range template.LaunchTemplateData.TagSpecifications[0].Tags {
		options.InstanceTags[tag.Key] = tag.Value
	}
	m := packaged(t, installed(t), image(t, options, signalSettings()...), string(template.LaunchTemplateData.UserData))
	m.signaled("instance tag muster:cluster")
}

func TestPackagedTheShippedUserDataForABareBinary(t *testing.T) {
	t.Parallel()
	content := fileOf(t, "../../dist/e2e/muster", "/srv/muster-linux-amd64", 0o755)
	script := strings.NewReplacer(
		"https://YOUR-BUCKET.s3.amazonaws.com/", "file:///srv/",
		"THE-SHA256-OF-THE-BINARY", fmt.Sprintf("%x", sha256.Sum256([]byte(content.Content)))).Replace(shipped(t, "bare.sh"))
	m := packaged(t, systemdtest.Image, append(image(t, inGroup(), signalSettings()...), content), script)
	m.signaled("record of bootstrap on this instance")
	if said := m.takes(debFormat(), olderVersion); !strings.Contains(said, "/usr/local/bin/muster, which you can remove") {
		t.Errorf("the package over the bare binary said %q", said)
	}
	m.state("muster-agent.service", "active", "running")
	program := m.Run("sed", `s/\x0.*//`, "/proc/"+m.property("muster-agent.service", "MainPID")+"/cmdline")
	unit := m.property("muster-agent.service", "FragmentPath") + " " + m.property("muster-agent.service", "UnitFileState")
	if program != "/usr/bin/muster" || !strings.HasSuffix(unit, "/lib/systemd/system/muster-agent.service enabled") {
		t.Errorf("after the package the agent is %s of %s", program, unit)
	}
	m.state("muster-docker.service", "active", "running")
	for _, unit := range []string{"muster-docker.service", "muster-docker.socket"} {
		if got := m.property(
			unit,
			"FragmentPath",
		); !strings.HasSuffix(got, "/lib/systemd/system/"+unit) ||
			strings.HasPrefix(got, "/etc/") {
			t.Errorf("after the package %s is %s", unit, got)
		}
	}

	t.Run("refuses another binary", func(t *testing.T) {
		t.Parallel()
		other := content
		other.Content += " "
		m := packaged(t, systemdtest.Image, append(image(t, inGroup(), signalSettings()...), other), script)
		m.settle("degraded")
		m.neverRan()
	})
}

func TestPackagedALateMetadataServiceDelaysTheBootAndNoMore(t *testing.T) {
	t.Parallel()
	m := packaged(t, installed(t), world(t, inGroup(), func(p *plan) { p.IMDSLate = 30 * time.Second }), shipped(t, "baked.sh"))
	if took := m.signaled("record of bootstrap on this instance"); took < 20*time.Second {
		t.Errorf("it took %v: the metadata service was not late", took)
	}
}

func TestPackagedAClusterThatDoesNotExistFailsTheSignalAndNotTheBoot(t *testing.T) {
	t.Parallel()
	m := packaged(t, installed(t), image(t, inGroup(), signalSettings()...), strings.Replace(shipped(t, "baked.sh"), "prod", "prdo", 1))
	m.settle("running")
	m.neverRan()
	m.failure(bootreport.Misconfigured, "did you mean prod")
}

func TestPackagedAnImageOfAUsedInstanceIsAnInstanceOfItsOwn(t *testing.T) {
	t.Parallel()
	options := inGroup()
	options.InstanceTags = map[string]string{"muster:cluster": "prod"}
	first := packaged(t, installed(t, "systemctl enable muster-bootstrap.service"), image(t, options, signalSettings()...), "")
	first.signaled("instance tag muster:cluster")
	tools := []systemdtest.File{
		fileOf(t, "../../scripts/clean-image", "/opt/bake/clean-image", 0o755),
		fileOf(t, "../../scripts/assert-image-clean", "/opt/bake/assert-image-clean", 0o755),
	}
	first.Put(tools...)
	if said, err := first.Try("/opt/bake/assert-image-clean"); err == nil {
		t.Errorf("a used instance is called clean: %s", said)
	}
	first.Run(
		"sh",
		"-c",
		"mkdir -p /root/.ssh /home/ec2-user/.ssh && tee /root/.ssh/authorized_keys >/home/ec2-user/.ssh/authorized_keys </etc/hostname",
	)
	used := first.Snapshot()

	options.InstanceID = "i-0fedcba9876543210"
	t.Run("as it is", func(t *testing.T) {
		t.Parallel()
		m := machine{systemdtest.BootFrom(t, used, image(t, options, signalSettings()...)...), t}
		m.other(options.InstanceID)
	})
	t.Run("after clean-image", func(t *testing.T) {
		t.Parallel()
		m := machine{systemdtest.BootFrom(t, used), t}
		m.Settle()
		if said, _ := m.Try("/opt/bake/assert-image-clean"); strings.Count(said, "a login that every instance would accept") != 2 {
			t.Errorf("assert-image-clean does not report the login: %s", said)
		}
		m.Run("/opt/bake/clean-image")
		m.Run("/opt/bake/assert-image-clean")
		m = machine{systemdtest.BootFrom(t, m.Snapshot(), image(t, options, signalSettings()...)...), t}
		m.other(options.InstanceID)
	})
}

// other checks that a new instance of the image has its own identity and not that of the instance before.
func (m machine) other(id string) {
	m.t.Helper()
	m.settle("running")
	m.state("muster-verify.service", "active", "exited")
	var report bootreport.Report
	decode(m.t, m.Run("cat", "/var/lib/muster/instances/"+id+"/report.json"), &report)
	if report.Outcome != bootreport.Registered || report.InstanceID != id {
		m.t.Errorf("%+v", report)
	}
}

func TestPackagedStopAndStart(t *testing.T) {
	t.Parallel()
	m := packaged(t, installed(t), image(t, inGroup(), signalSettings()...), shipped(t, "baked.sh"))
	m.signaled("record of bootstrap on this instance")
	m.Reboot() // this also restarts the simulated services
	m.settle("running")
	m.state("muster-verify.service", "active", "exited")
	m.nobodyWaits()
}

func TestPackagedAWarmPoolDefersAndThenRegisters(t *testing.T) {
	t.Parallel()
	m := packaged(t, installed(t), world(t, inGroup(), func(p *plan) { p.State = "Warmed:Running" }), shipped(t, "baked.sh"))
	m.settle("running")
	m.Await("muster verify to defer", func() bool { return m.property("muster-verify.service", "ExecMainStatus") == "12" })
	if signals := m.story().Signals; len(signals) != 0 {
		t.Errorf("a warm instance signaled: %+v", signals)
	}
	m.Run("/usr/libexec/world", "state", "InService")
	m.Run("systemctl", "--no-block", "restart", "muster-verify.service") // does not wait for the restart, which can take a minute
	m.state("muster-verify.service", "active", "exited")
	if report := m.report(); report.Outcome != bootreport.Registered {
		t.Errorf("%+v", report)
	}
}

func TestPackagedTheControlUserDataThatWaitsForTheECSAgentHangs(t *testing.T) {
	t.Parallel()
	m := packaged(
		t,
		installed(t),
		image(t, inGroup(), signalSettings()...),
		"#!/bin/sh\nmuster bootstrap --cluster prod\nsystemctl start ecs.service\n",
	)
	m.Await("user data to wait for ecs.service", func() bool {
		_, waits := m.Try("pgrep", "--full", "^systemctl start ecs.service")
		return waits == nil && m.property("cloud-final.service", "ActiveState") == "activating"
	})
	for _, unit := range []string{"ecs.service", "muster-verify.service"} {
		if got := m.property(unit, "ActiveState"); got != "inactive" {
			t.Errorf("%s is %s: this boot does not hang, and the other stories prove nothing", unit, got)
		}
	}
	// The machine has no Docker. That must be at most a symptom, not the cause.
	if said, _ := m.Try("sh", "-c", "muster debug 2>&1; true"); !strings.Contains(said, "waits for user data") {
		t.Errorf("muster debug does not name the deadlock:\n%s", said)
	}
	// Killing the waiting command lets the boot continue.
	m.Run("pkill", "--full", "^systemctl start ecs.service")
	m.Settle()
	m.state("ecs.service", "active", "running")
}

func TestPackagedScaleInWhileDraining(t *testing.T) {
	t.Parallel()
	m := packaged(t, installed(t), image(t, inGroup(), append(signalSettings(), "MUSTER_WATCH_PERIOD=1s")...), shipped(t, "baked.sh"))
	m.signaled("record of bootstrap on this instance")
	m.Run("/usr/libexec/world", "drain")
	m.Run("/usr/libexec/world", "state", "Terminated")
	m.Await("the agent to say goodbye", func() bool {
		return strings.Contains(m.Run("journalctl", "--unit=muster-agent.service", "--no-pager"), "leaving")
	})
	m.Run("systemctl", "stop", "muster-agent.service")
	if got := m.property("muster-agent.service", "Result"); got != "success" {
		t.Errorf("the agent ended: %s", got)
	}
}

// format is a package format, with the package manager's commands.
type format struct {
	file            func(version string) string
	install, remove []string
	aside           string // path at which the package manager puts its own muster.env next to a changed one
}

func debFormat() format {
	return format{
		file:    func(version string) string { return "muster_" + version + "_amd64.deb" },
		install: []string{"dpkg", "--force-confold", "--install"}, remove: []string{"dpkg", "--remove"}, aside: ".dpkg-dist",
	}
}

func TestPackagedUpgradeDowngradeAndRemovalLeaveTheInstanceAtWork(t *testing.T) {
	t.Parallel()
	m := packaged(t, installed(t), image(t, inGroup(), signalSettings()...), shipped(t, "baked.sh"))
	m.signaled("record of bootstrap on this instance")
	m.replaced(debFormat())
}

// replaced upgrades the package, downgrades it, and removes it.
func (m machine) replaced(f format) {
	m.t.Helper()
	const env, spool = "/etc/muster/muster.env", "/var/lib/private/muster-agent/spool"
	m.Run("sh", "-c", "echo MUSTER_WATCH_PERIOD=30s >>"+env)
	m.Run("sh", "-c", "echo kept >"+spool+"/mark")
	settings, ecs := m.Run("cat", env), m.property("ecs.service", "MainPID")
	for _, version := range []string{newerVersion, olderVersion} {
		m.state("muster-docker.service", "active", "running")
		before, proxy := m.property("muster-agent.service", "MainPID"), m.property("muster-docker.service", "MainPID")
		m.takes(f, version)
		m.state("muster-agent.service", "active", "running")
		m.state("muster-docker.service", "active", "running")
		if m.property("muster-docker.service", "MainPID") == proxy {
			m.t.Errorf("after %s the Docker proxy is still the old program", version)
		}
		if m.property("muster-agent.service", "MainPID") == before {
			m.t.Errorf("after %s the agent is still the old program", version)
		}
		if m.Run("cat", env) != settings || m.Run("cat", spool+"/mark") != "kept" {
			m.t.Errorf("%s changed muster.env or the spool", version)
		}
		if news := m.Run("cat", env+f.aside); version == newerVersion && !strings.Contains(news, newSetting) {
			m.t.Errorf("beside the settings lies %q", news)
		}
		if got := m.property(
			"muster-verify.service",
			"UnitFileState",
		) + " " + m.property(
			"muster-agent.service",
			"UnitFileState",
		); got != "enabled enabled" {
			m.t.Errorf("after %s the units are %s", version, got)
		}
	}
	m.unharmed(f)
	m.Run(append(f.remove, "muster")...)
	m.atWork(ecs)
	m.Run("test", "-e", spool+"/mark")
	for _, unit := range []string{"muster-agent.service", "muster-docker.service", "muster-docker.socket"} {
		if got := m.property(unit, "ActiveState"); got != "inactive" {
			m.t.Errorf("%s is %s", unit, got)
		}
	}
	if _, err := m.Try("test", "-e", "/run/muster-docker"); err == nil {
		m.t.Error("the directory of the Docker proxy's socket is left")
	}
	m.Reboot()
	m.state("ecs.service", "active", "running")
}

// takes installs a version over the installed one, and returns the package manager's output.
func (m machine) takes(f format, version string) string {
	m.t.Helper()
	m.Put(fileOf(m.t, filepath.Join("../../dist/e2e", f.file(version)), "/opt/bake/other", 0o644))
	said := m.Run("sh", "-c", strings.Join(f.install, " ")+" /opt/bake/other 2>&1")
	if got := m.Run("muster", "--version"); !strings.Contains(got, version) {
		m.t.Errorf("after %s: %s", version, got)
	}
	return said
}

// unharmed checks that an upgrade succeeds although the settings stop the agent, and that the upgrade reports them.
func (m machine) unharmed(f format) {
	m.t.Helper()
	m.Run("sh", "-c", "cp /etc/muster/muster.env /srv && echo MUSTER_WATCH_PERIOD=soon >>/etc/muster/muster.env")
	if said := m.takes(f, newerVersion); !strings.Contains(said, "muster-agent did not restart: journalctl -u muster-agent") {
		m.t.Errorf("the upgrade said %q", said)
	}
	m.state("muster-agent.service", "failed", "failed")
	m.Run("sh", "-c", "mv /srv/muster.env /etc/muster && systemctl start muster-agent.service")
}

// atWork checks that the ECS agent still runs with this process ID.
func (m machine) atWork(pid string) {
	m.t.Helper()
	if got := m.property("ecs.service", "MainPID"); got != pid || m.property("ecs.service", "ActiveState") != "active" {
		m.t.Errorf("the ECS agent was %s and is %s, %s", pid, got, m.property("ecs.service", "ActiveState"))
	}
}

func TestPackagedRemovalWithBootstrapInFrontOfTheECSAgentLeavesItAtWork(t *testing.T) {
	t.Parallel()
	options := inGroup()
	options.InstanceTags = map[string]string{"muster:cluster": "prod"}
	m := packaged(t, installed(t, "systemctl enable muster-bootstrap.service"), image(t, options, signalSettings()...), "")
	m.signaled("instance tag muster:cluster")
	ecs := m.property("ecs.service", "MainPID")
	m.Run("dpkg", "--purge", "muster")
	m.atWork(ecs)
	for _, path := range []string{"/etc/muster/muster.env", "/var/lib/muster", "/var/lib/private/muster-agent"} {
		if _, err := m.Try("test", "-e", path); err == nil {
			t.Errorf("a purge left %s", path)
		}
	}
	m.Reboot()
	m.state("ecs.service", "active", "running")
}
