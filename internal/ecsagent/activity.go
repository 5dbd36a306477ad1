package ecsagent

import (
	"strings"
	"sync"
)

// Effect is what a trouble keeps from working.
type Effect string

// The effects, in the order in which an instance needs what they are about.
const (
	Start        Effect = "start"        // ecs-init cannot start the agent's container
	Boot         Effect = "boot"         // the agent cannot start
	Registration Effect = "registration" // the agent cannot register the instance
	Connection   Effect = "connection"   // it cannot connect to ACS, which gives it tasks: ECS shows it as disconnected
	Telemetry    Effect = "telemetry"    // it cannot connect to TCS: metrics and health of tasks are missing
	Function     Effect = "function"     // something else that the agent does, such as GPUs or roles of tasks
	Unclear      Effect = ""             // the line does not tell
)

// activity is what the agent or ecs-init was doing, told by the beginning of the
// message that says that it failed.
type activity struct {
	effect Effect
	action string   // of the AWS API, of which a refusal may not tell
	begins []string // patterns
}

// activities is the table of messages that end, delay or refuse a start, a
// registration or a connection, or impair what the agent does for the instance.
func activities() []activity {
	return []activity{
		// agent/app/agent.go, ecs-agent/api/ecs/client/ecs_client.go; "Could not
		// register", "Error registering:" and "Error re-registering:" are from before 1.15 and 1.70.
		{Registration, "ecs:CreateCluster", []string{"could not create cluster"}},
		{Registration, "ec2:DescribeTags", []string{"error calling describetags api"}},
		{Registration, "ecs:RegisterContainerInstance", []string{"unable to register as a container instance", "could not register", "error registering",
			"error re-registering", "received terminal error from registercontainerinstance", "received non-terminal error from registercontainerinstance",
			"instance registration attempt", "instance re-registration attempt", "agent will terminally exit", "the current instance type does not match"}},
		{Registration, "", []string{"error getting valid credentials", "unable to get valid credentials", "error getting ecs instance credentials",
			"unable to get instance identity", "unable to retrieve instance identity"}},
		// agent/app/agent.go:doStart and newAgent, agent/config/{config,parse}.go,
		// agent/dockerclient/dockerapi/docker_client.go, agent/gpu, agent/app/agent_unix.go.
		{Boot, "", []string{"error loading config", "error creating", "unable to create new", "cloud-init failure detected", "could not get supported docker versions",
			"required minimum docker api version", "unable to initialize", "unable to fetch host resources", "could not initialize nvidia",
			"error loading previously saved state", "error checking compatibility with", "error restoring cluster", "data mismatch",
			"could not determine target lifecycle", "failed to load pause container", "unable to detect vpc", "invalid format for ecs_",
			"unable to communicate with ec2 metadata", "error reading cfg json", "unable to read cfg file", "configuration key not set", "invalid logging drivers",
			"unable to connect to docker daemon", "dockergoclient: docker sdk client unable", "unable to ping docker", "could not unmarshal existing state",
			"error retrieving stored instance metadata"}},
		// ecs-agent/acs/session/session.go; "Error connecting to ACS" and "Unable to
		// discover poll endpoint", without "ACS:", are agent/acs/handler/acs_handler.go, before 1.72.
		{Telemetry, "ecs:DiscoverPollEndpoint", []string{"tcs: unable to discover"}},
		{Connection, "ecs:DiscoverPollEndpoint", []string{"acs: unable to discover", "unable to discover poll endpoint"}},
		{Connection, "ecs:Poll", []string{"failed to connect to acs", "error connecting to acs", "error from acs", "container instance is deregistered",
			"acs session ended for unknown reason"}},
		// ecs-agent/tcs/handler/handler.go
		{Telemetry, "ecs:StartTelemetrySession", []string{"error connecting to tcs", "error: lost websocket connection with ecs telemetry", "error from tcs",
			"lost websocket connection with ecs telemetry"}},
		// agent/handlers/*_server_setup.go, agent/gpu/nvidia_gpu_manager_unix.go, agent/app/agent.go:saveMetadata
		{Function, "", []string{"error running task api", "error running http api", "error running introspection", "failed to set up introspection server",
			"failed to set up task metadata server", "config for gpu support", "failed to save agent metadata", "error saving state"}},
		{Function, "ecs:SubmitTaskStateChange", []string{"could not submit task state change", "could not submit a task state change"}},
		{Function, "ecs:SubmitContainerStateChange", []string{"could not submit container state change", "could not submit a container state change"}},
		{Function, "ecs:UpdateContainerInstancesState", []string{"error setting instance"}},
	}
}

// mentions are the parts of an error that tell the same where its message does not.
func mentions() []activity {
	return []activity{
		{Registration, "ecs:RegisterContainerInstance", []string{"registercontainerinstance"}},
		{Connection, "ecs:DiscoverPollEndpoint", []string{"discoverpollendpoint"}},
		{Telemetry, "ecs:StartTelemetrySession", []string{"starttelemetrysession", "unable to dial ecs-t"}},
		{Connection, "ecs:Poll", []string{"unable to dial ecs-a"}},
	}
}

// ofTasks are the messages about a task, its containers, images, volumes, secrets
// or metrics, and others of which none is about the instance: they are never a
// cause. Those of the engine (agent/engine, agent/stats, agent/taskresource,
// agent/eventhandler, agent/ebs, ecs-agent/tmds) nearly all name what they are about.
func ofTasks() []string {
	return []string{
		"pull", "image", "cannotpull", "task", "dockergoclient: error stopping", "dockergoclient: failed", "stats", "metric", "telemetry message", "health message",
		"listtagsforresource", "getresourcetags", "secret", "credentialspec", "credentials request", "credentialsv", "credential request", "kerberos",
		"environment file", "envfile", "environmentfile", "volume", "ebs", "efs", "fsx", "csi", "firelens", "appnet", "service connect", "serviceconnect",
		"service-connect", "execcommandagent", "exec command", "managed agent", "managedagent", "managed daemon", "daemon import", "network namespace", "netns", "pause",
		"eni ", "eniattach", "attachmenthandler", "attachment", "iptables command failed", "sysctl command failed", "ipam", "cni configuration", "v1 ", "v4 ",
		"container", "responsewriter", "json: ", "http response status code", "perform update", "performupdate", "stageupdate", "spot/instance-action", "fsnotify",
		// The connection was closed, and is opened again (ecs-agent/wsclient/client.go).
		"error getting message from ws backend", "error getting message from acs", "stopping redundant reads", "unexpected messagetype", "invalid handler.",
		// agent/app/agent.go:updateHostIPs, ecs-agent/logger/log.go, agent/app/healthcheck.go
		"unable to retrieve host instance", "log level mapping not found", "log rollover", "cannot use empty log file", "max file size", "invalid value for ecs_log",
		"no_proxy unable to be set", "health check [", "healthcheck request", "runtime stats log", "audit log", "domain join", "windows", "address already allocated",
	}
}

// ofTasksCritical are the critical ones. A critical message usually ends the
// agent; these do not (agent/engine, agent/api/task, ecs-agent/acs/session).
func ofTasksCritical() []string {
	return []string{
		"managed task", "acs message for a task", "consume resources", "release resources", "impossible state", "pause", "no containers in the task",
		"received nil task", "received task with no arn", "state error; invoked", "task in a bad state", "the state is so bad", "desired state transition",
		"called with nil task", "device path", "transportprotocol type", "network bindings", "unable to handle", "terminal exit code received",
		"error saving before update", "unable to add to state manager", "docker event", "exiting",
	}
}

// ofSupervisor are errors of ecs-init after which it goes on (ecs-init/engine/engine.go,
// docker/docker.go, config/os_family.go, exec/iptables), or that only repeat
// what the agent has said.
func ofSupervisor() []string {
	return []string{
		"agent exited with terminal exit code", "could not create ebs mount directory", "failed to decode the container labels", "detecting nvidia gpu devices failed",
		"realm", "os-release", "failed to parse value for", "failed print version", "could not upgrade agent", "error removing", "unrecognized formatter",
	}
}

// tables are the texts above, ready to be looked for.
var tables = sync.OnceValue(func() (t struct {
	activities []compiledActivity
	mentions   []compiledActivity
	rules      []compiledRule
}) {
	for _, a := range activities() {
		t.activities = append(t.activities, compiledActivity{a, compileAll(a.begins)})
	}
	for _, a := range mentions() {
		t.mentions = append(t.mentions, compiledActivity{a, compileAll(a.begins)})
	}
	for _, r := range rules() {
		t.rules = append(t.rules, compiledRule{r, compileAll(r.signs), compileAll(r.not)})
	}
	return t
})

type compiledActivity struct {
	activity
	patterns []pattern
}

func compileAll(texts []string) (patterns []pattern) {
	for _, text := range texts {
		patterns = append(patterns, compile(text))
	}
	return patterns
}

// doing tells what was being done when low, a message in lower case, was logged.
func doing(low string, ecsInit bool) (activity, bool) {
	for _, a := range tables().activities {
		for _, p := range a.patterns {
			if p.begins(low) {
				return a.activity, true
			}
		}
	}
	for _, a := range tables().mentions {
		for _, p := range a.patterns {
			if p.find(low, low, map[string]string{}) {
				return a.activity, true
			}
		}
	}
	if ecsInit {
		return activity{effect: Start}, true // whatever fails in ecs-init keeps the agent from being started
	}
	return activity{}, false
}

// aboutTask tells the messages that say nothing about the instance.
func (e entry) aboutTask(low string) bool {
	has := func(words []string) bool {
		for _, word := range words {
			if strings.Contains(low, word) {
				return true
			}
		}
		return false
	}
	switch {
	case e.init:
		return has(ofSupervisor())
	case e.task:
		return true
	case e.level == "critical":
		return has(ofTasksCritical())
	}
	low = strings.NewReplacer("container instance", "", "containerinstance", "", "ecs-agent container", "").Replace(low)
	return has(ofTasks())
}
