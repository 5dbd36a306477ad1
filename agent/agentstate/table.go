package agentstate

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"muster/internal/base/plural"
	"muster/internal/term"
)

// labelWidth is the width of the table's labels, and the indent of wrapped lines.
const labelWidth = 13

// Table writes the state in ten lines, and one more about a gate. They are wrapped to the style's width.
func (s State) Table(out io.Writer, style term.Style, now time.Time) error {
	running := fmt.Sprintf("pid %d, version %s, for %s; last cycle %s ago", s.PID, s.Version, age(now, s.Started), age(now, s.cycled()))
	if s.Stale(now) {
		running = "NOT RUNNING: " + running
	}
	var b strings.Builder
	for _, line := range [][2]string{
		{"agent", running},
		{"instance", cmp.Or(s.InstanceID, "unknown") + s.going() + s.waits(now)},
		{"registered", s.Registration.line(now)},
		{"docker", s.Docker.line(now) + s.orphans()},
		{"unhealthy", listed(s.Unhealthy, s.Docker.Unhealthy)},
		{"crash loops", listed(s.CrashLoops, len(s.CrashLoops))},
		{"cloudwatch", s.Publishing.line(now) + s.Publishing.warning(now)},
		{"events", s.Events.line()},
		{"usage", s.cost(now)},
		{"last event", s.last() + s.lastProblem()},
		{"gate", s.Gate.line(now)},
	} {
		if line[1] == "" {
			continue
		}
		b.WriteString(style.Paint(term.Dim, fmt.Sprintf("%-12s ", line[0])) + style.Wrap(labelWidth, style.Text(line[1])) + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (s State) going() string {
	if s.Leaving == "" {
		return ""
	}
	return ", leaving: " + s.Leaving
}

// waits returns what the agent is waiting for.
func (s State) waits(now time.Time) string {
	var all []string
	for _, w := range s.Waiting {
		all = append(all, w.What+" (for "+age(now, w.Since)+")")
	}
	if len(all) == 0 {
		return ""
	}
	return ", WAITING for " + strings.Join(all, ", ")
}

func (r Registration) line(now time.Time) string {
	text := "yes, in cluster " + r.Cluster
	switch {
	case r.State != "registered":
		text = strings.ToUpper(r.State) + ": " + r.reason()
	case r.Silent != "" && !r.Answered.IsZero():
		text = "yes, but the ECS agent has not responded for " + age(now, r.Answered) + ", in cluster " + r.Cluster
	}
	text += " (for " + age(now, r.Since)
	switch {
	case r.Trouble != "":
		return text + "; could not query ECS)"
	case r.Connected == nil:
		return text + "; ECS not queried yet)"
	case *r.Connected:
		return text + "; ECS reported " + age(now, r.Asked) + " ago: connected, " + r.Status + r.impaired() + ")"
	}
	return text + "; ECS reported " + age(now, r.Asked) + " ago: NOT connected, " + r.Status + r.impaired() + ")"
}

func (r Registration) impaired() string {
	if r.Health == "IMPAIRED" {
		return ", IMPAIRED"
	}
	return ""
}

func (r Registration) reason() string {
	return cmp.Or(r.Why, "the ECS agent has not responded yet")
}

func (s State) orphans() string {
	if len(s.Orphans) == 0 {
		return ""
	}
	return fmt.Sprintf("; %d ORPHANED: %s", len(s.Orphans), listed(s.Orphans, len(s.Orphans)))
}

func (d Docker) line(now time.Time) string {
	if d.Limit != "" {
		return "UNKNOWN for " + age(now, d.Since) + ": " + d.Limit
	}
	if !d.Reachable {
		return "NOT REACHABLE for " + age(now, d.Since) + ": " + d.Why
	}
	text := fmt.Sprintf("%d running: %d healthy, %d unhealthy, %d starting, %d without a health check",
		d.Running, d.Healthy, d.Unhealthy, d.Starting, d.Running-d.Healthy-d.Unhealthy-d.Starting)
	if d.Events != nil {
		text += "; NO EVENTS for " + age(now, d.Events.Since)
	}
	return text
}

func listed(all []Container, n int) string {
	var names []string
	for _, c := range all[:min(len(all), 3)] {
		names = append(names, c.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	text := strings.Join(names, ", ")
	if n > len(names) {
		text += fmt.Sprintf(" and %d more", n-len(names))
	}
	return text
}

func (p Publishing) line(now time.Time) string {
	if p.Namespace == "" {
		return "not published"
	}
	text := fmt.Sprintf("namespace %s, %s sent", p.Namespace, plural.Count(p.Sent, "data point"))
	if !p.LastSent.IsZero() {
		text += ", the last " + age(now, p.LastSent) + " ago"
	}
	if !p.Failing.IsZero() {
		text += ", FAILING for " + age(now, p.Failing)
	}
	return text + fmt.Sprintf("; %s queued (%.1f MB), %d dropped", plural.Count(p.Waiting, "minute"), float64(p.Bytes)/1e6, p.Dropped)
}

func (e Events) line() string {
	if e.Bus == "" {
		return "to the journal only"
	}
	return fmt.Sprintf("to the journal and bus %s: %d sent, %d dropped", e.Bus, e.Sent, e.Dropped)
}

func (s State) cost(now time.Time) string {
	lived := max(now.Sub(s.Started), time.Second)
	return fmt.Sprintf("%.1f MB memory, %.1f ms CPU per second, %s",
		float64(s.Self.RSS)/1e6, float64(s.Self.CPU)/float64(time.Millisecond)/lived.Seconds(), plural.Count(s.Self.Calls, "AWS call"))
}

// cycled returns the end of the last cycle. An older agent has no such field and writes the file only at the end of a
// cycle.
func (s State) cycled() time.Time {
	if s.Cycled.IsZero() {
		return s.Written
	}
	return s.Cycled
}

func (s State) last() string {
	if len(s.Recent) == 0 {
		return "none"
	}
	e := s.Recent[0]
	return e.At.UTC().Format("2006-01-02 15:04:05Z ") + e.Kind + ": " + e.Text
}

// lastProblem returns text about the last problem. The table shows it after the last event, if that event is not a
// problem itself.
func (s State) lastProblem() string {
	p := s.LastProblem
	if p == nil || len(s.Recent) > 0 && s.Recent[0] == *p {
		return ""
	}
	return "; last problem " + p.At.UTC().Format("2006-01-02 15:04:05Z ") + p.Kind + ": " + p.Text
}
