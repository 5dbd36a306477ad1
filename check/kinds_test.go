package check

import (
	"slices"
	"testing"

	"muster/agent/agentstate"
	"muster/internal/host/ecsagent"
)

// Ids that come from below the checks have a kind each, to which the checks refer.
func TestEveryIDFromBelowHasAKind(t *testing.T) {
	for name, c := range map[string]struct {
		kinds []*Kind
		below []string
	}{
		"causes in the ECS agent's log": {logKinds(), ecsagent.Causes()},
		"problems of muster-agent":      {agentKinds(), agentstate.IDs()},
	} {
		if got := IDs(c.kinds); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(c.below))) {
			t.Errorf("%s: the kinds are %q, the ids %q", name, got, c.below)
		}
	}
}
