package containers_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"muster/agent/containers"
)

// seenAs are the states of a container that ECS calls by this name.
var seenAs = map[string][]containers.Health{
	"HEALTHY": {containers.Healthy}, "UNHEALTHY": {containers.Unhealthy}, "UNKNOWN": {containers.Starting, containers.NoCheck},
}

// The examples are those of the ECS API reference (HealthCheck), which docs/reference/metrics.md repeats.
func TestTheHealthOfATaskFollowsTheExamplesOfAWS(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (HEALTHY|UNHEALTHY|UNKNOWN) \| (\w+) \| (\w*) ?\| (\w+) \|$`).FindAllStringSubmatch(string(text), -1)
	if len(rows) != 10 {
		t.Fatalf("%d examples", len(rows))
	}
	for _, row := range rows {
		all := [][]containers.Health{nil}
		for _, name := range row[1:4] {
			if name == "" {
				continue
			}
			var longer [][]containers.Health
			for _, begin := range all {
				for _, h := range seenAs[name] {
					longer = append(longer, append(append([]containers.Health{}, begin...), h))
				}
			}
			all = longer
		}
		for _, of := range all {
			if got := containers.TaskHealth(of); strings.ToUpper(string(got)) != row[4] {
				t.Errorf("%v is %s, and AWS says %s", of, got, row[4])
			}
		}
	}
}

func TestATaskWithoutContainersIsUnknown(t *testing.T) {
	if got := containers.TaskHealth(nil); got != containers.Unknown {
		t.Errorf("got %s", got)
	}
}
