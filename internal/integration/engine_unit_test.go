//go:build integration

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"muster/internal/agentstate"
	"muster/internal/dockerapi/dockertest"
	"muster/internal/units/systemdtest"
)

// besideEngine boots a baked image next to this machine's Engine: its socket is
// the machine's own, and the machine's group docker has the socket's number, as on
// an instance. The socket itself unchanged.
func besideEngine(t *testing.T, engine dockertest.Docker, files ...systemdtest.File) machine {
	t.Helper()
	systemdtest.Require(t)
	socket, err := filepath.EvalSymlinks(strings.TrimPrefix(engine.Host, "unix://"))
	if err != nil {
		t.Fatalf("the Engine's socket: %v", err)
	}
	info, err := os.Stat(socket)
	if err != nil {
		t.Fatal(err)
	}
	group := fmt.Sprint(info.Sys().(*syscall.Stat_t).Gid)
	image := systemdtest.Bake(t, nil, "groupmod --non-unique --gid "+group+" docker")
	options := inGroup()
	options.InstanceTags = map[string]string{"muster:cluster": "prod"}
	files = append(append(baked(t, options), files...), systemdtest.File{Path: "/run/docker.sock", Mount: socket})
	return machine{systemdtest.BootFrom(t, image, files...), t}
}

// service is what the agent says of a task's family.
func service(s agentstate.State, name string) (found agentstate.Service) {
	for _, one := range s.Services {
		if one.Name == name {
			return one
		}
	}
	return found
}

// The agent in its unit, as a user of its own behind all that the unit closes, sees
// the containers of a real Engine and tells when one turns unhealthy.
func TestTheAgentInItsUnitWatchesARealEngine(t *testing.T) {
	t.Parallel()
	engine := dockertest.Host(t)
	const label, family = "com.amazonaws.ecs.", "e2e-unit"
	id := engine.Ready(engine.Run("--label", label+"cluster=prod", "--label", label+"task-definition-family="+family, "--label", label+"container-name=app",
		"--label", label+"task-arn=arn:aws:ecs:eu-central-1:123456789012:task/prod/2", engine.Subject(`HEALTHCHECK --interval=100ms --retries=1 CMD ["/subject", "probe"]`)))
	m := besideEngine(t, engine)
	m.joined("instance tag muster:cluster") // active (running): READY=1 was sent

	m.tells("the agent to see the healthy container", func(s agentstate.State) bool { return s.Docker.Reachable && service(s, family).Healthy == 1 })
	if user := m.property("muster-agent.service", "User"); user != "muster-agent" {
		t.Errorf("it runs as %q", user)
	}
	engine.Do("exec", id, "/subject", "sick")
	m.Await("the line in the journal", func() bool {
		return strings.Contains(m.Run("journalctl", "--unit=muster-agent", "--no-pager"), "kind=unhealthy family="+family)
	})
	m.tells("the agent to count it", func(s agentstate.State) bool { return service(s, family).Unhealthy == 1 })
	if said, _ := m.Try("sh", "-c", "muster status 2>&1; true"); !strings.Contains(said, family+"/app is unhealthy") {
		t.Errorf("muster status does not tell:\n%s", said)
	}
	if m.property("muster-agent.service", "NRestarts") != "0" {
		t.Error("the agent was restarted")
	}
}

// docs/threat-model.md says what is left without the group: the control to the
// test above, in which the group could have been of no use.
func TestTheAgentWithoutTheGroupDocker(t *testing.T) {
	t.Parallel()
	engine := dockertest.Host(t)
	m := besideEngine(t, engine, systemdtest.File{Path: "/etc/systemd/system/muster-agent.service.d/closed.conf", Mode: 0o644, Content: "[Service]\nSupplementaryGroups=\n"})
	m.settle("running")
	m.state("muster-agent.service", "active", "running")
	s := m.tells("the registration without Docker", func(s agentstate.State) bool { return s.Registration.State == "registered" && s.Docker.Why != "" })
	if s.Docker.Reachable || !strings.Contains(s.Docker.Why, "no permission to ask the Docker Engine") {
		t.Errorf("%+v", s.Docker)
	}
}
