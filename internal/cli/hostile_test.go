package cli

import (
	"fmt"
	"strings"
	"testing"

	"muster/agent/agentstate"
	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
)

// Names chosen by others must reach CloudWatch and EventBridge within their limits, which the sandbox enforces. Each
// series must appear once, and the journal must have a line for each.
func TestHostileNamesReachAWSWithinItsLimits(t *testing.T) {
	t.Parallel()
	r := runAgent(t, "", "--dimensions", "container,instance", "--event-bus", "ops")
	names := []string{
		strings.Repeat("x", 300),
		strings.Repeat("x", 301),
		"NaN",
		"Σ\u202e\x00☃",
		"a\nmuster: event forged kind=oom",
		":colon",
		"\xff",
		" ",
	}
	for i, name := range append(names, "") {
		r.engine.Health(r.engine.Run(dockerd.Spec{Name: name, Check: true, Labels: map[string]string{
			"com.amazonaws.ecs.cluster":                "prod",
			"com.amazonaws.ecs.task-arn":               fmt.Sprint("arn:aws:ecs:eu-central-1:123456789012:task/prod/", i+2),
			"com.amazonaws.ecs.container-name":         name,
			"com.amazonaws.ecs.task-definition-family": name,
		}}), "unhealthy")
	}
	r.sees("the services of all", func(is agentstate.State) bool {
		return is.Docker.Unhealthy == len(names)+1 && len(is.Services) == len(names)+2 // the state lists at most this many
	})
	r.ends()
	assertOnce(t, r.Metrics())
	services, containers := map[string]bool{}, map[string]bool{}
	for _, d := range r.Metrics() {
		switch {
		case d.Name != "UnhealthyContainers" || d.Value != 1:
		case d.Dimensions["ContainerName"] != "":
			containers[fmt.Sprint(d.Dimensions)] = true
		case d.Dimensions["ServiceName"] != "":
			services[fmt.Sprint(d.Dimensions)] = true
		}
	}
	if len(services) != len(names) || len(containers) != len(names) { // a container without a family has no service
		t.Errorf("%d services and %d containers are unhealthy, not %d: %s", len(services), len(containers), len(names), r.journal.String())
	}
	if n := len(r.Events()); n != len(names)+1 {
		t.Errorf("%d events", n)
	}
	for line := range strings.Lines(r.journal.String()) {
		if !strings.HasPrefix(line, "muster: ") || strings.HasPrefix(line, "muster: event forged") || strings.Contains(line, "left out") {
			t.Errorf("the journal has a line %q", line)
		}
	}
}

// assertOnce checks that no data point comes twice.
func assertOnce(t *testing.T, all []sandbox.Datum) {
	t.Helper()
	seen := map[string]bool{}
	for _, d := range all {
		key := fmt.Sprint(d.Name, d.Dimensions, d.Timestamp.Unix()) // fmt prints maps in sorted order
		if seen[key] {
			t.Errorf("%s comes twice", key)
		}
		seen[key] = true
	}
}
