package ecs

import (
	"slices"
	"testing"

	"muster/check"
	"muster/internal/host/ecsagent"
)

// The causes in the ECS agent's log come from below with their ids. Each has a kind
// here, to which the checks refer.
func TestEveryCauseInTheLogHasAKind(t *testing.T) {
	got, want := check.IDs(logKinds()), ecsagent.Causes()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the kinds are %q, the causes %q", got, want)
	}
}
