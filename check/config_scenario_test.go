package check_test

import (
	"os"
	"testing"

	"muster/internal/sandbox"
)

// configures arranges an instance with this ecs.config.
func configures(text string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { w.write(t, "/etc/ecs/ecs.config", text) }
}

// forgets arranges an instance with this ecs.config, where no other source names the cluster.
func forgets(text string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		w.Config.Cluster = ""
		w.write(t, "/etc/ecs/ecs.config", text)
	}
}

// remembers arranges an instance with this agent.db.
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
		{"a later line names another cluster", configures("ECS_CLUSTER=prod\n# from the image\nECS_CLUSTER=default\n"),
			[]string{"ecs-config-misread"}},
		{"carriage returns do no harm", configures("ECS_CLUSTER=prod\r\nECS_LOGLEVEL=info\r\n"), nil},
		{"a quote where it only spoils a setting", configures("ECS_CLUSTER=prod\nECS_LOGLEVEL=\"debug\"\n"), nil},
		{"a blank that the agent trims", func(t *testing.T, w *world) {
			w.plan.Cluster = "prod" // the sandbox's agent does not trim the value
			w.write(t, "/etc/ecs/ecs.config", "ECS_CLUSTER= prod\n")
		}, nil},
		{"the cluster is named in the image's file", func(t *testing.T, w *world) {
			w.Config.Cluster = ""
			w.write(t, "/etc/ecs/ecs.config", "")
			w.write(t, "/var/lib/ecs/ecs.config", "ECS_CLUSTER=prod\n")
		}, nil},
		{"the cluster is named in ecs.config.json", func(t *testing.T, w *world) {
			w.Config.Cluster = ""
			w.write(t, "/etc/ecs/ecs.config", "")
			w.write(t, "/etc/ecs/ecs.config.json", `{"Cluster":"prod"}`)
			w.docker.agent.Env = []string{"ECS_DATADIR=/data"}
			w.plan.Cluster = "prod"
		}, nil},
		{"ecs.config.json is no JSON", func(t *testing.T, w *world) {
			w.gone(t, "critical", "Error reading cfg json data, err unexpected EOF")
			w.write(t, "/etc/ecs/ecs.config.json", `{"Cluster":`)
		}, []string{"ecs-config-invalid"}},
		{"a key near ECS_CLUSTER", configures("ECS_CLUSTERNAME=prod\n"), []string{"ecs-config-unknown-key"}},
		{"a key in another case", configures("ECS_Cluster=prod\n"), []string{"ecs-config-unknown-key"}},
		{"an unknown key that does no harm", configures("ECS_CLUSTER=prod\nECS_RESERVED_MEM=1\n"), nil},
		{"UTF-16", configures("\xff\xfeE\x00C\x00S\x00_\x00X\x00=\x001\x00\n\x00"), []string{"ecs-config-unreadable"}},
		{"a directory", func(t *testing.T, w *world) {
			w.gone(t, "info", "Starting")
			if err := os.Remove(w.Config.Path("/etc/ecs/ecs.config")); err != nil {
				t.Fatal(err)
			}
			w.write(t, "/etc/ecs/ecs.config/x", "")
		}, []string{"ecs-config-unreadable"}},
		{"quotes that end the agent", func(t *testing.T, w *world) {
			w.gone(t, "error", "Invalid format for ECS_INSTANCE_ATTRIBUTES. Expected a json hash: invalid character")
			w.write(t, "/etc/ecs/ecs.config", "ECS_CLUSTER=prod\nECS_INSTANCE_ATTRIBUTES='{\"a\":\"b\"}'\n")
		}, []string{"ecs-config-invalid"}},
		{"an unknown logging driver", func(t *testing.T, w *world) {
			w.gone(t, "critical", "Error loading config: Invalid logging drivers: bogus")
			w.write(t, "/etc/ecs/ecs.config", "ECS_CLUSTER=prod\nECS_AVAILABLE_LOGGING_DRIVERS=[\"bogus\"]\n")
		}, []string{"ecs-config-invalid"}},
		{"a line without a name", func(t *testing.T, w *world) {
			w.gone(t, "error", "could not start Agent: API error (400): invalid environment variable: =foo")
			w.write(t, "/etc/ecs/ecs.config", "ECS_CLUSTER=prod\n=foo\n")
		}, []string{"ecs-config-invalid"}},
		{"the proxy's exceptions are quoted", func(t *testing.T, w *world) {
			w.gone(t, "error", "Error getting valid credentials: NoCredentialProviders: no valid providers in chain")
			w.net.addrs["proxy"] = "10.0.0.8"
			w.write(t, "/etc/ecs/ecs.config",
				"ECS_CLUSTER=prod\nHTTP_PROXY=proxy.corp:3128\nNO_PROXY=\"169.254.169.254,169.254.170.2,/var/run/docker.sock\"\n")
		}, []string{"ecs-config-misread"}},
		{"a backend of a test", func(t *testing.T, w *world) {
			w.gone(t, "info", "Starting")
			w.write(t, "/etc/ecs/ecs.config", "ECS_CLUSTER=prod\nECS_BACKEND_HOST=https://10.0.9.77:8443\n")
		}, []string{"backend-host-set"}},
		{"a backend that works", configures("ECS_CLUSTER=prod\nECS_BACKEND_HOST=https://10.0.9.77:8443\n"), nil},
		{"the endpoint of this region", configures("ECS_CLUSTER=prod\nECS_BACKEND_HOST=ecs.eu-central-1.amazonaws.com\n"), nil},
		{"a Docker of a test", func(t *testing.T, w *world) {
			w.gone(t, "info", "Starting")
			w.write(t, "/etc/ecs/ecs.config", "ECS_CLUSTER=prod\nDOCKER_HOST=tcp://127.0.0.1:2375\n")
		}, []string{"docker-host-set"}},
		{"the ARN of another region", forgets("ECS_CLUSTER=arn:aws:ecs:us-east-1:123456789012:cluster/prod\n"), []string{"wrong-region"}},
		{"the ARN of another account", forgets("ECS_CLUSTER=arn:aws:ecs:eu-central-1:210987654321:cluster/prod\n"), []string{"wrong-account"}},
		{"the file was corrected, and the agent not restarted", func(t *testing.T, w *world) {
			w.docker.agent.Env = []string{"ECS_DATADIR=/data"}
			w.plan.Cluster = "default"
		}, []string{"ecs-config-not-applied"}},
		{"agent.db holds the name, and ecs.config the ARN", func(t *testing.T, w *world) {
			configures("ECS_CLUSTER=arn:aws:ecs:eu-central-1:123456789012:cluster/prod\n")(t, w)
			remembers(sandbox.Checkpoint{Cluster: "prod", InstanceID: self, ARN: oldCI})(t, w)
		}, []string{"saved-cluster-mismatch"}},
		{"agent.db is empty", func(t *testing.T, w *world) { w.write(t, "/var/lib/ecs/data/agent.db", "") }, nil},
		{"another cluster is configured", configures("ECS_CLUSTER=default\n"), []string{"other-cluster-configured"}},
		{"no cluster is configured", configures("ECS_LOGLEVEL=info\n"), []string{"cluster-unset"}},
		{"the cluster is left empty", configures("ECS_CLUSTER=\n"), []string{"cluster-unset"}},
		{"nobody names a cluster", forgets("ECS_LOGLEVEL=info\n"), nil},
		{"the cluster by its ARN", configures("ECS_CLUSTER=arn:aws:ecs:eu-central-1:123456789012:cluster/prod\n"), nil},
		{"attributes are no JSON", configures("ECS_CLUSTER=prod\nECS_INSTANCE_ATTRIBUTES={stack: blue}\n"), []string{"ecs-config-invalid"}},
		{"the region is another", configures("ECS_CLUSTER=prod\nAWS_DEFAULT_REGION=us-east-1\n"), []string{"wrong-region"}},
		{"more memory is reserved than there is", func(t *testing.T, w *world) {
			w.write(t, "/etc/ecs/ecs.config", "ECS_CLUSTER=prod\nECS_RESERVED_MEMORY=16384\n")
			w.gone(t, "error",
				"Error registering container instance: api register-container-instance: reserved memory is higher than available memory on the "+
					"host, total memory: 7812, reserved: 16384")
		}, []string{"reserved-memory-above-ram"}},
		{"agent.db holds another cluster for this instance", remembers(sandbox.Checkpoint{Cluster: "default", InstanceID: self, ARN: oldCI}),
			[]string{"saved-cluster-mismatch"}},
		{"agent.db holds a container instance that was deregistered",
			remembers(sandbox.Checkpoint{Cluster: "prod", InstanceID: self, ARN: oldCI}), []string{"agent-deregistered"}},
		{"agent.db is another instance's", remembers(sandbox.Checkpoint{Cluster: "default", InstanceID: "i-0fedcba9876543210", ARN: oldCI}), nil},
		{"agent.db is damaged", func(t *testing.T, w *world) {
			w.gone(t, "critical", "Error creating data client: invalid database")
			w.write(t, "/var/lib/ecs/data/agent.db", "no database")
		}, []string{"checkpoint-damaged"}},
	}
}
