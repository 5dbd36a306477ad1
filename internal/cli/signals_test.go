package cli

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"muster/agent/agentstate"
	"muster/internal/base/exitcode"
	"muster/internal/config"
	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
	"muster/test/observe"
)

// running is a muster agent process on a sandboxed instance with a container of the service web.
type running struct {
	*sandbox.Sandbox
	t       *testing.T
	root    string
	journal observe.Journal
	engine  *dockerd.Engine
	web     string // ID of that container
	process *exec.Cmd
}

// runAgent starts an agent with this settings file, and waits until its first cycle has finished.
func runAgent(t *testing.T, settings string, args ...string) *running {
	t.Helper()
	r := &running{t: t, root: t.TempDir()}
	r.configure(settings)
	var err error
	if err = os.MkdirAll(r.root+"/etc/ecs", 0o755); err == nil {
		err = os.WriteFile(r.root+"/etc/ecs/ecs.config", []byte("ECS_CLUSTER=prod\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Sandbox, err = sandbox.New(sandbox.Options{Root: r.root, Clusters: []string{"prod"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	if r.engine, err = dockerd.New(dockerd.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.engine.Close)
	r.web = r.engine.Run(dockerd.Spec{Check: true, Labels: map[string]string{
		"com.amazonaws.ecs.cluster": "prod", "com.amazonaws.ecs.task-arn": "arn:aws:ecs:eu-central-1:123456789012:task/prod/1",
		"com.amazonaws.ecs.container-name": "app", "com.amazonaws.ecs.task-definition-family": "web",
	}})
	r.engine.Health(r.web, "healthy")
	if err := r.StartAgent(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.process = exec.CommandContext(
		t.Context(),
		"muster",
		append([]string{"agent", "--spool-dir", "/spool", "--docker-host", r.engine.Host()}, args...)...)
	// A program built with the race detector waits a second before it exits, unless atexit_sleep_ms is set.
	r.process.Env = append(
		[]string{"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0", "GOCOVERDIR=" + os.Getenv("GOCOVERDIR")},
		r.Environ()...)
	r.process.Stderr = &r.journal
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	r.sees("its registration and its container", func(is agentstate.State) bool {
		return is.Registration.State == "registered" && is.Docker.Running == 1
	})
	return r
}

func (r *running) state() string { return r.root + "/run/muster-agent/state.json" }

// configure replaces the settings file atomically.
func (r *running) configure(settings string) {
	r.t.Helper()
	path := r.root + config.FilePath
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(settings), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) await(what string, is func() bool) {
	r.t.Helper()
	if !observe.Within(time.Minute, 5*time.Millisecond, is) {
		r.t.Fatalf("waited in vain for %s: %s", what, r.journal.String())
	}
}

// sees waits until the state file satisfies ok.
func (r *running) sees(what string, ok func(agentstate.State) bool) {
	r.t.Helper()
	r.await("the agent to see "+what, func() bool {
		is, err := agentstate.Read(r.state())
		return err == nil && ok(is)
	})
}

func (r *running) says(text string) {
	r.t.Helper()
	r.await("it to say "+text, func() bool { return r.journal.Count(text) > 0 })
}

func (r *running) signal(which os.Signal) {
	r.t.Helper()
	if err := r.process.Process.Signal(which); err != nil {
		r.t.Fatal(err)
	}
}

// ends sends SIGTERM, and checks that the agent exits with code 0 and removes its state file. A service that hangs
// takes four of the agent's five seconds, and a busy machine can take longer than the fifth, so the test allows 15
// seconds.
func (r *running) ends() {
	r.t.Helper()
	began := time.Now()
	r.signal(syscall.SIGTERM)
	err := r.process.Wait()
	if took := time.Since(began); err != nil || took > 15*time.Second {
		r.t.Errorf("it ended after %s with %v: %s", took, err, r.journal.String())
	}
	if _, err := os.Stat(r.state()); !os.IsNotExist(err) {
		r.t.Errorf("the state file is left: %v", err)
	}
}

// spooled returns the minutes that are queued on disk.
func (r *running) spooled() []string {
	r.t.Helper()
	minutes, err := filepath.Glob(r.root + "/spool/*.minute")
	if err != nil {
		r.t.Fatal(err)
	}
	return minutes
}

// series returns the dimensions with which a metric of a namespace was published in its last minute. There may be an
// earlier minute with other settings, because a minute can end between any two steps.
func (r *running) series(namespace, name string) (all []string) {
	var last time.Time
	for _, d := range r.Metrics() {
		if d.Namespace == namespace && d.Name == name {
			if d.Timestamp.After(last) {
				last, all = d.Timestamp, nil
			}
			dims := ""
			for _, key := range []string{"ClusterName", "ServiceName", "InstanceId"} {
				if d.Dimensions[key] != "" {
					dims += key + " "
				}
			}
			all = append(all, strings.TrimSpace(dims))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestAHangupReadsTheSettingsAgain(t *testing.T) {
	const plain, each = "ClusterName", "ClusterName InstanceId"
	for name, c := range map[string]struct {
		first, second string
		says          string
		want          []string // the dimensions of Registered at the end
	}{
		"what changed counts": {"MUSTER_CLUSTER=prod\n", "MUSTER_CLUSTER=prod\nMUSTER_DIMENSIONS=instance\n",
			"MUSTER_DIMENSIONS is now instance", []string{plain, each}},
		"what is gone does not": {"MUSTER_DIMENSIONS=instance\n", "", "MUSTER_DIMENSIONS is now", []string{plain}},
		"what must wait is said": {"MUSTER_DIMENSIONS=instance\n", "MUSTER_DIMENSIONS=instance\nMUSTER_NAMESPACE=Other\n",
			"MUSTER_NAMESPACE takes effect at the next start", []string{plain, each}},
		"a mistyped name": {"MUSTER_DIMENSIONS=instance\n", "\nMUSTER_DIMENSION=container\n",
			"/etc/muster/muster.env:2: unknown setting MUSTER_DIMENSION: did you mean MUSTER_DIMENSIONS?", []string{plain, each}},
		"a bad value beside good one": {"MUSTER_CLUSTER=prod\n", "MUSTER_DIMENSIONS=instance\nMUSTER_WATCH_PERIOD=soon\n",
			"the configuration is unchanged: ", []string{plain}},
		"no settings file at all": {"MUSTER_DIMENSIONS=instance\n", "\x00\xff{", "the configuration is unchanged: ",
			[]string{plain, each}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runAgent(t, c.first)
			r.configure(c.second)
			r.signal(syscall.SIGHUP)
			r.says(c.says)
			r.ends()
			if said := r.journal.String(); strings.Count(said, "the configuration is unchanged")+strings.Count(said, "read again") != 1 {
				t.Errorf("it says %s", said)
			}
			if got := r.series("Muster", "Registered"); !slices.Equal(got, c.want) {
				t.Errorf("published with %q, not %q: %s", got, c.want, r.journal.String())
			}
		})
	}
}

func TestSettingsThatAreMendedCount(t *testing.T) {
	t.Parallel()
	r := runAgent(t, "")
	r.configure("MUSTER_DIMENSIONS")
	r.signal(syscall.SIGHUP)
	r.says("the configuration is unchanged: ")
	r.configure("MUSTER_DIMENSIONS=instance")
	r.signal(syscall.SIGHUP)
	r.says("MUSTER_DIMENSIONS is now instance")
	r.ends()
	if got := r.series("Muster", "Registered"); len(got) != 2 {
		t.Errorf("published with %q", got)
	}
}

// At the end the agent sends what it can, and no service can delay the exit.
func TestATerminationFlushesWithinFiveSeconds(t *testing.T) {
	for name, c := range map[string]struct {
		trouble func(*running) // arranged before SIGTERM
		metrics bool           // the metrics reach CloudWatch
		events  string         // kinds of the events that reach EventBridge
		left    [2]int         // minimum and maximum number of minutes queued on disk, because a second minute may have begun
		says    string
	}{
		"healthy": {func(*running) {}, true, "Unhealthy Recovered Unhealthy+1", [2]int{0, 0}, "kind=unhealthy"},
		"CloudWatch denies": {func(r *running) { r.Inject(sandbox.AccessDenied(sandbox.CloudWatch, "PutMetricData")) }, false,
			"Unhealthy Recovered Unhealthy+1", [2]int{1, 2}, "unsent minutes left in the spool "},
		"CloudWatch hangs": {func(r *running) { r.Inject(sandbox.Fault{Service: sandbox.CloudWatch, Hang: true}) }, false,
			"Unhealthy Recovered Unhealthy+1", [2]int{0, 1}, "sent, but the result is unknown"},
		"EventBridge hangs": {func(r *running) { r.Inject(sandbox.Fault{Service: sandbox.EventBridge, Hang: true}) }, true,
			"Unhealthy Recovered", [2]int{0, 0}, "events not announced: 1: "},
		"the host's services hang": {hangHost, true, "Unhealthy Recovered Unhealthy+1", [2]int{0, 0}, "kind=unhealthy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runAgent(t, "", "--event-bus", "ops")
			r.sees("which service it is of", func(is agentstate.State) bool { return is.Docker.Healthy == 1 })
			for _, health := range []string{"unhealthy", "healthy", "unhealthy"} { // the third is held for a minute
				r.engine.Health(r.web, health)
			}
			r.sees("the three", func(is agentstate.State) bool {
				return len(is.Recent) > 2 && is.Recent[0].Kind == "unhealthy" && is.Recent[2].Kind == "unhealthy" && len(r.Events()) == 2
			})
			c.trouble(r)
			r.ends()
			r.says(c.says)
			if got := r.series("Muster", "UnhealthyContainers"); (len(got) == 2) != c.metrics {
				t.Errorf("published with %q", got)
			}
			if got := r.announced(); got != c.events {
				t.Errorf("announced %q", got)
			}
			if got := r.spooled(); len(got) < c.left[0] || len(got) > c.left[1] {
				t.Errorf("in the spool there is %q", got)
			}
		})
	}
}

func hangHost(r *running) {
	r.engine.Hang()
	r.Inject(sandbox.HopLimit())
	r.Inject(sandbox.Fault{Service: sandbox.Introspection, Hang: true})
}

// announced returns the events that the bus received, with their repeats.
func (r *running) announced() string {
	var all []string
	for _, e := range r.Events() {
		var d struct{ Repeated int }
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			r.t.Error(err)
		}
		text := strings.TrimPrefix(e.DetailType, "Container ")
		if d.Repeated > 0 {
			text += "+" + strconv.Itoa(d.Repeated)
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

// heedSignals resets SIGINT and SIGHUP to their default for child processes, even if nohup or a shell started this
// process with the signals ignored. A child does not inherit a handler, which this process must keep until its end.
var heedSignals = sync.OnceFunc(func() {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
})

// assertIgnoresHangup checks that a process ignores SIGHUP.
func assertIgnoresHangup(t *testing.T, pid int) {
	t.Helper()
	const hangup = 1 << (syscall.SIGHUP - 1) // bit in the masks of proc_pid_status(5)
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, mask, _ := strings.Cut(string(status), "SigIgn:\t")
	mask, _, _ = strings.Cut(mask, "\n")
	if ignored, err := strconv.ParseUint(mask, 16, 64); err != nil || ignored&hangup == 0 {
		t.Errorf("SIGHUP is not ignored any more: SigIgn is %s", mask)
	}
}

// The end of an SSH session sends SIGHUP to its processes. muster must treat that as an interruption, report it, and
// not exit silently. Under nohup(1) the command continues.
func TestAHangupInterruptsUnlessItIsIgnored(t *testing.T) {
	heedSignals()
	for name, test := range map[string]struct {
		args    []string
		nohup   bool
		waiting string // text on stderr
		says    string
	}{
		"verify": {[]string{"verify", "--cluster", "prod", "--timeout", "10m"}, false, "waiting",
			"interrupted: hangup signal received"},
		"verify under nohup": {[]string{"verify", "--cluster", "prod", "--timeout", "10m"}, true, "waiting",
			"interrupted: interrupt signal received"},
		"check that waits":   {[]string{"check", "--only", "registered", "--wait", "10m"}, false, "waiting", ""},
		"debug that waits":   {[]string{"debug", "--only", "registered", "--wait", "10m"}, false, "waiting", ""},
		"a wait under nohup": {[]string{"check", "--only", "registered", "--wait", "10m"}, true, "waiting", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root, box := sandboxed(t)
			if err := os.MkdirAll(root+"/etc/ecs", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(root+"/etc/ecs/ecs.config", []byte("ECS_CLUSTER=prod\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			box.Agent.SetPlan(sandbox.AgentPlan{Hold: true})
			if err := box.StartAgent(t.Context()); err != nil {
				t.Fatal(err)
			}
			var said observe.Journal
			cmd := exec.CommandContext(t.Context(), "muster", test.args...)
			if test.nohup {
				cmd = exec.CommandContext(t.Context(), "sh", append([]string{"-c", `trap "" HUP; exec muster "$@"`, "sh"}, test.args...)...)
			}
			cmd.Env, cmd.Stderr = append(os.Environ(), "GORACE=atexit_sleep_ms=0"), &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if !observe.Within(time.Minute, 10*time.Millisecond, func() bool { return said.Count(test.waiting) > 0 }) {
				t.Fatalf("it does not wait: %s", said.String())
			}
			ends := syscall.SIGHUP
			if test.nohup {
				assertIgnoresHangup(t, cmd.Process.Pid)
				ends = syscall.SIGINT
			}
			if err := cmd.Process.Signal(ends); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitcode.Interrupted {
				t.Errorf("it ended with %v: %s", err, said.String())
			}
			if !strings.Contains(said.String(), test.says) {
				t.Errorf("it says %s", said.String())
			}
		})
	}
}
