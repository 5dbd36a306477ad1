package ecsconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxAssignment is the most bytes that "KEY=value" may have: Linux refuses to start a
// program with a longer one (MAX_ARG_STRLEN, 32 pages of 4 KiB, with the final NUL).
const maxAssignment = 32*4096 - 1

// clusterPattern is CreateCluster's: up to 255 letters, digits, underscores and hyphens.
// The agent also takes the cluster's ARN.
var clusterPattern = regexp.MustCompile(`^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:cluster/)?[A-Za-z0-9_-]{1,255}$`)

// isName reports whether key is what POSIX calls a name. Every line of a file is asked
// more than once, for which a regular expression is too slow.
func isName(key string) bool {
	for i := range len(key) {
		c := key[i]
		letter := c == '_' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !letter && (i == 0 || c < '0' || '9' < c) {
			return false
		}
	}
	return key != ""
}

// Validate says why key=value must not be written: a key that is no variable's name, a
// value that cannot stand on one unquoted line, or one that the agent refuses or
// silently ignores. It knows the form that the agent (agent/config/parse.go) expects of
// the well-known keys; other keys take any value. The error names key, never the value.
func Validate(key, value string) error {
	if !isName(key) {
		return fmt.Errorf("key %.80q: want letters, digits and underscores, and no digit first", key)
	}
	if err := checkValue(key, value); err != nil {
		return fmt.Errorf("%s %w", key, err)
	}
	return nil
}

// checkValue returns errors that read on from the name of the key.
func checkValue(key, value string) error {
	if length := len(key) + 1 + len(value); length > maxAssignment {
		return fmt.Errorf("is too long: %d bytes with its name, and Linux starts no program with more than %d", length, maxAssignment)
	}
	switch {
	case !utf8.ValidString(value):
		return errors.New("is not valid UTF-8")
	case strings.ContainsFunc(value, unicode.IsControl):
		return errors.New("holds a line break or another control character")
	case strings.TrimSpace(value) != value:
		return errors.New("begins or ends with a space")
	case strings.HasPrefix(value, `"`), strings.HasPrefix(value, `'`):
		return errors.New("begins with a quote: the agent takes quotes for a part of the value, write it without")
	case continues(value):
		return errors.New("ends in a backslash, with which systemd joins the next line to it")
	case key == "ECS_CLUSTER":
		return clusterName(value)
	case value == "":
		return nil // to the agent every other setting is then unset
	}
	if check := format(key); check != nil {
		return check(value)
	}
	return nil
}

func clusterName(value string) error {
	if value == "" {
		return errors.New("is empty: the agent would join the cluster called default")
	}
	if !clusterPattern.MatchString(value) {
		return errors.New("is not the name of a cluster (1 to 255 letters, digits, hyphens and underscores) or its ARN")
	}
	return nil
}

// format returns the check of a well-known key's value, or nil.
func format(key string) func(string) error {
	switch key {
	case "ECS_INSTANCE_ATTRIBUTES", "ECS_CONTAINER_INSTANCE_TAGS", "ECS_AGENT_LABELS", "ECS_PAUSE_LABELS", "ECS_LOG_OPTS":
		return jsonAs[map[string]string](`a JSON object of strings, such as {"name":"value"}`)
	case "ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES":
		return jsonAs[[]route](`a JSON array of CIDR blocks, such as ["10.0.15.0/24"]`)
	case "ECS_AVAILABLE_LOGGING_DRIVERS":
		return jsonAs[[]loggingDriver](`a JSON array of logging drivers that the agent knows, such as ["json-file","awslogs"]`)
	case "ECS_RESERVED_PORTS", "ECS_RESERVED_PORTS_UDP":
		return jsonAs[[]uint16](`a JSON array of ports, such as [22,2375]`)
	case "ECS_VOLUME_PLUGIN_CAPABILITIES":
		return jsonAs[[]string](`a JSON array of strings, such as ["efsAuth"]`)
	case "ECS_ENGINE_AUTH_DATA":
		return jsonAs[map[string]struct{ Auth, Username, Password, Email string }](`a JSON object of registries, each an object of strings`)
	case "ECS_RESERVED_MEMORY":
		return integer(0, 1<<16-1)
	case "ECS_TASK_PIDS_LIMIT":
		return integer(1, 1<<22)
	case "ECS_NUM_IMAGES_DELETE_PER_CYCLE", "NONECS_NUM_CONTAINERS_DELETE_PER_CYCLE":
		return integer(1, 1<<31-1)
	case "ECS_TASK_METADATA_RPS_LIMIT":
		return rateAndBurst
	case "ECS_DYNAMIC_HOST_PORT_RANGE":
		return portRange
	case "ECS_IMAGE_PULL_BEHAVIOR":
		return oneOf("default", "always", "once", "prefer-cached")
	case "ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM":
		return oneOf("none", "ec2_instance")
	case "ECS_ENGINE_AUTH_TYPE":
		return oneOf("docker", "dockercfg")
	}
	return switchOrDuration(key)
}

func switchOrDuration(key string) func(string) error {
	switch key {
	// ecs-init compares these with "true", while the agent takes every spelling.
	case "ECS_ENABLE_GPU_SUPPORT", "ECS_EXTERNAL", "ECS_GMSA_SUPPORTED", "ECS_AGENT_RUN_PRIVILEGED":
		return oneOf("true", "false")
	case "ECS_AGENT_PID_NAMESPACE_HOST", "ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS", "ECS_APPARMOR_CAPABLE",
		"ECS_AUDIT_LOGFILE_DISABLED", "ECS_AWSVPC_BLOCK_IMDS", "ECS_CHECKPOINT", "ECS_DISABLE_DOCKER_HEALTH_CHECK",
		"ECS_DISABLE_IMAGE_CLEANUP", "ECS_DISABLE_METRICS", "ECS_DISABLE_PRIVILEGED", "ECS_DISABLE_TASK_METADATA_AZ",
		"ECS_EBSTA_SUPPORTED", "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE", "ECS_ENABLE_CONTAINER_METADATA",
		"ECS_ENABLE_FIRELENS_ASYNC", "ECS_ENABLE_HIGH_DENSITY_ENI", "ECS_ENABLE_INF_SUPPORT",
		"ECS_ENABLE_PROMETHEUS_METRICS", "ECS_ENABLE_RUNTIME_STATS", "ECS_ENABLE_SPOT_INSTANCE_DRAINING",
		"ECS_ENABLE_TASK_CPU_MEM_LIMIT", "ECS_ENABLE_TASK_ENI", "ECS_ENABLE_TASK_IAM_ROLE",
		"ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST", "ECS_ENABLE_UNTRACKED_IMAGE_CLEANUP", "ECS_EXCLUDE_IPV6_PORTBINDING",
		"ECS_POLL_METRICS", "ECS_PROPAGATE_TASK_MEMORY_LIMIT_CGROUPV2", "ECS_PULL_DEPENDENT_CONTAINERS_UPFRONT",
		"ECS_SELINUX_CAPABLE", "ECS_SHARED_VOLUME_MATCH_FULL_CONFIG", "ECS_SKIP_LOCALHOST_TRAFFIC_FILTER",
		"ECS_UPDATES_ENABLED", "ECS_WARM_POOLS_CHECK":
		return boolean
	case "ECS_CGROUP_CPU_PERIOD", "ECS_CONTAINER_CREATE_TIMEOUT", "ECS_CONTAINER_START_TIMEOUT",
		"ECS_CONTAINER_STOP_TIMEOUT", "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION",
		"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER", "ECS_IMAGE_CLEANUP_INTERVAL", "ECS_IMAGE_MINIMUM_CLEANUP_AGE",
		"ECS_IMAGE_PULL_INACTIVITY_TIMEOUT", "ECS_IMAGE_PULL_TIMEOUT", "ECS_MANIFEST_PULL_TIMEOUT",
		"ECS_POLLING_METRICS_WAIT_DURATION", "NON_ECS_IMAGE_MINIMUM_CLEANUP_AGE":
		return duration
	}
	return nil
}

// jsonAs checks that a value unmarshals into T. Of json's own error it keeps only the
// place, because its text quotes from the value.
func jsonAs[T any](want string) func(string) error {
	return func(value string) error {
		var into T
		err := json.Unmarshal([]byte(value), &into)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("is no JSON from byte %d on: want %s", syntax.Offset, want)
		}
		if err != nil {
			return fmt.Errorf("is not %s", want)
		}
		return nil
	}
}

// route is decoded as the agent's cniTypes.IPNet is.
type route struct{}

func (*route) UnmarshalJSON(data []byte) error {
	var cidr string
	if err := json.Unmarshal(data, &cidr); err != nil {
		return err
	}
	_, _, err := net.ParseCIDR(cidr)
	return err
}

// loggingDriver is one of those without which the agent exits
// (LoggingDriverMinimumVersion, and awsfirelens).
type loggingDriver struct{}

func (*loggingDriver) UnmarshalJSON(data []byte) error {
	var name string
	if err := json.Unmarshal(data, &name); err != nil {
		return err
	}
	return oneOf("json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk",
		"logentries", "sumologic", "none", "awsfirelens")(name)
}

func oneOf(words ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(words, value) {
			return fmt.Errorf("is not one of %s", strings.Join(words, ", "))
		}
		return nil
	}
}

func boolean(value string) error {
	if _, err := strconv.ParseBool(value); err != nil {
		return errors.New("is not true or false")
	}
	return nil
}

func duration(value string) error {
	if _, err := time.ParseDuration(value); err != nil {
		return errors.New("is not a duration with its unit, such as 90s, 10m or 3h")
	}
	return nil
}

func integer(least, most uint64) func(string) error {
	return func(value string) error {
		if n, err := strconv.ParseUint(value, 10, 64); err != nil || n < least || n > most {
			return fmt.Errorf("is not a whole number from %d to %d", least, most)
		}
		return nil
	}
}

func rateAndBurst(value string) error {
	rate, burst, _ := strings.Cut(value, ",")
	positive := integer(1, 1<<31-1)
	if positive(strings.TrimSpace(rate)) != nil || positive(strings.TrimSpace(burst)) != nil {
		return errors.New("is not a rate and a burst, such as 100,150")
	}
	return nil
}

// portRange is stricter than the agent, which reads "1-2-3" as 1-2.
func portRange(value string) error {
	first, last, isRange := strings.Cut(value, "-")
	if !isRange {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || to < from {
		return errors.New("is not a range of ports, such as 49153-65535")
	}
	return nil
}
