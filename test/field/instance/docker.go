//go:build linux

package instance

import (
	"cmp"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
	"muster/test/field/fieldcase"
)

// startDocker starts the Engine at /var/run/docker.sock.
func (i *Instance) startDocker() (err error) {
	i.docker, err = dockerd.New(dockerd.Options{API: "1.44", MinAPI: "1.24"})
	if err != nil {
		return err
	}
	i.cleanup = append(i.cleanup, i.docker.Close)
	for _, c := range i.c.Docker.Containers {
		i.ChangeContainer(c)
	}
	if i.c.Docker.Is == "absent" {
		return nil
	}
	socket := i.disk.path("var/run/docker.sock")
	if i.c.Docker.Is == "hung" {
		l, err := net.Listen("unix", socket)
		if err != nil {
			return err
		}
		i.cleanup = append(i.cleanup, func() { _ = l.Close() })
		return nil // connections stay in the listener's queue
	}
	i.Docker, err = newFront(http.HandlerFunc(i.serveDocker), nil, "unix "+socket)
	return err
}

// serveDocker adds the container of the ECS agent to the Engine, which has only task containers.
func (i *Instance) serveDocker(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/containers/ecs-agent/json") {
		i.docker.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if i.c.Docker.NoAgent {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"message":"No such container: ecs-agent"}`)
		return
	}
	a := cmp.Or(i.c.Docker.Agent, &fieldcase.AgentContainer{})
	now := time.Now().UTC()
	state := map[string]any{
		"Status": "running", "Running": !a.Dead, "ExitCode": a.Exit, "OOMKilled": a.OOM,
		"StartedAt": now.Add(-time.Hour), "FinishedAt": time.Time{},
	}
	if a.Dead {
		state["Status"], state["FinishedAt"] = "exited", now.Add(-time.Minute)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"Id": strings.Repeat("0123", 16), "Name": "/ecs-agent", "RestartCount": 0, "State": state,
		"Config":     map[string]any{"Image": "amazon/amazon-ecs-agent:latest", "Env": a.Env},
		"HostConfig": map[string]any{"NetworkMode": "host"},
	})
}

// taskARN is the task of all containers.
const taskARN = "arn:aws:ecs:eu-central-1:123456789012:task/prod/1"

// ChangeContainer starts a task container, or changes an existing one.
func (i *Instance) ChangeContainer(c fieldcase.Container) {
	id, ok := i.containers[c.Name]
	if !ok || !c.Again {
		id = i.docker.Run(dockerd.Spec{Name: c.Name, Check: c.Health != "", Labels: map[string]string{
			"com.amazonaws.ecs.cluster":                "prod",
			"com.amazonaws.ecs.task-arn":               taskARN,
			"com.amazonaws.ecs.container-name":         c.Container,
			"com.amazonaws.ecs.task-definition-family": c.Family,
		}})
		i.containers[c.Name] = id
		// The ECS agent knows the task of its containers; otherwise they would be orphans.
		i.box.Agent.SetTasks(sandbox.Task{Arn: taskARN, DesiredStatus: "RUNNING", KnownStatus: "RUNNING", Family: c.Family})
	}
	if c.Health != "" {
		i.docker.Health(id, c.Health)
	}
	if c.OOM {
		i.docker.OOM(id)
	}
	if c.Exit != nil {
		i.docker.Die(id, *c.Exit)
	}
}
