package check

import (
	"context"
	"errors"
	"slices"
	"time"

	"muster/internal/agentstate"
	"muster/internal/fix"
	"muster/internal/units"
)

// agentChecks look at what muster-agent tells.
func (w World) agentChecks() []Check {
	return []Check{{
		ID: "muster-agent", Group: Health, Title: "muster-agent runs and sees nothing wrong",
		Findings: slices.Concat([]string{"muster-stale"}, agentstate.IDs()), Run: w.musterAgent,
	}}
}

const agentUnit = "muster-agent.service"

func (w World) musterAgent(ctx context.Context) []Finding {
	const start = "systemctl status muster-agent; systemctl restart muster-agent"
	s, err := agentstate.Read(w.Config.Path(w.Config.AgentState))
	now := time.Now()
	switch {
	case errors.Is(err, agentstate.ErrNoAgent) && !w.has(ctx, agentUnit):
		return Skipped("there is no " + agentUnit + " here")
	case errors.Is(err, agentstate.ErrNoAgent):
		return []Finding{{ID: "muster-stale", Status: Warn, Summary: err.Error(), Fix: fix.Do(start)}}
	case err != nil:
		return CouldNotLook(err, fix.Do("ask as root: the file is the agent's own"))
	case s.Stale(now):
		return []Finding{{ID: "muster-stale", Status: Warn, Fix: fix.Do(start),
			Summary: "muster-agent has told nothing since " + s.Written.UTC().Format(time.RFC3339)}}
	}
	var found []Finding
	for _, p := range s.Problems(now) {
		status := Fail
		if p.Warning {
			status = Warn
		}
		found = append(found, Finding{ID: p.ID, Status: status, Summary: p.Text, Fix: p.Fix, SymptomOf: seenToo(p.ID)})
	}
	if found == nil {
		return Passed("muster-agent sees nothing wrong")
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

// seenToo are the checks that see for themselves what the agent tells.
func seenToo(problem string) []string {
	switch problem {
	case "muster-registration":
		return append(beneath(), "registered", "container-instance")
	case "muster-docker":
		return []string{"docker"}
	case "muster-unhealthy", "muster-crash-loop":
		return []string{"containers"}
	}
	return nil
}
