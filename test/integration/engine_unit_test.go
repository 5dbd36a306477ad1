//go:build integration

package integration

import (
	"path/filepath"
	"strings"
	"testing"

	"muster/agent/agentstate"
	"muster/internal/host/dockerapi"
	"muster/test/dockertest"
	"muster/test/systemdtest"
)

// besideEngine boots a baked image and mounts the socket of this machine's Engine into it unchanged. The machine has no
// group docker, because muster needs none.
func besideEngine(t *testing.T, engine dockertest.Docker, files ...systemdtest.File) machine {
	t.Helper()
	systemdtest.Require(t)
	socket, err := filepath.EvalSymlinks(strings.TrimPrefix(engine.Host, "unix://"))
	if err != nil {
		t.Fatalf("the Engine's socket: %v", err)
	}
	image := systemdtest.Bake(t, nil, "groupdel docker")
	options := inGroup()
	options.InstanceTags = map[string]string{"muster:cluster": "prod"}
	files = append(append(baked(t, options), files...), systemdtest.File{Path: "/run/docker.sock", Mount: socket})
	return machine{systemdtest.BootFrom(t, image, files...), t}
}

// service returns the agent's state of a task family.
func service(s agentstate.State, name string) (found agentstate.Service) {
	for _, one := range s.Services {
		if one.Name == name {
			return one
		}
	}
	return found
}

// The agent runs in its sandboxed unit as its own user. It must see the containers of a real Engine and report when one
// becomes unhealthy.
func TestTheAgentInItsUnitWatchesARealEngine(t *testing.T) {
	t.Parallel()
	engine := dockertest.Host(t)
	const label, family = "com.amazonaws.ecs.", "e2e-unit"
	id := engine.Ready(
		engine.Run(
			"--label",
			label+"cluster=prod",
			"--label",
			label+"task-definition-family="+family,
			"--label",
			label+"container-name=app",
			"--label",
			label+"task-arn=arn:aws:ecs:eu-central-1:123456789012:task/prod/2",
			engine.Subject(`HEALTHCHECK --interval=100ms --retries=1 CMD ["/subject", "probe"]`),
		),
	)
	m := besideEngine(t, engine)
	m.joined("instance tag muster:cluster") // the unit is active, so READY=1 was sent

	m.tells(
		"the agent to see the healthy container",
		func(s agentstate.State) bool { return s.Docker.Reachable && service(s, family).Healthy == 1 },
	)
	if user := m.property("muster-agent.service", "User"); user != "muster-agent" {
		t.Errorf("it runs as %q", user)
	}
	if groups := m.Run(
		"sh",
		"-c",
		"grep ^Groups: /proc/"+m.property("muster-agent.service", "MainPID")+"/status; stat -c %u:%g /run/docker.sock",
	); strings.Count(
		strings.Split(groups, "\n")[0],
		" ",
	) > 1 {
		t.Errorf("it is in more groups than its own: %s", groups)
	}
	t.Logf(
		"the proxy takes: %s",
		m.Run("grep", "-E", "^(VmRSS|RssAnon|RssFile):", "/proc/"+m.property("muster-docker.service", "MainPID")+"/status"),
	)
	ask := func(method, path string) string {
		out, _ := m.Try(
			"curl",
			"--silent",
			"--max-time",
			"20",
			"--request",
			method,
			"--unix-socket",
			"/run/muster-docker/agent/docker.sock",
			"http://docker"+path,
		)
		return out
	}
	if out := ask("POST", "/containers/"+id+"/kill"); !strings.Contains(out, `{"message":"muster docker-proxy refused \"POST\"`) {
		t.Errorf("a POST through the proxy: %s", out)
	}
	if out := ask("GET", "/containers/"+id+"/json"); !strings.Contains(out, `"Running":true`) || !strings.Contains(out, id) {
		t.Errorf("after it: %.300s", out)
	}
	if out := ask("GET", "/images/json"); !strings.Contains(out, "only ping, version, info, events, list and inspect pass") {
		t.Errorf("a list of images: %.300s", out)
	}
	engine.Do("exec", id, "/subject", "unhealthy")
	m.Await("the line in the journal", func() bool {
		return strings.Contains(m.Run("journalctl", "--unit=muster-agent", "--no-pager"), "kind=unhealthy family="+family)
	})
	m.tells("the agent to count it", func(s agentstate.State) bool { return service(s, family).Unhealthy == 1 })
	m.Run("systemctl", "restart", "muster-docker.socket")
	engine.Do("exec", id, "/subject", "healthy")
	m.tells(
		"the agent to follow through a new socket",
		func(s agentstate.State) bool { return s.Docker.Reachable && service(s, family).Healthy == 1 },
	)
	engine.Do("exec", id, "/subject", "unhealthy")
	m.tells("the agent to follow events through it", func(s agentstate.State) bool { return service(s, family).Unhealthy == 1 })
	if said, _ := m.Try("sh", "-c", "muster status 2>&1; true"); !strings.Contains(said, family+"/app is unhealthy") {
		t.Errorf("muster status does not tell:\n%s", said)
	}
	if m.property("muster-agent.service", "NRestarts") != "0" {
		t.Error("the agent was restarted")
	}
}

// This is the control to the test above. Without the proxy the agent keeps running, and reports that it cannot see
// containers and why.
func TestTheAgentWithoutTheProxy(t *testing.T) {
	t.Parallel()
	engine := dockertest.Host(t)
	for name, c := range map[string]struct {
		file  systemdtest.File
		limit error
		fix   string
	}{
		"masked": {systemdtest.File{Path: "/etc/systemd/system/muster-docker.socket", Link: "/dev/null"}, dockerapi.ErrProxy,
			"sudo systemctl restart muster-docker.socket muster-agent.service"},
		"a unit of the user's": {systemdtest.File{Path: "/etc/systemd/system/muster-agent.service.d/own.conf", Mode: 0o644,
			Content: "[Service]\nEnvironment=MUSTER_DOCKER_PROXY=\n"},
			dockerapi.ErrDenied, "systemctl cat muster-agent.service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := besideEngine(t, engine, c.file)
			m.settle("running")
			m.state("muster-agent.service", "active", "running")
			s := m.tells(
				"the registration without Docker",
				func(s agentstate.State) bool { return s.Registration.State == "registered" && s.Docker.Why != "" },
			)
			if s.Docker.Reachable || s.Docker.Limit != c.limit.Error() || !strings.Contains(s.Docker.Why, c.limit.Error()) {
				t.Errorf("%+v", s.Docker)
			}
			said, err := m.Try("sh", "-c", "muster status 2>&1")
			if err == nil || !strings.Contains(err.Error(), "Problem: muster-agent sees no containers") ||
				!strings.Contains(err.Error(), c.fix) {
				t.Errorf("muster status: %s %v", said, err)
			}
		})
	}
}
