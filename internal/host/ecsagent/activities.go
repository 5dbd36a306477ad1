package ecsagent

// activities lists the messages that report a failed start, registration or connection, or a broken function of the
// agent. The comments name the source file that logs the messages below them.
var activities = []activity{
	// agent/app/agent.go, ecs-agent/api/ecs/client/ecs_client.go. Agents before 1.15 and 1.70 log "Could not register",
	// "Error registering:" and "Error re-registering:".
	{effect: Registration, action: "ecs:CreateCluster", prefixes: []string{
		"could not create cluster",
	}},
	{effect: Registration, action: "ec2:DescribeTags", prefixes: []string{
		"error calling describetags api",
	}},
	{effect: Registration, action: "ecs:RegisterContainerInstance", prefixes: []string{
		"unable to register as a container instance",
		"could not register",
		"error registering",
		"error re-registering",
		"received terminal error from registercontainerinstance",
		"received non-terminal error from registercontainerinstance",
		"instance registration attempt",
		"instance re-registration attempt",
		"agent will terminally exit",
		"the current instance type does not match",
	}},
	{effect: Registration, prefixes: []string{
		"error getting valid credentials",
		"unable to get valid credentials",
		"error getting ecs instance credentials",
		"unable to get instance identity",
		"unable to retrieve instance identity",
	}},
	// agent/app/agent.go:doStart and newAgent, agent/config/{config,parse}.go,
	// agent/dockerclient/dockerapi/docker_client.go, agent/gpu, agent/app/agent_unix.go.
	{effect: Boot, prefixes: []string{
		"error loading config",
		"error creating",
		"unable to create new",
		"cloud-init failure detected",
		"could not get supported docker versions",
		"required minimum docker api version",
		"unable to initialize",
		"unable to fetch host resources",
		"could not initialize nvidia",
		"error loading previously saved state",
		"error checking compatibility with",
		"error restoring cluster",
		"data mismatch",
		"waiting for instance to go inservice",
		"could not determine target lifecycle",
		"failed to load pause container",
		"unable to detect vpc",
		"invalid format for ecs_",
		"unable to communicate with ec2 metadata",
		"error reading cfg json",
		"unable to read cfg file",
		"configuration key not set",
		"invalid logging drivers",
		"unable to connect to docker daemon",
		"dockergoclient: docker sdk client unable",
		"unable to ping docker",
		"could not unmarshal existing state",
		"error retrieving stored instance metadata",
	}},
	// ecs-agent/acs/session/session.go. Agents before 1.72 log "Error connecting to ACS" and "Unable to discover poll
	// endpoint", without "ACS:" (agent/acs/handler/acs_handler.go).
	{effect: Telemetry, action: "ecs:DiscoverPollEndpoint", prefixes: []string{
		"tcs: unable to discover",
	}},
	{effect: Connection, action: "ecs:DiscoverPollEndpoint", prefixes: []string{
		"acs: unable to discover",
		"unable to discover poll endpoint",
	}},
	{effect: Connection, action: "ecs:Poll", prefixes: []string{
		"failed to connect to acs",
		"error connecting to acs",
		"error from acs",
		"container instance is deregistered",
		"acs session ended for unknown reason",
	}},
	// ecs-agent/tcs/handler/handler.go
	{effect: Telemetry, action: "ecs:StartTelemetrySession", prefixes: []string{
		"error connecting to tcs",
		"error: lost websocket connection with ecs telemetry",
		"error from tcs",
		"lost websocket connection with ecs telemetry",
	}},
	// agent/handlers/*_server_setup.go, agent/gpu/nvidia_gpu_manager_unix.go, agent/app/agent.go:saveMetadata
	{effect: Function, prefixes: []string{
		"error running task api",
		"error running http api",
		"error running introspection",
		"failed to set up introspection server",
		"failed to set up task metadata server",
		"config for gpu support",
		"failed to save agent metadata",
		"error saving state",
	}},
	{effect: Function, action: "ecs:SubmitTaskStateChange", prefixes: []string{
		"could not submit task state change",
		"could not submit a task state change",
	}},
	{effect: Function, action: "ecs:SubmitContainerStateChange", prefixes: []string{
		"could not submit container state change",
		"could not submit a container state change",
	}},
	{effect: Function, action: "ecs:UpdateContainerInstancesState", prefixes: []string{
		"error setting instance",
	}},
}

// mentions lists texts in an error that identify the failed step if the message does not.
var mentions = []activity{
	{effect: Registration, action: "ecs:RegisterContainerInstance", prefixes: []string{
		"registercontainerinstance",
	}},
	{effect: Connection, action: "ecs:DiscoverPollEndpoint", prefixes: []string{
		"discoverpollendpoint",
	}},
	{effect: Telemetry, action: "ecs:StartTelemetrySession", prefixes: []string{
		"starttelemetrysession",
		"unable to dial ecs-t",
	}},
	{effect: Connection, action: "ecs:Poll", prefixes: []string{
		"unable to dial ecs-a",
	}},
}

// taskWords mark messages about a task, its containers, images, volumes, secrets or metrics, and other messages that are
// irrelevant to the instance. They are never a cause. Nearly all messages of agent/engine, agent/stats,
// agent/taskresource, agent/eventhandler, agent/ebs and ecs-agent/tmds name their subject.
var taskWords = []string{
	"pull", "image", "cannotpull", "task", "dockergoclient: error stopping", "dockergoclient: failed",
	"stats", "metric", "telemetry message", "health message", "listtagsforresource", "getresourcetags",
	"secret", "credentialspec", "credentials request", "credentialsv", "credential request", "kerberos",
	"environment file", "envfile", "environmentfile", "volume", "ebs", "efs", "fsx", "csi", "firelens",
	"appnet", "service connect", "serviceconnect", "service-connect", "execcommandagent", "exec command",
	"managed agent", "managedagent", "managed daemon", "daemon import", "network namespace", "netns",
	"pause", "eni ", "eniattach", "attachmenthandler", "attachment", "iptables command failed",
	"sysctl command failed", "ipam", "cni configuration", "v1 ", "v4 ", "container", "responsewriter",
	"json: ", "http response status code", "perform update", "performupdate", "stageupdate",
	"spot/instance-action", "fsnotify",
	// The agent reconnects after these errors (ecs-agent/wsclient/client.go).
	"error getting message from ws backend", "error getting message from acs", "stopping redundant reads",
	"unexpected messagetype", "invalid handler.",
	// agent/app/agent.go:updateHostIPs, ecs-agent/logger/log.go, agent/app/healthcheck.go
	"unable to retrieve host instance", "log level mapping not found", "log rollover",
	"cannot use empty log file", "max file size", "invalid value for ecs_log", "no_proxy unable to be set",
	"health check [", "healthcheck request", "runtime stats log", "audit log", "domain join", "windows",
	"address already allocated",
}

// criticalTaskWords mark critical messages that do not make the agent exit, unlike most critical messages (agent/engine,
// agent/api/task, ecs-agent/acs/session).
var criticalTaskWords = []string{
	"managed task", "acs message for a task", "consume resources", "release resources", "impossible state",
	"pause", "no containers in the task", "received nil task", "received task with no arn",
	"state error; invoked", "task in a bad state", "the state is so bad", "desired state transition",
	"called with nil task", "device path", "transportprotocol type", "network bindings", "unable to handle",
	"terminal exit code received", "error saving before update", "unable to add to state manager",
	"docker event", "exiting",
}

// supervisorWords mark errors after which ecs-init continues, or which repeat the agent's own log
// (ecs-init/engine/engine.go, docker/docker.go, config/os_family.go, exec/iptables).
var supervisorWords = []string{
	"agent exited with terminal exit code", "could not create ebs mount directory",
	"failed to decode the container labels", "detecting nvidia gpu devices failed", "realm", "os-release",
	"failed to parse value for", "failed print version", "could not upgrade agent", "error removing",
	"unrecognized formatter",
}
