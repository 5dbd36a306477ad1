package ecsagent

// rulesOfRegistration: what ECS answers to RegisterContainerInstance.
func rulesOfRegistration() []rule {
	return []rule{
		{id: "cluster-create-denied", signs: []string{"could not create cluster*accessdenied", "could not create cluster*not authorized"}, // ecs_client.go:CreateCluster
			summary: "There is no cluster called default, and the instance role may not create one (ecs:CreateCluster)",
			do:      "Name the cluster that this instance is to join:", run: []string{"muster bootstrap --cluster NAME"}},
		{id: "cluster-not-found", signs: []string{"cluster not found.", "clusternotfoundexception"},
			summary: "The cluster in ECS_CLUSTER does not exist in this account and region",
			do:      "Name one that exists:", run: []string{"aws ecs list-clusters", "muster bootstrap --cluster NAME"}},
		{id: "cluster-deleted", signs: []string{"referenced cluster was inactive"},
			summary: "The cluster in ECS_CLUSTER was deleted",
			do:      "Create it again, or name another with muster bootstrap --cluster NAME:", run: []string{"aws ecs create-cluster --cluster-name NAME", "systemctl restart ecs"}},
		{id: "invalid-attributes", signs: []string{"error registering attributes: {name}"}, not: []string{"registering attributes: attribute validation"},
			summary: "ECS refuses an attribute of this instance, probably one of ECS_INSTANCE_ATTRIBUTES: {name}",
			do:      "Correct its name and value (at most 128 characters: letters, digits, - _ . / \\ : @ and blanks), then restart the agent:",
			run:     []string{"grep -n ECS_INSTANCE_ATTRIBUTES /etc/ecs/ecs.config", "systemctl restart ecs"}},
		{id: "invalid-attributes", signs: []string{"attribute validation failed", "with invalid attribute(s)", "with an invalid attribute", "invalidparameterexception*attribute"},
			summary: "ECS refuses an attribute of this instance, probably one of ECS_INSTANCE_ATTRIBUTES",
			do:      "Correct the names and values (at most 128 characters: letters, digits, - _ . / \\ : @ and blanks), then restart the agent:",
			run:     []string{"grep -n ECS_INSTANCE_ATTRIBUTES /etc/ecs/ecs.config", "systemctl restart ecs"}},
		{id: "long-arn-required", signs: []string{"long arn format must be", "long arn format*tagging"},
			summary: "ECS takes tags of a container instance only with the long ARN format, which is off for this role",
			do:      "Opt in to the long format, or take the tags out of /etc/ecs/ecs.config:",
			run:     []string{"aws ecs put-account-setting-default --name containerInstanceLongArnFormat --value enabled", "systemctl restart ecs"}},
		{id: "invalid-tags", signs: []string{"tag key must not start with aws:", "invalidparameterexception*tag"},
			summary: "ECS refuses the tags that the agent gives this instance: a key must not start with aws:, and none may be invalid",
			do:      "Correct ECS_CONTAINER_INSTANCE_TAGS; to propagate the tags of EC2, update an agent before 1.23:",
			run:     []string{"grep -n ECS_CONTAINER_INSTANCE /etc/ecs/ecs.config", "systemctl restart ecs"}},
		{id: "registration-inconsistent", signs: []string{"arguments on this idempotent request are inconsistent"},
			summary: "ECS takes this for a repeated request that differs from the first (idempotent request, inconsistent)",
			do:      "Restart the agent, which asks anew:", run: []string{"systemctl restart ecs"}},
		{id: "identity-document-refused", signs: []string{"identity document and identity document signature", "identity document*not valid"},
			summary: "ECS does not accept the identity document of this instance, or its signature",
			do:      "Compare it with the instance and with AWS_DEFAULT_REGION; a proxy before the metadata service may change it:",
			run:     []string{"muster check --only imds", "grep -nE 'REGION|PROXY' /etc/ecs/ecs.config"}},
		{id: "quota-reached", signs: []string{"limitexceededexception: {reason} status code", "limitexceededexception: {reason}", "limitexceeded{reason}"}, general: true,
			summary: "A quota of ECS is reached: {reason}",
			do:      "Deregister what is no longer used, or raise the quota:", run: []string{"aws service-quotas list-service-quotas --service-code ecs"}},
		{id: "vpc-undetected", signs: []string{"unable to detect vpc id and subnet: {reason}", "unable to get vpc id from instance metadata: {reason}", "unable to get subnet id from instance metadata: {reason}", "not launched in vpc{reason}"}, // agent.go:setVPCSubnet
			not:     []string{"status code: 401", "deadline exceeded", "canceled", "timeout"},
			summary: "The agent does not learn its VPC and subnet from the metadata service: {reason}",
			do:      "See whether the metadata service has them; outside of a VPC update the agent:", run: []string{"muster check --only imds", "yum update -y ecs-init"}},
		{id: "region-not-enabled", signs: []string{"optinrequired", "subscriptionrequired"}, general: true,
			summary: "The account is not enabled for this region or for ECS in it",
			do:      "Enable the region for the account:", run: []string{"aws account list-regions --region-opt-status-contains DISABLED"}},
		{id: "agent-wrong-region", signs: []string{"credential should be scoped to a valid region"},
			summary: "The agent asks an endpoint of another region than it signs for",
			do:      "Set AWS_DEFAULT_REGION to the region of this instance, and take ECS_BACKEND_HOST out, then restart the agent:",
			run:     []string{"grep -nE 'REGION|ECS_BACKEND_HOST' /etc/ecs/ecs.config", "systemctl restart ecs"}},
	}
}

// rulesOfClock: signatures and certificates that are refused for their time.
func rulesOfClock() []rule {
	clock := []string{"chronyc tracking", "systemctl restart chronyd"}
	return []rule{
		{id: "agent-clock-skew", general: true,
			signs:   []string{"signature expired", "signature not yet current", "requesttimetooskewed", "requestexpired", "x509:*current time*is before"},
			summary: "The clock of this instance is wrong, so that signatures or certificates are not accepted",
			do:      "Correct the clock, from EC2's time source 169.254.169.123:", run: clock},
		{id: "agent-tls-expired", signs: []string{"x509:*current time {now} is after {end}"}, general: true,
			summary: "The certificate of {host} has expired ({end}), or the clock of this instance is ahead",
			do:      "Check the clock first; if it is right, the certificate has to be renewed:",
			run:     []string{"chronyc tracking", "openssl s_client -connect {endpoint}:443 </dev/null | openssl x509 -noout -dates -issuer"}},
	}
}

// rulesOfAccess: ECS is reached and refuses, or there is no way to sign.
func rulesOfAccess() []rule {
	credentials := []string{"grep -noE 'AWS_[A-Z_]*KEY[A-Z_]*' /etc/ecs/ecs.config", "aws sts get-caller-identity", "systemctl restart ecs"}
	hops := "aws ec2 modify-instance-metadata-options --instance-id INSTANCE_ID --http-put-response-hop-limit 2"
	return []rule{
		{id: "access-denied", signs: []string{"with an explicit deny in a {policy}: arn", "with an explicit deny in an {policy}: arn", "with an explicit deny in a {policy}", "with an explicit deny in an {policy}"}, general: true,
			summary: "{action} is denied to the instance role by an explicit deny in its {policy}",
			do:      "Take {action} out of that deny, or except the role {role} from it: no permission in the role overrides it."},
		{id: "access-denied", signs: []string{"because no {policy} allows"}, not: []string{"because no identity-based policy"}, general: true,
			summary: "{action} is not allowed to the instance role by every policy: the {policy} does not allow it",
			do:      "Allow {action} in the {policy} that the message names; no permission in the role makes up for it."},
		{id: "access-denied", signs: []string{"accessdenied", "not authorized to perform", "unauthorizedoperation"}, general: true,
			summary: "The instance role may not call {action}",
			do:      "Allow {action} in the instance role; this policy has what the agent needs (a VPC endpoint's policy may deny it, too):",
			run:     []string{"aws iam attach-role-policy --role-name {role} --policy-arn arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"}},
		// A container on a bridge is one hop further from the metadata service than the
		// host; with a hop limit of 1 the answer to IMDSv2's PUT does not arrive.
		{id: "agent-hop-limit", signs: []string{"no ec2 imds role found*canceled", "no ec2 imds role found*context deadline exceeded", "ec2rolerequesterror*client.timeout", "ec2rolerequesterror*request canceled"},
			not:     []string{"dial tcp 169.254.169.254"},
			summary: "The agent's container gets no answer from the metadata service, probably for its hop limit",
			do:      "Run the agent's container with --net=host, as ecs-init does, or raise the hop limit of the instance to 2:", run: []string{hops},
			confirm: "docker inspect -f '{{.HostConfig.NetworkMode}}' ecs-agent prints something else than host"},
		{id: "agent-imdsv2-unsupported", signs: []string{"ec2metadata*status code: 401", "ec2rolerequesterror*status code: 401", "ec2metadata*401 - unauthorized"},
			summary: "This agent is too old for IMDSv2, which the metadata service of this instance requires (401)",
			do:      "Update ecs-init and the agent, or let the instance answer IMDSv1, too:",
			run:     []string{"yum update -y ecs-init", "systemctl restart ecs"}},
		{id: "agent-imds-unreachable",
			signs: []string{"unable to communicate with ec2 metadata", "169.254.169.254*timeout", "169.254.169.254*deadline exceeded", "169.254.169.254*connection refused", "169.254.169.254*no route to host",
				"failed to get ec2 instance identity document", "unable to get instance identity", "unable to retrieve instance identity", "ec2metadatarequesterror", "unable to detect vpc id and subnet", "error creating ec2 metadata client"},
			summary: "The agent gets no answer from the instance metadata service (IMDS)",
			do:      "Switch the metadata service on, and name 169.254.169.254 in NO_PROXY where there is a proxy:",
			run:     []string{"muster check --only imds", "aws ec2 modify-instance-metadata-options --instance-id INSTANCE_ID --http-endpoint enabled"}},
		{id: "credentials-invalid", signs: []string{"expiredtoken", "security token included in the request is expired"}, general: true,
			summary: "The credentials of the agent have expired (ExpiredToken)",
			do:      "Take keys out of /etc/ecs/ecs.config, so that the agent uses those of the instance role:", run: credentials},
		{id: "credentials-invalid", general: true,
			signs:   []string{"unrecognizedclient", "invalidclienttokenid", "security token included in the request is invalid", "invalidaccesskeyid", "authfailure", "signaturedoesnotmatch", "request signature we calculated does not match", "incompletesignature", "invalidsignatureexception"},
			summary: "AWS does not accept the credentials of the agent: they are not valid, or of a role that was deleted",
			do:      "Take keys out of /etc/ecs/ecs.config; if the role was created anew, attach its instance profile again:", run: credentials},
		{id: "no-credentials",
			signs: []string{"nocredentialproviders", "ec2rolerequesterror", "no ec2 imds role found", "failed to refresh cached credentials",
				"error getting valid credentials", "unable to get valid credentials", "no valid providers in chain", "get credentials: "},
			summary: "The agent gets no credentials: the instance has no role, or its role does not trust ec2.amazonaws.com",
			do:      "Attach an instance profile whose role trusts ec2.amazonaws.com:",
			run:     []string{"aws sts get-caller-identity", "aws ec2 associate-iam-instance-profile --instance-id INSTANCE_ID --iam-instance-profile Name=NAME"}},
		{id: "throttled", signs: []string{"throttlingexception", "rate exceeded", "toomanyrequestsexception", "failed to get rate limit token", "requestlimitexceeded", "slowdown"}, general: true,
			summary: "AWS throttles {action}; the agent goes on trying, a registration for up to an hour",
			do:      "Wait; if it does not end, launch fewer instances at once."},
		{id: "ecs-unavailable", general: true,
			signs:   []string{"serverexception", "internalservererror", "internalfailure", "serviceunavailable", "statuscode: 500", "statuscode: 502", "statuscode: 503", "status code: 500", "status code: 503", "server error", "endpoint returned; nil"},
			summary: "ECS answers {action} with an error of its own; the agent goes on trying",
			do:      "Wait; if it does not end, look at the AWS Health Dashboard of the region."},
	}
}

// rulesOfNetwork: something on the way to ECS. It comes last, since its signs
// also appear inside errors of Docker and of the metadata service.
func rulesOfNetwork() []rule {
	return []rule{
		{id: "agent-tls-wrong-name", signs: []string{"x509: certificate is valid for {names}, not {wanted}", "x509: certificate is not valid for any names, but wanted to match {wanted}", "x509:*doesn't contain any ip sans"}, general: true,
			summary: "The certificate that {host} shows is for another name: {names}",
			do:      "Find out which server answers there: a proxy, a private DNS zone or /etc/hosts may lead to the wrong one:",
			run:     []string{"getent hosts {endpoint}", "openssl s_client -connect {endpoint}:443 </dev/null | openssl x509 -noout -subject -issuer"}},
		{id: "agent-tls-untrusted", signs: []string{"x509:", "certificate signed by unknown authority", "remote error: tls:"}, general: true,
			summary: "The agent does not trust the certificate of {host}: TLS is intercepted, or a CA is missing",
			do:      "See who issued it; except the endpoint from the interception, or give the agent's container that CA:",
			run:     []string{"openssl s_client -connect {endpoint}:443 -showcerts </dev/null"}},
		{id: "agent-proxy-refused", signs: []string{"proxy authentication required", "first record does not look like a tls handshake", "server gave http response to https client", "statuscode: 407", "proxyconnect*eof"}, general: true,
			summary: "The proxy refuses the agent's connection to {host}, or something that is no TLS server answers",
			do:      "Correct the proxy in /etc/ecs/ecs.config: http:// in its address, user and password where it asks for them:",
			run:     []string{"grep -noE '[A-Z]+_PROXY' /etc/ecs/ecs.config", "systemctl restart ecs"}},
		{id: "agent-dns-failure", signs: []string{"no such host", "server misbehaving", "lookup *: i/o timeout", "temporary failure in name resolution"}, general: true,
			summary: "The agent cannot resolve the name of {host}",
			do:      "Enable DNS support and DNS hostnames in the VPC, or correct /etc/resolv.conf:", run: []string{"getent hosts {endpoint}", "cat /etc/resolv.conf"}},
		{id: "network-timeout", general: true,
			signs: []string{"i/o timeout", "tls handshake timeout", "request canceled while waiting for connection", "network is unreachable",
				"no route to host", "dial tcp*deadline exceeded", "client.timeout exceeded", "connection timed out", "context deadline exceeded"},
			summary: "The agent gets no answer from {host}: no route, NAT or public IP, or port 443 is closed",
			do:      "Check the route table, egress of the security group and the network ACL, and the VPC endpoints:",
			run:     []string{"curl -m 5 -sS -o /dev/null https://{endpoint}", "muster check --only ecs-endpoints"}},
		{id: "connection-refused", signs: []string{"connection refused", "proxyconnect"}, general: true,
			summary: "The connection to {host}, or to the proxy before it, is refused",
			do:      "Correct the proxy or ECS_BACKEND_HOST where one is set, then restart the agent:",
			run:     []string{"grep -nE 'PROXY|ECS_BACKEND_HOST' /etc/ecs/ecs.config", "systemctl cat ecs docker | grep -i proxy", "systemctl restart ecs"}},
		{id: "connection-cut", signs: []string{"connection reset by peer", "unexpected eof", "broken pipe", "response: : eof", `/": eof`, "forbidden"}, general: true,
			summary: "The connection to {host} is cut: by a proxy or a firewall on the way, or by AWS",
			do:      "See whether it works from the host, and through which proxy:",
			run:     []string{"curl -m 5 -sS -o /dev/null https://{endpoint}", "grep -noE '[A-Z]+_PROXY' /etc/ecs/ecs.config"}},
		{id: "ecs-refused", signs: []string{"clientexception: {reason} status code", "clientexception: {reason}", "invalidparameterexception: {reason} status code", "invalidparameterexception: {reason}"}, general: true,
			summary: "ECS refuses {action}: {reason}",
			do:      "Correct what the message names, then restart the agent:", run: []string{"systemctl restart ecs"}},
	}
}
