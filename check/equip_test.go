package check_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"muster/internal/host/dockerapi"
	"muster/internal/host/units"
)

// systemd holds the units of an instance by name. Other units do not exist.
type systemd map[string]units.State

func (s systemd) Show(_ context.Context, name string) (units.State, error) {
	if state, ok := s[name]; ok {
		state.Name = name
		return state, nil
	}
	return units.State{Name: name, LoadState: units.NotFound, ActiveState: "inactive"}, nil
}

// Version returns the version that the test stored under that name, or that of Amazon Linux 2023.
func (s systemd) Version(context.Context) (units.Version, error) {
	return units.Version(cmp.Or(s["version"].Name, "252.23-3.amzn2023")), nil
}

func active(sub string) units.State {
	return units.State{LoadState: "loaded", ActiveState: "active", SubState: sub, UnitFileState: "enabled"}
}

// docker is a Docker Engine whose state a scenario sets.
type docker struct {
	ping       error
	agent      dockerapi.AgentContainer
	noAgent    bool
	containers []dockerapi.Summary
	inspected  map[string]dockerapi.Inspection // by container ID
	broken     error                           // error of list and inspect
}

func (d *docker) Ping(context.Context) (dockerapi.Version, error) {
	return dockerapi.Version{API: "1.44"}, d.ping
}

func (d *docker) AgentContainer(context.Context) (dockerapi.AgentContainer, bool, error) {
	return d.agent, !d.noAgent, nil
}

func (d *docker) List(context.Context, bool) ([]dockerapi.Summary, error) {
	return d.containers, d.broken
}

func (d *docker) Inspect(_ context.Context, id string) (dockerapi.Inspection, bool, error) {
	i, there := d.inspected[id]
	return i, there, d.broken
}

// run adds a container of ECS in this state.
func (d *docker) run(name, state, health string) string {
	id := fmt.Sprintf("c%d", len(d.containers))
	d.containers = append(d.containers, dockerapi.Summary{ID: id, Name: "ecs-" + name + "-" + id, State: state, Health: health,
		Created: time.Now(),
		Labels:  map[string]string{"com.amazonaws.ecs.task-definition-family": "shop", "com.amazonaws.ecs.container-name": name}})
	return id
}

// die adds a container that exited the given time ago.
func (d *docker) die(name string, code int, ago time.Duration) string {
	id := d.run(name, "exited", "")
	d.inspected[id] = dockerapi.Inspection{ID: id, ExitCode: code, FinishedAt: time.Now().Add(-ago)}
	return id
}

// equip gives the instance a healthy systemd and a healthy Docker Engine.
func (w *world) equip() {
	w.systemd = systemd{"ecs.service": active("running"), "docker.service": active("running"), "cloud-final.service": active("exited")}
	w.docker = &docker{agent: dockerapi.AgentContainer{Image: "amazon/amazon-ecs-agent:latest", Running: true, Status: "running"},
		inspected: map[string]dockerapi.Inspection{}}
	w.docker.run("web", "running", "healthy")
	w.docker.run("sidecar", "running", "none")
	w.docker.die("web", 143, time.Minute) // stopped by the last deployment
	w.Units, w.Engine = w.systemd, w.docker
}

// logged appends lines, dated one second ago, to a log of the ECS agent. words alternates levels and messages.
func (w *world) logged(t *testing.T, name string, words ...string) {
	t.Helper()
	path := filepath.Join(w.Config.Path(w.Config.ECSLogDir), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	at := time.Now().Add(-time.Second).UTC().Format(time.RFC3339)
	for i := 0; i+1 < len(words); i += 2 {
		if _, err := fmt.Fprintf(file, "level=%s time=%s msg=%q\n", words[i], at, words[i+1]); err != nil {
			t.Fatal(err)
		}
	}
}

// gone arranges an ECS agent that no longer runs and whose log ends with these lines.
func (w *world) gone(t *testing.T, words ...string) {
	t.Helper()
	w.plan.Hold = true
	w.logged(t, "ecs-agent.log", words...)
	w.logged(t, "ecs-init.log", "info", "Agent exited with code 1")
}
