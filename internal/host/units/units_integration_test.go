//go:build integration

package units_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"muster/internal/host/units"
	"muster/test/systemdtest"
)

const ctl = "/usr/bin/muster"

// ecs returns a unit that replaces the ECS agent's service, with the ordering and restarts of
// packaging/amazon-linux-ami-integrated/ecs.service (amazon-ecs-agent v1.105.1). The machine has no docker.service to
// wait for.
func ecs() []systemdtest.File {
	return []systemdtest.File{
		{Path: "/usr/lib/systemd/system/ecs.service", Mode: 0o644, Content: `[Unit]
Wants=docker.service
PartOf=docker.service
After=docker.service
After=cloud-final.service

[Service]
Type=simple
Restart=on-failure
RestartPreventExitStatus=5
RestartSec=10s
EnvironmentFile=-/etc/ecs/ecs.config
ExecStart=/usr/libexec/ecs-standin

[Install]
WantedBy=multi-user.target
`},
		{Path: "/usr/libexec/ecs-standin", Mode: 0o755, Content: `#!/bin/sh
code=$(cat /etc/standin/ecs 2>/dev/null) && exit "$code"
exec sleep infinity
`},
		{Path: "/etc/ecs/ecs.config", Mode: 0o600, Content: "ECS_CLUSTER=prod\n"},
		{Path: "/var/lib/ecs/data/agent.db", Mode: 0o600, Content: "bolt"},
		{Path: "/var/log/ecs/ecs-init.log", Mode: 0o600, Content: "log"},
		{Path: "/root/secret", Mode: 0o600, Content: "secret"},
		// The unit is enabled, as on the AMI.
		{Path: "/usr/lib/systemd/system-preset/00-ecs.preset", Mode: 0o644, Content: "enable ecs.service\n"},
		{Path: "/etc/systemd/system/multi-user.target.wants/ecs.service", Link: "/usr/lib/systemd/system/ecs.service"},
		// This socket replaces Docker's. It has no containers.
		{
			Path: "/etc/systemd/system/docker.socket",
			Mode: 0o644,
			Content: "[Socket]\nListenStream=/run/" +
				"docker.sock\nSocketMode=0660\nSocketGroup=docker\nAccept=yes\n[Install]\nWantedBy=sockets.target\n",
		},
		{
			Path:    "/etc/systemd/system/docker@.service",
			Mode:    0o644,
			Content: "[Service]\nExecStart=/usr/libexec/docker-standin\nStandardInput=socket\n",
		},
		{Path: "/usr/libexec/docker-standin", Mode: 0o755, Content: `#!/bin/sh
read -r request
while read -r header && [ "${#header}" -gt 1 ]; do :; done
printf 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]'
exit 0 # also after a client that only connects
`},
		{Path: "/etc/systemd/system/sockets.target.wants/docker.socket", Link: "/etc/systemd/system/docker.socket"},
	}
}

// setExit sets the exit code of a replaced program.
func setExit(who string, code int) systemdtest.File {
	return systemdtest.File{Path: "/etc/standin/" + who, Mode: 0o644, Content: strconv.Itoa(code)}
}

// shortRetries shortens the minute between two attempts of muster-verify.
func shortRetries(unit string) systemdtest.File {
	return systemdtest.File{Path: "/etc/systemd/system/" + unit + ".d/quick.conf", Mode: 0o644, Content: "[Service]\nRestartSec=1s\n"}
}

type machine struct{ *systemdtest.Machine }

func boot(t *testing.T, more ...systemdtest.File) machine {
	t.Helper()
	files := append(ecs(), systemdtest.Binary(t, "./testdata/unitsctl", ctl))
	return machine{systemdtest.Boot(t, append(files, more...)...)}
}

type reply struct {
	Value  json.RawMessage
	Error  string
	Millis int
}

func (m machine) call(t *testing.T, args ...string) reply {
	t.Helper()
	var r reply
	decode(t, m.Run(append([]string{ctl}, args...)...), &r)
	return r
}

func (m machine) must(t *testing.T, args ...string) reply {
	t.Helper()
	r := m.call(t, args...)
	if r.Error != "" {
		t.Fatalf("%s: %s", args, r.Error)
	}
	return r
}

func (m machine) show(t *testing.T, unit string) units.State {
	t.Helper()
	var s units.State
	decode(t, string(m.must(t, "show", unit).Value), &s)
	return s
}

// await waits until the unit's state satisfies the condition and returns it.
func (m machine) await(t *testing.T, unit string, condition func(units.State) bool) (s units.State) {
	t.Helper()
	m.Await("another state of "+unit, func() bool {
		s = m.show(t, unit)
		return condition(s)
	})
	return s
}

func (m machine) noCycle(t *testing.T) {
	t.Helper()
	if journal := m.Run("journalctl", "--boot", "--no-pager"); strings.Contains(journal, "ordering cycle") {
		t.Error("systemd found an ordering cycle")
	}
}

// monotonic reads a timestamp of a unit in microseconds since the boot.
func (m machine) monotonic(t *testing.T, unit, property string) int {
	t.Helper()
	n, err := strconv.Atoi(m.Run("systemctl", "show", "--value", "--property="+property+"TimestampMonotonic", unit))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

func is(active, sub string) func(units.State) bool {
	return func(s units.State) bool { return s.ActiveState == active && s.SubState == sub }
}

// The steps of bootstrap in user data must not wait: ecs.service and the units after it start only when
// cloud-final.service, and so user data, ends.
func TestUserDataQueuesWithoutWaiting(t *testing.T) {
	t.Parallel()
	m := boot(t, systemdtest.UserData("i-1", `#!/bin/sh
mkdir /root/out; cd /root/out
systemctl show --value --property=ActiveState cloud-final.service >cloud-final
muster install >install
muster enable muster-verify.service muster-agent.service >enable
for unit in ecs muster-verify muster-agent; do
	muster start $unit.service >$unit
	muster show $unit.service >$unit.state
done
# The control: what everybody writes first, and what hangs.
timeout 3 systemctl start ecs.service; echo $? >blocking
`)...)
	if state := m.Settle(); state != "running" {
		t.Errorf("the machine is %s: %s", state, m.Run("systemctl", "--failed"))
	}
	m.noCycle(t)
	read := func(name string) string { return m.Run("cat", "/root/out/"+name) }
	if got := read("cloud-final"); got != "activating" {
		t.Errorf("cloud-final.service was %q when user data ran, so the test proves nothing", got)
	}
	if got := read("blocking"); got != "124" {
		t.Errorf("a blocking start in user data ended with %s, want timeout's 124", got)
	}
	for _, step := range []string{"install", "enable", "ecs", "muster-verify", "muster-agent"} {
		var r reply
		decode(t, read(step), &r)
		// A step that waits for a job would hang until user data ends, as a blocking start does.
		if r.Error != "" || r.Millis > 10_000 {
			t.Errorf("%s: %d ms, error %q", step, r.Millis, r.Error)
		}
		t.Logf("%s took %d ms", step, r.Millis)
	}
	for _, unit := range []string{"ecs", "muster-verify", "muster-agent"} {
		var r struct{ Value units.State }
		decode(t, read(unit+".state"), &r)
		if job := r.Value.Job; job == nil || job.Type != "start" || job.State != "waiting" || r.Value.ActiveState != "inactive" {
			t.Errorf("%s in user data: %+v, want an inactive unit with a waiting start job", unit, r.Value)
		}
	}
	m.await(t, "muster-verify.service", is("active", "exited"))
	m.await(t, "muster-agent.service", is("active", "running"))
	userDataEnd := m.monotonic(t, "cloud-final.service", "ActiveEnter")
	ecsStart := m.monotonic(t, "ecs.service", "ExecMainStart")
	if ecsStart < userDataEnd {
		t.Error("ecs.service started before user data ended")
	}
	for _, unit := range []string{"muster-verify.service", "muster-agent.service"} {
		if m.monotonic(t, unit, "ExecMainStart") < ecsStart {
			t.Errorf("%s started before ecs.service", unit)
		}
	}

	t.Run("and the units start again at the next boot", func(t *testing.T) {
		m.Run("rm", "-r", "/var/lib/muster/verify.json")
		m.Reboot()
		m.Settle()
		m.noCycle(t)
		m.await(t, "muster-agent.service", is("active", "running"))
		m.await(t, "muster-verify.service", is("active", "exited"))
		m.Run("test", "-e", "/var/lib/muster/verify.json")
	})
}

func TestMaskHoldsTheECSAgent(t *testing.T) {
	t.Parallel()
	// In user data, the start of ecs.service is already queued.
	m := boot(t, systemdtest.UserData("i-1", "#!/bin/sh\nmuster mask-runtime ecs.service >/root/mask\n")...)
	m.Settle()
	if text := m.Run("cat", "/root/mask"); strings.Contains(text, "Error") {
		t.Error(text)
	}
	s := m.show(t, "ecs.service")
	if s.LoadState != units.Masked || s.UnitFileState != "masked-runtime" || s.ActiveState != "inactive" || s.Job != nil {
		t.Errorf("held: %+v", s)
	}
	if n := m.monotonic(t, "ecs.service", "ExecMainStart"); n != 0 {
		t.Error("ecs.service ran")
	}
	if r := m.call(t, "start", "ecs.service"); !strings.Contains(r.Error, "masked") {
		t.Errorf("starting it: %q, want an error that says masked", r.Error)
	}
	m.must(t, "unmask-runtime", "ecs.service")
	m.must(t, "start", "ecs.service")
	m.await(t, "ecs.service", is("active", "running"))

	t.Run("until the next boot only", func(t *testing.T) {
		m.must(t, "mask-runtime", "ecs.service")
		m.Reboot()
		m.await(t, "ecs.service", is("active", "running"))
	})
	t.Run("for good when asked", func(t *testing.T) {
		m.must(t, "mask", "ecs.service")
		m.must(t, "mask", "ecs.service")
		if s := m.show(t, "ecs.service"); s.UnitFileState != "masked" || s.ActiveState != "active" {
			t.Errorf("%+v, want masked and still active", s)
		}
		m.must(t, "stop", "ecs.service")
		m.await(t, "ecs.service", is("inactive", "dead"))
		m.must(t, "unmask", "ecs.service")
	})
	t.Run("or reports that it failed", func(t *testing.T) {
		m.Run("cp", "/usr/lib/systemd/system/ecs.service", "/etc/systemd/system/ecs.service")
		if r := m.call(t, "mask-runtime", "ecs.service"); !strings.Contains(r.Error, "outranks") {
			t.Errorf("error %q", r.Error)
		}
	})
}

// In a baked image, only muster-bootstrap.service keeps the ECS agent out of the cluster "default".
func TestFailedBootstrapKeepsTheECSAgentDown(t *testing.T) {
	t.Parallel()
	m := boot(t)
	m.Settle()
	m.must(t, "install")
	changed := m.must(t, "enable", "muster-bootstrap.service", "muster-agent.service", "muster-verify.service")
	if !strings.Contains(string(changed.Value), "/etc/systemd/system/ecs.service.requires/muster-bootstrap.service") {
		t.Errorf("enable changed %s", changed.Value)
	}
	if again := m.must(t, "enable", "muster-bootstrap.service"); string(again.Value) != "null" {
		t.Errorf("enabling again changed %s", again.Value)
	}
	m.Put(setExit("bootstrap", 1))
	m.Reboot()
	m.Settle()
	m.noCycle(t)
	if s := m.show(t, "muster-bootstrap.service"); s.ActiveState != "failed" || s.ExecMainStatus != 1 {
		t.Errorf("bootstrap: %+v", s)
	}
	if s := m.show(t, "ecs.service"); s.ActiveState != "inactive" || s.ExecMainCode != 0 || s.Job != nil {
		t.Errorf("ecs.service after a failed bootstrap: %+v, want never started", s)
	}
	// muster-agent still runs on an unhealthy instance.
	m.await(t, "muster-agent.service", is("active", "running"))
	m.await(t, "muster-verify.service", is("active", "exited"))

	// Once the error is fixed, starting the agent is enough.
	m.Put(setExit("bootstrap", 0))
	m.must(t, "start", "ecs.service")
	m.await(t, "ecs.service", is("active", "running"))
	if s := m.show(t, "muster-bootstrap.service"); !is("active", "exited")(s) {
		t.Errorf("bootstrap: %+v", s)
	}
	// The unit's sandbox must allow the first list of operations and deny the second.
	m.sandbox(t, "/var/lib/muster/bootstrap.json",
		[]string{"read /etc/ecs/ecs.config", "read /var/lib/ecs/data/agent.db", "interfaces", "show ecs.service",
			"write /etc/ecs/probe", "write /etc/systemd/system/probe", "write /run/muster/probe", "write /var/lib/muster/probe", "docker"},
		[]string{"read /root/secret", "write /usr/bin/probe"})

	t.Run("and a good one comes first at boot", func(t *testing.T) {
		m.Reboot()
		m.Settle()
		m.await(t, "ecs.service", is("active", "running"))
		if m.monotonic(t, "muster-bootstrap.service", "ActiveEnter") > m.monotonic(t, "ecs.service", "ExecMainStart") {
			t.Error("ecs.service did not wait for muster-bootstrap.service")
		}
	})
}

// sandbox compares the operations that succeeded in the unit with those that must succeed and must fail.
func (m machine) sandbox(t *testing.T, file string, can, cannot []string) {
	t.Helper()
	var found map[string]string
	decode(t, m.Run("cat", file), &found)
	for _, what := range can {
		if err, tried := found[what]; !tried || err != "" {
			t.Errorf("%s: cannot %s: %s", file, what, err)
		}
	}
	for _, what := range cannot {
		if err, tried := found[what]; !tried || err == "" {
			t.Errorf("%s: can %s", file, what)
		}
	}
	if t.Failed() {
		for _, what := range slices.Sorted(maps.Keys(found)) {
			t.Logf("%s: %q", what, found[what])
		}
	}
}

func TestVerifyUnit(t *testing.T) {
	t.Parallel()
	m := boot(t, shortRetries("muster-verify.service"), shortRetries("muster-agent.service"))
	m.Settle()
	m.must(t, "install")

	t.Run("retries when deferred, until it is not", func(t *testing.T) {
		m.Put(setExit("verify", 12))
		m.must(t, "start", "muster-verify.service")
		s := m.await(t, "muster-verify.service", func(s units.State) bool { return s.NRestarts >= 2 && s.SubState == "auto-restart" })
		if s.ActiveState != "activating" || s.Result != "exit-code" || s.ExecMainStatus != 12 {
			t.Errorf("%+v", s)
		}
		m.Put(setExit("verify", 0))
		m.await(t, "muster-verify.service", is("active", "exited"))
	})
	for _, code := range []int{64, 78} {
		t.Run("takes exit "+strconv.Itoa(code)+" for final", func(t *testing.T) {
			m.Put(setExit("verify", code))
			m.must(t, "restart", "muster-verify.service")
			s := m.await(t, "muster-verify.service", func(s units.State) bool { return s.ActiveState == "failed" && s.Job == nil })
			if int(s.ExecMainStatus) != code || s.NRestarts != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
	// 2 is a Go panic, 130 an interrupt.
	for _, code := range []int{1, 2, 3, 10, 11, 130} {
		t.Run("retries exit "+strconv.Itoa(code), func(t *testing.T) {
			m.Put(setExit("verify", code))
			m.must(t, "restart", "muster-verify.service")
			m.await(t, "muster-verify.service", func(s units.State) bool {
				return int(s.ExecMainStatus) == code && s.ActiveState == "activating" && s.SubState == "auto-restart"
			})
		})
	}
	t.Run("reaches only what it checks", func(t *testing.T) {
		m.sandbox(
			t,
			"/var/lib/muster/verify.json",
			[]string{
				"read /etc/ecs/ecs.config",
				"read /var/lib/ecs/data/agent.db",
				"read /var/log/ecs/ecs-init.log",
				"read /proc/1/net/tcp",
				"write /var/lib/muster/probe",
				"write /run/muster/probe",
				"console",
				"interfaces",
				"docker",
				"show ecs.service",
			},
			[]string{
				"read /root/secret",
				"write /etc/ecs/probe",
				"write /etc/systemd/system/probe",
				"write /usr/bin/probe",
				"write /var/log/ecs/probe",
			},
		)
		if !strings.Contains(m.Console(), "muster verify was here") {
			t.Error("the line is not on the console")
		}
		m.Run("test", "-e", "/run/muster/probe") // outlives the unit
	})
	t.Run("waits a minute between two attempts", func(t *testing.T) {
		m.Run("rm", "-r", "/etc/systemd/system/muster-verify.service.d")
		m.must(t, "reload")
		if got := m.Run(
			"systemctl",
			"show",
			"--value",
			"--property=RestartUSec,TimeoutStartUSec",
			"muster-verify.service",
		); got != "1min\ninfinity" {
			t.Error(got)
		}
	})
}

func TestAgentUnit(t *testing.T) {
	t.Parallel()
	m := boot(t, shortRetries("muster-agent.service"))
	m.Settle()
	m.must(t, "install")
	m.must(t, "start", "muster-agent.service")
	m.await(t, "muster-agent.service", is("active", "running"))
	m.sandbox(
		t,
		"/var/lib/muster-agent/agent.json",
		[]string{"docker proxy GET"},
		[]string{
			"docker",
			"docker proxy POST",
			"read /root/secret",
			"read /etc/ecs/ecs.config",
			"write /etc/ecs/probe",
			"write /var/lib/muster/probe",
			"write /usr/bin/probe",
			"console",
		},
	)

	t.Run("reaches Docker only through the proxy", func(t *testing.T) {
		var found map[string]string
		decode(t, m.Run("cat", "/var/lib/muster-agent/agent.json"), &found)
		if err := found["docker"]; !strings.Contains(err, "permission denied") {
			t.Errorf("opening Docker's own socket: %q", err)
		}
		if err := found["docker proxy POST"]; !strings.HasPrefix(err, "403 ") ||
			!strings.Contains(err, `{"message":"muster docker-proxy refused`) {
			t.Errorf("a write request: %q", err)
		}
		if journal := m.Run(
			"journalctl",
			"--unit=muster-docker.service",
			"--no-pager",
		); !strings.Contains(journal, "POST") ||
			!strings.Contains(journal, "/v1.41/containers/json") {
			t.Errorf("the rejection is not in the journal: %s", journal)
		}
	})
	t.Run("is the only user of the proxy's socket", func(t *testing.T) {
		uid := m.Run("stat", "--format=%u", "/proc/"+m.Run("systemctl", "show", "--value", "--property=MainPID", "muster-agent.service"))
		list := func(uid, dir string) (string, error) {
			return m.Try(
				"setpriv",
				"--reuid="+uid,
				"--regid="+uid,
				"--clear-groups",
				"curl",
				"--silent",
				"--show-error",
				"--unix-socket",
				dir+"/docker.sock",
				"http://docker/containers/json",
			)
		}
		const gate = "/run/muster-docker"
		if out, err := list("0", gate+"/agent"); out != "[]" {
			t.Errorf("root: %s %v", out, err)
		}
		for _, user := range []string{"65534", uid} { // nobody, and the agent's number outside its unit
			for _, dir := range []string{gate, gate + "/agent"} {
				if out, err := list(user, dir); err == nil {
					t.Errorf("user %s reaches %s: %s", user, dir, out)
				}
			}
		}
	})
	t.Run("follows Docker and the proxy", func(t *testing.T) {
		answers := func(what, text string) {
			t.Helper()
			m.Run("rm", "--force", "/var/lib/muster-agent/docker")
			m.Await(what, func() bool {
				out, err := m.Try("cat", "/var/lib/muster-agent/docker")
				return err == nil && strings.Contains(out, text)
			})
		}
		answers("the list", "[]")
		m.Run("systemctl", "stop", "docker.socket")
		m.Run("rm", "--force", "/run/docker.sock")
		answers(
			"Docker to be away",
			"502 Bad Gateway: {\"message\":\"muster docker-proxy queried the Docker Engine at unix:///var/run/docker.sock: the Docker Engine is "+
				"not running: dial unix /var/run/docker.sock: connect: no such file or directory",
		)
		m.Run("systemctl", "start", "docker.socket")
		answers("Docker to be back", "[]")
		for _, command := range []string{"systemctl restart muster-docker.socket", "systemctl stop muster-docker.service",
			"systemctl kill --signal=KILL muster-docker.service"} {
			m.Run("sh", "-c", command)
			answers("an answer after "+command, "[]")
		}
		m.Run("systemctl", "stop", "muster-docker.socket")
		answers("the proxy to be away", "no such file or directory")
		m.Run("systemctl", "start", "muster-docker.socket")
		answers("the proxy to be back", "[]")
	})
	t.Run("stops the proxy with it", func(t *testing.T) {
		pid := func() string {
			return m.Run("systemctl", "show", "--value", "--property=MainPID", "muster-docker.service")
		}
		before := pid()
		m.Run("systemctl", "try-restart", "muster-agent.service")
		if after := pid(); before == after || before == "0" {
			t.Errorf("the proxy is process %s, and was %s before the agent restarted", after, before)
		}
		m.must(t, "stop", "muster-agent.service")
		m.await(t, "muster-docker.service", is("inactive", "dead"))
	})
	t.Run("starts without group docker and without the proxy", func(t *testing.T) {
		m.Run("groupdel", "docker")
		m.Run("systemctl", "stop", "muster-docker.socket")
		m.Run(
			"sh",
			"-c",
			"rm -r /run/muster-docker && ln -sf /dev/null /etc/systemd/system/muster-docker.socket && systemctl daemon-reload",
		)
		m.must(t, "start", "muster-agent.service")
		m.await(t, "muster-agent.service", is("active", "running"))
		m.Run("sh", "-c", "rm /etc/systemd/system/muster-docker.socket")
		m.must(t, "install")
		m.Run("systemctl", "restart", "muster-agent.service")
	})
	t.Run("is killed when it hangs, and comes back", func(t *testing.T) {
		m.Put(
			systemdtest.File{
				Path:    "/etc/systemd/system/muster-agent.service.d/watchdog.conf",
				Mode:    0o644,
				Content: "[Service]\nWatchdogSec=1s\n",
			},
		)
		m.must(t, "reload")
		m.must(t, "restart", "muster-agent.service")
		m.await(t, "muster-agent.service", is("active", "running"))
		m.Put(setExit("agent", 1))
		m.await(t, "muster-agent.service", func(s units.State) bool { return s.NRestarts > 0 })
	})
}

func TestShowAgainstSystemd(t *testing.T) {
	t.Parallel()
	m := boot(t)
	m.Settle()
	fails := func(name string, code string) systemdtest.File {
		return systemdtest.File{
			Path: "/etc/systemd/system/" + name,
			Mode: 0o644,
			Content: "[Service]\nExecStart=/bin/sh -c 'exit " + code +
				"'\nRestart=on-failure\nRestartPreventExitStatus=5\n[Install]\nWantedBy=multi-user.target\n",
		}
	}
	m.Put(
		fails("five.service", "5"),
		fails("one.service", "1"),
		fails("off.service", "0"),
		shortRetries("one.service"),
		systemdtest.File{
			Path:    "/etc/systemd/system/slow.service",
			Mode:    0o644,
			Content: "[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\n",
		},
		systemdtest.File{
			Path:    "/etc/systemd/system/behind.service",
			Mode:    0o644,
			Content: "[Unit]\nAfter=slow.service\n[Service]\nExecStart=/bin/true\n",
		},
		systemdtest.File{
			Path:    "/etc/systemd/system/bad.service",
			Mode:    0o644,
			Content: "[Service]\nType=oneshot\nRestart=always\nExecStart=/bin/true\n",
		},
	)
	m.must(t, "reload")
	showsStates(t, m)
	showsUnitFiles(t, m)
	showsJobs(t, m)
	answersCallers(t, m)
}

func showsStates(t *testing.T, m machine) {
	t.Run("active", func(t *testing.T) {
		s := m.show(t, "ecs.service")
		if s.Begun.IsZero() || s.Active.Before(s.Begun) || !s.Ended.IsZero() {
			t.Errorf("begun %s, active %s, ended %s", s.Begun, s.Active, s.Ended)
		}
		s.Begun, s.Active = time.Time{}, time.Time{}
		want := units.State{
			Name:          "ecs.service",
			LoadState:     "loaded",
			ActiveState:   "active",
			SubState:      "running",
			UnitFileState: "enabled",
			Result:        "success",
		}
		if s != want {
			t.Errorf("%+v", s)
		}
	})
	t.Run("failed with the agent's terminal code", func(t *testing.T) {
		m.must(t, "start", "five.service")
		s := m.await(t, "five.service", func(s units.State) bool { return s.ActiveState == "failed" })
		if s.SubState != "failed" || s.Result != "exit-code" || s.ExecMainCode != 1 || s.ExecMainStatus != 5 || s.NRestarts != 0 ||
			s.Job != nil {
			t.Errorf("%+v", s)
		}
	})
	t.Run("restarting", func(t *testing.T) {
		m.must(t, "start", "one.service")
		s := m.await(t, "one.service", func(s units.State) bool { return s.NRestarts > 0 && s.SubState == "auto-restart" })
		if s.ActiveState != "activating" || s.Result != "exit-code" || s.ExecMainStatus != 1 {
			t.Errorf("%+v", s)
		}
		m.must(t, "stop", "one.service")
		m.await(t, "one.service", func(s units.State) bool { return s.ActiveState != "activating" })
	})
}

func showsUnitFiles(t *testing.T, m machine) {
	t.Run("disabled", func(t *testing.T) {
		if s := m.show(t, "off.service"); s.UnitFileState != "disabled" || s.LoadState != "loaded" || s.ActiveState != "inactive" {
			t.Errorf("%+v", s)
		}
	})
	t.Run("masked", func(t *testing.T) {
		m.Run("systemctl", "mask", "never-there.service")
		if s := m.show(t, "never-there.service"); s.LoadState != units.Masked || s.UnitFileState != "masked" {
			t.Errorf("%+v", s)
		}
	})
	t.Run("missing", func(t *testing.T) {
		want := units.State{
			Name:        "nowhere.service",
			LoadState:   units.NotFound,
			ActiveState: "inactive",
			SubState:    "dead",
			Result:      "success",
		}
		if s := m.show(t, "nowhere.service"); s != want {
			t.Errorf("%+v", s)
		}
	})
	t.Run("refused by systemd", func(t *testing.T) {
		if s := m.show(t, "bad.service"); s.LoadState != "bad-setting" {
			t.Errorf("%+v", s)
		}
	})
	t.Run("of another type than service", func(t *testing.T) {
		if s := m.show(t, "multi-user.target"); s.ActiveState != "active" || s.Result != "" {
			t.Errorf("%+v", s)
		}
	})
}

func showsJobs(t *testing.T, m machine) {
	t.Run("queued jobs", func(t *testing.T) {
		m.must(t, "start", "slow.service")
		m.must(t, "start", "behind.service")
		s := m.show(t, "slow.service")
		if s.Job == nil || s.Job.Type != "start" || s.Job.State != "running" || s.ActiveState != "activating" {
			t.Errorf("slow: %+v %+v", s, s.Job)
		}
		if s := m.show(t, "behind.service"); s.Job == nil || s.Job.ID == 0 || s.Job.Type != "start" || s.Job.State != "waiting" {
			t.Errorf("behind: %+v %+v", s, s.Job)
		}
		m.must(t, "stop", "slow.service")
	})
}

// answersCallers checks who may ask for what, and on which way.
func answersCallers(t *testing.T, m machine) {
	t.Run("an invalid request is an error", func(t *testing.T) {
		for _, args := range [][]string{
			{"show", ""}, {"show", "ecs"}, {"start", "nowhere.service"}, {"enable", "nowhere.service"}, {"enable", "slow.service"},
			{"mask-runtime", "no/slash"},
		} {
			if r := m.call(t, args...); r.Error == "" {
				t.Errorf("%q: no error, but %s", args, r.Value)
			} else {
				t.Log(r.Error)
			}
		}
	})
	t.Run("for an ordinary user over the bus", func(t *testing.T) {
		out := m.Run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", ctl, "show", "ecs.service")
		if !strings.Contains(out, `"ActiveState":"active"`) {
			t.Error(out)
		}
		out = m.Run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", ctl, "stop", "ecs.service")
		if !strings.Contains(out, `"Error"`) {
			t.Errorf("an ordinary user stopped ecs.service: %s", out)
		}
	})
	t.Run("with the bus daemon gone", func(t *testing.T) {
		m.Run("systemctl", "stop", "dbus.socket", "dbus.service")
		if s := m.show(t, "ecs.service"); s.ActiveState != "active" {
			t.Errorf("%+v", s)
		}
		m.Run("systemctl", "start", "dbus.socket")
	})
}

func TestBareBinary(t *testing.T) {
	t.Parallel()
	m := boot(t)
	m.Settle()
	const bare = "/var/tmp/muster"
	m.Run("mv", ctl, bare)
	install := func() (r reply) {
		t.Helper()
		decode(t, m.Run(bare, "install"), &r)
		return r
	}
	m.Run("mkdir", "-p", "/usr/local/bin")
	m.Run("mount", "-t", "tmpfs", "-o", "noexec,mode=755", "tmpfs", "/usr/local/bin")
	if r := install(); !strings.Contains(r.Error, "/usr/local/bin is mounted noexec") {
		t.Errorf("noexec: %+v", r)
	}
	m.Run("mount", "-o", "remount,ro", "/usr/local/bin")
	m.Run("sh", "-c", "echo changed >>"+bare)
	if r := install(); !strings.Contains(r.Error, "/usr/local/bin/muster") || !strings.Contains(r.Error, "read-only") {
		t.Errorf("read-only: %+v", r)
	}
	m.Run("umount", "/usr/local/bin")
	if r := install(); r.Error != "" || !strings.Contains(string(r.Value), "muster-agent.service") {
		t.Errorf("%+v", r)
	}
	if r := install(); r.Error != "" || string(r.Value) != "null" {
		t.Errorf("once more: %+v", r)
	}
	m.Run(bare, "start", "muster-agent.service")
	m.Await("the copy to run", func() bool {
		command, _ := m.Try("sh", "-c", "cat /proc/$(systemctl show --value -p MainPID muster-agent)/cmdline")
		return command == "/usr/local/bin/muster\x00agent\x00"
	})
}

func TestUnitsPassSystemdAnalyze(t *testing.T) {
	t.Parallel()
	const odd = "/opt/a b/100% $HOME/muster"
	m := boot(t, systemdtest.Binary(t, "./testdata/unitsctl", odd))
	m.Settle()
	m.Run(odd, "install")

	t.Run("a binary at an odd path runs", func(t *testing.T) {
		m.must(t, "start", "muster-agent.service")
		m.await(t, "muster-agent.service", is("active", "running"))
		m.Run("test", "-e", "/var/lib/muster-agent/agent.json")
	})
	const dir = "/etc/systemd/system/"
	for unit, limit := range map[string]int{"muster-agent.service": 16, "muster-docker.service": 12, "muster-docker.socket": 0,
		"muster-verify.service": 20, "muster-bootstrap.service": 30} {
		t.Run(unit, func(t *testing.T) {
			if out, err := m.Try("systemd-analyze", "verify", dir+unit); err != nil || out != "" {
				t.Errorf("systemd-analyze verify: %s %v", out, err)
			}
			if strings.HasSuffix(unit, ".socket") {
				return
			}
			out, err := m.Try("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+strconv.Itoa(limit), dir+unit)
			if err != nil {
				t.Errorf("exposure above %d tenths: %v", limit, err)
			}
			t.Log(out[strings.LastIndex(out, "\n")+1:])
		})
	}
}
