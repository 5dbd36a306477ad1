package stopreason

// startRules match messages about a container that could not be created or started.
var startRules = []rule{
	{
		id: "task-secret-unavailable",
		source: "agent/taskresource/ssmsecret/ssmsecret.go, agent/taskresource/asmsecret/asmsecret.go, agent/asm/asm.go; newrelic/nri-ecs#10; " +
			"aws/copilot-cli#2641",
		signs: []string{
			"fetching secret data from", "asm fetching secret", "trying to retrieve secret", "unable to pull secrets or registry auth",
			"unable to retrieve secret", "failed to fetch secret", "did not contain json key", "not authorized to perform: ssm:getparameters",
			"not authorized to perform: secretsmanager:getsecretvalue", "not authorized to perform: kms:decrypt", "access to kms is not allowed",
			"unable to find execution role credentials", "could not find a secretsmanager secretid", "unable to create ssm client",
			"unable to create asm client",
		},
		what: "could not be started: a secret of its task definition cannot be read",
		do: "Allow ssm:GetParameters or secretsmanager:GetSecretValue, and kms:Decrypt for a key of your own, in the task's execution role, " +
			"and check that the secret exists in this region.",
	},
	{
		id: "task-log-driver",
		source: "moby daemon/logs.go and daemon/logger; Rayraegah/terraform-aws-hasura#25; prakhar1989/docker-curriculum#260; " +
			"muccg/rdrf#617",
		signs: []string{
			"failed to initialize logging driver", "error looking up logging plugin", "no log driver named", "unknown log opt",
			"failed to create cloudwatch log", "failed to generate the firelens log config", "firelens*unable to",
			"validate data loss*awslogs",
		},
		what: "could not be started: its log driver failed",
		do: "Create the log group, allow logs:CreateLogStream and logs:PutLogEvents in the execution role (in the instance role if it has " +
			"none), and correct logConfiguration.",
	},
	{
		id:     "task-port-taken",
		source: "moby libnetwork/portallocator, moby#20486; Linux EADDRINUSE",
		signs:  []string{"port is already allocated", "address already in use", "failed to bind host port", "failed to bind port"},
		what:   "could not be started: a host port that it publishes is in use",
		do: "Let ECS choose the host port (hostPort 0 in bridge mode), run one task per instance (distinctInstance), or stop the other " +
			"program. Ports in use:",
		run: []string{"sudo ss -ltnup"},
	},
	{
		id:     "task-exec-format",
		source: "Linux ENOEXEC, as runc and moby report it",
		signs:  []string{"exec format error"},
		what:   "could not be started: its program is built for another architecture, or is a script without an interpreter line",
		do:     "Build the image for the architecture of this instance, and begin scripts with #!. The instance has:",
		run:    []string{"uname -m"},
	},
	{
		id:     "task-memory-limit",
		source: "moby daemon/daemon_unix.go (linuxMinMemory); runc libcontainer/process_linux.go",
		signs: []string{
			"minimum memory limit allowed is", "container init was oom-killed", "minimum memory limit can not be less than",
			"minimum memory reservation allowed is",
		},
		what: "could not be started: its memory limit is too low",
		do:   "Raise memory in the task definition.",
	},
	{
		id:     "task-host-memory",
		source: "Linux ENOMEM, as runc and moby report it",
		signs:  []string{"cannot allocate memory", "resource temporarily unavailable: unknown", "fork/exec*not enough memory"},
		what:   "could not be started: the host has no memory or processes left",
		do:     "Find what uses the memory of the host, and leave the ECS agent a share of it (ECS_RESERVED_MEMORY):",
		run:    []string{"free -m", "ps aux --sort=-rss | head"},
		origin: Memory,
	},
	{
		id: "task-network-interface",
		source: "agent/engine/docker_task_engine.go (provisionContainerResourcesAwsvpc), agent/engine/errors.go; " +
			"dagster-io/dagster dagster_aws/ecs/launcher.py",
		signs: []string{
			"timeout waiting for network interface provisioning", "network interface provision complete error",
			"failed to setup network namespace", "empty result from network namespace setup", "containernetworkingerror",
			"unable to configure pause container namespace", "resource:eni", "eni*timed out", "unable to attach*network interface",
		},
		what: "could not be started: its network interface was not attached or configured",
		do: "Check the free addresses of the subnet and the interface limit of the instance type (ENI trunking raises it), then read what " +
			"the ECS agent logs:",
		run: []string{"sudo grep -i eni /var/log/ecs/ecs-agent.log | tail -n 20"},
	},
	{
		id:     "task-command-not-found",
		source: "runc libcontainer/init_linux.go, moby daemon/start_unix.go; amazon-ecs-agent#3021",
		signs: []string{
			"executable file not found", "container process*no such file or directory", "exec: *no such file or directory",
			"container process*permission denied", "exec: *permission denied", "no command specified", "container process*is a directory",
			"container process*not a directory",
		},
		what: "could not be started: its command does not exist in the image, or is not executable",
		do:   "Correct command and entryPoint in the task definition, or the image.",
	},
	{
		id: "task-resource-failed",
		source: "agent/taskresource (volume, envFiles, firelens, cgroup), agent/dockerclient/dockerapi/errors.go, " +
			"ecs-agent/api/errors/errors.go",
		signs: []string{
			"cannotcreatevolumeerror", "invalidvolumeerror", "environment file", "environmentfile", "unable to mount", "mount.nfs", "mount.efs",
			"failed to mount local volume", "error while mounting volume", "resource cannot be initialized", "resourceinitializationerror",
			"cgroup resource", "invalid mount config", "bind source path does not exist", "volumeerror",
		},
		what: "could not be started: a volume, an environment file or another resource of its task failed",
		do:   "Correct what the text names: the volume, the file in S3, or the permission in the execution role.",
	},
	{
		id:     "task-docker-timeout",
		source: "agent/dockerclient/dockerapi/errors.go (DockerTimeoutError); amazon-ecs-agent#547",
		signs:  []string{"could not transition to created; timed out", "could not transition to started; timed out", "dockertimeouterror"},
		what:   "could not be started: Docker did not respond the ECS agent in time",
		do:     "Find out why Docker is slow: a full or exhausted disk, or too little memory:",
		run:    []string{"sudo muster check docker disk pressure", "sudo journalctl -u docker -n 50 --no-pager"},
		origin: Docker,
	},
	{
		id:     "task-start-disk",
		source: "Linux ENOSPC",
		signs:  []string{"no space left on device", "disk quota exceeded"},
		what:   "could not be started: the disk is full, or has no inodes left",
		do:     "Free space on the disk:",
		run:    []string{"df -h", "df -i", "sudo docker system df"},
		origin: Disk,
	},
}

// stopRules match messages about a task that ran and was stopped.
var stopRules = []rule{
	{
		id:     "task-balancer-unhealthy",
		source: "ECS developer guide, \"Stopped tasks errors\"; containers-roadmap#612",
		signs:  []string{"failed elb health checks"},
		what:   "was stopped: the health check of the load balancer failed",
		do: "Compare path, port and matcher of the target group with what the container serves, and raise healthCheckGracePeriodSeconds of " +
			"the service if it starts slowly.",
	},
	{
		id:     "task-unhealthy",
		source: "ECS developer guide, \"Stopped tasks errors\"",
		signs:  []string{"failed container health checks", "failed health checks"},
		what:   "was stopped: its health check failed",
		do:     "Run the command of the health check in the container: it must exist in the image. A slow start needs a longer startPeriod.",
	},
	{
		id:     "task-out-of-memory",
		source: "agent/dockerclient/dockerapi/errors.go (OutOfMemoryError)",
		signs:  []string{"outofmemoryerror", "container killed due to memory usage"},
		what:   outOfMemory, do: moreMemory,
	},
	{
		id:      "planned",
		planned: true,
		source:  "ECS developer guide, \"Stopped tasks errors\"",
		signs: []string{
			"scaling activity initiated by", "task stopped by user", "stopped by user", "deployment ecs-svc", "container instance*drain",
			"service was deleted", "taskstoppedbeforepullbeginerror", "task stopped before image pull could begin", "spot interruption",
			"host ec2 (instance", "task stopped by",
		},
	},
	{
		id:     exited,
		source: "ECS developer guide, \"Stopped tasks errors\"",
		signs:  []string{"essential container in task exited"},
		what:   "exited, and its task stopped with it", do: readLog,
	},
}

const (
	outOfMemory = "was killed: it ran out of memory"
	moreMemory  = "Raise memory in the task definition, or reduce what the program uses (JVM: -XX:MaxRAMPercentage)."
	readLog     = "Read the log of the container."
)

// facts are the rules that apply to exit codes and states instead of messages.
var facts = []rule{
	{id: "task-out-of-memory", what: outOfMemory, do: moreMemory},
	{
		id: "task-stop-timeout", what: "did not stop in its stop timeout, and was killed (exit code 137)",
		do: "Let the program exit on SIGTERM, or on its own STOPSIGNAL, or raise stopTimeout in the task definition. " +
			"A shell as PID 1 does not pass the signal on: start the command with exec.",
	},
	{
		id: "task-killed", what: "was killed with SIGKILL (exit code 137), and not for memory as far as Docker knows",
		do:  "Find out who sent the signal. The kernel kills for memory of the host without Docker knowing:",
		run: []string{"sudo journalctl -k --no-pager | grep -i 'killed process'"},
	},
	{id: exited, do: readLog},
	{
		id: "task-image-failed", what: "could not be started: its image could not be pulled",
		do: "Pull it by hand on the instance, as the text names it:", run: []string{"sudo docker pull IMAGE"},
	},
	{
		id: "task-start-failed", what: "could not be started",
		do: "Read what the ECS agent logs about the task:", run: []string{"sudo grep -w error /var/log/ecs/ecs-agent.log | tail -n 20"},
	},
}
