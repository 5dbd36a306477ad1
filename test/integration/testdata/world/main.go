// Command world is the EC2 instance and the AWS around a machine that a test
// boots: muster's sandbox, as a service that is there before user data runs.
//
//	world serve         the metadata service and the AWS APIs, until it is stopped
//	world agent         the ECS agent in it, as what ecs.service runs
//	world story         prints what the world has seen, as JSON
//	world state STATE   Auto Scaling's target for the instance: InService, Warmed:Stopped, ...
//	world drain         ECS drains the container instance
//	world task HEALTH   a container of a task of the service runs, with this health
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/coreos/go-systemd/v22/daemon"

	"muster/internal/host/dockerapi"
	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
)

const (
	planFile   = "/etc/world.json"
	memoryFile = "/var/lib/world.json"
	socket     = "/run/world.sock"
	musterFile = "/etc/muster/muster.env"
)

// plan is what the test wants of the world.
type plan struct {
	sandbox.Options
	Settings []string      // for muster.env, besides where the world is
	IMDSLate time.Duration // how long the metadata service is away at first
	State    string        // Auto Scaling's target for the instance, at first
	Service  string        // a service of cluster prod that wants a task; with it comes a Docker Engine
}

// memory is what outlives a reboot: the registration.
type memory struct{ Cluster, ARN string }

func main() {
	verb := strings.Join(os.Args[1:], "/")
	if verb == "serve" {
		fail(serve())
		return
	}
	answer, err := ask(verb)
	fail(err)
	if verb == "agent" {
		code, err := strconv.Atoi(answer)
		fail(err)
		os.Exit(code)
	}
	fmt.Println(answer)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "world:", err)
		os.Exit(1)
	}
}

func ask(verb string) (string, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial}}
	response, err := client.Get("http://world/" + verb)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}

// world is the sandbox and who may run its agent.
type world struct {
	plan
	box    *sandbox.Sandbox
	engine *dockerd.Engine // nil without a service
	app    string          // the ID of the service's container; empty before the first
	turn   sync.Mutex
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	w := &world{}
	if err := read(planFile, &w.plan); err != nil {
		return err
	}
	w.Root = "/"
	var err error
	if w.box, err = sandbox.New(w.Options); err != nil {
		return err
	}
	defer w.box.Close()
	var before memory
	if err := read(memoryFile, &before); err == nil {
		if err := w.goOn(ctx, before); err != nil {
			return err
		}
	}
	if w.IMDSLate > 0 {
		w.box.IMDSDown()
		w.box.IMDSUpAfter(w.IMDSLate)
	}
	if w.State != "" {
		w.box.SetTargetState(w.State)
	}
	if w.Service != "" {
		if err := w.addService(); err != nil {
			return err
		}
		defer w.engine.Close()
	}
	if err := w.point(); err != nil {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: w}
	go func() { <-ctx.Done(); server.Close() }()
	daemon.SdNotify(false, daemon.SdNotifyReady)
	_ = server.Serve(listener) // always http.ErrServerClosed
	return nil
}

// addService adds the service and the Engine. PrivateTmp hides a socket below /tmp from the units.
func (w *world) addService() (err error) {
	w.box.AddService("prod", sandbox.Service{Name: w.Service, DesiredCount: 1})
	const dir = "/run/engine"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if w.engine, err = dockerd.New(dockerd.Options{Dir: dir}); err != nil {
		return err
	}
	w.Settings = append(w.Settings, "MUSTER_DOCKER_HOST="+w.engine.Host())
	return os.Chmod(dir+"/docker.sock", 0o666) // for the agent, which is not root
}

// runTask has ECS place a task of the service here, and sets the health of its container.
func (w *world) runTask(health string) {
	if w.app == "" {
		task := w.box.AddTask("prod", sandbox.RunningTask{Service: w.Service, ContainerInstance: w.box.Agent.Status().ARN})
		w.app = w.engine.Run(dockerd.Spec{Name: "ecs-app", Check: true, Labels: map[string]string{dockerapi.LabelTask: task}})
		w.box.Agent.SetTasks(sandbox.Task{Arn: task, DesiredStatus: "RUNNING", KnownStatus: "RUNNING", Family: w.Service})
	}
	w.engine.Health(w.app, health)
}

// point tells muster where the world is, by the file that an image would bring,
// and leaves what else is in it.
func (w *world) point() error {
	lines := w.Settings
	for _, line := range w.box.Environ() {
		if !strings.HasPrefix(line, "MUSTER_ROOT=") {
			lines = append(lines, line)
		}
	}
	ours := map[string]bool{}
	for _, line := range lines {
		key, _, _ := strings.Cut(line, "=")
		ours[key] = true
	}
	old, err := os.ReadFile(musterFile)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for line := range strings.Lines(string(old)) {
		if key, _, _ := strings.Cut(line, "="); !ours[key] {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
	}
	if err := os.MkdirAll(filepath.Dir(musterFile), 0o755); err != nil {
		return err
	}
	return os.WriteFile(musterFile, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

// goOn makes the world what AWS is for an instance that registered, was
// signalled for, and boots again.
func (w *world) goOn(ctx context.Context, before memory) error {
	w.box.AddContainerInstance(before.Cluster, sandbox.ContainerInstance{Arn: before.ARN, EC2InstanceID: w.InstanceID, Status: "ACTIVE"})
	cfn, asg := cloudformation.NewFromConfig(w.box.AWSConfig()), autoscaling.NewFromConfig(w.box.AWSConfig())
	for name, resources := range w.Stacks {
		for _, resource := range resources {
			if _, err := cfn.SignalResource(ctx, &cloudformation.SignalResourceInput{
				StackName: &name, LogicalResourceId: &resource, UniqueId: &w.InstanceID, Status: types.ResourceSignalStatusSuccess,
			}); err != nil {
				return err
			}
		}
	}
	if w.Group == nil {
		return nil
	}
	for _, hook := range w.Group.Hooks {
		if _, err := asg.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
			AutoScalingGroupName:  &w.Group.Name,
			LifecycleHookName:     &hook.Name,
			InstanceId:            &w.InstanceID,
			LifecycleActionResult: aws.String("CONTINUE"),
		}); err != nil {
			return err
		}
	}
	w.box.ResetCalls()
	return nil
}

// ServeHTTP implements http.Handler.
func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	verb, argument, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch verb {
	case "state":
		w.box.SetTargetState(argument)
		return
	case "drain":
		w.box.EditContainerInstance(w.box.Agent.Status().ARN, func(ci *sandbox.ContainerInstance) { ci.Status = "DRAINING" })
		return
	case "task":
		w.runTask(argument)
		return
	case "agent":
		code, err := w.agent(r.Context())
		if err != nil {
			http.Error(out, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(out, code)
		return
	}
	story := map[string]any{"Calls": w.box.Calls(), "Agent": w.box.Agent.Status()}
	for name := range w.Stacks {
		story["Stack"], story["Signals"] = w.box.StackStatus(name), w.box.Signals(name)
	}
	if w.Group != nil {
		for _, hook := range w.Group.Hooks {
			story["Hook"] = w.box.Hook(hook.Name)
		}
	}
	_ = json.NewEncoder(out).Encode(story)
}

// agent runs the ECS agent until it ends, or until the process that asked for
// it does, and returns its exit code.
func (w *world) agent(ctx context.Context) (int, error) {
	w.turn.Lock() // the one before may not have ended yet
	defer w.turn.Unlock()
	if err := w.box.StartAgent(ctx); err != nil {
		return 0, err
	}
	over := func(s sandbox.AgentStatus) bool {
		return s.Phase == sandbox.PhaseStopped || s.Phase == sandbox.PhaseExited
	}
	status, _ := w.box.Agent.Await(context.Background(), func(s sandbox.AgentStatus) bool { return s.ARN != "" || over(s) })
	if status.ARN != "" {
		text, _ := json.Marshal(memory{status.Cluster, status.ARN}) // two strings
		if err := os.WriteFile(memoryFile, text, 0o600); err != nil {
			return 0, err
		}
	}
	status, _ = w.box.Agent.Await(context.Background(), over)
	return status.ExitCode, nil
}

func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
