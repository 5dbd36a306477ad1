package ecsagent

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// Options holds what the caller knows in addition to the logs.
type Options struct {
	// Since excludes older lines. Logs survive reboots, and an image can contain logs of its source instance.
	Since time.Time
	// Registered means that the agent reports a registration now, which resolves older registration failures.
	Registered bool
	// Connected means that ECS shows the agent as connected now, which resolves older connection failures.
	Connected bool
	// Docker means that the Docker Engine responds now, which resolves older failures of ecs-init to reach it.
	Docker bool
	// HidesSuccess means that the log level drops info lines, such as a registration. See the function of the same name.
	HidesSuccess bool
	// Now is the current time. The zero time means time.Now().
	Now time.Time
	// Name is the file name of the agent's log. An empty name means ecs-agent.log.
	Name string
}

// HidesSuccess reports whether a log with this ECS_LOGLEVEL omits info lines (ecs-agent/logger/log.go:logLevels).
func HidesSuccess(level string) bool {
	switch strings.ToLower(strings.TrimSpace(level)) {
	case "warn", "error", "crit", "none":
		return true
	}
	return false
}

// Diagnosis is a log line and its cause.
type Diagnosis struct {
	Cause   Cause
	Effect  Effect
	Message string
	File    string
	Line    int // counts from 1; 0 if the file is too long to count
	Time    time.Time
}

// Where returns the file and, if known, the line number.
func (s Diagnosis) Where() string {
	if s.Line == 0 {
		return s.File
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// Failures holds the failures since the newest registration in the logs. The zero value means no failure.
type Failures struct {
	Exits    int       // number of exits of the agent's container
	ExitCode int       // of the last exit: ecs-init restarts the agent after 1, but not after 5; 0 if Exits is 0
	LastExit time.Time // zero if Exits is 0

	// Diagnosis is the failure that stops the agent from working. Its cause is empty if there is no such failure, or if
	// the logs do not show it.
	Diagnosis
	// Minor lists failures that only impair the agent, such as telemetry or GPUs. The newest comes first, each cause
	// once.
	Minor []Diagnosis
}

// ReadLogs reads the ends of ecs-agent.log and ecs-init.log in dir, usually /var/log/ecs, back to opts.Since. An error
// means that the result may be incomplete: a log was unreadable, or neither log exists (fs.ErrNotExist).
func ReadLogs(dir string, opts Options) (Failures, error) {
	name := "ecs-agent.log"
	if opts.Name != "" {
		name = filepath.Base(opts.Name)
	}
	agent, agentErr := logFiles(dir, name)
	defer closeAll(agent)
	supervisor, initErr := logFiles(dir, "ecs-init.log")
	defer closeAll(supervisor)
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	s := scan{opts: opts}
	for at, e := range merged(agent, supervisor) {
		if !s.visit(at, e) {
			break
		}
	}
	if err := readError(agentErr, initErr); err != nil {
		return s.result(), fmt.Errorf("reading the ECS agent's logs in %s: %w", dir, err)
	}
	return s.result(), nil
}

// readError ignores one missing log. An agent that never started has none, and one without ecs-init has only its own.
func readError(agentErr, initErr error) error {
	noAgent, noInit := errors.Is(agentErr, fs.ErrNotExist), errors.Is(initErr, fs.ErrNotExist)
	switch {
	case noAgent && !noInit:
		return initErr
	case noInit && !noAgent:
		return agentErr
	}
	return errors.Join(agentErr, initErr)
}

// provesRegistration reports whether the line proves a registration. "Registered container instance with cluster!"
// follows every successful RegisterContainerInstance call (ecs-agent/api/ecs/client/ecs_client.go); before 1.15 it is
// "Registered!".
//
// "Instance registration completed successfully" (agent/app/agent.go) also appears after an hour of failed retries, then
// without an ARN. "Restored from checkpoint file" precedes the call, and "Beginning Polling for updates" can appear
// without an ARN: neither proves a registration.
func (e entry) provesRegistration() bool {
	return strings.HasPrefix(e.msg, "Registered container instance with cluster") ||
		e.old && e.msg == "Registered!" ||
		strings.HasPrefix(e.msg, "Registration completed successfully. I am running as 'arn:") || // older agents, such as 1.29
		e.msg == "Instance registration completed successfully" && e.arn != ""
}

// isAgentStart reports whether the line is one of the first lines of an agent (agent/app/agent.go:newAgent).
func (e entry) isAgentStart() bool {
	return !e.init && (e.msg == "Loading configuration" || strings.HasPrefix(e.msg, "Starting Amazon ECS Agent") ||
		strings.HasPrefix(e.msg, "Starting Agent:"))
}

// working returns the effects that the line proves to work. It resolves their older failures.
func (e entry) working() []Effect {
	switch {
	case e.init && strings.HasPrefix(e.msg, "Starting Amazon E"): // ecs-init/engine/engine.go:StartSupervised
		return []Effect{Start}
	case e.init:
	case e.provesRegistration():
		return []Effect{Start, Boot, Registration, Connection, Telemetry, UnknownEffect, Function}
	case e.msg == "Registering Instance with ECS", strings.HasPrefix(e.msg, "Restored from checkpoint file"): // agent/app/agent.go
		return []Effect{Start, Boot}
	case strings.HasPrefix(e.msg, "Connected to ACS"), e.msg == "ACS activity occurred", // ecs-agent/acs/session/session.go
		strings.HasPrefix(e.msg, "Websocket connection established") && strings.Contains(e.url, "//ecs-a"): // ecs-agent/wsclient/client.go
		return []Effect{Start, Boot, Registration, Connection}
	case strings.HasPrefix(e.msg, "Connected to TCS"), e.msg == "TCS activity occurred", // ecs-agent/tcs/handler/handler.go
		strings.HasPrefix(e.msg, "Websocket connection established") && strings.Contains(e.url, "//ecs-t"):
		return []Effect{Telemetry}
	}
	return nil
}
