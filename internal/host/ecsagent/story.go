package ecsagent

import (
	"slices"
	"strings"
	"time"

	"muster/internal/redact"
)

// weight is how well a line explains the trouble; the package comment has the rule.
type weight int

const (
	noise       weight = iota
	vague              // an error with neither a known step nor a known reason
	unexplained        // critical, or the failure of a known step, for an unknown reason
	known              // a rule knows the reason
)

// scan visits the entries from the newest to the oldest.
type scan struct {
	opts    Options
	trouble Trouble
	at      place // of the trouble
	beside  []place
	best    weight
	blank   bool            // the summary of the trouble lacks a detail, which an older line may have
	over    map[Effect]bool // effects that a newer line shows to work
	alive   time.Time       // of the newest entry in the agent's own log
	started time.Time       // when the agent last started
	done    bool            // the newest registration was passed
	lookups int             // lines that were looked up in the rules
}

// maxRetry is the longest time between two failures to connect that the agent logs:
// its backoff is at most two minutes and its dial takes half a minute
// (ecs-agent/acs/session/session.go:connectionBackoffMax). Later it has connected.
const maxRetry = 5 * time.Minute

// maxDockerRetry is well above the longest wait of ecs-init between two attempts to
// reach Docker (ecs-init/docker/docker.go:pingDockerSocketMaxBackoffDuration).
const maxDockerRetry = time.Minute

// look takes one entry; false: older entries do not matter.
func (s *scan) look(at place, e entry) bool {
	if e.time.Before(s.opts.Since) {
		return false
	}
	if !e.init && s.alive.IsZero() {
		s.alive = e.time
	}
	if s.over == nil {
		s.over = make(map[Effect]bool)
	}
	if s.started.IsZero() && e.starts() {
		s.started = e.time
	}
	if code, exited := e.exitCode(); exited && e.init && !s.done {
		s.exit(code, e.time)
	}
	if reached := e.reaches(); len(reached) > 0 {
		for _, effect := range reached {
			s.over[effect] = true
		}
		if !s.done && e.registers() {
			s.done = true
		}
		return true
	}
	if s.done && !strings.Contains(e.msg, "GPU") {
		return true
	}
	if c, ok := e.complaint(); ok && !s.isOver(e, c) {
		s.consider(at, e, c)
	}
	return true
}

// isOver reports whether the failure in the line has been overcome since.
func (s *scan) isOver(e entry, c complaint) bool {
	switch {
	case c.gpus(): // logged before the registration, which succeeds without GPUs
		return s.started.Sub(e.time) > time.Minute // by an earlier start
	case s.over[c.during.effect]:
		return true
	case c.during.effect == Start && e.time.Before(s.alive):
		return true // the agent ran later, however it was started
	case s.opts.Docker && e.init && !e.complains() && strings.Contains(e.msg, waitsForDocker) && s.opts.Now.Sub(e.time) > maxDockerRetry:
		return true
	case s.opts.Registered && (c.during.effect == Start || c.during.effect == Boot || c.during.effect == Registration):
		return true
	case c.during.effect == Connection && s.opts.Connected:
		return true
	}
	late := s.opts.Now.Sub(e.time) > maxRetry && e.complains() // not "deregistered", which is final and logged at info
	return late && s.opts.HidesSuccess && (c.during.effect == Connection || c.during.effect == Telemetry)
}

// maxLookups bounds how many lines of a scan are looked up in the rules.
const maxLookups = 300

func (s *scan) consider(at place, e entry, c complaint) {
	beside := c.during.effect == Telemetry || c.during.effect == Function
	settled := s.best > vague && !s.blank
	if settled && !beside || s.lookups >= maxLookups {
		return
	}
	s.lookups++
	m, ok := e.meaning(c)
	if !ok {
		return
	}
	sighting := Sighting{Cause: m.cause, Effect: m.effect, Message: m.text, Time: e.time}
	if m.effect == Telemetry || m.effect == Function {
		same := func(other Sighting) bool { return other.Cause.ID == m.cause.ID }
		if !slices.ContainsFunc(s.trouble.Beside, same) && m.weight == known {
			s.trouble.Beside, s.beside = append(s.trouble.Beside, sighting), append(s.beside, at)
		}
		return
	}
	better := s.best == noise || s.best == vague && m.weight > vague
	fuller := s.blank && !m.blank && m.cause.ID == s.trouble.Cause.ID && s.trouble.Time.Sub(e.time) < time.Minute
	if better || fuller {
		s.trouble.Sighting, s.at, s.best, s.blank = sighting, at, m.weight, m.blank
	}
}

// exit counts; the newest comes first.
func (s *scan) exit(code int, at time.Time) {
	if s.trouble.Exits == 0 {
		s.trouble.ExitCode, s.trouble.LastExit = code, at
	}
	s.trouble.Exits++
}

// end concludes from all entries.
func (s *scan) end() Trouble {
	t := s.trouble
	t.File, t.Line = s.at.path, s.at.lineNumber()
	for i, at := range s.beside {
		t.Beside[i].File, t.Beside[i].Line = at.path, at.lineNumber()
	}
	// The agent had registered and was then stopped or killed: the exit is the
	// trouble, not what it logged before.
	ended := t.Exits > 0 && !t.Time.After(t.LastExit) && t.ExitCode != 1 && t.ExitCode != 5
	if ended && (t.Effect == Connection || t.Effect == Unclear) {
		t.Sighting = Sighting{}
	}
	if s.opts.Registered {
		t.Exits, t.ExitCode, t.LastExit = 0, 0, time.Time{} // it runs again
		if s.best == vague {
			t.Sighting = Sighting{}
		}
	}
	// Without a registration even a minor trouble may be the reason.
	if t.Cause.ID == "" && !s.opts.Registered && !ended && len(t.Beside) > 0 && (!s.done || t.Beside[0].Effect == Function) {
		t.Sighting, t.Beside = t.Beside[0], t.Beside[1:]
	}
	return t
}

// complaint is a line that reports a failure of the instance.
type complaint struct {
	text   string
	during activity
	clear  bool // the line names the step that failed
	task   bool // it is about a task: only a full disk matters
}

// waitsForDocker is in ecs-init's messages between two attempts (ecs-init/docker/dependencies.go, at info).
const waitsForDocker = "rror connecting to docker"

// Messages that matter although they are logged at info or warn: the beginnings of
// those of the agent, and parts of those of ecs-init.
var (
	agentInfo = []string{
		"Container instance is deregistered",
		"Waiting for instance to go InService",
		"Error from acs",
		"Error getting valid credentials",
	}
	initInfo = []string{waitsForDocker, "panic: ", "fatal error: "}
)

// complaint classifies a line; false: it reports no failure of the instance.
func (e entry) complaint() (complaint, bool) {
	begins := func(text string) bool { return strings.HasPrefix(e.msg, text) }
	holds := func(text string) bool { return strings.Contains(e.msg, text) }
	if !e.complains() && (e.init && !slices.ContainsFunc(initInfo, holds) || !e.init && !slices.ContainsFunc(agentInfo, begins)) {
		return complaint{}, false
	}
	c := complaint{text: e.text()}
	low := lower(c.text)
	c.during, c.clear = begun(low)
	about := e.aboutTask(low)
	switch {
	case e.init && about:
		return complaint{}, false
	case c.clear:
	case about:
		c.task, c.during.effect = true, Function
		return c, slices.ContainsFunc(fullDisks, func(sign string) bool { return strings.Contains(low, sign) })
	case e.init:
		c.during, c.clear = activity{effect: Start}, true // whatever fails in ecs-init keeps the agent from being started
	default:
		c.during, c.clear = mentioned(low)
	}
	return c, true
}

// gpus reports whether it is the message about missing GPUs, which holds until the agent restarts.
func (c complaint) gpus() bool { return strings.HasPrefix(c.text, "Config for GPU support is enabled") }

// fullDisks are the signs that the full disk in a line about a task is the instance's.
var fullDisks = []string{"/var/lib/docker", "/var/lib/containerd", "/var/lib/ecs", "failed to register layer", "thin pool"}

// meaning is what a complaint says of the instance.
type meaning struct {
	cause  Cause
	effect Effect
	text   string
	weight weight
	blank  bool // a detail is missing from the sentence of the cause
}

// meaning looks the line up in the rules; false: it reports no failure after all.
func (e entry) meaning(c complaint) (meaning, bool) {
	text := redact.Log(c.text) // before anything is cut: part of a secret is not recognized
	r, values, ok := diagnose(text, c.during, !e.complains())
	switch {
	case c.task && r.id != "agent-disk-full":
		return meaning{}, false
	case ok:
		m := meaning{cause: r.cause(e.names(values)), effect: c.during.effect, text: shown(text), weight: known}
		if !c.task {
			m.effect = r.effectOf(m.effect)
		}
		m.blank = r.bare
		for _, name := range placeholders(r.summary) {
			m.blank = m.blank || values[name] == ""
		}
		return m, true
	case !e.complains():
		return meaning{}, false
	}
	m := meaning{cause: unknown(e.decisive(text), e.names(nil)), effect: c.during.effect, text: shown(text), weight: vague}
	if e.level == "critical" || c.clear {
		m.weight = unexplained
	}
	return m, true
}

// effectOf corrects the effect of a step for the cause of its failure.
func (r compiledRule) effectOf(effect Effect) Effect {
	if r.id == "agent-disk-full" && effect == Function {
		return Unclear // the agent may need what it cannot write for anything
	}
	return effect
}

// names adds who logged the line, and where.
func (e entry) names(values map[string]string) map[string]string {
	if values == nil {
		values = make(map[string]string)
	}
	values["who"], values["by"], values["file"] = "the ECS agent", "the ECS agent", "/var/log/ecs/ecs-agent.log"
	if e.init {
		values["who"], values["by"], values["file"] = "ecs-init", "ecs-init", "/var/log/ecs/ecs-init.log"
	}
	return values
}

func placeholders(text string) (names []string) {
	for {
		_, rest, ok := strings.Cut(text, "{")
		name, tail, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			return names
		}
		names, text = append(names, name), tail
	}
}
