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

// The order is that of agent/app/agent.go and ecs-init/engine/engine.go: ecs-init
// starts the agent's container, the agent starts, registers, connects.
func TestWhichLineIsTheTrouble(t *testing.T) {
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
		"a connection that fails":               {agent: registered + acs(20), want: "agent-tls-untrusted", effect: Connection},
		"connected again":                       {agent: registered + acs(20) + agentLine(21, "info", "Connected to ACS endpoint")},
		"connected, by its websocket":           {agent: registered + acs(20) + agentLine(21, "info", "Websocket connection established.", "URL", "https://ecs-a-1.eu-central-1.amazonaws.com/ws")},
		"the websocket of telemetry is another": {agent: registered + acs(20) + agentLine(21, "info", "Websocket connection established.", "URL", "https://ecs-t-1.eu-central-1.amazonaws.com/ws"), want: "agent-tls-untrusted", effect: Connection},
		"connected, as ECS says":                {agent: registered + acs(20), opts: Options{Registered: true, Connected: true}},
		"registered again":                      {agent: acs(5) + registered},
		"telemetry is beside":                   {agent: registered + tcs(20), opts: Options{Registered: true}, beside: "network-timeout"},
		"and gives way to the connection":       {agent: registered + acs(20) + tcs(21), want: "agent-tls-untrusted", effect: Connection, beside: "network-timeout"},
		"telemetry, but not registered":         {agent: tcs(20), want: "network-timeout", effect: Telemetry},
		"telemetry that works again":            {agent: registered + tcs(20) + agentLine(21, "info", "Connected to TCS endpoint"), opts: Options{Registered: true}},
		"a registration that the log hides":     {agent: registering, opts: Options{Registered: true, HidesSuccess: true}},
		"a connection that the log hides":       {agent: acs(5), opts: Options{Registered: true, HidesSuccess: true, Now: clock(5).Add(time.Hour)}},
		"one that fails just now":               {agent: acs(5), opts: Options{Registered: true, HidesSuccess: true, Now: clock(50)}, want: "agent-tls-untrusted", effect: Connection},
		"deregistered is not over by waiting": {agent: agentLine(5, "info", "Container instance is deregistered"), opts: Options{Registered: true, HidesSuccess: true, Now: clock(5).Add(time.Hour)},
			want: "agent-deregistered", effect: Connection},
		"a vague error gives way to an older":    {agent: registering + vagueError, want: "cluster-not-found", effect: Registration},
		"a critical one does not":                {agent: registering + critical, want: "unrecognized"},
		"vague, and there is nothing else":       {agent: vagueError, want: "unrecognized"},
		"vague, and all is well":                 {agent: vagueError, opts: Options{Registered: true}},
		"critical, and all is well":              {agent: critical, opts: Options{Registered: true}, want: "unrecognized"},
		"an unknown refusal is the newer":        {agent: registering + agentLine(20, "error", "Unable to register as a container instance with ECS", "error", "beats me"), want: "unrecognized", effect: Registration},
		"killed while it was connected":          {agent: registered + acs(20), ecsInit: initLine(30, "info", "Agent exited with code 137")},
		"stopped while it was connected":         {agent: registered + acs(20), ecsInit: initLine(30, "info", "Agent exited with code 0")},
		"ended by what it logged":                {agent: registering, ecsInit: initLine(6, "info", "Agent exited with code 5"), want: "cluster-not-found", effect: Registration},
		"killed, and a task's image":             {agent: plainLine(5, "error", "DockerGoClient: failed to pull image x: dial tcp: lookup x: no such host"), ecsInit: initLine(30, "info", "Agent exited with code 137")},
		"trouble of ecs-init":                    {agent: registered, ecsInit: initLine(30, "error", "could not start Agent: no such image"), want: "agent-container-not-created", effect: Start},
		"ecs-init starts it after all":           {ecsInit: initLine(5, "error", "could not create docker client: x") + initLine(20, "info", "Starting Amazon Elastic Container Service Agent")},
		"the agent logs later":                   {agent: plainLine(20, "info", "Loading configuration"), ecsInit: initLine(5, "error", "could not create docker client: x")},
		"the agent gets as far as to register":   {agent: plainLine(5, "critical", "Error loading config: x") + agentLine(20, "info", "Registering Instance with ECS")},
		"a warm pool":                            {agent: plainLine(5, "info", "Waiting for instance to go InService"), want: "warm-pool-waiting", effect: Boot},
		"it left the warm pool":                  {agent: plainLine(5, "info", "Waiting for instance to go InService") + agentLine(20, "info", "Registering Instance with ECS")},
		"no GPU, logged before the registration": {agent: plainLine(5, "error", "Config for GPU support is enabled, but GPU information is not found; continuing without it") + registered, opts: Options{Registered: true}, beside: "gpu-unavailable"},
		"no GPU, but the agent was restarted": {agent: strings.Replace(plainLine(5, "error", "Config for GPU support is enabled, but GPU information is not found; continuing without it"), "15:00:05", "14:00:05", 1) +
			plainLine(6, "info", "Loading configuration") + registered, opts: Options{Registered: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadLogs(logDir(t, "ecs-agent.log", c.agent, "ecs-init.log", c.ecsInit), c.opts)
			if err != nil {
				t.Fatal(err)
			}
			var beside []string
			for _, s := range got.Beside {
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

func TestTheLineThatNamesTheAttributeCounts(t *testing.T) {
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

// A line of a log may hold anything: none of it becomes part of a command.
func TestACommandHoldsNothingThatALogSays(t *testing.T) {
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

// ECS_LOGFILE may name the log otherwise.
func TestTheLogMayHaveAnotherName(t *testing.T) {
	dir := logDir(t, "agent.log", agentLine(5, "error", "Error registering container instance", "error", notFound))
	if got, err := ReadLogs(dir, Options{Name: "agent.log"}); err != nil || got.Cause.ID != "cluster-not-found" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestHidesSuccess(t *testing.T) {
	for level, want := range map[string]bool{"": false, "debug": false, "info": false, "warn": true, "ERROR": true, " crit": true, "none": true, "bogus": false} {
		if HidesSuccess(level) != want {
			t.Errorf("%q: %v", level, !want)
		}
	}
}

// Between the listing and the opening the log is renamed, and a new one begun.
func TestARotationMeanwhileIsNoticed(t *testing.T) {
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
		t.Error("not noticed")
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
