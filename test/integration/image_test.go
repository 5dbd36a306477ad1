//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"muster/internal/sandbox"
	"muster/test/dockertest"
	"muster/test/need"
)

// taskDefinition holds the parts of an ECS task definition that the test applies. Each field becomes an option of
// docker run.
type taskDefinition struct {
	NetworkMode          string
	ContainerDefinitions []struct {
		Command                []string
		Memory                 int
		ReadonlyRootFilesystem bool
		Privileged             bool
		DockerSecurityOptions  []string
		LinuxParameters        struct{ Capabilities struct{ Drop []string } }
		Environment            []struct{ Name, Value string }
		MountPoints            []struct {
			SourceVolume, ContainerPath string
			ReadOnly                    bool
		}
	}
	Volumes []struct {
		Name string
		Host struct{ SourcePath string }
	}
}

// options returns the options of docker run, with the host directories below root.
func (d taskDefinition) options(t *testing.T, root string) (options []string) {
	t.Helper()
	c := d.ContainerDefinitions[0]
	if d.NetworkMode != "host" || c.Privileged || !c.ReadonlyRootFilesystem || len(c.LinuxParameters.Capabilities.Drop) == 0 {
		t.Fatalf("the task is not confined: %+v", d)
	}
	options = append(options, "--network", d.NetworkMode, "--read-only", "--memory", strconv.Itoa(c.Memory)+"m")
	for _, capability := range c.LinuxParameters.Capabilities.Drop {
		options = append(options, "--cap-drop", capability)
	}
	for _, option := range c.DockerSecurityOptions {
		options = append(options, "--security-opt", option)
	}
	for _, e := range c.Environment {
		options = append(options, "--env", e.Name+"="+strings.Replace(e.Value, "CLUSTER", "prod", 1))
	}
	sources := map[string]string{}
	for _, v := range d.Volumes {
		sources[v.Name] = v.Host.SourcePath
	}
	for _, m := range c.MountPoints {
		source, mode := sources[m.SourceVolume], ":rw"
		if m.ReadOnly {
			mode = ":ro"
		}
		if m.SourceVolume != "docker" {
			source = filepath.Join(root, source)
			if err := os.MkdirAll(source, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		options = append(options, "--volume", source+":"+m.ContainerPath+mode)
	}
	return options
}

// A real Engine runs the image as the task definition describes.
func TestTheImageRunsTheAgentAsADaemon(t *testing.T) {
	engine := dockertest.Host(t)
	if engine.Host != "unix:///var/run/docker.sock" {
		need.Missing(t, "the Engine at its usual socket, which the task definition mounts")
	}
	const tag = "muster-image:test"
	build := exec.CommandContext(t.Context(), "../../scripts/image", tag)
	build.Env = append(os.Environ(), "BINARY="+binary, "DOCKER_BUILDKIT=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { _, _ = engine.Try("image", "rm", "--force", tag) })

	// The sandbox simulates an instance whose ECS agent has registered and runs a task of a service.
	root := t.TempDir()
	box := must(sandbox.New(sandbox.Options{Root: root, Clusters: []string{"prod"}}))(t)
	t.Cleanup(box.Close)
	h := host{root: root}
	h.configure(t, "ECS_CLUSTER=prod\n")
	if err := box.StartAgent(t.Context()); err != nil {
		t.Fatal(err)
	}
	const label = "com.amazonaws.ecs."
	engine.Ready(
		engine.Run("--label", label+"cluster=prod", "--label", label+"task-definition-family=web", "--label", label+"container-name=app",
			"--label", label+"task-arn=arn:aws:ecs:eu-central-1:123456789012:task/prod/1", engine.Subject()),
	)

	var task taskDefinition
	if err := json.Unmarshal(must(os.ReadFile("../../packaging/image/task-definition.json"))(t), &task); err != nil {
		t.Fatal(err)
	}
	options := task.options(t, root)
	for _, variable := range box.Environ() {
		if !strings.HasPrefix(variable, "MUSTER_ROOT=") {
			options = append(options, "--env", variable)
		}
	}
	id := engine.Do(append(append(append([]string{"run", "--detach"}, options...), tag), task.ContainerDefinitions[0].Command...)...)
	t.Cleanup(func() { _, _ = engine.Try("rm", "--force", id) })
	state := func() string { return h.file(t, "run/muster-agent/state.json") }
	await(t, "the agent to see the registration and the task", func() bool {
		return strings.Contains(state(), `"state": "registered"`) && strings.Contains(state(), `"name": "web"`)
	})
	if out, err := engine.Try("exec", id, "/usr/bin/muster", "status"); err != nil {
		t.Errorf("status: %v: %s", err, out)
	}
	assertNoCheckFails(t, engine, id)
	engine.Do("stop", "--time", "15", id)
	if code := engine.Do("inspect", "--format", "{{.State.ExitCode}}", id); code != "0" {
		t.Errorf("it exits with %s: %s", code, engine.Do("logs", id))
	}
	for _, m := range box.Metrics() {
		if m.Name == "RunningContainers" && m.Dimensions["ServiceName"] == "web" {
			return
		}
	}
	t.Errorf("the container is not counted: %+v", box.Metrics())
}

// assertNoCheckFails runs the checks in the container. What a container cannot see must be unknown, not failed. The disk
// check would see the container's own read-only disk, so the README skips that check.
func assertNoCheckFails(t *testing.T, engine dockertest.Docker, id string) {
	t.Helper()
	out, _ := engine.Try("exec", id, "/usr/bin/muster", "check", "--skip", "disk", "--output", "json")
	var report struct {
		Checks []struct {
			ID, Status string
			Findings   []struct{ ID, Status, Summary string }
		}
	}
	if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &report); err != nil {
		t.Fatalf("check: %v: %s", err, out)
	}
	for _, c := range report.Checks {
		if c.Status == "fail" {
			t.Errorf("%s fails in the container: %+v", c.ID, c.Findings)
		}
	}
	if len(report.Checks) == 0 {
		t.Errorf("no checks: %s", out)
	}
}
