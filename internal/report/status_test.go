package report_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"muster/agent/agentstate"
	"muster/internal/report"
	"muster/internal/term"
	"muster/test/golden"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

// agentStates returns states that muster-agent can write, with the verdict that each must get.
func agentStates() map[string]agentstate.State {
	make := func(edit func(*agentstate.State)) agentstate.State {
		yes := true
		s := agentstate.State{
			Schema: 1, Version: "1.2.3", PID: 812, InstanceID: "i-0123456789abcdef0", Started: ago(3*time.Hour + 12*time.Minute),
			Written: ago(12 * time.Second), Period: 60,
			Registration: agentstate.Registration{State: "registered", Since: ago(3 * time.Hour), Cluster: "prod", Connected: &yes,
				Status: "ACTIVE", Asked: ago(6 * time.Minute)},
			Docker:     agentstate.Docker{Reachable: true, Since: ago(3 * time.Hour), Running: 12, Healthy: 10},
			Publishing: agentstate.Publishing{Namespace: "Muster", Sent: 4032, LastSent: ago(21 * time.Second)},
		}
		edit(&s)
		return s
	}
	return map[string]agentstate.State{
		"healthy": make(func(*agentstate.State) {}),
		"warning": make(func(s *agentstate.State) {
			s.Publishing.LastSent, s.Publishing.Overdue = ago(12*time.Minute), ago(11*time.Minute)
			s.Publishing.Why, s.Publishing.Cause = "AccessDenied: cloudwatch:PutMetricData", "denied"
			s.Publishing.Waiting, s.Publishing.Bytes = 11, 41_000
		}),
		"problem": make(func(s *agentstate.State) {
			s.Registration.State, s.Registration.Since, s.Registration.Why = "disconnected", ago(40*time.Minute),
				"the ECS agent is not connected to ECS"
			s.Docker.Healthy, s.Docker.Unhealthy = 9, 1
			s.Unhealthy = []agentstate.Container{{Name: "web/app", ID: "3f2a1b", Why: "its health check fails"}}
			s.Publishing.Dropped = 7
		}),
		"unknown": make(func(s *agentstate.State) { s.Registration = agentstate.Registration{State: "unknown"} }),
		"silent": make(func(s *agentstate.State) {
			s.Registration.Answered, s.Registration.Silent = ago(2*time.Minute), "connection refused"
		}),
		"gate": make(func(s *agentstate.State) {
			s.Gate = &agentstate.Gate{Attribute: "muster.ports", Value: "open", Since: ago(3 * time.Hour), Ports: "open",
				Checked: ago(12 * time.Minute)}
		}),
		"gate-failed": make(func(s *agentstate.State) {
			s.Gate = &agentstate.Gate{Attribute: "muster.ports", Value: "open", Since: ago(3 * time.Hour), Ports: "closed",
				Checked: ago(12 * time.Minute),
				Why:     "ecs:PutAttributes is not allowed"}
		}),
		"stale": make(func(s *agentstate.State) {
			s.Written, s.Unhealthy = ago(2*time.Hour), []agentstate.Container{{Name: "web/app"}}
		}),
	}
}

func TestTheStatusBeginsWithItsVerdict(t *testing.T) {
	for name, want := range map[string]struct {
		line    string
		verdict agentstate.Verdict
	}{
		"healthy":     {"Healthy: registered in cluster prod for 3h00m, 12 containers running, last metrics sent 21s ago", agentstate.Healthy},
		"warning":     {"Warning: CloudWatch has accepted no metrics for 11m", agentstate.Warned},
		"problem":     {"Problem: this instance has been disconnected from ECS for 40m", agentstate.Failed},
		"unknown":     {"Unknown: could not check whether this instance is registered", agentstate.Unknown},
		"silent":      {"Problem: the ECS agent has not responded for 2m", agentstate.Failed},
		"gate":        {"Healthy: registered in cluster prod for 3h00m, 12 containers running, last metrics sent 21s ago", agentstate.Healthy},
		"gate-failed": {"Warning: attribute muster.ports of this container instance was not set to closed", agentstate.Warned},
		"stale":       {"Unknown: muster-agent has not reported for 2h00m", agentstate.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			s := agentStates()[name]
			out := shown(t, func(w io.Writer) error { return report.Status(w, term.Style{}, s, noon) })
			first, _, _ := strings.Cut(string(out), "\n")
			if first != want.line || s.Verdict(noon) != want.verdict {
				t.Errorf("%s: %s", s.Verdict(noon), first)
			}
			var table bytes.Buffer
			if err := s.Table(&table, pipe, noon); err != nil || !strings.HasSuffix(string(out), "\n\n"+table.String()) {
				t.Errorf("it does not end with the table (%v): %s", err, out)
			}
			golden.File(t, "status-"+name+".txt", out)
		})
	}
}
