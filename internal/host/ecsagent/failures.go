package ecsagent

import (
	"slices"
	"strings"
	"time"

	"muster/internal/redact"
)

// weight ranks how well a line explains a failure. The package comment describes the order.
type weight int

const (
	noise       weight = iota
	vague              // an error with neither a known step nor a known cause
	unexplained        // critical, or the failure of a known step, with an unknown cause
	known              // a rule knows the cause
)

// scan visits the entries from newest to oldest.
type scan struct {
	opts       Options
	failures   Failures
	at         place // position of the failures
	minorAt    []place
	best       weight
	incomplete bool            // the summary lacks a detail that an older line may have
	resolved   map[Effect]bool // effects that a newer line proves to work
	alive      time.Time       // time of the newest entry in the agent's own log
	started    time.Time       // when the agent last started
	done       bool            // the scan has passed the newest registration
	lookups    int             // number of lines looked up in the rules
}

// maxRetry is more than the longest interval between two logged connection failures. The backoff is at most two
// minutes, and a dial takes half a minute (ecs-agent/acs/session/session.go:connectionBackoffMax). If the last failure
// is older, the agent has connected since.
const maxRetry = 5 * time.Minute

// maxDockerRetry is the age from which a failure to reach Docker counts as resolved. It is far above ecs-init's longest
// backoff (ecs-init/docker/docker.go:pingDockerSocketMaxBackoffDuration).
const maxDockerRetry = time.Minute

// visit processes one entry. It returns false when older entries do not matter.
func (s *scan) visit(at place, e entry) bool {
	if e.time.Before(s.opts.Since) {
		return false
	}
	s.observe(e)
	if reached := e.working(); len(reached) > 0 {
		for _, effect := range reached {
			s.resolved[effect] = true
		}
		s.done = s.done || e.provesRegistration()
		return true
	}
	if s.done && !strings.Contains(e.msg, "GPU") {
		return true
	}
	if c, ok := e.failure(); ok && !s.isResolved(e, c) {
		s.consider(at, e, c)
	}
	return true
}

// observe records what the entry says about the runs of the agent.
func (s *scan) observe(e entry) {
	if !e.init && s.alive.IsZero() {
		s.alive = e.time
	}
	if s.resolved == nil {
		s.resolved = make(map[Effect]bool)
	}
	if s.started.IsZero() && e.isAgentStart() {
		s.started = e.time
	}
	if code, exited := e.exitCode(); exited && e.init && !s.done {
		s.exit(code, e.time)
	}
}

// isResolved reports whether the failure in the line has been resolved since.
func (s *scan) isResolved(e entry, c failure) bool {
	if c.gpus() { // logged before the registration, which succeeds without GPUs
		return s.started.Sub(e.time) > time.Minute // logged by an earlier start
	}
	return s.resolved[c.step.effect] || s.opts.contradicts(c.step.effect) || s.isPast(e, c.step.effect)
}

// contradicts reports whether the agent's present state shows that such a failure is over.
func (o Options) contradicts(effect Effect) bool {
	switch effect {
	case Start, Boot, Registration:
		return o.Registered
	case Connection:
		return o.Connected
	}
	return false
}

// isPast reports whether the agent would have logged the failure again if it lasted.
func (s *scan) isPast(e entry, effect Effect) bool {
	switch {
	case effect == Start && e.time.Before(s.alive): // the agent ran later, no matter what started it
		return true
	case s.opts.Docker && e.init && !e.isError() && strings.Contains(e.msg, waitsForDocker):
		return s.opts.Now.Sub(e.time) > maxDockerRetry
	}
	return s.isUnrepeated(e, effect)
}

// isUnrepeated reports whether a failure that is logged at each attempt is older than the longest interval between
// two attempts, in a log that does not show successes. "deregistered" is final, and logged at info.
func (s *scan) isUnrepeated(e entry, effect Effect) bool {
	return e.isError() && s.opts.HidesSuccess && (effect == Connection || effect == Telemetry) && s.opts.Now.Sub(e.time) > maxRetry
}

// maxLookups limits how many lines of a scan are looked up in the rules.
const maxLookups = 300

// consider looks up the line in the rules, and keeps its meaning if it is better than the one found before.
func (s *scan) consider(at place, e entry, c failure) {
	found := s.best > vague && !s.incomplete
	if found && !c.step.effect.impairs() || s.lookups >= maxLookups {
		return
	}
	s.lookups++
	m, ok := e.meaning(c)
	if !ok {
		return
	}
	diagnosis := Diagnosis{Cause: m.cause, Effect: m.effect, Message: m.text, Time: e.time}
	if m.effect.impairs() {
		if m.weight == known {
			s.addMinor(diagnosis, at)
		}
		return
	}
	better := s.best == noise || s.best == vague && m.weight > vague
	moreDetailed := s.incomplete && !m.incomplete && m.cause.ID == s.failures.Cause.ID && s.failures.Time.Sub(e.time) < time.Minute
	if better || moreDetailed {
		s.failures.Diagnosis, s.at, s.best, s.incomplete = diagnosis, at, m.weight, m.incomplete
	}
}

// addMinor adds the newest failure of a cause that only impairs the agent.
func (s *scan) addMinor(diagnosis Diagnosis, at place) {
	same := func(other Diagnosis) bool { return other.Cause.ID == diagnosis.Cause.ID }
	if !slices.ContainsFunc(s.failures.Minor, same) {
		s.failures.Minor, s.minorAt = append(s.failures.Minor, diagnosis), append(s.minorAt, at)
	}
}

// impairs reports whether the agent works on without what failed.
func (e Effect) impairs() bool { return e == Telemetry || e == Function }

// exit counts an exit of the agent. Entries are visited from newest to oldest, so the first call has the last exit.
func (s *scan) exit(code int, at time.Time) {
	if s.failures.Exits == 0 {
		s.failures.ExitCode, s.failures.LastExit = code, at
	}
	s.failures.Exits++
}

// result returns the failures after all entries were visited.
func (s *scan) result() Failures {
	t := s.failures
	t.File, t.Line = s.at.path, s.at.lineNumber()
	for i, at := range s.minorAt {
		t.Minor[i].File, t.Minor[i].Line = at.path, at.lineNumber()
	}
	ended := t.wasStopped()
	if ended && (t.Effect == Connection || t.Effect == UnknownEffect) {
		t.Diagnosis = Diagnosis{}
	}
	if s.opts.Registered {
		t.Exits, t.ExitCode, t.LastExit = 0, 0, time.Time{} // the agent is running again
		if s.best == vague {
			t.Diagnosis = Diagnosis{}
		}
		return t
	}
	// Without a registration, even a minor failure may be the reason.
	if t.Cause.ID == "" && !ended && len(t.Minor) > 0 && (!s.done || t.Minor[0].Effect == Function) {
		t.Diagnosis, t.Minor = t.Minor[0], t.Minor[1:]
	}
	return t
}

// wasStopped reports whether the agent was stopped or killed after the newest line. Then the exit is reported, not the
// line before it. With codes 1 and 5 the agent ends by itself.
func (t Failures) wasStopped() bool {
	return t.Exits > 0 && !t.Time.After(t.LastExit) && t.ExitCode != 1 && t.ExitCode != 5
}

// failure is a line that reports a failure of the instance.
type failure struct {
	text  string
	step  activity
	clear bool // the line names the failed step
	task  bool // the line is about a task: only a full disk matters
}

// waitsForDocker appears in ecs-init's messages between two attempts (ecs-init/docker/dependencies.go, at info).
const waitsForDocker = "rror connecting to docker"

// Messages at info or warn that still matter: prefixes for the agent, substrings for ecs-init.
var (
	agentInfo = []string{
		"Container instance is deregistered",
		"Waiting for instance to go InService",
		"Error from acs",
		"Error getting valid credentials",
	}
	initInfo = []string{waitsForDocker, "panic: ", "fatal error: "}
)

// failure classifies a line. It returns false if the line reports no failure of the instance.
func (e entry) failure() (failure, bool) {
	hasPrefix := func(text string) bool { return strings.HasPrefix(e.msg, text) }
	contains := func(text string) bool { return strings.Contains(e.msg, text) }
	if !e.isError() && (e.init && !slices.ContainsFunc(initInfo, contains) || !e.init && !slices.ContainsFunc(agentInfo, hasPrefix)) {
		return failure{}, false
	}
	c := failure{text: e.text()}
	low := lower(c.text)
	c.step, c.clear = failedStep(low)
	about := e.aboutTask(low)
	switch {
	case e.init && about:
		return failure{}, false
	case c.clear:
	case about:
		c.task, c.step.effect = true, Function
		return c, slices.ContainsFunc(fullDisks, func(sign string) bool { return strings.Contains(low, sign) })
	case e.init:
		c.step, c.clear = activity{effect: Start}, true // any failure of ecs-init keeps the agent from starting
	default:
		c.step, c.clear = mentionedStep(low)
	}
	return c, true
}

// gpus reports whether the message is about missing GPUs, which lasts until the agent restarts.
func (c failure) gpus() bool { return strings.HasPrefix(c.text, "Config for GPU support is enabled") }

// fullDisks lists text in a line about a task which shows that the full disk belongs to the instance.
var fullDisks = []string{"/var/lib/docker", "/var/lib/containerd", "/var/lib/ecs", "failed to register layer", "thin pool"}

// meaning is the evaluation of a failure.
type meaning struct {
	cause      Cause
	effect     Effect
	text       string
	weight     weight
	incomplete bool // the summary of the cause lacks a detail
}

// meaning looks up the line in the rules. It returns false if the line does not report a failure.
func (e entry) meaning(c failure) (meaning, bool) {
	text := redact.Log(c.text) // redact before truncating: a partial secret is not recognized
	r, values, ok := diagnose(text, c.step, !e.isError())
	switch {
	case c.task && r.id != "agent-disk-full":
		return meaning{}, false
	case ok:
		m := meaning{cause: r.cause(e.addSource(values)), effect: c.step.effect, text: truncate(text), weight: known}
		if !c.task {
			m.effect = r.effectOf(m.effect)
		}
		m.incomplete = r.bare
		for _, name := range placeholders(r.summary) {
			m.incomplete = m.incomplete || values[name] == ""
		}
		return m, true
	case !e.isError():
		return meaning{}, false
	}
	m := meaning{cause: unknown(e.mainError(text), e.addSource(nil)), effect: c.step.effect, text: truncate(text), weight: vague}
	if e.level == "critical" || c.clear {
		m.weight = unexplained
	}
	return m, true
}

// effectOf corrects the effect of a step for the cause of its failure.
func (r compiledRule) effectOf(effect Effect) Effect {
	if r.id == "agent-disk-full" && effect == Function {
		return UnknownEffect // a full disk can break any function of the agent
	}
	return effect
}

// addSource adds the logger and the log file of the line.
func (e entry) addSource(values map[string]string) map[string]string {
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
