package config

// descriptions has a text for each field of Config. The help, the man pages and docs/reference/configuration.md show it.
var descriptions = map[string]string{
	"Cluster": "Name or ARN of the ECS cluster.",
	"ClusterTag": "Tag that names the cluster if no other setting does. It is read from the instance (through IMDS), then from its Auto " +
		"Scaling group.",
	"ECS":             "Other settings for ecs.config: KEY=VALUE, separated by spaces. The flag can be repeated.",
	"ResetStaleState": "Move agent.db aside if it names another cluster for this instance. The ECS agent would refuse to start with it.",
	"Timeout": "How long verify waits for the registration and for --await-service. Signals are retried for the time that is left, and " +
		"for at least 2m (or for the same time again, if it is shorter).",
	"OnFailure": "Action if the instance does not register: report (exit with an error), abandon (also complete the launch hook with " +
		"ABANDON) or unhealthy (also mark the instance unhealthy).",
	"LifecycleHook": "Launch lifecycle hook to keep waiting with heartbeats, and to complete at the end. Empty: no hook is completed.",
	"CFNStack":      "Name or ID of the CloudFormation stack to signal.",
	"CFNResource":   "Logical ID of the resource in that stack that waits for the signal.",
	"CFNAuth": "Authorization of the signal: identity (the instance identity document, no IAM permission) or sigv4 (needs " +
		"cloudformation:SignalResource).",
	"Ports": "Replication ports that peers must reach on each other: profiles and ports, such as ignite2,tcp/9000-9009. Empty: " +
		"verify and agent check no ports, and muster ports checks ignite2.",
	"PortsPolicy": "Effect of a closed port on verify: warn, fail (verify fails) or ignore (ports are not checked).",
	"Balancer":    "Load balancers that must reach the target ports: names, ARNs or private addresses, separated by commas.",
	"TargetPort": "Ports that the load balancer connects to, for traffic and health checks: ports, ranges, or dynamic (any host port " +
		"that is assigned for hostPort 0), separated by commas.",
	"Gate": "Attribute of this container instance to set to open after its replication ports are proved open, and to closed when " +
		"they close, such as muster.ports. A placement constraint can require it. Empty: none is set.",
	"AwaitService": "ECS service to wait for: verify signals success once a task of it is healthy on this instance. Give --timeout " +
		"enough time for the image pull and the health check. Empty: the registration is enough.",
	"PublishVersion": "Set the attribute muster.version of this container instance to the version of the agent, so that muster fleet " +
		"shows it.",
	"Report": "File for the JSON report of verify, readable by root only. Empty: report.json in the instance's directory below the " +
		"state directory.",
	"Console":          "Device for the one-line result of verify, so that get-console-output shows it. Empty: none.",
	"IMDSTimeout":      "How long to wait for the instance metadata service.",
	"IntrospectionURL": "URL of the ECS agent's introspection server.",
	"DockerHost":       "Docker Engine. muster only reads from it.",
	"DockerProxy": "Socket of the read-only Docker proxy, set by muster-agent.service. It is used unless MUSTER_DOCKER_HOST is not the " +
		"default. Empty: the agent connects to the Docker Engine directly.",
	"WatchPeriod": "How often the agent checks the registration.",
	"Namespace":   "CloudWatch namespace of the metrics. Empty: no metrics are published.",
	"Dimensions": "Additional metrics per container, per instance, or both (container,instance). CloudWatch bills each container and " +
		"instance separately (docs/reference/metrics.md).",
	"Textfile":  "File for the textfile collector of Prometheus' node exporter, such as /run/muster-agent/muster.prom. Empty: none.",
	"Inventory": "File for a custom inventory of Systems Manager (Custom:Muster), such as /run/muster-agent/inventory.json. Empty: none.",
	"Metrics": "Additional metrics: limits (MemoryUsed and CPUThrottled of each service), agent (CPU, memory and AWS calls of " +
		"muster-agent), or both (limits,agent).",
	"EventBus":    "Name or ARN of the EventBridge bus for transitions. Empty: transitions go to the journal only.",
	"SpoolDir":    "Directory for minutes that are not yet published.",
	"SpoolMax":    "Maximum size of the spool. The oldest minutes are dropped first.",
	"PortsPeriod": "How often the agent evaluates the rules for the replication ports, if any are set.",
	"UnhealthyAfter": "Have the Auto Scaling group replace this instance after ECS has reported it disconnected for this long (at least " +
		"5m). " +
		"0s: never.",
	"UnhealthyMaxShare": "Maximum percentage of the Auto Scaling group that may be out of service at once through such replacements. One " +
		"instance always may, unless it is the last.",
	"AgentState": "The agent's state file, read by muster status and muster check.",
	"Root":       "Root of the file system to work on, for images that are not booted.",
	"ECSConfig":  "Configuration file of the ECS agent.",
	"ECSDataDir": "Directory of agent.db.",
	"ECSLogDir":  "Directory of the ECS agent's logs.",
	"StateDir":   "State directory of muster, with a directory for each instance ID.",
}
