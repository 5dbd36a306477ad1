package ecsagent

// dockerRules match failures of the agent or ecs-init to use the Docker Engine.
var dockerRules = []rule{
	{
		id:     "docker-api-too-old",
		source: "Docker Engine; agent/app/agent.go:verifyRequiredDockerVersion",
		signs: []string{
			"client version {api} is too old*minimum supported api version is {min}, please",
			"client is too old, minimum supported api version is {min}, please",
			"client version {api} is too old*minimum supported api version is {min}",
		},
		summary: "{who} uses a Docker API version that is too old: client version {api}, the Engine requires {min}",
		do:      "Update ecs-init and the ECS agent, or install an older Docker Engine:",
		run:     []string{"sudo yum update -y ecs-init", "sudo systemctl restart ecs"},
	},
	{
		id:     "docker-api-too-old",
		source: "Docker Engine; agent/app/agent.go:verifyRequiredDockerVersion",
		signs: []string{
			"required minimum docker api version {min} is not supported",
			"client not found for docker version: {min}",
		},
		summary: "the Docker Engine does not support Docker API version {min}, which this ECS agent requires",
		do:      "Update ecs-init and the ECS agent; Podman cannot replace Docker here:",
		run:     []string{"sudo yum update -y ecs-init", "sudo systemctl restart ecs"},
	},
	{
		id:      "docker-api-too-old",
		source:  "Docker Engine; agent/app/agent.go:verifyRequiredDockerVersion",
		signs:   []string{"client is newer than server (client api version: {api}, server api version: {min})"},
		summary: "the Docker Engine is too old for {by}: it supports API version {min}, not {api}",
		do:      "Update the Docker Engine:",
		run:     []string{"sudo yum update -y docker", "sudo systemctl restart ecs"},
	},
	{
		id:     "docker-socket-denied",
		source: "net, Docker's client",
		signs: []string{
			"docker.sock: connect: permission denied",
			"permission denied while trying to connect to the docker",
			"docker.sock*permission denied",
		},
		summary: "{who} cannot open Docker's socket, /var/run/docker.sock (permission denied)",
		do:      "Find what denies access, such as SELinux or a user namespace, and allow it for the ECS agent's container:",
		run:     []string{"ls -lZ /var/run/docker.sock", "getenforce", "sudo ausearch -m avc -ts boot"},
	},
	{
		id:     "docker-unreachable",
		source: "agent/dockerclient/dockerapi/docker_client.go, ecs-init/engine/engine.go",
		signs: []string{
			"ensure docker is running",
			"could not create docker client",
			"cannot connect to the docker daemon",
			"docker.sock: connect:",
			"docker.sock: no such file",
			"docker.sock: connection refused",
			"could not get supported docker versions",
			"could not check docker for agent image presence",
			"error creating docker client",
		},
		summary: "{who} cannot connect to the Docker Engine",
		do:      "Find out why Docker does not respond, then restart Docker and the ECS agent:",
		run: []string{
			"systemctl status docker --no-pager",
			"sudo journalctl -u docker -n 50 --no-pager",
			"sudo systemctl restart docker ecs",
		},
	},
	{
		id:      "docker-unreachable",
		source:  "agent/dockerclient/dockerapi/docker_client.go, ecs-init/engine/engine.go",
		info:    true,
		signs:   []string{"error connecting to docker, backing off", "network error connecting to docker"},
		summary: "ecs-init cannot connect to the Docker Engine",
		do:      "Find out why Docker does not respond, then restart Docker and the ECS agent:",
		run: []string{
			"systemctl status docker --no-pager",
			"sudo journalctl -u docker -n 50 --no-pager",
			"sudo systemctl restart docker ecs",
		},
	},
	{
		id:      "docker-bridge-missing",
		source:  "ecs-init/docker/docker.go",
		signs:   []string{"unable to find any virtual docker bridge network interfaces"},
		summary: "ecs-init finds no Docker bridge on the host, so it does not start the ECS agent",
		do:      `Remove "bridge": "none" from /etc/docker/daemon.json, then restart Docker:`,
		run:     []string{"ip -br link show type bridge", "sudo systemctl restart docker", "sudo systemctl restart ecs"},
	},
}
