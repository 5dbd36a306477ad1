package check_test

import (
	"testing"

	"muster/internal/sandbox"
)

// configures is an instance with that ecs.config.
func configures(text string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { w.write(t, "/etc/ecs/ecs.config", text) }
}

// forgets is one for which nobody but ecs.config names the cluster.
func forgets(text string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		w.Config.Cluster = ""
		w.write(t, "/etc/ecs/ecs.config", text)
	}
}

// remembers is one with that agent.db.
func remembers(saved sandbox.Checkpoint) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		if err := sandbox.WriteCheckpoint(w.Config.Root, saved); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	self  = "i-0123456789abcdef0"
	oldCI = "arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/0aa1"
)

func configScenarios() []scenario {
	return []scenario{
		{"the cluster is quoted", configures("ECS_CLUSTER=\"prod\"\n"), []string{"ecs-config-misread"}},
		{"the cluster is quoted, and nobody else names it", forgets("ECS_CLUSTER='prod'\n"), []string{"ecs-config-misread"}},
		{"the cluster is exported", configures("export ECS_CLUSTER=prod\n"), []string{"ecs-config-misread"}},
		{"a space stands before the equals sign", configures("ECS_CLUSTER =prod\n"), []string{"ecs-config-misread"}},
		{"a later line names another cluster", configures("ECS_CLUSTER=prod\n# from the image\nECS_CLUSTER=default\n"), []string{"ecs-config-misread"}},
		{"carriage returns do no harm", configures("ECS_CLUSTER=prod\r\nECS_LOGLEVEL=info\r\n"), nil},
		{"a quote where it only spoils a setting", configures("ECS_CLUSTER=prod\nECS_LOGLEVEL=\"debug\"\n"), nil},
		{"another cluster is configured", configures("ECS_CLUSTER=default\n"), []string{"other-cluster-configured"}},
		{"no cluster is configured", configures("ECS_LOGLEVEL=info\n"), []string{"cluster-unset"}},
		{"the cluster is left empty", configures("ECS_CLUSTER=\n"), []string{"cluster-unset"}},
		{"nobody names a cluster", forgets("ECS_LOGLEVEL=info\n"), nil},
		{"the cluster by its ARN", configures("ECS_CLUSTER=arn:aws:ecs:eu-central-1:123456789012:cluster/prod\n"), nil},
		{"attributes are no JSON", configures("ECS_CLUSTER=prod\nECS_INSTANCE_ATTRIBUTES={stack: blue}\n"), []string{"ecs-config-invalid"}},
		{"the region is another", configures("ECS_CLUSTER=prod\nAWS_DEFAULT_REGION=us-east-1\n"), []string{"wrong-region"}},
		{"more memory is reserved than there is", func(t *testing.T, w *world) {
			w.write(t, "/etc/ecs/ecs.config", "ECS_CLUSTER=prod\nECS_RESERVED_MEMORY=16384\n")
			w.gone(t, "error", "Error registering container instance: api register-container-instance: reserved memory is higher than available memory on the host, total memory: 7812, reserved: 16384")
		}, []string{"reserved-memory-above-ram"}},
		{"agent.db holds another cluster for this instance", remembers(sandbox.Checkpoint{Cluster: "default", InstanceID: self, ARN: oldCI}), []string{"saved-cluster-mismatch"}},
		{"agent.db holds a container instance that was deregistered", remembers(sandbox.Checkpoint{Cluster: "prod", InstanceID: self, ARN: oldCI}), []string{"agent-deregistered"}},
		{"agent.db is another instance's", remembers(sandbox.Checkpoint{Cluster: "default", InstanceID: "i-0fedcba9876543210", ARN: oldCI}), nil},
		{"agent.db is damaged", func(t *testing.T, w *world) {
			w.gone(t, "critical", "Error creating data client: invalid database")
			w.write(t, "/var/lib/ecs/data/agent.db", "no database")
		}, []string{"checkpoint-damaged"}},
	}
}
