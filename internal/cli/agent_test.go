package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"muster/agent/agentstate"
	"muster/internal/sandbox/dockerd"
	"muster/test/observe"
)

type engineKey struct{}

// dockerOf returns the script's Docker Engine.
func dockerOf(ts *testscript.TestScript) **dockerd.Engine {
	return ts.Value(engineKey{}).(**dockerd.Engine)
}

// engine VARIABLE [well] starts a Docker Engine with a healthy and an unhealthy container of the service web, and a
// container that ECS did not start. With well, all are healthy. It sets VARIABLE to the Engine's address.
func engine(ts *testscript.TestScript, _ bool, args []string) {
	e, err := dockerd.New(dockerd.Options{})
	ts.Check(err)
	ts.Defer(e.Close)
	*dockerOf(ts) = e
	of := func(container string) dockerd.Spec {
		return dockerd.Spec{Name: "ecs-web-1-" + container, Check: true, Labels: map[string]string{
			"com.amazonaws.ecs.cluster": "prod", "com.amazonaws.ecs.task-arn": "arn:aws:ecs:eu-west-1:123456789012:task/prod/1",
			"com.amazonaws.ecs.container-name": container, "com.amazonaws.ecs.task-definition-family": "web",
		}}
	}
	e.Health(e.Run(of("app")), "healthy")
	if len(args) == 1 {
		e.Health(e.Run(of("cache")), "unhealthy")
	}
	e.Run(dockerd.Spec{Name: "ecs-agent"})
	ts.Setenv(args[0], e.Host())
}

// docker down | up stops the Engine or starts it again.
func docker(ts *testscript.TestScript, _ bool, args []string) {
	e := *dockerOf(ts)
	if args[0] == "down" {
		e.Vanish()
		return
	}
	ts.Check(e.Return(dockerd.Options{}))
}

// impostor VARIABLE listens in place of the ECS agent and returns the registration of another account.
func impostor(ts *testscript.TestScript, _ bool, args []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(
			[]byte(
				`{"Cluster":"prod","ContainerInstanceArn":"arn:aws:ecs:eu-west-1:999999999999:container-instance/prod/0123","Version":"x"}`,
			),
		)
	}))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
}

// signal HUP|TERM sends the signal to the agent that wrote the state file.
func signalAgent(ts *testscript.TestScript, _ bool, args []string) {
	s, err := agentstate.Read(ts.Getenv("ROOT") + "/run/muster-agent/state.json")
	ts.Check(err)
	ts.Check(syscall.Kill(s.PID, map[string]syscall.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}[args[0]]))
}

// waits-for ID | waits-for nothing | waits-for no-longer ID checks what the agent's state lists as missing.
func waitsFor(ts *testscript.TestScript, _ bool, args []string) {
	var s agentstate.State
	var err error
	if !observe.Within(time.Minute, 20*time.Millisecond, func() bool {
		if s, err = agentstate.Read(ts.Getenv("ROOT") + "/run/muster-agent/state.json"); err != nil {
			return false
		}
		missing := slices.ContainsFunc(s.Waiting, func(w agentstate.Waiting) bool { return w.ID == args[len(args)-1] })
		if args[0] == "no-longer" {
			return !missing
		}
		return missing || args[0] == "nothing" && len(s.Waiting) == 0 && s.InstanceID != ""
	}) {
		ts.Fatalf("it waits for %+v: %v", s.Waiting, err)
	}
}

// await FILE TEXT waits until the file contains the text.
func awaits(ts *testscript.TestScript, _ bool, args []string) {
	var data []byte
	if !observe.Within(time.Minute, 20*time.Millisecond, func() bool {
		data, _ = os.ReadFile(ts.MkAbs(args[0]))
		return strings.Contains(string(data), args[1])
	}) {
		ts.Fatalf("%s has no %q: %s", args[0], args[1], data)
	}
}

// published NAME DIMENSION=VALUE,... VALUE waits until CloudWatch has this value in the metric's last minute. There may
// be an earlier minute with another value, because a minute can end between any two steps.
func published(ts *testscript.TestScript, _ bool, args []string) {
	for _, d := range slices.Backward(box(ts).Metrics()) {
		var dims []string
		for name, value := range d.Dimensions {
			dims = append(dims, name+"="+value)
		}
		slices.Sort(dims)
		if d.Name == args[0] && strings.Join(dims, ",") == args[1] {
			if got := strconv.FormatFloat(d.Value, 'g', -1, 64); got != args[2] {
				ts.Fatalf("%s of %s is %s, not %s", args[0], args[1], got, args[2])
			}
			return
		}
	}
	ts.Fatalf("%s of %s was not published", args[0], args[1])
}

// once checks that no series in CloudWatch has two data points for a minute, and that every timestamp is a full minute.
func once(ts *testscript.TestScript, _ bool, _ []string) {
	seen := map[string]bool{}
	for _, d := range box(ts).Metrics() {
		key := fmt.Sprint(d.Name, d.Dimensions, d.Timestamp.Unix()) // fmt prints maps in sorted order
		if seen[key] || d.Timestamp.Second() != 0 {
			ts.Fatalf("%s comes twice, or askew", key)
		}
		seen[key] = true
	}
}
