package ecsagent

// setAside are the commands that make the agent forget what it has saved.
func setAside() []string {
	return []string{"systemctl stop ecs", "mv /var/lib/ecs/data/agent.db /var/lib/ecs/data/agent.db.old", "systemctl start ecs"}
}

// rulesOfDisk come first: whatever fails for want of space fails for that.
func rulesOfDisk() []rule {
	const find = "Find what fills the disk, then remove it or grow the volume:"
	run := []string{"df -h", "df -i", "docker system df"}
	return []rule{
		// "not": these say the same of a limit of the kernel (mkdir(2), inotify_add_watch(2)).
		{id: "agent-disk-full", signs: []string{": write {path}: no space left on device", ": mkdir {path}: no space left on device", ": open {path}: no space left on device"},
			not:     []string{"/sys/fs/cgroup", "inotify"},
			summary: "A disk of this instance was full: no space left for {path}", do: find, run: run},
		{id: "agent-disk-full", signs: []string{"no space left on device", "thin pool has * free data blocks which is less than"},
			not:     []string{"/sys/fs/cgroup", "inotify"},
			summary: "A disk of this instance was full when {by} logged an error", do: find, run: run},
	}
}

// rulesOfState: what the agent has saved (agent.db) does not fit what is.
func rulesOfState() []rule {
	const mismatch = "data mismatch; saved cluster '{saved}' does not match configured cluster "
	return []rule{
		// agent/app/agent.go:setClusterInConfig. Some name the cluster, some its ARN.
		{id: "stale-checkpoint", signs: []string{mismatch + "'arn:*:cluster/{name}'"}, same: [2]string{"saved", "name"},
			summary: "agent.db holds cluster {saved}, and ECS_CLUSTER is now its ARN, so the agent refuses to start",
			do:      "Name the cluster as agent.db does, by its name:",
			run:     []string{"muster bootstrap --cluster {saved}"}},
		{id: "stale-checkpoint", signs: []string{"data mismatch; saved cluster 'arn:*:cluster/{saved}' does not match configured cluster '{name}'"}, same: [2]string{"saved", "name"},
			summary: "agent.db holds the ARN of cluster {saved}, and ECS_CLUSTER is now its name, so the agent refuses to start",
			do:      "Name the cluster in ECS_CLUSTER by its ARN, as the message quotes it, then restart the agent:",
			run:     []string{"systemctl restart ecs"}},
		{id: "stale-checkpoint", signs: []string{mismatch + "'{configured}'", "data mismatch; saved cluster"},
			summary: "The agent has saved that it is in cluster {saved}, and refuses to start with ECS_CLUSTER={configured}",
			do:      "Set ECS_CLUSTER to the saved cluster again, or give the saved state up:",
			run:     []string{"muster bootstrap --reset-stale-state --cluster {configured}"}},
		{id: "agent-deregistered", info: true,
			// ecs-agent/acs/session/session.go:reconnectDelay, at info
			signs:   []string{"container instance * is inactive", "container instance is deregistered", "inactiveinstanceexception"},
			summary: "The container instance that the agent has saved in agent.db was deregistered",
			do:      "Set the saved state aside, so that the instance registers anew:", run: setAside()},
		{id: "instance-type-changed",
			signs:   []string{"container instance type changes are not supported", "does not match the registered instance type"},
			summary: "The instance type was changed after the registration, which ECS does not accept",
			do:      "Change the instance type back, or terminate this instance and launch another."},
		// agent/data/client.go, agent/app/agent.go:newAgent
		{id: "saved-state-denied", signs: []string{"error creating data client*permission denied", "open /data/{file}: permission denied", "error creating data client*read-only file system"},
			summary: "The agent may not open its saved state, /var/lib/ecs/data/agent.db: permission denied",
			do:      "Look at the owner, the mode and the SELinux label of the directory, and correct them:",
			run:     []string{"ls -laZ /var/lib/ecs/data", "ausearch -m avc -ts boot", "restorecon -Rv /var/lib/ecs", "systemctl restart ecs"}},
		{id: "saved-state-unreadable", signs: []string{"unsupported data format: version {found} not {known}"},
			summary: "The saved state is of a newer agent: it has data version {found}, and this agent reads {known}",
			do:      "Update the agent, or set the saved state aside, which loses track of running tasks:",
			run:     []string{"yum update -y ecs-init", "systemctl restart ecs"}},
		{id: "saved-state-unreadable", signs: []string{"error checking compatibility with previously saved state: {reason}", "{reason} setting is incompatible with old state"},
			summary: "The agent does not accept its saved state: incompatible ({reason})",
			do:      "Update the agent or undo the last change of its settings; else set the saved state aside, which loses track of running tasks:", run: setAside()},
		{id: "saved-state-unreadable",
			// agent/app/agent.go:newTaskEngine, agent/app/data.go; until 1.44 agent/statemanager
			signs:   []string{"error loading previously saved state: failed to load previous data from {reason}", "error loading previously saved state: {reason}", "could not unmarshal state{reason}", "could not unmarshal existing state{reason}", "error creating data client: {reason}"},
			summary: "The agent cannot load its saved state: {reason}",
			do:      "Set the saved state aside; the instance registers anew, and tasks that still run are no longer known to ECS:", run: setAside()},
	}
}

// rulesOfSettings: what the agent refuses of its own settings.
func rulesOfSettings() []rule {
	restart := []string{"systemctl restart ecs"}
	return []rule{
		{id: "agent-user-data-not-run", signs: []string{"cloud-init failure detected"}, // agent/config/cloudinit_check_linux.go
			summary: "cloud-init found no data source at boot, so user data did not run and the agent does not start",
			do:      "Replace the instance, so that its user data runs: terminate it, and let its Auto Scaling group launch another."},
		{id: "invalid-json-setting", signs: []string{"error reading cfg json data, err {reason}"}, // agent/config/config.go:fileConfig
			summary: "The agent's configuration file ecs.config.json is not valid JSON: {reason}",
			do:      "Correct the file, then restart the agent:", run: []string{"python3 -m json.tool /etc/ecs/ecs.config.json", "systemctl restart ecs"}},
		{id: "invalid-json-setting", signs: []string{"invalid format for ecs_{key}. expected a json hash: {reason}", "invalid format for ecs_{key}, expected a json array of cidrs: {reason}", "invalid format for ecs_{key}"}, // agent/config/parse.go
			summary: "ECS_{key} in /etc/ecs/ecs.config is not valid JSON: {reason}",
			do:      "Correct the value, JSON on one line and without quotes around it, then restart the agent:",
			run:     []string{"grep -n ATTRIBUTES= /etc/ecs/ecs.config", "systemctl restart ecs"}},
		{id: "invalid-logging-driver", signs: []string{"invalid logging drivers: {drivers}"}, // agent/config/config.go:validateAndOverrideBounds
			summary: "ECS_AVAILABLE_LOGGING_DRIVERS names a logging driver that the agent does not know: {drivers}",
			do:      "Take it out of the list, then restart the agent:",
			run:     []string{"grep -n ECS_AVAILABLE_LOGGING_DRIVERS /etc/ecs/ecs.config", "systemctl restart ecs"}},
		{id: "invalid-setting", signs: []string{"config: invalid value for docker container {key} timeout: {value}"},
			summary: "ECS_CONTAINER_{key}_TIMEOUT is too short for the agent: {value}",
			do:      "Set a longer one, such as 30s, then restart the agent:", run: restart},
		{id: "agent-region-unknown", signs: []string{"missing required fields: awsregion", "key not set, key: awsregion", "aws_default_region has to be set"},
			summary: "The agent does not know its region: the metadata service did not tell it, and AWS_DEFAULT_REGION is not set",
			do:      "Set the region in /etc/ecs/ecs.config, then restart the agent:",
			run:     []string{"echo AWS_DEFAULT_REGION=REGION >> /etc/ecs/ecs.config", "systemctl restart ecs"}},
		{id: "invalid-setting", signs: []string{"missing required fields: {key}", "configuration key not set, key: {key}"},
			summary: "A setting that the agent requires is missing: {key}",
			do:      "Set it in /etc/ecs/ecs.config, then restart the agent:", run: restart},
		{id: "reserved-memory-too-high", signs: []string{"reserved memory is higher than available memory on the host, total memory: {total}, reserved: {reserved}"}, // ecs_client.go:getResources
			summary: "ECS_RESERVED_MEMORY={reserved} is more than the {total} MiB of memory of this instance",
			do:      "Lower ECS_RESERVED_MEMORY, then restart the agent:", run: []string{"grep -n ECS_RESERVED_MEMORY /etc/ecs/ecs.config", "systemctl restart ecs"}},
		// The only error of GetHostResources is that one, which this line hides (agent/app/agent.go:doStart).
		{id: "reserved-memory-too-high", signs: []string{"reserved memory is higher than available memory", "unable to fetch host resources"},
			summary: "ECS_RESERVED_MEMORY is probably more than the memory of this instance",
			do:      "Compare the two, lower ECS_RESERVED_MEMORY, then restart the agent:",
			run:     []string{"grep -n ECS_RESERVED_MEMORY /etc/ecs/ecs.config", "free -m", "systemctl restart ecs"},
			confirm: "ECS_RESERVED_MEMORY is above the total that free -m prints"},
	}
}
