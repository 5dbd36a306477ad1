package ecsagent

import (
	"slices"
	"strings"
	"time"

	"muster/internal/redact"
)

// weight says how well a line explains: the comment of the package has the rule.
type weight int

const (
	noise       weight = iota
	vague              // an error that tells neither what was done nor a known reason
	unexplained        // critical, or the failure of a known step, for a reason that no rule knows
	known
)

// scan goes over the entries from the newest to the oldest.
type scan struct {
	opts    Options
	trouble Trouble
	at      place // of the trouble
	beside  []place
	// lookedUp counts the lines that were looked up.
	lookedUp int
	best     weight
	blank    bool // the sentence of the trouble lacks a detail, which an older line may have
	over     map[Effect]bool
	alive    time.Time // of the newest entry of the agent's own log
	done     bool      // the newest registration was passed
}

// again is how long an agent waits at most before it tries again to connect, and
// logs that it failed (connectionBackoffMax in ecs-agent/acs/session/session.go is
// two minutes, and its dial takes half of one).
const again = 5 * time.Minute

// look takes one entry. False: what is older does not matter.
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

// isOver reports whether what the line tells of has been overcome since.
func (s *scan) isOver(e entry, c complaint) bool {
	switch {
	case c.gpus():
		return false // logged at each start before the registration, which goes on without
	case s.over[c.during.effect]:
		return true
	case c.during.effect == Start && e.time.Before(s.alive):
		return true // the agent ran later, however it was started
	case s.opts.Registered && (c.during.effect == Start || c.during.effect == Boot || c.during.effect == Registration):
		return true
	case c.during.effect == Connection && s.opts.Connected:
		return true
	}
	late := s.opts.Now.Sub(e.time) > again && e.complains() // "deregistered" is no error, and does not pass
	return late && s.opts.HidesSuccess && (c.during.effect == Connection || c.during.effect == Telemetry)
}

// maxLookedUp bounds how many lines of a scan are looked up in the tables.
const maxLookedUp = 300

func (s *scan) consider(at place, e entry, c complaint) {
	beside := c.during.effect == Telemetry || c.during.effect == Function
	settled := s.best > vague && !s.blank
	if s.lookedUp++; s.lookedUp > maxLookedUp || settled && !beside {
		return
	}
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

// end settles what all lines together mean.
func (s *scan) end() Trouble {
	t := s.trouble
	t.File, t.Line = s.at.path, s.at.lineNumber()
	for i, at := range s.beside {
		t.Beside[i].File, t.Beside[i].Line = at.path, at.lineNumber()
	}
	// An agent that was connected, or could not be, and is no longer there: its exit
	// says more than what it logged before.
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
	// Without a registration even what only impairs may tell why.
	if t.Cause.ID == "" && !s.opts.Registered && !ended && len(t.Beside) > 0 && (!s.done || t.Beside[0].Effect == Function) {
		t.Sighting, t.Beside = t.Beside[0], t.Beside[1:]
	}
	return t
}

// complaint is a line that says of the instance that something failed.
type complaint struct {
	text   string
	during activity
	clear  bool // the line tells what was being done
	task   bool // it is about a task: only a full disk is of interest
}

// tellingInfo are the beginnings of messages of the agent that matter although
// they are no errors.
var tellingInfo = []string{"Container instance is deregistered", "Waiting for instance to go InService", "Error from acs"}

// complaint is the first look at a line; false: it says nothing of the instance.
func (e entry) complaint() (complaint, bool) {
	telling := func(begin string) bool { return strings.HasPrefix(e.msg, begin) }
	if !e.complains() && !e.init && !slices.ContainsFunc(tellingInfo, telling) {
		return complaint{}, false
	}
	c := complaint{text: e.text()}
	low := lower(c.text)
	c.during, c.clear = doing(low, e.init)
	if e.init && e.aboutTask(low) {
		return complaint{}, false
	}
	if !c.clear && !e.init && e.aboutTask(low) {
		c.task, c.during.effect = true, Function
		return c, slices.ContainsFunc(fullDisks, func(sign string) bool { return strings.Contains(low, sign) })
	}
	return c, true
}

// gpus tells the one line that is about the agent's whole life.
func (c complaint) gpus() bool { return strings.HasPrefix(c.text, "Config for GPU support is enabled") }

// fullDisks are the signs that the disk which a task lacks is one of the instance.
var fullDisks = []string{"/var/lib/docker", "/var/lib/containerd", "/var/lib/ecs", "failed to register layer", "thin pool"}

// meaning is what a complaint says of the instance.
type meaning struct {
	cause  Cause
	effect Effect
	text   string
	weight weight
	blank  bool // a detail is missing from the sentence of the cause
}

// meaning looks the line up in the table of causes; false: it is no complaint after all.
func (e entry) meaning(c complaint) (meaning, bool) {
	text := redact.Log(c.text) // whole: a part of a secret has no mark
	r, values, ok := diagnose(text, c.during, !e.complains())
	switch {
	case c.task && r.id != "agent-disk-full":
		return meaning{}, false
	case ok:
		m := meaning{cause: r.cause(e.names(values)), effect: c.during.effect, text: shown(text), weight: known}
		if !c.task {
			m.effect = r.effectOf(m.effect)
		}
		for _, name := range placeholders(r.summary) {
			m.blank = m.blank || values[name] == ""
		}
		return m, true
	case !e.complains():
		return meaning{}, false
	}
	m := meaning{cause: unknown(text, e.names(nil)), effect: c.during.effect, text: shown(text), weight: vague}
	if e.level == "critical" || c.clear {
		m.weight = unexplained
	}
	return m, true
}

// effectOf is what the rule says of the effect of a line that does not tell.
func (r compiledRule) effectOf(effect Effect) Effect {
	switch {
	case r.id == "warm-pool-waiting":
		return Boot
	case r.id == "agent-disk-full" && effect == Function:
		return Unclear // what the agent cannot write, it may need for anything
	}
	return effect
}

// names adds who says so.
func (e entry) names(values map[string]string) map[string]string {
	if values == nil {
		values = make(map[string]string)
	}
	values["who"], values["by"], values["file"] = "The ECS agent", "the ECS agent", "/var/log/ecs/ecs-agent.log"
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
