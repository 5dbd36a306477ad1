package health

import (
	"slices"
	"testing"

	"muster/agent/agentstate"
	"muster/check"
)

// The problems of muster-agent come from below with their ids. Each has a kind here, to
// which the checks refer.
func TestEveryProblemOfTheAgentHasAKind(t *testing.T) {
	got, want := check.IDs(agentKinds()), agentstate.IDs()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the kinds are %q, the problems %q", got, want)
	}
}
