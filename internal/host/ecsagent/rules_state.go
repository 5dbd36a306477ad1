package ecsagent

// diskRules come first. If a line reports a full disk, the disk is also the cause of any other error in that line.
var diskRules = []rule{
	{
		id:     "agent-disk-full",
		source: "write(2), Docker's devicemapper",
		signs: []string{
			": write {path}: no space left on device",
			": mkdir {path}: no space left on device",
			": open {path}: no space left on device",
		},
		not:     []string{"/sys/fs/cgroup", "inotify"}, // kernel limits report the same text (mkdir(2), inotify_add_watch(2))
		summary: "a disk of this instance was full: no space left for {path}",
		do:      "Find what fills the disk, then remove it or grow the volume:",
		run:     []string{"df -h", "df -i", "sudo docker system df"},
	},
	{
		id:      "agent-disk-full",
		source:  "write(2), Docker's devicemapper",
		signs:   []string{"no space left on device", "thin pool has * free data blocks which is less than"},
		not:     []string{"/sys/fs/cgroup", "inotify"},
		summary: "a disk of this instance was full when {by} logged an error",
		do:      "Find what fills the disk, then remove it or grow the volume:",
		run:     []string{"df -h", "df -i", "sudo docker system df"},
	},
}

// stateRules match a saved state (agent.db) that does not fit the instance or the agent.
var stateRules = []rule{
	{
		id:      "stale-checkpoint",
		source:  "agent/app/agent.go:setClusterInConfig",
		signs:   []string{"data mismatch; saved cluster '{saved}' does not match configured cluster 'arn:*:cluster/{name}'"},
		same:    [2]string{"saved", "name"},
		summary: "agent.db holds cluster {saved} and ECS_CLUSTER its ARN, so the ECS agent refuses to start",
		do:      "Set ECS_CLUSTER to the name in agent.db to keep the registration:",
		run:     []string{"sudo muster bootstrap --cluster {saved}"},
	},
	{
		id:      "stale-checkpoint",
		source:  "agent/app/agent.go:setClusterInConfig",
		signs:   []string{"data mismatch; saved cluster 'arn:*:cluster/{saved}' does not match configured cluster '{name}'"},
		same:    [2]string{"saved", "name"},
		summary: "agent.db holds the ARN of cluster {saved} and ECS_CLUSTER its name, so the ECS agent refuses to start",
		do:      "Set ECS_CLUSTER to the ARN in agent.db to keep the registration (muster writes the ARN):",
		run:     []string{"sudo muster bootstrap --cluster {saved}"},
	},
	{
		id:      "stale-checkpoint",
		source:  "agent/app/agent.go:setClusterInConfig",
		signs:   []string{"data mismatch; saved cluster '{saved}' does not match configured cluster '{configured}'"},
		summary: "agent.db holds cluster {saved}, so the ECS agent refuses to start with ECS_CLUSTER={configured}",
		do:      "Discard the saved state, or set ECS_CLUSTER back to {saved}:",
		run:     []string{"sudo muster bootstrap --reset-stale-state --cluster {configured}"},
	},
	{
		id:     "agent-deregistered",
		source: "ECS API; ecs-agent/acs/session/session.go:reconnectDelay, at info",
		info:   true,
		signs: []string{
			"container instance * is inactive",
			"container instance is deregistered",
			"inactiveinstanceexception",
		},
		summary: "the container instance that the ECS agent has saved in agent.db was deregistered",
		do:      "Move the saved state aside, so that the instance registers again:",
		run: []string{
			"sudo systemctl stop ecs",
			"sudo mv --no-clobber /var/lib/ecs/data/agent.db /var/lib/ecs/data/agent.db.old",
			"sudo systemctl start ecs",
		},
	},
	{
		id:      "instance-type-changed",
		source:  "agent/app/agent.go:reregisterContainerInstance",
		signs:   []string{"container instance type changes are not supported", "does not match the registered instance type"},
		summary: "the instance type was changed after the registration, which ECS does not support",
		do:      "Change the instance type back, or replace the instance.",
	},
	// An error of the operating system does not mean that agent.db is damaged, so these fixes keep the file.
	{
		id:     "saved-state-denied",
		source: "open(2) EROFS, agent/data/client.go",
		signs: []string{
			"error creating data client*read-only file system",
			"open /data/{file}: read-only file system",
		},
		summary: "the ECS agent cannot write its saved state: /var/lib/ecs/data is on a read-only file system",
		do:      "Find the I/O error that caused the remount, or the mount option ro, then repair or replace the volume:",
		run: []string{
			"findmnt -T /var/lib/ecs/data",
			"sudo dmesg -T | grep -iE 'remount|i/o error|ext4|xfs'",
		},
	},
	{
		id:      "saved-state-unreadable",
		source:  "open(2) EIO, agent/data/client.go",
		signs:   []string{"error creating data client*input/output error", "open /data/{file}: input/output error"},
		summary: "the ECS agent cannot read its saved state: input/output error on the volume of /var/lib/ecs/data",
		do:      "Read the kernel's log, then replace the volume or the instance:",
		run:     []string{"sudo dmesg -T | grep -iE 'i/o error|nvme|ext4|xfs'", "findmnt -T /var/lib/ecs/data"},
	},
	{
		id:      "saved-state-unreadable",
		source:  "open(2) EMFILE and ENFILE, agent/data/client.go",
		signs:   []string{"error creating data client*too many open files", "open /data/{file}: too many open files"},
		summary: "the ECS agent cannot open its saved state: too many open files",
		do:      "Raise the limit of open files (default-ulimits, LimitNOFILE) for the ECS agent's container, then restart Docker:",
		run: []string{
			"sudo grep -n -A 4 default-ulimits /etc/docker/daemon.json",
			"systemctl show docker -p LimitNOFILE",
			"sudo systemctl restart docker ecs",
		},
	},
	// ecs-init mounts /var/lib/ecs/data as /data (ecs-init/docker/docker.go). Any other path comes from ECS_DATADIR.
	{
		id:     "saved-state-unreadable",
		source: "agent/data/client.go, ecs-init/docker/docker.go",
		signs: []string{
			"error creating data client*stat /data: no such file",
			"error creating data client*open /data/{file}: no such file",
		},
		summary: "/data, the directory of the saved state, is missing in the ECS agent's container",
		do:      "Create /var/lib/ecs/data, which ecs-init mounts as /data, then restart the ECS agent:",
		run:     []string{"sudo mkdir -p /var/lib/ecs/data", "sudo systemctl restart ecs"},
	},
	{
		id:     "saved-state-unreadable",
		source: "agent/data/client.go",
		signs: []string{
			"error creating data client*stat {path}: no such file or directory",
			"error creating data client*mkdir {path}: no such file or directory",
			"error creating data client*open {path}: no such file or directory",
		},
		summary: "ECS_DATADIR: {path} does not exist in the ECS agent's container",
		do:      "Remove ECS_DATADIR, because ecs-init mounts /var/lib/ecs/data as /data, the default; then restart the ECS agent:",
		run: []string{
			"sudo grep -n ECS_DATADIR /etc/ecs/ecs.config",
			"sudo sed -i '/^[[:space:]]*ECS_DATADIR[[:space:]]*=/d' /etc/ecs/ecs.config",
			"sudo systemctl restart ecs",
		},
	},
	{
		id:     "saved-state-denied",
		source: "agent/app/agent.go:newAgent, agent/data/client.go",
		signs: []string{
			"error creating data client*permission denied",
			"open /data/{file}: permission denied",
		},
		summary: "the ECS agent is not allowed to open or write its saved state, /var/lib/ecs/data/agent.db",
		do:      "Check the mount, owner, mode and SELinux label of the directory, and correct them:",
		run: []string{
			"findmnt -T /var/lib/ecs/data",
			"sudo ls -laZ /var/lib/ecs/data",
			"sudo ausearch -m avc -ts boot",
			"sudo restorecon -Rv /var/lib/ecs",
			"sudo systemctl restart ecs",
		},
	},
	{
		id:      "saved-state-unreadable",
		source:  "agent/app/agent.go:newTaskEngine, agent/app/data.go; before 1.44 agent/statemanager",
		signs:   []string{"unsupported data format: version {found} not {known}"},
		summary: "the saved state is from a newer ECS agent: it has data version {found}, but this one reads {known}",
		do:      "Update the ECS agent, or move the saved state aside, which loses track of running tasks:",
		run:     []string{"sudo yum update -y ecs-init", "sudo systemctl restart ecs"},
	},
	{
		id:     "saved-state-unreadable",
		source: "agent/app/agent.go:newTaskEngine, agent/app/data.go; before 1.44 agent/statemanager",
		signs: []string{
			"error checking compatibility with previously saved state: {reason}",
			"{reason} setting is incompatible with old state",
		},
		summary: "the ECS agent rejects its saved state: incompatible ({reason})",
		do:      "Revert the last change to the ECS agent's settings, or move the saved state aside, which loses track of running tasks:",
		run: []string{
			"sudo systemctl stop ecs",
			"sudo mv --no-clobber /var/lib/ecs/data/agent.db /var/lib/ecs/data/agent.db.old",
			"sudo systemctl start ecs",
		},
	},
	{
		id:     "saved-state-unreadable",
		source: "agent/app/agent.go:newTaskEngine, agent/app/data.go; before 1.44 agent/statemanager",
		signs: []string{
			"error loading previously saved state: failed to load previous data from {reason}",
			"error loading previously saved state: {reason}",
			"could not unmarshal state{reason}",
			"could not unmarshal existing state{reason}",
			"error creating data client: {reason}",
		},
		summary: "the ECS agent cannot load its saved state: {reason}",
		do:      "Move the saved state aside; the instance then registers again, and ECS loses track of its running tasks:",
		run: []string{
			"sudo systemctl stop ecs",
			"sudo mv --no-clobber /var/lib/ecs/data/agent.db /var/lib/ecs/data/agent.db.old",
			"sudo systemctl start ecs",
		},
	},
}
