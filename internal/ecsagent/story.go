package ecsagent

import (
	"slices"
	"strings"
	"time"
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
	best    weight
	blank   bool // the sentence of the trouble lacks a detail, which an older line may have
	over    map[Effect]bool
	alive   time.Time // of the newest entry of the agent's own log
	done    bool      // the newest registration was passed
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
	m, ok := e.meaning()
	if ok && !s.isOver(e, m) {
		s.consider(at, e, m)
	}
	return true
}

// isOver reports whether what the line tells of has been overcome since.
func (s *scan) isOver(e entry, m meaning) bool {
	switch {
	case m.cause.ID == "gpu-unavailable" && m.effect == Function:
		return false // logged at each start before the registration, which goes on without
	case s.over[m.effect]:
		return true
	case m.effect == Start && e.time.Before(s.alive):
		return true // the agent ran later, however it was started
	case s.opts.Registered && (m.effect == Start || m.effect == Boot || m.effect == Registration):
		return true
	case m.final:
		return false
	case m.effect == Connection && s.opts.Connected:
		return true
	}
	return s.opts.HidesSuccess && (m.effect == Connection || m.effect == Telemetry) && s.opts.Now.Sub(e.time) > again
}

func (s *scan) consider(at place, e entry, m meaning) {
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

// meaning is what one line says of the instance.
type meaning struct {
	cause  Cause
	effect Effect
	text   string
	weight weight
	blank  bool // a detail is missing from the sentence of the cause
	final  bool // it does not pass by waiting
}

// tellingInfo are the beginnings of messages of the agent that matter although
// they are no errors.
var tellingInfo = []string{"Container instance is deregistered", "Waiting for instance to go InService", "Error from acs"}

// meaning looks the line up in the tables; false: it is no complaint about the instance.
func (e entry) meaning() (meaning, bool) {
	info := !e.complains()
	if info && !e.init && !slices.ContainsFunc(tellingInfo, func(begin string) bool { return strings.HasPrefix(e.msg, begin) }) {
		return meaning{}, false
	}
	text := e.text()
	low := lower(text)
	during, clear := doing(low, e.init)
	if !clear && e.aboutTask(low) || e.init && e.aboutTask(low) {
		return e.fullDisk(text, low)
	}
	r, values, ok := diagnose(text, during, info)
	switch {
	case ok:
		during.effect = r.effectOf(during.effect)
		return e.told(r, values, during, text), true
	case info:
		return meaning{}, false
	}
	m := meaning{cause: unknown(text, e.names(nil)), effect: during.effect, text: shown(text), weight: vague}
	if e.level == "critical" || clear {
		m.weight = unexplained
	}
	return m, true
}

// effectOf is what the rule says of the effect of a line that does not tell.
func (r compiledRule) effectOf(effect Effect) Effect {
	switch {
	case r.id == "agent-deregistered":
		return Connection
	case r.id == "warm-pool-waiting":
		return Boot
	case r.id == "agent-disk-full" && effect == Function:
		return Unclear // what the agent cannot write, it may need for anything
	}
	return effect
}

func (e entry) told(r compiledRule, values map[string]string, during activity, text string) meaning {
	m := meaning{cause: r.cause(e.names(values)), effect: during.effect, text: shown(text), weight: known}
	m.final = r.id == "agent-deregistered"
	for _, name := range placeholders(r.summary) {
		m.blank = m.blank || values[name] == ""
	}
	return m
}

// fullDisk is the one thing that a line about a task says of the instance: that
// the disk of Docker is full.
func (e entry) fullDisk(text, low string) (meaning, bool) {
	if !e.complains() || e.init || !slices.ContainsFunc([]string{"/var/lib/docker", "/var/lib/containerd", "/var/lib/ecs", "failed to register layer", "thin pool"}, func(sign string) bool {
		return strings.Contains(low, sign)
	}) {
		return meaning{}, false
	}
	r, values, ok := diagnose(text, activity{}, false)
	if !ok || r.id != "agent-disk-full" {
		return meaning{}, false
	}
	return e.told(r, values, activity{effect: Function}, text), true
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
