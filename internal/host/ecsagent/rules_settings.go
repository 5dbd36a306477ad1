package ecsagent

// settingsRules match settings that the agent rejects.
var settingsRules = []rule{
	{
		id:      "agent-user-data-not-run",
		source:  "agent/config/cloudinit_check_linux.go",
		signs:   []string{"cloud-init failure detected"},
		summary: "cloud-init found no data source at boot, so user data did not run and the ECS agent does not start",
		do:      "Replace the instance, so that its user data runs.",
	},
	{
		id:      "invalid-json-setting",
		source:  "agent/config/parse.go, agent/config/config.go:fileConfig",
		signs:   []string{"error reading cfg json data, err {reason}"},
		summary: "the ECS agent's configuration file ecs.config.json is not valid JSON: {reason}",
		do:      "Correct the file, then restart the ECS agent:",
		run:     []string{"python3 -m json.tool /etc/ecs/ecs.config.json", "sudo systemctl restart ecs"},
	},
	{
		id:     "invalid-json-setting",
		source: "agent/config/parse.go, agent/config/config.go:fileConfig",
		signs: []string{
			"invalid format for ecs_{key}. expected a json hash: {reason}",
			"invalid format for ecs_{key}, expected a json array of cidrs: {reason}",
			"invalid format for ecs_{key}",
		},
		summary: "ECS_{key} in /etc/ecs/ecs.config has an invalid value: {reason}",
		do:      "Write the value as JSON on one line, without quotes around it, then restart the ECS agent:",
		run:     []string{"sudo grep -n ECS_{key} /etc/ecs/ecs.config", "sudo systemctl restart ecs"},
	},
	{
		id:      "invalid-logging-driver",
		source:  "agent/config/config.go:validateAndOverrideBounds",
		signs:   []string{"invalid logging drivers: {drivers}"},
		summary: "ECS_AVAILABLE_LOGGING_DRIVERS lists a logging driver that the ECS agent does not know: {drivers}",
		do:      "Remove it from the list, then restart the ECS agent:",
		run:     []string{"sudo grep -n ECS_AVAILABLE_LOGGING_DRIVERS /etc/ecs/ecs.config", "sudo systemctl restart ecs"},
	},
	{
		id:      "invalid-setting",
		source:  "agent/config/config.go",
		signs:   []string{"config: invalid value for docker container {key} timeout: {value}"},
		summary: "ECS_CONTAINER_{key}_TIMEOUT is below the ECS agent's minimum: {value}",
		do:      "Set a longer timeout, such as 3m, in /etc/ecs/ecs.config, then restart the ECS agent:",
		run:     []string{"sudo systemctl restart ecs"},
	},
	{
		id:     "agent-region-unknown",
		source: "agent/config/config.go",
		signs: []string{
			"missing required fields: awsregion",
			"key not set, key: awsregion",
			"aws_default_region has to be set",
		},
		summary: "the ECS agent does not know its region: IMDS did not respond, and AWS_DEFAULT_REGION is not set",
		do:      "Set the region in /etc/ecs/ecs.config, then restart the ECS agent:",
		run:     set("AWS_DEFAULT_REGION", "REGION"),
	},
	{
		id:      "invalid-setting",
		source:  "agent/config/config.go",
		signs:   []string{"missing required fields: {key}", "configuration key not set, key: {key}"},
		summary: "a setting that the ECS agent requires is missing: {key}",
		do:      "Set it in /etc/ecs/ecs.config, then restart the ECS agent:",
		run:     []string{"sudo systemctl restart ecs"},
	},
	{
		id:     "reserved-memory-too-high",
		source: "ecs-agent/api/ecs/client/ecs_client.go:getResources",
		signs: []string{
			"reserved memory is higher than available memory on the host, total memory: {total}, reserved: {reserved}",
		},
		summary: "ECS_RESERVED_MEMORY={reserved} is more than the {total} MiB of memory of this instance",
		do:      "Lower ECS_RESERVED_MEMORY, then restart the ECS agent:",
		run:     []string{"sudo grep -n ECS_RESERVED_MEMORY /etc/ecs/ecs.config", "sudo systemctl restart ecs"},
	},
	{
		id:     "reserved-memory-too-high",
		source: "ecs-agent/api/ecs/client/ecs_client.go:getResources",
		// That is the only error of GetHostResources; this message hides it (agent/app/agent.go:doStart).
		signs:   []string{"reserved memory is higher than available memory", "unable to fetch host resources"},
		summary: "ECS_RESERVED_MEMORY is probably more than the memory of this instance",
		do:      "Compare the two, lower ECS_RESERVED_MEMORY, then restart the ECS agent:",
		run:     []string{"sudo grep -n ECS_RESERVED_MEMORY /etc/ecs/ecs.config", "free -m", "sudo systemctl restart ecs"},
		confirm: "ECS_RESERVED_MEMORY is above the total that free -m prints",
	},
}
