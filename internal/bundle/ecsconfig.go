package bundle

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"muster/internal/redact"
)

// known lists the keys in ecs.config whose values are included, because none of them is meant for a secret. Secrets
// within these values, such as a password in a proxy URL, are masked.
var known = strings.Fields(`
ECS_CLUSTER ECS_BACKEND_HOST AWS_DEFAULT_REGION NO_PROXY HTTP_PROXY HTTPS_PROXY no_proxy http_proxy https_proxy
ECS_INSTANCE_ATTRIBUTES ECS_CONTAINER_INSTANCE_TAGS ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM ECS_AVAILABLE_LOGGING_DRIVERS
ECS_RESERVED_PORTS ECS_RESERVED_PORTS_UDP ECS_RESERVED_MEMORY ECS_DYNAMIC_HOST_PORT_RANGE ECS_TASK_PIDS_LIMIT
ECS_IMAGE_PULL_BEHAVIOR ECS_ENGINE_AUTH_TYPE ECS_DATADIR ECS_CHECKPOINT ECS_LOGFILE ECS_LOGLEVEL ECS_LOGLEVEL_ON_INSTANCE
ECS_LOG_DRIVER ECS_LOG_OUTPUT_FORMAT ECS_LOG_ROLLOVER_TYPE ECS_LOG_MAX_FILE_SIZE_MB ECS_LOG_MAX_ROLL_COUNT DOCKER_HOST
ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES ECS_AWSVPC_BLOCK_IMDS ECS_ENABLE_TASK_ENI ECS_ENABLE_HIGH_DENSITY_ENI
ECS_ENABLE_TASK_IAM_ROLE ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST ECS_ENABLE_SPOT_INSTANCE_DRAINING ECS_WARM_POOLS_CHECK
ECS_ENABLE_CONTAINER_METADATA ECS_ENABLE_GPU_SUPPORT ECS_EXTERNAL ECS_DISABLE_METRICS ECS_DISABLE_DOCKER_HEALTH_CHECK
ECS_DISABLE_IMAGE_CLEANUP ECS_IMAGE_CLEANUP_INTERVAL ECS_IMAGE_MINIMUM_CLEANUP_AGE ECS_NUM_IMAGES_DELETE_PER_CYCLE
ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION ECS_CONTAINER_STOP_TIMEOUT ECS_CONTAINER_START_TIMEOUT ECS_CONTAINER_CREATE_TIMEOUT
ECS_IMAGE_PULL_INACTIVITY_TIMEOUT ECS_IMAGE_PULL_TIMEOUT ECS_SELINUX_CAPABLE ECS_APPARMOR_CAPABLE ECS_UPDATES_ENABLED
ECS_POLL_METRICS ECS_POLLING_METRICS_WAIT_DURATION ECS_INSTANCE_IP_COMPATIBILITY ECS_AGENT_PID_NAMESPACE_HOST
`)

// variable matches text that looks like the name of a variable and unlike a secret: words in capitals, joined by
// underscores.
var variable = regexp.MustCompile(`^(?:export\s+)?[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\s*$`)

const leftOut = "[left out]"

// agentConfig returns ecs.config with one line per original line, so that the line numbers in muster's findings still
// match.
func agentConfig(_ context.Context, s Source) part {
	p := copied(text, false, [2]string{"ecs.config", s.Config.Path(s.Config.ECSConfig)})
	for i, f := range p.files {
		p.files[i].data = allowed(f.data)
	}
	return p
}

func allowed(data []byte) []byte {
	var out strings.Builder
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		key, value, assigned := strings.Cut(line, "=")
		switch {
		case strings.TrimSpace(line) == "":
		case assigned && slices.Contains(known, key):
			line = key + "=" + redact.Value(key, value)
		case assigned && variable.MatchString(key):
			line = key + "=" + leftOut
		default:
			line = leftOut + ": a line that does not set a variable"
		}
		out.WriteString(line + "\n")
	}
	return []byte(out.String())
}
