package awsapi

import (
	"testing"
	"time"

	"muster/internal/sandbox"
)

// The words are those of the API reference: ContainerInstanceHealthStatus and InstanceHealthCheckResult.
func TestTheHealthOfAContainerInstance(t *testing.T) {
	since := sandbox.Epoch{Time: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}
	for name, c := range map[string]struct {
		health       *sandbox.Health
		want, detail string
	}{
		"ECS tells none": {nil, "", ""},
		"healthy": {&sandbox.Health{OverallStatus: "OK", Details: []sandbox.HealthDetail{
			{Type: "CONTAINER_RUNTIME", Status: "OK", LastStatusChange: since}}}, "OK", ""},
		"not enough is known": {&sandbox.Health{OverallStatus: "INSUFFICIENT_DATA"}, "INSUFFICIENT_DATA", ""},
		"it begins":           {&sandbox.Health{OverallStatus: "INITIALIZING"}, "INITIALIZING", ""},
		"the runtime is impaired": {&sandbox.Health{OverallStatus: "IMPAIRED", Details: []sandbox.HealthDetail{
			{Type: "AGENT_CONNECTIVITY", Status: "OK", LastStatusChange: since},
			{Type: "CONTAINER_RUNTIME", Status: "IMPAIRED", StatusReason: "docker does not respond", LastStatusChange: since}}},
			"IMPAIRED", "CONTAINER_RUNTIME is IMPAIRED since 2026-03-01T10:00:00Z: docker does not respond"},
		"two checks, no reason": {&sandbox.Health{OverallStatus: "IMPAIRED", Details: []sandbox.HealthDetail{
			{Type: "CONTAINER_RUNTIME", Status: "IMPAIRED", LastStatusChange: since},
			{Type: "ACCELERATED_COMPUTE", Status: "INSUFFICIENT_DATA", LastStatusChange: since}}}, "IMPAIRED",
			"CONTAINER_RUNTIME is IMPAIRED since 2026-03-01T10:00:00Z; ACCELERATED_COMPUTE is INSUFFICIENT_DATA since 2026-03-01T10:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, sandbox.Options{Clusters: []string{"prod"}})
			arn := s.AddContainerInstance("prod", sandbox.ContainerInstance{Status: "ACTIVE", AgentConnected: true, Health: c.health})
			got, err := client(t, s.AWSConfig()).ContainerInstance(t.Context(), "prod", arn)
			if err != nil || got.Health != c.want || got.HealthDetail != c.detail {
				t.Errorf("%q, %q, %v", got.Health, got.HealthDetail, err)
			}
		})
	}
}
