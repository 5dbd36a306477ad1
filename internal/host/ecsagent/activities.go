package ecsagent

// activities is the table of messages that end, delay or refuse a start, a
// registration or a connection, or impair what the agent does for the instance.
// The comments name the source file of the messages below them.
var activities = []activity{
	// agent/app/agent.go, ecs-agent/api/ecs/client/ecs_client.go; "Could not
	// register", "Error registering:" and "Error re-registering:" are from before 1.15 and 1.70.
	{effect: Registration, action: "ecs:CreateCluster", begins: []string{
		"could not create cluster",
	}},
	{effect: Registration, action: "ec2:DescribeTags", begins: []string{
		"error calling describetags api",
	}},
	{effect: Registration, action: "ecs:RegisterContainerInstance", begins: []string{
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
	{effect: Registration, begins: []string{
		"error getting valid credentials",
		"unable to get valid credentials",
		"error getting ecs instance credentials",
		"unable to get instance identity",
		"unable to retrieve instance identity",
	}},
	// agent/app/agent.go:doStart and newAgent, agent/config/{config,parse}.go,
	// agent/dockerclient/dockerapi/docker_client.go, agent/gpu, agent/app/agent_unix.go.
	{effect: Boot, begins: []string{
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
	// ecs-agent/acs/session/session.go; "Error connecting to ACS" and "Unable to
	// discover poll endpoint", without "ACS:", are agent/acs/handler/acs_handler.go, before 1.72.
	{effect: Telemetry, action: "ecs:DiscoverPollEndpoint", begins: []string{
		"tcs: unable to discover",
	}},
	{effect: Connection, action: "ecs:DiscoverPollEndpoint", begins: []string{
		"acs: unable to discover",
		"unable to discover poll endpoint",
	}},
	{effect: Connection, action: "ecs:Poll", begins: []string{
		"failed to connect to acs",
		"error connecting to acs",
		"error from acs",
		"container instance is deregistered",
		"acs session ended for unknown reason",
	}},
	// ecs-agent/tcs/handler/handler.go
	{effect: Telemetry, action: "ecs:StartTelemetrySession", begins: []string{
		"error connecting to tcs",
		"error: lost websocket connection with ecs telemetry",
		"error from tcs",
		"lost websocket connection with ecs telemetry",
	}},
	// agent/handlers/*_server_setup.go, agent/gpu/nvidia_gpu_manager_unix.go, agent/app/agent.go:saveMetadata
	{effect: Function, begins: []string{
		"error running task api",
		"error running http api",
		"error running introspection",
		"failed to set up introspection server",
		"failed to set up task metadata server",
		"config for gpu support",
		"failed to save agent metadata",
		"error saving state",
	}},
	{effect: Function, action: "ecs:SubmitTaskStateChange", begins: []string{
		"could not submit task state change",
		"could not submit a task state change",
	}},
	{effect: Function, action: "ecs:SubmitContainerStateChange", begins: []string{
		"could not submit container state change",
		"could not submit a container state change",
	}},
	{effect: Function, action: "ecs:UpdateContainerInstancesState", begins: []string{
		"error setting instance",
	}},
}

// mentions are parts of an error that say what was being done where its message does not.
var mentions = []activity{
	{effect: Registration, action: "ecs:RegisterContainerInstance", begins: []string{
		"registercontainerinstance",
	}},
	{effect: Connection, action: "ecs:DiscoverPollEndpoint", begins: []string{
		"discoverpollendpoint",
	}},
	{effect: Telemetry, action: "ecs:StartTelemetrySession", begins: []string{
		"starttelemetrysession",
		"unable to dial ecs-t",
	}},
	{effect: Connection, action: "ecs:Poll", begins: []string{
		"unable to dial ecs-a",
	}},
}

// ofTasks are words of messages about a task, its containers, images, volumes,
// secrets or metrics, and of others that say nothing about the instance: they are
// never a cause. The messages of agent/engine, agent/stats, agent/taskresource,
// agent/eventhandler, agent/ebs and ecs-agent/tmds nearly all name what they are about.
var ofTasks = []string{
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
	// The connection was closed, and is opened again (ecs-agent/wsclient/client.go).
	"error getting message from ws backend", "error getting message from acs", "stopping redundant reads",
	"unexpected messagetype", "invalid handler.",
	// agent/app/agent.go:updateHostIPs, ecs-agent/logger/log.go, agent/app/healthcheck.go
	"unable to retrieve host instance", "log level mapping not found", "log rollover",
	"cannot use empty log file", "max file size", "invalid value for ecs_log", "no_proxy unable to be set",
	"health check [", "healthcheck request", "runtime stats log", "audit log", "domain join", "windows",
	"address already allocated",
}

// ofTasksCritical are words of critical messages that do not end the agent, unlike
// most critical ones (agent/engine, agent/api/task, ecs-agent/acs/session).
var ofTasksCritical = []string{
	"managed task", "acs message for a task", "consume resources", "release resources", "impossible state",
	"pause", "no containers in the task", "received nil task", "received task with no arn",
	"state error; invoked", "task in a bad state", "the state is so bad", "desired state transition",
	"called with nil task", "device path", "transportprotocol type", "network bindings", "unable to handle",
	"terminal exit code received", "error saving before update", "unable to add to state manager",
	"docker event", "exiting",
}

// ofSupervisor are words of errors after which ecs-init continues (ecs-init/engine/engine.go,
// docker/docker.go, config/os_family.go, exec/iptables), or which repeat what the agent logged.
var ofSupervisor = []string{
	"agent exited with terminal exit code", "could not create ebs mount directory",
	"failed to decode the container labels", "detecting nvidia gpu devices failed", "realm", "os-release",
	"failed to parse value for", "failed print version", "could not upgrade agent", "error removing",
	"unrecognized formatter",
}
