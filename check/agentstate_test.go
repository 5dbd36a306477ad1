package check_test

import (
	"testing"
	"time"

	"muster/agent/agentstate"
	"muster/check"
	"muster/internal/host/dockerapi"
	"muster/internal/host/units"
)

// agentTells writes a state file with the current time.
func agentTells(t *testing.T, w *world, edit func(*agentstate.State)) {
	t.Helper()
	s := agentstate.State{Started: time.Now().Add(-time.Hour), Written: time.Now(), Period: 60,
		Registration: agentstate.Registration{State: "registered"}, Docker: agentstate.Docker{Reachable: true}}
	edit(&s)
	path := w.Config.Path(w.Config.AgentState)
	w.write(t, w.Config.AgentState, "")
	if err := s.Write(path); err != nil {
		t.Fatal(err)
	}
}

// agentStateScenarios returns scenarios for muster-agent's state. What only the agent can observe is a cause. What a
// check also observes is not a second cause.
func agentStateScenarios() []scenario {
	lost := func(s *agentstate.State) {
		s.Docker = agentstate.Docker{Since: time.Now().Add(-time.Hour), Why: "connection refused"}
	}
	impaired := func(s *agentstate.State) {
		s.Registration.Health, s.Registration.HealthDetail = "IMPAIRED", "CONTAINER_RUNTIME is IMPAIRED"
	}
	return []scenario{
		{"a crash loop that only the agent has followed", func(t *testing.T, w *world) {
			agentTells(t, w, func(s *agentstate.State) {
				s.CrashLoops = []agentstate.Container{{Name: "web/app", Why: "4 times in 10 minutes"}}
			})
		}, []string{"muster-crash-loop"}},
		{"Docker is down, and the agent says so", func(t *testing.T, w *world) {
			agentTells(t, w, lost)
			w.docker.ping = dockerapi.ErrNotRunning
		}, []string{"docker-not-running"}},
		{"ECS reports the instance as impaired, and Docker answers", func(t *testing.T, w *world) {
			agentTells(t, w, impaired)
		}, []string{"muster-impaired"}},
		{"ECS reports the instance as impaired, because Docker is down", func(t *testing.T, w *world) {
			agentTells(t, w, func(s *agentstate.State) { lost(s); impaired(s) })
			w.docker.ping = dockerapi.ErrNotRunning
		}, []string{"docker-not-running"}},
		{"Docker is down, and ECS reports another part of the instance as impaired", func(t *testing.T, w *world) {
			agentTells(t, w, func(s *agentstate.State) {
				lost(s)
				impaired(s)
				s.Registration.HealthDetail = "ACCELERATED_COMPUTE is IMPAIRED"
			})
			w.docker.ping = dockerapi.ErrNotRunning
		}, []string{"docker-not-running", "muster-impaired"}},
		{"an orphan, which the agent alone can find", func(t *testing.T, w *world) {
			agentTells(t, w, func(s *agentstate.State) {
				s.Orphans = []agentstate.Container{{Name: "web/app", Why: "Docker runs it, and the ECS agent does not report it"}}
			})
		}, []string{"muster-orphan"}},
	}
}

func TestTheAgentsFile(t *testing.T) {
	installed := func(w *world) {
		w.systemd["muster-agent.service"] = units.State{LoadState: "loaded", ActiveState: "failed"}
	}
	for name, c := range map[string]struct {
		arrange func(*testing.T, *world)
		want    check.Status
	}{
		"not installed":         {func(*testing.T, *world) {}, check.Skip},
		"installed, and silent": {func(_ *testing.T, w *world) { installed(w) }, check.Warn},
		"well":                  {func(t *testing.T, w *world) { agentTells(t, w, func(*agentstate.State) {}) }, check.Pass},
		"stopped an hour ago": {func(t *testing.T, w *world) { agentTells(t, w, func(s *agentstate.State) { s.Written = s.Started }) },
			check.Warn},
		"not readable as a file": {func(t *testing.T, w *world) { w.write(t, w.Config.AgentState, "{") }, check.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy(t)
			c.arrange(t, w)
			for _, r := range w.run(t) {
				if r.ID == "muster-agent" && r.Status != c.want {
					t.Errorf("%s: %+v", r.Status, r.Findings)
				}
			}
		})
	}
}
