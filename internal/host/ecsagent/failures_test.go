package ecsagent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	acsFails = "websocket client: unable to dial ecs-a-1.eu-central-1.amazonaws.com response: : x509: certificate signed by unknown authority"
	tcsFails = "websocket client: unable to dial ecs-t-1.eu-central-1.amazonaws.com response: : dial tcp 203.0.113.7:443: i/o timeout"
)

func acs(second int) string {
	return agentLine(second, "error", "Failed to connect to ACS", "error", acsFails)
}
func tcs(second int) string {
	return agentLine(second, "error", "Error connecting to TCS", "error", tcsFails)
}

// The order of events comes from agent/app/agent.go and ecs-init/engine/engine.go: ecs-init starts the agent's
// container, then the agent starts, registers and connects.
func TestFailureSelection(t *testing.T) {
	registering := agentLine(5, "error", "Error registering container instance", "error", notFound)
	registered := registeredLine // at 10
	critical := plainLine(20, "critical", "Unable to turn the frobnicator")
	vagueError := plainLine(20, "error", "The frobnicator does not turn")
	for name, c := range map[string]struct {
		agent, ecsInit string
		opts           Options
		want           string
		effect         Effect
		beside         string
	}{
		"a failing connection": {agent: registered + acs(20), want: "agent-tls-untrusted", effect: Connection},
		"connected again":      {agent: registered + acs(20) + agentLine(21, "info", "Connected to ACS endpoint")},
		"connected, by its websocket": {agent: registered + acs(20) + agentLine(21, "info", "Websocket connection established.", "URL",
			"https://ecs-a-1.eu-central-1.amazonaws.com/ws")},
		"the telemetry websocket does not count": {agent: registered + acs(20) + agentLine(21, "info", "Websocket connection established.", "URL",
			"https://ecs-t-1.eu-central-1.amazonaws.com/ws"), want: "agent-tls-untrusted", effect: Connection},
		"connected according to ECS":  {agent: registered + acs(20), opts: Options{Registered: true, Connected: true}},
		"registered again":            {agent: acs(5) + registered},
		"telemetry is a side problem": {agent: registered + tcs(20), opts: Options{Registered: true}, beside: "network-timeout"},
		"connection outranks telemetry": {agent: registered + acs(20) + tcs(21), want: "agent-tls-untrusted", effect: Connection,
			beside: "network-timeout"},
		"telemetry, but not registered": {agent: tcs(20), want: "network-timeout", effect: Telemetry},
		"telemetry that works again": {agent: registered + tcs(20) + agentLine(21, "info", "Connected to TCS endpoint"),
			opts: Options{Registered: true}},
		"registration hidden by the log level": {agent: registering, opts: Options{Registered: true, HidesSuccess: true}},
		"connection hidden by the log level": {agent: acs(5), opts: Options{Registered: true, HidesSuccess: true,
			Now: clock(5).Add(time.Hour)}},
		"connection that failed recently": {agent: acs(5), opts: Options{Registered: true, HidesSuccess: true, Now: clock(50)},
			want: "agent-tls-untrusted", effect: Connection},
		"deregistered does not resolve itself": {agent: agentLine(5, "info", "Container instance is deregistered"),
			opts: Options{Registered: true, HidesSuccess: true, Now: clock(5).Add(time.Hour)},
			want: "agent-deregistered", effect: Connection},
		"an older known error outranks a vague one": {agent: registering + vagueError, want: "cluster-not-found", effect: Registration},
		"but not a critical one":                    {agent: registering + critical, want: "unrecognized"},
		"only a vague error":                        {agent: vagueError, want: "unrecognized"},
		"a vague error while registered":            {agent: vagueError, opts: Options{Registered: true}},
		"a critical error while registered":         {agent: critical, opts: Options{Registered: true}, want: "unrecognized"},
		"a newer unknown refusal": {agent: registering + agentLine(20, "error",
			"Unable to register as a container instance with ECS", "error", "beats me"), want: "unrecognized", effect: Registration},
		"killed while it was connected":  {agent: registered + acs(20), ecsInit: initLine(30, "info", "Agent exited with code 137")},
		"stopped while it was connected": {agent: registered + acs(20), ecsInit: initLine(30, "info", "Agent exited with code 0")},
		"exit explained by its log": {agent: registering, ecsInit: initLine(6, "info", "Agent exited with code 5"),
			want: "cluster-not-found", effect: Registration},
		"killed, and a task's image": {agent: plainLine(5, "error",
			"DockerGoClient: failed to pull image x: dial tcp: lookup x: no such host"),
			ecsInit: initLine(30, "info", "Agent exited with code 137")},
		"failure of ecs-init": {agent: registered, ecsInit: initLine(30, "error", "could not start Agent: no such image"),
			want: "agent-container-not-created", effect: Start},
		"ecs-init starts it later": {ecsInit: initLine(5, "error", "could not create docker client: x") + initLine(20, "info",
			"Starting Amazon Elastic Container Service Agent")},
		"the agent logs later": {agent: plainLine(20, "info", "Loading configuration"),
			ecsInit: initLine(5, "error", "could not create docker client: x")},
		"the agent reaches registration": {agent: plainLine(5, "critical", "Error loading config: x") + agentLine(20, "info",
			"Registering Instance with ECS")},
		"a warm pool": {agent: plainLine(5, "info", "Waiting for instance to go InService"),
			want: "warm-pool-waiting", effect: Boot},
		"it left the warm pool": {agent: plainLine(5, "info", "Waiting for instance to go InService") + agentLine(20, "info",
			"Registering Instance with ECS")},
		"no GPU, logged before the registration": {agent: plainLine(5, "error",
			"Config for GPU support is enabled, but GPU information is not found; continuing without it") + registered,
			opts: Options{Registered: true}, beside: "gpu-unavailable"},
		"no GPU, but the agent was restarted": {agent: strings.Replace(plainLine(5, "error", "Config for GPU support is enabled, but GPU "+
			"information is not found; continuing without it"), "15:00:05", "14:00:05", 1) +
			plainLine(6, "info", "Loading configuration") + registered, opts: Options{Registered: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadLogs(logDir(t, "ecs-agent.log", c.agent, "ecs-init.log", c.ecsInit), c.opts)
			if err != nil {
				t.Fatal(err)
			}
			var beside []string
			for _, s := range got.Minor {
				beside = append(beside, s.Cause.ID)
			}
			if got.Cause.ID != c.want || got.Effect != c.effect || strings.Join(beside, " ") != c.beside {
				t.Errorf("got %q %q beside %q, want %q %q beside %q", got.Cause.ID, got.Effect, beside, c.want, c.effect, c.beside)
			}
		})
	}
}

func TestAnUnknownLineIsQuotedWithItsFile(t *testing.T) {
	long := "could not " + strings.Repeat("turn the frobnicator and ", 40) + "stop"
	got := read(t, logDir(t, "ecs-init.log", initLine(5, "error", long)))
	if !strings.HasPrefix(got.Cause.Summary, `ecs-init logged an error: "could not turn the frobnicator`) ||
		len(got.Cause.Summary) > maxSummary ||
		!strings.HasSuffix(got.Cause.Summary, `..."`) {
		t.Errorf("summary %q", got.Cause.Summary)
	}
	if got.Message[:50] != long[:50] || len(got.Message) < 900 || filepath.Base(got.File) != "ecs-init.log" ||
		strings.Contains(got.Cause.Fix.String(), "ecs-agent.log") {
		t.Errorf("got %+v", got)
	}
}

func TestLineWithTheAttributeIsPreferred(t *testing.T) {
	got := read(
		t,
		logDir(
			t,
			"ecs-agent.log",
			plainLine(
				5,
				"error",
				"Error registering attributes: rack",
			)+plainLine(
				5,
				"critical",
				"Instance registration attempt with an invalid attribute",
			),
		),
	)
	if !strings.HasSuffix(got.Cause.Summary, ": rack") || got.Line != 1 {
		t.Errorf("got %+v", got)
	}
}

// A log line can contain arbitrary text, so none of it becomes part of a command.
func TestCommandsContainNoLogText(t *testing.T) {
	got := read(
		t,
		logDir(
			t,
			"ecs-agent.log",
			plainLine(5, "critical", "Data mismatch; saved cluster 'a' does not match configured cluster '$(rm -rf /)'"),
		),
	)
	if want := "sudo muster bootstrap --reset-stale-state --cluster NAME"; got.Cause.Fix.Commands[0] != want {
		t.Errorf("got %q, want %q", got.Cause.Fix.Commands, want)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	got := read(
		t,
		logDir(
			t,
			"ecs-init.log",
			initLine(5, "error", "could not reach http://user:hunter2hunter2@proxy:3128/ with password=hunter2hunter2"),
		),
	)
	if strings.Contains(got.Message+got.Cause.Summary, "hunter2") {
		t.Errorf("got %+v", got)
	}
}

// ECS_LOGFILE can set another name for the log.
func TestLogFileName(t *testing.T) {
	dir := logDir(t, "agent.log", agentLine(5, "error", "Error registering container instance", "error", notFound))
	if got, err := ReadLogs(dir, Options{Name: "agent.log"}); err != nil || got.Cause.ID != "cluster-not-found" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestHidesSuccess(t *testing.T) {
	for level, want := range map[string]bool{"": false, "debug": false, "info": false, "warn": true, "ERROR": true, " crit": true,
		"none": true, "bogus": false} {
		if HidesSuccess(level) != want {
			t.Errorf("%q: %v", level, !want)
		}
	}
}

// The log is renamed and recreated between listing and opening.
func TestRotationDuringAReadIsDetected(t *testing.T) {
	dir := logDir(t, "ecs-agent.log", agentLine(5, "error", "Error registering container instance", "error", notFound))
	path := filepath.Join(dir, "ecs-agent.log")
	listed, err := rotations(dir, "ecs-agent.log")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openListed(listed); err == nil {
		t.Error("rotation not detected")
	}
	if got := read(t, dir); got.Cause.ID != "cluster-not-found" || filepath.Base(got.File) != "ecs-agent.log.1" {
		t.Errorf("got %+v", got)
	}
}

func FuzzPatterns(f *testing.F) {
	f.Add("data mismatch; saved cluster '{saved}' does not match", "Data mismatch; saved cluster 'default' does not match")
	f.Add("x509:*current time {now} is after {end}", "x509: current time 1 is after 2")
	f.Add("{", "}{x}")
	f.Fuzz(func(t *testing.T, text, line string) {
		values := make(map[string]string)
		compile(text).find(line, lower(line), values)
		for name, value := range values {
			if len(value) > maxValue {
				t.Errorf("%s is %q", name, value)
			}
		}
		expand(text, values)
	})
}
