//go:build integration

package integration

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"muster/internal/host/dockerapi"
	"muster/internal/sandbox"
	"muster/test/systemdtest"
)

// exitedAgent leaves an exited container with the ECS agent's name and the agent's terminal exit code. It does not
// touch a container of that name that it did not create.
func exitedAgent(t *testing.T) {
	t.Helper()
	docker := func(args ...string) (string, error) {
		out, err := exec.Command("docker", args...).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	systemdtest.Require(t)
	if out, err := docker("container", "ls", "--all", "--quiet", "--filter", "name=^/?ecs-agent$"); err != nil || out != "" {
		t.Fatalf("this machine has a container named ecs-agent already (%s, %v); it is not touched", out, err)
	}
	id, err := docker("create", "--name", "ecs-agent", "--network", "none", systemdtest.Image, "sh", "-c", "exit 5")
	if err != nil {
		t.Fatal(id, err)
	}
	t.Cleanup(func() {
		if out, err := docker("rm", "--force", id); err != nil {
			t.Error(out, err)
		}
	})
	if out, err := docker("start", id); err != nil {
		t.Fatal(out, err)
	}
	if out, err := docker("wait", id); err != nil || out != "5" {
		t.Fatal(out, err)
	}
}

func TestVerifySaysWhatDockerSays(t *testing.T) {
	exitedAgent(t)
	box, err := sandbox.New(sandbox.Options{Clusters: []string{"prod"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	environ := slices.DeleteFunc(box.Environ(), func(s string) bool { return strings.HasPrefix(s, "MUSTER_ROOT=") })
	h := newHost(t, append(environ, "MUSTER_DOCKER_HOST="+dockerapi.DefaultHost)...)
	r := h.muster(t, "verify", "--cluster", "prod", "--timeout", "3s", "--output", "json")
	r.want(t, 10)
	says := func(line string) bool {
		return strings.HasPrefix(line, "container ecs-agent ("+systemdtest.Image+"): exited, exit code 5, since ")
	}
	if report := r.report(t); !slices.ContainsFunc(report.Evidence, says) {
		t.Errorf("evidence %q", report.Evidence)
	}
}
