package health

import (
	"context"
	"errors"
	"strings"
	"time"

	"muster/agent/agentstate"
	"muster/check"
	"muster/internal/base/fix"
)

const agentUnit = "muster-agent.service"

func (g Group) musterAgent(ctx context.Context) []check.Finding {
	restart := fix.Do("Find out why, then restart muster-agent:", "sudo journalctl -u muster-agent -n 20 --no-pager",
		"sudo systemctl restart muster-agent")
	s, err := agentstate.Read(g.Config.Path(g.Config.AgentState))
	now := time.Now()
	switch {
	case errors.Is(err, agentstate.ErrNoAgent) && !g.Systemd.Knows(ctx, agentUnit):
		return check.Skipped(agentUnit + " is not installed")
	case errors.Is(err, agentstate.ErrNoAgent):
		return []check.Finding{{Kind: MusterStale, Status: check.Warn, Summary: agentstate.ErrNoAgent.Error(),
			Evidence: []string{strings.TrimPrefix(err.Error(), agentstate.ErrNoAgent.Error()+": ")}, Fix: restart}}
	case err != nil:
		return check.Undetermined(err, fix.Do("Run muster as root: the file belongs to muster-agent."))
	case s.Stale(now):
		return []check.Finding{{Kind: MusterStale, Status: check.Warn,
			Summary: "muster-agent has not written its state since " + s.Written.UTC().Format(time.RFC3339), Fix: restart}}
	}
	var found []check.Finding
	for _, p := range s.Problems(now) {
		status := check.Fail
		if p.Warning {
			status = check.Warn
		}
		f := check.Finding{Kind: check.KindOf(agentKinds(), p.ID), Status: status, Summary: p.Text, Evidence: p.Why, Fix: p.Fix,
			SymptomOf: g.explainedBy(p)}
		if p.About != "" {
			f.About = []string{p.About}
		}
		found = append(found, f)
	}
	if found == nil {
		return check.Passed("muster-agent reports no problem")
	}
	return found
}

// explainedBy returns the checks and findings that observe directly what the agent reports.
func (g Group) explainedBy(p agentstate.Problem) []*check.Kind {
	switch check.KindOf(agentKinds(), p.ID) {
	case MusterRegistration, MusterECSSilent:
		return g.Others.Registration
	case MusterDocker:
		return []*check.Kind{g.Others.DockerCheck}
	case MusterImpaired:
		if strings.Contains(strings.Join(p.Why, " "), "CONTAINER_RUNTIME") {
			return []*check.Kind{g.Others.DockerCheck}
		}
	case MusterUnhealthy:
		return []*check.Kind{ContainerUnhealthy}
	case MusterCrashLoop:
		return []*check.Kind{ContainerRestarting, ContainerOOMKilled}
	}
	return nil
}
