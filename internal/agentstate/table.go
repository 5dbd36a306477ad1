package agentstate

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"muster/internal/term"
)

// Table writes the state in ten lines, for a person.
func (s State) Table(out io.Writer, now time.Time) error {
	running := fmt.Sprintf("pid %d, version %s, for %s; last cycle %s ago", s.PID, s.Version, age(now, s.Started), age(now, s.Written))
	if s.Stale(now) {
		running = "NOT RUNNING: " + running
	}
	var b strings.Builder
	for _, line := range [][2]string{
		{"agent", running},
		{"instance", cmp.Or(s.InstanceID, "not known") + s.going()},
		{"registered", s.Registration.line(now)},
		{"docker", s.Docker.line(now)},
		{"unhealthy", listed(s.Unhealthy, s.Docker.Unhealthy)},
		{"crash loops", listed(s.CrashLoops, len(s.CrashLoops))},
		{"cloudwatch", s.Publishing.line(now) + s.Publishing.warning(now)},
		{"events", s.Events.line()},
		{"itself", s.cost(now)},
		{"last event", s.last()},
	} {
		fmt.Fprintf(&b, "%-12s %s\n", line[0], term.OneLine(line[1]))
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

func (r Registration) line(now time.Time) string {
	text := "yes, in cluster " + r.Cluster
	if r.State != "registered" {
		text = strings.ToUpper(r.State) + ": " + cmp.Or(r.Why, "the ECS agent has not answered yet")
	}
	text += " (for " + age(now, r.Since)
	switch {
	case r.Trouble != "":
		return text + "; ECS cannot be asked)"
	case r.Connected == nil:
		return text + "; ECS was not asked yet)"
	case *r.Connected:
		return text + "; ECS said " + age(now, r.Asked) + " ago: connected, " + r.Status + ")"
	}
	return text + "; ECS said " + age(now, r.Asked) + " ago: NOT connected, " + r.Status + ")"
}

func (d Docker) line(now time.Time) string {
	if !d.Reachable {
		return "NOT REACHABLE for " + age(now, d.Since) + ": " + d.Why
	}
	return fmt.Sprintf("%d containers run: %d healthy, %d unhealthy, %d starting, %d without a check",
		d.Running, d.Healthy, d.Unhealthy, d.Starting, d.Running-d.Healthy-d.Unhealthy-d.Starting)
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
		return "nothing is published"
	}
	text := fmt.Sprintf("namespace %s, %d data sent", p.Namespace, p.Sent)
	if !p.LastSent.IsZero() {
		text += ", the last " + age(now, p.LastSent) + " ago"
	}
	if !p.Failing.IsZero() {
		text += ", FAILING for " + age(now, p.Failing)
	}
	return text + fmt.Sprintf("; %d minutes wait (%.1f MB), %d data dropped", p.Waiting, float64(p.Bytes)/1e6, p.Dropped)
}

func (e Events) line() string {
	if e.Bus == "" {
		return "to the journal alone"
	}
	return fmt.Sprintf("to the journal and bus %s: %d sent, %d dropped", e.Bus, e.Sent, e.Dropped)
}

func (s State) cost(now time.Time) string {
	lived := max(now.Sub(s.Started), time.Second)
	return fmt.Sprintf("%.1f MB of memory, %.1f ms of CPU a second, %d AWS calls",
		float64(s.Self.RSS)/1e6, float64(s.Self.CPU)/float64(time.Millisecond)/lived.Seconds(), s.Self.Calls)
}

func (s State) last() string {
	if len(s.Recent) == 0 {
		return "none"
	}
	e := s.Recent[0]
	return e.At.UTC().Format("2006-01-02 15:04:05Z ") + e.Kind + ": " + e.Text
}
