package containers_test

import (
	"testing"

	"muster/agent/containers"
)

func TestTaskHealth(t *testing.T) {
	const none, starting, healthy, unhealthy, unknown = containers.NoCheck, containers.Starting, containers.Healthy, containers.Unhealthy, containers.Unknown
	for _, c := range []struct {
		want       containers.Health
		containers []containers.Health
	}{
		{unknown, nil},
		{unknown, []containers.Health{none, none}},
		{healthy, []containers.Health{none, healthy}},
		{healthy, []containers.Health{healthy, none}},
		{unknown, []containers.Health{healthy, starting}},
		{unknown, []containers.Health{starting, healthy}},
		{unhealthy, []containers.Health{starting, unhealthy}},
		{unhealthy, []containers.Health{unhealthy, healthy, none}},
	} {
		if got := containers.TaskHealth(c.containers); got != c.want {
			t.Errorf("%v: got %s, want %s", c.containers, got, c.want)
		}
	}
}
