package stopreason

import "muster/internal/base/fix"

// exited is the id of the reason for a container that exited on its own.
const exited = "task-exited"

// rule matches texts that contain one of its signs. A sign is in lower case. "*" matches anything between its parts.
type rule struct {
	id      string
	source  string // where the signs come from: a file of amazon-ecs-agent, moby or runc, a page of AWS, a public report
	signs   []string
	what    string
	do      string
	run     []string
	origin  Origin
	planned bool
}

func (r rule) reason() Reason {
	return Reason{ID: r.id, What: r.what, Fix: fix.Do(r.do, r.run...), Origin: r.origin, Planned: r.planned}
}

// rules are in order of precedence: the first match applies. A full disk, a rate limit and a name that does not resolve
// come first, because messages about them also contain the signs of a failed pull.
var rules = append(append(append([]rule{}, imageRules...), startRules...), stopRules...)

var imageRules = []rule{
	{
		id:     "task-image-disk",
		source: "amazon-ecs-agent#1434, #716; moby daemon/graphdriver/devmapper; hackoregon/civic-devops#132",
		signs: []string{
			"cannotpull*no space left on device", "failed to register layer*no space left on device",
			"getimageblob*no space left on device", "thin pool has*less than minimum required",
			"failed to pull*no space left on device",
		},
		what:   "could not be started: its image does not fit on the disk",
		do:     "Free space in Docker's directory, or attach a larger volume. To see what uses it:",
		run:    []string{"sudo docker system df", "df -h /var/lib/docker", "df -i /var/lib/docker"},
		origin: Disk,
	},
	{
		id:     "task-image-rate-limited",
		source: "Docker Hub, \"Usage and limits\"; Amazon ECR, \"Troubleshooting error messages\" (HTTP 429)",
		signs:  []string{"toomanyrequests", "429 too many requests", "cannotpull*throttlingexception", "cannotpull*rate exceeded"},
		what:   "could not be started: the registry limits the rate of pulls",
		do: "Log in to the registry (repositoryCredentials in the task definition), or pull through an ECR pull-through cache. " +
			"ECS tries again by itself.",
	},
	{
		id:     "task-image-dns",
		source: "Go's net.DNSError; glibc's EAI_AGAIN",
		signs: []string{
			"cannotpull*no such host", "pull*dial tcp: lookup*", "cannotpull*temporary failure in name resolution",
			"https://*dial tcp: lookup*no such host", "https://*dial tcp: lookup*i/o timeout", "server misbehaving",
		},
		what:   "could not be started: the name of its registry cannot be resolved",
		do:     "Check the name of the registry, the DNS server of the VPC, and the private DNS names of its endpoints:",
		run:    []string{"getent ahosts api.ecr.REGION.amazonaws.com", "cat /etc/resolv.conf"},
		origin: DNS,
	},
	{
		id:     "task-image-platform",
		source: "moby distribution/pull_v2.go; moby#39201",
		signs: []string{"no matching manifest for", "cannot be used on this platform", "no match for platform in manifest",
			"does not match the specified platform", "does not match the detected host platform"},
		what: "could not be started: its image is not built for the architecture of this instance",
		do:   "Build the image for this architecture as well, or limit the task with runtimePlatform. The instance has:",
		run:  []string{"uname -m"},
	},
	{
		id: "task-image-denied",
		source: "agent/api/errormessages/error_messages.go; agent/dockerclient/dockerapi/errors.go; " +
			"Amazon ECR, \"Troubleshooting error messages\"",
		signs: []string{
			"cannotpullecrcontainererror", "cannotpullcontainerautherror", "no basic auth credentials",
			"not authorized to perform: ecr:", "unauthorized: authentication required", "unauthorized: incorrect username or password",
			"authorization token has expired", "cannotpull*unauthorized", "cannotpull*403 forbidden", "cannotpull*accessdenied",
		},
		what: "could not be started: the registry refused access to its image",
		do: "Allow ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer in the task's execution role " +
			"(in the instance role if it has none), and in the repository's policy. For another registry, correct repositoryCredentials.",
	},
	{
		id: "task-image-not-found",
		source: "moby distribution/errors.go; agent/api/errormessages/error_messages.go; amazon-ecs-agent#422, #1185; " +
			"prakhar1989/docker-curriculum#218",
		signs: []string{
			"manifest unknown", "name unknown", "repository does not exist or may require", "requested access to the resource is denied",
			"cannotpull*manifest for*not found", "cannotpull*not found in repository", "cannotpull*repository*not found",
			"cannotpull*api error (404)", "cannotpull*: not found", "no such image",
		},
		what: "could not be started: its image or tag does not exist, or its registry requires a login",
		do:   "Push the image, or correct its name in the task definition. ECR has:",
		run:  []string{"aws ecr describe-images --region REGION --repository-name REPOSITORY --query 'imageDetails[].imageTags[]'"},
	},
	{
		id: "task-image-timeout",
		source: "agent/api/errormessages/error_messages.go; agent/dockerclient/dockerapi/docker_client.go; " +
			"ActionIQ/terraform-aws-retool-ecs-fargate#20",
		signs: []string{
			"request canceled while waiting for connection", "could not transition to pulled; timed out",
			"could not transition to manifest_pulled; timed out", "inactivity time exceeded timeout while pulling", "cannotpull*i/o timeout",
			"cannotpull*deadline exceeded", "cannotpull*tls handshake timeout", "cannotpull*connection refused",
			"cannotpull*connection reset", "cannotpull*connection timed out", "cannotpull*no route to host",
			"cannotpull*network is unreachable", "could not reach any registry endpoint", "cannotpull*x509", "cannotpull*: eof",
		},
		what: "could not be started: its registry cannot be reached",
		do: "Open port 443 from the instance to the registry: a NAT gateway, a public address, or VPC endpoints for ecr.api, ecr.dkr " +
			"and S3. From the instance:",
		run:    []string{"curl -sS -m 5 -o /dev/null -w '%{http_code}\\n' https://api.ecr.REGION.amazonaws.com/"},
		origin: Network,
	},
}
