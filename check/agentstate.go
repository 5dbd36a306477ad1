package check

import (
	"context"
	"errors"
	"strings"
	"time"

	"muster/agent/agentstate"
	"muster/internal/base/fix"
	"muster/internal/host/units"
)

// agentChecks cover what muster-agent reports.
func (w World) agentChecks() []Check {
	return []Check{{
		Kind: MusterAgentCheck, Group: Health, Title: "muster-agent runs and reports no problem",
		Findings: append(agentKinds(), MusterStale), Run: w.musterAgent,
	}}
}

const agentUnit = "muster-agent.service"

func (w World) musterAgent(ctx context.Context) []Finding {
	restart := fix.Do("Find out why, then restart muster-agent:", "sudo journalctl -u muster-agent -n 20 --no-pager", "sudo systemctl restart muster-agent")
	s, err := agentstate.Read(w.Config.Path(w.Config.AgentState))
	now := time.Now()
	switch {
	case errors.Is(err, agentstate.ErrNoAgent) && !w.has(ctx, agentUnit):
		return Skipped(agentUnit + " is not installed")
	case errors.Is(err, agentstate.ErrNoAgent):
		return []Finding{{Kind: MusterStale, Status: Warn, Summary: agentstate.ErrNoAgent.Error(), Evidence: []string{strings.TrimPrefix(err.Error(), agentstate.ErrNoAgent.Error()+": ")}, Fix: restart}}
	case err != nil:
		return CouldNotLook(err, fix.Do("Run muster as root: the file belongs to muster-agent."))
	case s.Stale(now):
		return []Finding{{Kind: MusterStale, Status: Warn, Summary: "muster-agent has not written its state since " + s.Written.UTC().Format(time.RFC3339), Fix: restart}}
	}
	var found []Finding
	for _, p := range s.Problems(now) {
		status := Fail
		if p.Warning {
			status = Warn
		}
		f := Finding{Kind: KindOf(agentKinds(), p.ID), Status: status, Summary: p.Text, Evidence: p.Why, Fix: p.Fix, SymptomOf: seenToo(p)}
		if p.About != "" {
			f.About = []string{p.About}
		}
		found = append(found, f)
	}
	if found == nil {
		return Passed("muster-agent reports no problem")
	}
	return found
}

// has says that systemd knows the unit.
func (w World) has(ctx context.Context, unit string) bool {
	if w.Units == nil {
		return false
	}
	s, err := w.Units.Show(ctx, unit)
	return err == nil && s.LoadState != units.NotFound
}

// seenToo are the checks that see for themselves what the agent reports; of a
// container, the findings about that one alone.
func seenToo(p agentstate.Problem) []*Kind {
	switch KindOf(agentKinds(), p.ID) {
	case MusterRegistration:
		return append(beneath(), RegisteredCheck, ContainerInstanceCheck)
	case MusterDocker:
		return []*Kind{DockerCheck}
	case MusterUnhealthy:
		return []*Kind{ContainerUnhealthy}
	case MusterCrashLoop:
		return []*Kind{ContainerRestarting, ContainerOOMKilled}
	}
	return nil
}
