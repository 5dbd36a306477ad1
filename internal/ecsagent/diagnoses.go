package ecsagent

import "slices"

// diagnoses is the table of causes. The agent's own messages are those of
// agent/app/agent.go, agent/config/parse.go, ecs-agent/api/errors/errors.go,
// ecs-agent/acs/session/session.go and ecs-init/engine/engine.go; the others
// come from ECS, the AWS SDK (v1 in older agents, now v2), net and crypto/x509.
// What muster also sees for itself, under an id of its own, has one here that
// begins with agent-.
func diagnoses() []diagnosis {
	return slices.Concat(diagnosesOfState(), diagnosesOfAccess(), diagnosesOfHost(), diagnosesOfNetwork())
}

// diagnosesOfState: the agent and ECS disagree about what this instance is.
func diagnosesOfState() []diagnosis {
	return []diagnosis{
		{Cause{"cluster-not-found",
			"The cluster in ECS_CLUSTER does not exist in this account and region.",
			"compare with: aws ecs list-clusters; then: muster bootstrap --cluster NAME, and: systemctl restart ecs"},
			[]string{"cluster not found.", "clusternotfoundexception"}},
		{Cause{"cluster-deleted",
			"The cluster in ECS_CLUSTER was deleted.",
			"create it again: aws ecs create-cluster --cluster-name NAME; or name another: muster bootstrap --cluster NAME; then: systemctl restart ecs"},
			[]string{"referenced cluster was inactive"}},
		{Cause{"stale-checkpoint",
			"The agent started once with another cluster and saved that; it refuses to change it.",
			"systemctl stop ecs && mv /var/lib/ecs/data/agent.db /var/lib/ecs/data/agent.db.old && systemctl start ecs; then deregister the old container instance"},
			[]string{"data mismatch; saved cluster"}},
		{Cause{"agent-deregistered",
			"The container instance that the agent remembers was deregistered.",
			"systemctl stop ecs && mv /var/lib/ecs/data/agent.db /var/lib/ecs/data/agent.db.old && systemctl start ecs"},
			[]string{"container instance * is inactive", "container instance is deregistered", "inactiveinstanceexception"}},
		{Cause{"instance-type-changed",
			"The instance type was changed after the instance had registered; ECS does not accept that.",
			"terminate this instance and let the Auto Scaling group launch another"},
			[]string{"container instance type changes are not supported", "does not match the registered instance type"}},
		{Cause{"agent-user-data-not-run",
			"cloud-init found no data source at boot, so user data never ran and the agent refuses to start.",
			"reboot; if it comes back, replace the instance"},
			[]string{"cloud-init failure detected"}},
		{Cause{"invalid-json-setting",
			"A setting in /etc/ecs/ecs.config, or ecs.config.json, that must be JSON is not.",
			"grep -nE 'ATTRIBUTES|TAGS|LOCAL_ROUTES' /etc/ecs/ecs.config, correct it, then: systemctl restart ecs"},
			[]string{"invalid format for ecs_", "error reading cfg json data"}},
		{Cause{"reserved-memory-too-high",
			"ECS_RESERVED_MEMORY is more than the memory of this instance.",
			"compare: grep ECS_RESERVED_MEMORY /etc/ecs/ecs.config; free -m"},
			[]string{"reserved memory is higher than available memory"}},
		{Cause{"invalid-attributes",
			"ECS does not accept an attribute of this instance, probably one of ECS_INSTANCE_ATTRIBUTES.",
			"grep -n ECS_INSTANCE_ATTRIBUTES /etc/ecs/ecs.config, correct it, then: systemctl restart ecs"},
			[]string{"attribute validation failed", "with invalid attribute(s)", "invalidparameterexception*attribute"}},
	}
}

// diagnosesOfAccess: ECS is reached and refuses, or there is no way to sign.
func diagnosesOfAccess() []diagnosis {
	return []diagnosis{
		{Cause{"agent-clock-skew",
			"The clock of this instance is wrong, so that signatures or certificates are not accepted.",
			"chronyc tracking; the time source on EC2 is 169.254.169.123: systemctl restart chronyd"},
			[]string{"signature expired", "signature not yet current", "requesttimetooskewed", "requestexpired", "x509:*current time*is before"}},
		{Cause{"access-denied",
			"The instance role may not call {action}.",
			"allow {action} in the instance role (AmazonEC2ContainerServiceforEC2Role has what the agent needs), or in the VPC endpoint's policy"},
			[]string{"accessdenied", "not authorized to perform:"}},
		{Cause{"agent-imds-unreachable",
			"The instance metadata service does not answer.",
			"aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled; with a proxy, add 169.254.169.254 to NO_PROXY"},
			[]string{"unable to communicate with ec2 metadata", "169.254.169.254*timeout", "169.254.169.254*deadline exceeded", "169.254.169.254*connection refused"}},
		{Cause{"no-credentials",
			"The agent gets no credentials: the instance has no role, or its role does not trust ec2.amazonaws.com.",
			"aws sts get-caller-identity; attach a role: aws ec2 associate-iam-instance-profile --instance-id ID --iam-instance-profile Name=NAME"},
			[]string{"nocredentialproviders", "ec2rolerequesterror", "no ec2 imds role found", "failed to refresh cached credentials",
				"error getting valid credentials", "unable to get valid credentials"}},
		{Cause{"throttled",
			"ECS throttles the registration; the agent goes on trying for up to an hour.",
			"wait; launch fewer instances at once if it does not end"},
			[]string{"throttlingexception", "rate exceeded", "toomanyrequestsexception", "failed to get rate limit token"}},
	}
}

// diagnosesOfHost: something on the instance.
func diagnosesOfHost() []diagnosis {
	return []diagnosis{
		{Cause{"docker-unreachable",
			"The agent cannot talk to the Docker Engine.",
			"systemctl status docker; journalctl -u docker -n 50; then: systemctl restart docker ecs"},
			[]string{"ensure docker is running", "could not create docker client", "error connecting to docker", "cannot connect to the docker daemon",
				"docker.sock: connect:", "could not get supported docker versions"}},
		{Cause{"agent-image-missing",
			"ecs-init cannot get or load the agent's image.",
			"ls -l /var/cache/ecs; /usr/libexec/amazon-ecs-init reload-cache; then: systemctl restart ecs"},
			[]string{"could not download amazon elastic container service agent", "could not load amazon elastic container service agent"}},
		{Cause{"agent-disk-full",
			"A disk of this instance is full.",
			"df -h; df -i; docker system df; then free space or grow the volume"},
			[]string{"no space left on device"}},
	}
}

// diagnosesOfNetwork: something on the way to ECS. It comes last, since its
// signs also appear inside errors of Docker and of the metadata service.
func diagnosesOfNetwork() []diagnosis {
	return []diagnosis{
		{Cause{"agent-tls-untrusted",
			"The certificate of an AWS endpoint is not trusted: something on the way intercepts TLS, or a CA is missing.",
			"curl -v https://ecs.REGION.amazonaws.com; install the interceptor's CA, or exempt the endpoint from it"},
			[]string{"x509:"}},
		{Cause{"agent-dns-failure",
			"The name of an AWS endpoint does not resolve.",
			"getent hosts ecs.REGION.amazonaws.com; enable DNS support and DNS hostnames in the VPC, or correct /etc/resolv.conf"},
			[]string{"no such host", "server misbehaving", "lookup *: i/o timeout", "temporary failure in name resolution"}},
		{Cause{"network-timeout",
			"An AWS endpoint does not answer: no route, NAT or public IP, or port 443 is closed.",
			"curl -m 5 https://ecs.REGION.amazonaws.com; check the route table, the security group's and the network ACL's egress, and the VPC endpoints"},
			[]string{"i/o timeout", "tls handshake timeout", "request canceled while waiting for connection", "network is unreachable",
				"no route to host", "dial tcp*deadline exceeded", "client.timeout exceeded"}},
		{Cause{"connection-refused",
			"An AWS endpoint, or the proxy on the way to it, refuses the connection.",
			"grep -n PROXY /etc/ecs/ecs.config; systemctl cat ecs docker | grep -i proxy"},
			[]string{"connection refused", "proxyconnect"}},
	}
}
