package agentstate

import (
	"fmt"
	"strings"
	"time"

	"muster/internal/base/plural"
)

// Verdict is the overall state as one word.
type Verdict string

// Verdicts. A problem outranks an unknown state, which outranks a warning.
const (
	Healthy Verdict = "healthy"
	Warned  Verdict = "warning"
	Unknown Verdict = "unknown"
	Failed  Verdict = "problem"
)

// Verdict returns unknown if the agent has missed its cycles, or does not know yet whether the instance is registered.
func (s State) Verdict(now time.Time) Verdict {
	if s.Stale(now) {
		return Unknown
	}
	verdict := Healthy
	for _, p := range s.Problems(now) {
		if !p.Warning {
			return Failed
		}
		verdict = Warned
	}
	if s.unsettled() {
		return Unknown
	}
	return verdict
}

// problemRecent is how long status still shows a problem that is over, on a healthy instance.
const problemRecent = time.Hour

// unsettled reports whether the registration is unknown although the instance is not leaving.
func (s State) unsettled() bool { return s.Registration.State == "unknown" && s.Leaving == "" }

// UnknownReason returns why the verdict is unknown, and the evidence. Both are empty if the verdict is not unknown.
func (s State) UnknownReason(now time.Time) (text, why string) {
	switch {
	case s.Stale(now):
		return "muster-agent has not reported for " + age(now, s.Written),
			fmt.Sprintf("it last wrote its state at %s, as process %d", s.Written.UTC().Format(time.RFC3339), s.PID)
	case s.unsettled():
		return "could not check whether this instance is registered", s.Registration.reason()
	}
	return "", ""
}

// Summary returns what is healthy, and since when: "registered in cluster prod for 3h00m, 12 containers running, last
// metrics sent 21s ago".
func (s State) Summary(now time.Time) string {
	var parts []string
	switch r := s.Registration; {
	case s.Leaving != "":
		parts = append(parts, "leaving as planned ("+s.Leaving+")")
	case r.Cluster == "":
		parts = append(parts, "registered for "+age(now, r.Since))
	default:
		parts = append(parts, "registered in cluster "+r.Cluster+" for "+age(now, r.Since))
	}
	if r := s.Registration; r.Silent != "" && !r.Answered.IsZero() {
		parts = append(parts, "but the ECS agent has not responded for "+age(now, r.Answered))
	}
	parts = append(parts, plural.Count(s.Docker.Running, "container")+" running")
	if p := s.Publishing; p.Namespace != "" && !p.LastSent.IsZero() {
		parts = append(parts, "last metrics sent "+age(now, p.LastSent)+" ago")
	}
	if p := s.LastProblem; p != nil && now.Sub(p.At) < problemRecent {
		parts = append(parts, "last problem "+age(now, p.At)+" ago: "+p.Kind+" of "+p.Text)
	}
	return strings.Join(parts, ", ")
}
