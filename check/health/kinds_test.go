package health

import (
	"slices"
	"testing"

	"muster/agent/agentstate"
	"muster/check"
)

// The problems of muster-agent come with their IDs from a lower package. Each must have a kind here that checks can
// refer to.
func TestEveryProblemOfTheAgentHasAKind(t *testing.T) {
	got, want := check.IDs(agentKinds()), agentstate.IDs()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the kinds are %q, the problems %q", got, want)
	}
}
