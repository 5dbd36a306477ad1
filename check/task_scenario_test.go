package check_test

import (
	"fmt"
	"testing"
	"time"

	"muster/internal/host/dockerapi"
	"muster/internal/sandbox"
)

// taskARN is the ARN of a task in these scenarios.
func taskARN(id string) string { return "arn:aws:ecs:eu-central-1:123456789012:task/prod/" + id }

// stopped is a task of family shop that the ECS agent knows as stopped and reported to ECS with this reason of its container api
// (agent/api/statechange.go, ToFields).
func stopped(reason string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		w.Sandbox.Agent.SetTasks(sandbox.Task{Arn: taskARN("1a"), DesiredStatus: "STOPPED", KnownStatus: "STOPPED", Family: "shop"})
		at := time.Now().Add(-10 * time.Second).UTC().Format(time.RFC3339)
		w.write(t, "/var/log/ecs/ecs-agent.log", fmt.Sprintf("level=info time=%s msg=%q eventType=%q taskArn=%q taskStatus=%q taskReason=%q "+
			"containerChange-0=%q\n", at, "Sending state change to ECS", "TaskStateChange", taskARN("1a"), "STOPPED", "",
			"containerName=api containerStatus=STOPPED containerReason="+reason+" containerKnownSentStatus=NONE containerRuntimeID= "+
				"containerIsEssential=true"))
	}
}

// ofTask gives the last container that was added the label of a task.
func (d *docker) ofTask(id string) {
	d.containers[len(d.containers)-1].Labels["com.amazonaws.ecs.task-arn"] = taskARN(id)
}

func taskScenarios() []scenario {
	const noSpace = "CannotPullContainerError: failed to register layer: write /usr/lib/libx.so: no space left on device"
	const unresolved = "CannotPullECRContainerError: dial tcp: lookup api.ecr.eu-central-1.amazonaws.com on 10.0.0.2:53: no such host"
	code := func(n int) *int { return &n }
	return []scenario{
		{"the image of a task does not exist",
			stopped("CannotPullContainerError: Error response from daemon: manifest for shop:2 not found: manifest unknown"),
			[]string{"task-image-not-found"}},
		{"a parameter of a task cannot be read",
			stopped("fetching secret data from SSM Parameter Store in eu-central-1: AccessDeniedException: " +
				"not authorized to perform: ssm:GetParameters"),
			[]string{"task-secret-unavailable"}},
		{"an image does not fit on a full disk", func(t *testing.T, w *world) {
			stopped(noSpace)(t, w)
			full := roomy(1)
			full.Free, full.Available = 1<<20, 0
			system(full)(t, w)
		}, []string{"disk-full"}},
		{"an image does not fit on a disk that has space by now", stopped(noSpace), []string{"task-image-disk"}},
		{"a registry is not found, as nothing is", func(t *testing.T, w *world) {
			stopped(unresolved)(t, w)
			w.net.addrs = nil
		}, []string{"dns-failure"}},
		{"a failed pull of an image that is cached", func(t *testing.T, w *world) {
			at := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
			w.write(t, "/var/log/ecs/ecs-agent.log", "level=error time="+at+
				" msg=\"Failed to pull image for container\" task=\"1a\" container=\"web\" error=\"no such host\"\n")
			w.docker.ofTask("old")
			w.docker.run("web", "running", "healthy")
			w.docker.ofTask("1a")
			w.Sandbox.Agent.SetTasks(sandbox.Task{Arn: taskARN("1a"), DesiredStatus: "RUNNING", KnownStatus: "RUNNING", Family: "shop"})
		}, nil},
		{"a port of the host is taken, which has no event", func(_ *testing.T, w *world) {
			id := w.docker.run("api", "created", "")
			w.docker.ofTask("1a")
			w.docker.inspected[id] = dockerapi.Inspection{ID: id, ExitCode: 128,
				Error: "failed to set up container networking: failed to bind host port 0.0.0.0:80/tcp: address already in use"}
		}, []string{"task-port-taken"}},
		{"a service's container exits, and ECS says so", func(_ *testing.T, w *world) {
			w.docker.die("api", 3, time.Minute)
			w.docker.ofTask("1a")
			w.AddTask(cluster, sandbox.RunningTask{Arn: taskARN("1a"), Service: "shop", Stopped: &sandbox.TaskStop{
				Code: "EssentialContainerExited", Reason: "Essential container in task exited",
				Containers: []sandbox.ContainerStop{{Name: "api", ExitCode: code(3)}}}})
		}, []string{"task-exited"}},
		{"a deployment kills what does not stop", func(_ *testing.T, w *world) {
			w.docker.die("api", 137, time.Minute)
			w.docker.ofTask("1a")
			w.AddTask(cluster, sandbox.RunningTask{Arn: taskARN("1a"), Service: "shop", Stopped: &sandbox.TaskStop{
				Code: "ServiceSchedulerInitiated", Reason: "Scaling activity initiated by (deployment ecs-svc/1234567890123456789)",
				Containers: []sandbox.ContainerStop{{Name: "api", ExitCode: code(137)}}}})
		}, []string{"task-stop-timeout"}},
		{"a sidecar is stopped with its task", func(_ *testing.T, w *world) {
			w.docker.die("api", 0, time.Minute)
			w.docker.ofTask("1a")
			w.docker.die("sidecar", 143, 50*time.Second)
			w.docker.ofTask("1a")
		}, nil},
		{"a container runs of a task that ECS believes stopped", func(_ *testing.T, w *world) {
			w.docker.run("api", "running", "")
			w.docker.ofTask("1a")
			w.Sandbox.Agent.SetTasks(sandbox.Task{Arn: taskARN("1a"), DesiredStatus: "STOPPED", KnownStatus: "STOPPED", Family: "shop"})
		}, nil}, // a warning: it may be in transition
	}
}
