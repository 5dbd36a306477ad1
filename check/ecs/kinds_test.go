package ecs

import (
	"slices"
	"testing"

	"muster/check"
	"muster/internal/host/ecsagent"
)

// The causes in the ECS agent's log come with their IDs from a lower package. Each must have a kind here that checks
// can refer to.
func TestEveryCauseInTheLogHasAKind(t *testing.T) {
	got, want := check.IDs(logKinds()), ecsagent.Causes()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the kinds are %q, the causes %q", got, want)
	}
}
