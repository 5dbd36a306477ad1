package ecsagent

// rulesOfDocker: the agent and ecs-init cannot work with the Docker Engine.
func rulesOfDocker() []rule {
	update := []string{"yum update -y ecs-init", "systemctl restart ecs"}
	return []rule{
		{id: "docker-api-too-old",
			signs: []string{"client version {api} is too old*minimum supported api version is {min}, please", "client is too old, minimum supported api version is {min}, please",
				"client version {api} is too old*minimum supported api version is {min}"},
			summary: "{who} speaks a Docker API version that is too old: client version {api}, the Engine requires {min}",
			do:      "Update ecs-init and the agent, or install an older Docker Engine:", run: update},
		{id: "docker-api-too-old",
			// agent/app/agent.go:verifyRequiredDockerVersion, agent/dockerclient/sdkclientfactory
			signs:   []string{"required minimum docker api version {min} is not supported", "client not found for docker version: {min}"},
			summary: "The Docker Engine does not offer Docker API version {min}, which this agent requires",
			do:      "Update ecs-init and the agent; Podman in the place of Docker does not work:", run: update},
		{id: "docker-api-too-old", signs: []string{"client is newer than server (client api version: {api}, server api version: {min})"},
			summary: "The Docker Engine is too old for {by}: it offers API version {min}, and {api} is asked for",
			do:      "Update the Docker Engine:", run: []string{"yum update -y docker", "systemctl restart ecs"}},
		{id: "docker-socket-denied",
			signs:   []string{"docker.sock: connect: permission denied", "permission denied while trying to connect to the docker", "docker.sock*permission denied"},
			summary: "{who} is denied Docker's socket, /var/run/docker.sock (permission denied)",
			do:      "Find what denies it, SELinux or a user namespace, and allow the agent's container to open the socket:",
			run:     []string{"ls -lZ /var/run/docker.sock", "getenforce", "ausearch -m avc -ts boot"}},
		{id: "docker-unreachable",
			signs: []string{"ensure docker is running", "could not create docker client", "cannot connect to the docker daemon", "docker.sock: connect:", "docker.sock: no such file",
				"docker.sock: connection refused", "could not get supported docker versions", "could not check docker for agent image presence", "error creating docker client"},
			summary: "{who} cannot talk to the Docker Engine",
			do:      "Find out why Docker does not answer, then start both again:",
			run:     []string{"systemctl status docker", "journalctl -u docker -n 50", "systemctl restart docker ecs"}},
		{id: "docker-unreachable", info: true, // ecs-init/docker/dependencies.go:newVersionedDockerClient, at info
			signs:   []string{"error connecting to docker, backing off", "network error connecting to docker"},
			summary: "ecs-init cannot talk to the Docker Engine",
			do:      "Find out why Docker does not answer, then start both again:",
			run:     []string{"systemctl status docker", "journalctl -u docker -n 50", "systemctl restart docker ecs"}},
		{id: "docker-bridge-missing", signs: []string{"unable to find any virtual docker bridge network interfaces"}, // ecs-init/docker/docker.go
			summary: "ecs-init finds no network bridge of Docker on the host, and does not start the agent",
			do:      `Let Docker create its bridge: take "bridge": "none" out of /etc/docker/daemon.json, then restart Docker:`,
			run:     []string{"ip -br link show type bridge", "systemctl restart docker", "systemctl restart ecs"}},
	}
}

// rulesOfHost: something else on the instance (ecs-init/engine/engine.go, agent/app/agent_unix.go).
func rulesOfHost() []rule {
	restart := []string{"systemctl restart ecs"}
	return []rule{
		{id: "agent-image-missing",
			signs: []string{"could not download amazon e", "could not load amazon e", "failed to download file from s3", "download file {file} from bucket", "failed to initialize s3 downloader", "could not handle cache state",
				"does not match expected checksum"},
			summary: "ecs-init cannot get or load the agent's image",
			do:      "Look whether the image is cached, and load it again:",
			run:     []string{"ls -l /var/cache/ecs", "/usr/libexec/amazon-ecs-init reload-cache", "systemctl restart ecs"}},
		{id: "agent-container-name-taken", signs: []string{"the container name {name} is already in use by container {holder}. you have to", "the container name {name} is already in use by container {holder}"},
			summary: "ecs-init cannot start the agent: the container name {name} is already in use",
			do:      "Remove the other container of that name, then start the agent:",
			run:     []string{"docker rm -f {name}", "systemctl restart ecs"}},
		{id: "agent-container-not-created", signs: []string{"invalid environment variable: {variable}"},
			summary: "Docker does not create the agent's container: invalid environment variable: {variable}",
			do:      "Correct the line without a name in /etc/ecs/ecs.config, then restart the agent:",
			run:     []string{"grep -nE '^[[:space:]]*=' /etc/ecs/ecs.config", "systemctl restart ecs"}},
		{id: "agent-wrong-architecture", signs: []string{"exec format error"},
			summary: "The agent's image is for another processor architecture (exec format error)",
			do:      "Install ecs-init for this architecture, and load its image:",
			run:     []string{"uname -m", "yum reinstall -y ecs-init", "/usr/libexec/amazon-ecs-init reload-cache", "systemctl restart ecs"}},
		{id: "iptables-missing", signs: []string{`exec: "iptables": executable file not found`, "error searching 'iptables' executable"}, // ecs-init/exec/iptables
			summary: "ecs-init finds no iptables, which it needs for the task credentials endpoint",
			do:      "Install iptables, then restart the agent:", run: []string{"yum install -y iptables", "systemctl restart ecs"}},
		{id: "iptables-failed", signs: []string{"could not create route to the credentials proxy: {reason}", "for iptables route: {reason}", "error adding input chain entry{reason}"},
			summary: "ecs-init cannot add its iptables rules: {reason}",
			do:      "Try iptables by hand, correct what it reports, then restart the agent:", run: []string{"iptables -t nat -nL", "lsmod | grep -E 'ip_tables|nf_tables'", "systemctl restart ecs"}},
		{id: "sysctl-failed", signs: []string{"could not enable loopback routing: {reason}", "could not disable ipv6 router advertisements: {reason}", "could not create routes for task metadata server: {reason}", "error searching 'sysctl' executable: {reason}"},
			summary: "ecs-init cannot prepare the host's network: {reason}",
			do:      "Try it by hand, correct what it reports, then restart the agent:", run: []string{"sysctl net.ipv4.conf.all.route_localnet", "systemctl restart ecs"}},
		{id: "apparmor-failed", signs: []string{"error loading apparmor profile {reason}"},
			summary: "ecs-init cannot load an AppArmor profile: {reason}",
			do:      "Look at the state of AppArmor, then restart the agent:", run: []string{"aa-status", "systemctl restart ecs"}},
		{id: "gpu-unavailable", signs: []string{"nvidia gpu manager: {reason}"}, // ecs-init/engine/engine.go:PreStartGPU
			summary: "ecs-init finds no usable NVIDIA GPU, and does not start the agent: {reason}",
			do:      "Load the NVIDIA driver, or switch ECS_ENABLE_GPU_SUPPORT off on an instance without GPU:",
			run:     []string{"nvidia-smi", "grep -rn ECS_ENABLE_GPU_SUPPORT /etc/ecs/ecs.config /var/lib/ecs/ecs.config", "systemctl restart ecs"}},
		{id: "gpu-unavailable", signs: []string{"could not initialize nvidia gpu manager: {reason}"}, // agent/app/agent.go:doStart
			summary: "The agent cannot read the GPU information that ecs-init left: {reason}",
			do:      "Restart ecs-init, which writes /var/lib/ecs/gpu/nvidia-gpu-info.json:", run: restart},
		{id: "gpu-unavailable", signs: []string{"config for gpu support is enabled, but gpu information is not found"}, // agent/gpu/nvidia_gpu_manager_unix.go
			summary: "ECS_ENABLE_GPU_SUPPORT is on, but the agent found no GPU: it registered without any",
			do:      "See whether the driver knows the GPU, then restart the agent; on an instance without GPU, switch ECS_ENABLE_GPU_SUPPORT off:",
			run:     []string{"nvidia-smi -L", "systemctl restart ecs"}},
		{id: "cgroup-unavailable",
			signs:   []string{"unable to initialize cgroup root for ecs: {reason}", "unable to setup '/ecs' cgroup: {reason}", "cgroup create: {reason}", "cgroupv2 create: {reason}", "cgroupv2 init: {reason}"},
			summary: "The agent cannot set up its cgroup: {reason}",
			do:      "Give the agent's container /sys/fs/cgroup writable, or switch limits of tasks off:",
			run:     []string{"echo ECS_ENABLE_TASK_CPU_MEM_LIMIT=false >> /etc/ecs/ecs.config", "systemctl restart ecs"}},
		{id: "port-in-use", signs: []string{"listen tcp {address}: bind: address already in use", "listen tcp {address}: bind: permission denied"}, // agent/handlers/*_server_setup.go
			summary: "The agent cannot listen on {address}, since another process holds the port",
			do:      "Find the process, stop it, then restart the agent:", run: []string{"ss -ltnp 'sport = :{port}'", "systemctl restart ecs"}},
		{id: "agent-without-init", signs: []string{"agent is not started with an init system"}, // agent_unix.go:initializeTaskENIDependencies
			summary: "The agent's container was started without an init process, which task networking needs",
			do:      "Start the agent's container with --init, as ecs-init does, or set ECS_ENABLE_TASK_ENI=false."},
		{id: "eni-unavailable", signs: []string{"unable to initialize task eni dependencies: {reason}"}, not: []string{"unable to get vpc id", "unable to get subnet id", "unable to retrieve"},
			summary: "The agent cannot prepare task networking (awsvpc): {reason}",
			do:      "Correct what the message names, or switch task networking off:",
			run:     []string{"echo ECS_ENABLE_TASK_ENI=false >> /etc/ecs/ecs.config", "systemctl restart ecs"}},
		{id: "pause-image-missing", signs: []string{"failed to load pause container: {reason}"},
			summary: "The agent cannot load the pause image, which task networking needs: {reason}",
			do:      "Install ecs-init again, which brings it, and restart the agent:", run: []string{"yum reinstall -y ecs-init", "systemctl restart ecs"}},
		{id: "warm-pool-waiting", info: true, signs: []string{"waiting for instance to go inservice"}, // agent.go:waitUntilInstanceInService
			summary: "The agent waits until this instance leaves the warm pool of its Auto Scaling group (ECS_WARM_POOLS_CHECK)",
			do:      "Nothing is wrong while the instance is in the warm pool. Look at its state:",
			run:     []string{"aws autoscaling describe-auto-scaling-instances --instance-ids INSTANCE_ID"}},
		{id: "warm-pool-unknown", signs: []string{"could not determine target lifecycle of instance: {reason}"},
			summary: "The agent does not learn whether this instance is in a warm pool: {reason}",
			do:      "Take ECS_WARM_POOLS_CHECK out if the instance is in no Auto Scaling group, then restart the agent:", run: restart},
		{id: "agent-crashed", info: true, signs: []string{"panic: {reason} goroutine", "fatal error: {reason} goroutine"}, // ecs-init/engine/engine.go: the end of the container's log
			summary: "The agent crashed: {reason}",
			do:      "Update ecs-init and the agent; if it still crashes, set its saved state aside:", run: []string{"yum update -y ecs-init", "systemctl restart ecs"}},
		{id: "agent-container-not-created", signs: []string{"could not start agent: api error (*): {reason}", "could not start agent: {reason}", "could not remove existing agent container: {reason}"},
			summary: "ecs-init cannot start the agent's container: {reason}",
			do:      "Correct what Docker reports, then restart the agent:", run: []string{"docker ps -a --filter name=ecs-agent", "journalctl -u docker -n 50", "systemctl restart ecs"}},
	}
}
