package ecsagent

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// Options are what the caller knows in addition to the logs.
type Options struct {
	// Since excludes older lines: logs survive reboots, and an image can hold those
	// of the instance it was made from.
	Since time.Time
	// Registered: the agent reports a registration now, so older trouble with it is over.
	Registered bool
	// Connected: ECS shows the agent as connected now, so older trouble with that is over.
	Connected bool
	// Docker: the Docker Engine answers now, so an older wait of ecs-init for it is over.
	Docker bool
	// HidesSuccess: the log level drops lines at info, such as a registration. The
	// function of the same name says which levels do.
	HidesSuccess bool
	// Now is when the logs are read; zero means the current time.
	Now time.Time
	// Name is the file name of the agent's log; empty means ecs-agent.log.
	Name string
}

// HidesSuccess reports whether a log with this ECS_LOGLEVEL leaves out what is
// logged at info (ecs-agent/logger/log.go:logLevels).
func HidesSuccess(level string) bool {
	switch strings.ToLower(strings.TrimSpace(level)) {
	case "warn", "error", "crit", "none":
		return true
	}
	return false
}

// Sighting is a line of a log and what it means.
type Sighting struct {
	Cause   Cause
	Effect  Effect
	Message string
	File    string
	Line    int // from 1; 0 if the file is too long to count
	Time    time.Time
}

// Where is the file and, if known, the line.
func (s Sighting) Where() string {
	if s.Line == 0 {
		return s.File
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// Trouble is what went wrong since the newest registration in the logs. The zero
// Trouble: nothing did.
type Trouble struct {
	Exits    int       // how often the agent's container exited
	ExitCode int       // of the last exit: 1 ecs-init restarts it, 5 it does not; 0 if Exits is
	LastExit time.Time // zero if Exits is

	// Sighting is what keeps the agent from working. Without a cause nothing does,
	// or the logs do not say what.
	Sighting
	// Beside is what only impairs it, such as telemetry or GPUs: the newest first,
	// each cause once.
	Beside []Sighting
}

// ReadLogs reads the ends of ecs-agent.log and ecs-init.log in dir, usually
// /var/log/ecs, back to opts.Since. An error means that there may be more trouble
// than it returns: a log could not be read, or, as fs.ErrNotExist, neither of
// them is there.
func ReadLogs(dir string, opts Options) (Trouble, error) {
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
		if !s.look(at, e) {
			break
		}
	}
	if err := unread(agentErr, initErr); err != nil {
		return s.end(), fmt.Errorf("reading the ECS agent's logs in %s: %w", dir, err)
	}
	return s.end(), nil
}

// unread forgives one log that is not there: an agent that never started has
// none, and one that runs without ecs-init has only its own.
func unread(agentErr, initErr error) error {
	noAgent, noInit := errors.Is(agentErr, fs.ErrNotExist), errors.Is(initErr, fs.ErrNotExist)
	switch {
	case noAgent && !noInit:
		return initErr
	case noInit && !noAgent:
		return agentErr
	}
	return errors.Join(agentErr, initErr)
}

// registers reports whether the line proves a registration. "Registered container
// instance with cluster!" follows a successful call of
// RegisterContainerInstance, the first or a repeated one
// (ecs-agent/api/ecs/client/ecs_client.go); before 1.15 it is "Registered!".
// "Instance registration completed successfully" (agent/app/agent.go) also appears
// after an hour of retries without success, and then without an ARN. "Restored from checkpoint file" comes
// before the call and "Beginning Polling for updates" also without an ARN:
// neither proves anything.
func (e entry) registers() bool {
	return strings.HasPrefix(e.msg, "Registered container instance with cluster") ||
		e.old && e.msg == "Registered!" ||
		strings.HasPrefix(e.msg, "Registration completed successfully. I am running as 'arn:") || // older agents, such as 1.29
		e.msg == "Instance registration completed successfully" && e.arn != ""
}

// starts reports whether the line is one of the first of an agent (agent/app/agent.go:newAgent).
func (e entry) starts() bool {
	return !e.init && (e.msg == "Loading configuration" || strings.HasPrefix(e.msg, "Starting Amazon ECS Agent") ||
		strings.HasPrefix(e.msg, "Starting Agent:"))
}

// reaches returns what the line proves to work. Trouble with that before it is over.
func (e entry) reaches() []Effect {
	switch {
	case e.init && strings.HasPrefix(e.msg, "Starting Amazon E"): // ecs-init/engine/engine.go:StartSupervised
		return []Effect{Start}
	case e.init:
	case e.registers():
		return []Effect{Start, Boot, Registration, Connection, Telemetry, Unclear, Function}
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
