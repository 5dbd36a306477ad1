package ecsagent

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Trouble is what the logs say went wrong since the newest registration that
// they show. The zero Trouble: nothing did.
type Trouble struct {
	Exits    int       // how often the agent's container exited
	ExitCode int       // of the last exit: 1 ecs-init restarts it, 5 it does not; 0 if Exits is
	LastExit time.Time // zero if Exits is

	Cause   Cause // of the newest error that has a known one, else "unrecognized"; zero without an error
	Message string
	File    string
	Line    int // from 1; 0 if the file is too long to count
	Time    time.Time
}

// ReadLogs reads the ends of ecs-agent.log and ecs-init.log in dir, usually
// /var/log/ecs, back to since. An error means that there may be more trouble than
// it returns: a log could not be read, or, as fs.ErrNotExist, neither of them is
// there.
func ReadLogs(dir string, since time.Time) (Trouble, error) {
	agent, agentErr := readTails(dir, "ecs-agent.log", maxTail)
	supervisor, initErr := readTails(dir, "ecs-init.log", maxTail)
	s := scan{since: since}
	registered := s.agent(agent)
	s.supervisor(supervisor, registered)
	s.trouble.File, s.trouble.Line = s.place.path, s.place.lineNumber()
	if err := unread(agentErr, initErr); err != nil {
		return s.trouble, fmt.Errorf("reading the ECS agent's logs in %s: %w", dir, err)
	}
	return s.trouble, nil
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

// scan collects the trouble, and the place of its message.
type scan struct {
	trouble Trouble
	place   place
	known   bool // the trouble's cause is
	// since is when the story begins: logs survive reboots, and in an image that
	// was baked from a used instance.
	since time.Time
}

// agent walks the agent's log back to the newest registration, whose time it
// returns, zero if the log shows none.
func (s *scan) agent(tails []tail) (registered time.Time) {
	for at, e := range entries(tails) {
		switch {
		case e.time.Before(s.since):
			return time.Time{}
		case e.registers():
			return e.time
		}
		s.consider(e, at)
	}
	return time.Time{}
}

// supervisor walks ecs-init's log, which knows of no registration.
func (s *scan) supervisor(tails []tail, registered time.Time) {
	for at, e := range entries(tails) {
		if e.time.Before(registered) || e.time.Before(s.since) {
			return
		}
		if code, exited := e.exitCode(); exited {
			s.exit(code, e.time)
		}
		s.consider(e, at)
	}
}

// exit counts; the newest comes first.
func (s *scan) exit(code int, at time.Time) {
	if s.trouble.Exits == 0 {
		s.trouble.ExitCode, s.trouble.LastExit = code, at
	}
	s.trouble.Exits++
}

// consider keeps the newest error, but a known cause rather than an unknown.
func (s *scan) consider(e entry, at place) {
	older := s.place.path != "" && !e.time.After(s.trouble.Time)
	if older && s.known || !e.complains() {
		return
	}
	text := e.text()
	cause, known := diagnose(text)
	if older && !known || s.known && !known {
		return
	}
	s.known, s.place = known, at
	s.trouble.Cause, s.trouble.Message, s.trouble.Time = cause, text, e.time
}

// registers tells the lines that prove a registration. "Registered container
// instance with cluster!" follows a successful call of
// RegisterContainerInstance, the first or a repeated one
// (ecs-agent/api/ecs/client/ecs_client.go). "Instance registration completed
// successfully" (agent/app/agent.go) also appears when the retries were given
// up after an hour, without an ARN then. "Restored from checkpoint file" comes
// before the call and "Beginning Polling for updates" also without an ARN:
// neither proves anything.
func (e entry) registers() bool {
	return strings.HasPrefix(e.msg, "Registered container instance with cluster") ||
		strings.HasPrefix(e.msg, "Registration completed successfully. I am running as 'arn:") || // older agents, such as 1.29
		e.msg == "Instance registration completed successfully" && e.arn != ""
}

// complains tells the lines that may say why the agent is not registered.
// Errors about a single task do not. Two messages matter although they come as
// info: that of a deregistration (ecs-agent/acs/session/session.go,
// reconnectDelay) and that of an absent Docker (ecs-init/docker/dependencies.go).
func (e entry) complains() bool {
	switch e.level {
	case "error", "critical":
		// ecs-init's own account of exit code 5 adds nothing to it.
		return !e.task && !strings.HasPrefix(e.msg, "agent exited with terminal exit code")
	}
	return strings.HasPrefix(e.msg, "Container instance is deregistered") ||
		strings.HasPrefix(e.msg, "Error connecting to docker")
}

// exitCode reads ecs-init's "Agent exited with code N" (ecs-init/engine/engine.go).
func (e entry) exitCode() (int, bool) {
	digits, ok := strings.CutPrefix(e.msg, "Agent exited with code ")
	code, err := strconv.Atoi(digits)
	return code, ok && err == nil
}
