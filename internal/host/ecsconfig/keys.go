package ecsconfig

// AgentVersion is the ECS agent version that the table of keys is based on.
const AgentVersion = "1.105.1"

// Reader says which programs read a key, and from where.
type Reader uint8

// Readers of a setting in ecs.config.
const (
	// Agent is the ECS agent. Its container gets the lines verbatim, as parsed by ecs-init (ecs-init/docker/docker.go,
	// getEnvVars).
	Agent Reader = 1 << iota
	// Init is the environment of ecs-init. systemd builds it from EnvironmentFile=, and removes quotes and spaces around
	// "=".
	Init
	// InitFile is ecs-init's own verbatim parser of the file.
	InitFile
)

// Key is a setting of ecs.config.
type Key struct {
	Name    string
	Field   string // name in ecs.config.json and in user data, if any
	Kind    *Kind
	Reader  Reader
	Default string // the ECS agent's value if no valid value is set
	Preset  string // ecs-init's value for the container if the files set none
	Note    string
}

// keys lists every setting of the ECS agent and of ecs-init on Linux, and the environment
// variables of their libraries. Sources, all in amazon-ecs-agent 1.105.1:
//
//   - agent: agent/config/{config,config_unix,parse,parse_linux,types}.go
//   - its log: ecs-agent/logger/log.go
//   - registries: agent/dockerclient/dockerauth
//   - ecs-init: ecs-init/config/common.go, ecs-init/docker/docker.go, ecs-init/exec/iptables
//   - the table in README.md
//
// The columns are name, field in JSON, kind, reader, default, preset, note.
var keys = []Key{
	// Identity of the instance, and the ECS endpoint.
	{"ECS_CLUSTER", "Cluster", clusterRef, Agent, "default", "", "name or ARN"},
	{"ECS_BACKEND_HOST", "APIEndpoint", trimmed, Agent, "", "", "ECS endpoint; for tests"},
	{"AWS_DEFAULT_REGION", "AWSRegion", region, Agent | Init, "", "", "defaults to the region of the instance"},
	{"DOCKER_HOST", "DockerEndpoint", text, Agent | Init | InitFile, "unix:///var/run/docker.sock", "", ""},
	{"ECS_EXTERNAL", "External", exactSwitch, Agent | Init, "false", "", "ECS Anywhere"},
	{"ECS_ALTERNATE_CREDENTIAL_PROFILE", "", text, Agent, "default", "", ""},
	{"ECS_INSTANCE_IP_COMPATIBILITY", "", oneOf(foldCase, "ipv4", "ipv6"), Agent, "", "", "detected by default"},
	{"ECS_WARM_POOLS_CHECK", "WarmPoolsSupport", flag, Agent, "false", "", "do not register in a warm pool"},

	// Contents of the registration.
	{"ECS_INSTANCE_ATTRIBUTES", "InstanceAttributes", attributes, Agent, "{}", "", "first registration only"},
	{"ECS_CONTAINER_INSTANCE_TAGS", "ContainerInstanceTags", tags, Agent, "{}", "", ""},
	{"ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM", "", oneOf(exactCase, "none", "ec2_instance"), Agent, "none", "", ""},
	{"ECS_RESERVED_MEMORY", "ReservedMemory", integer(0, 1<<16-1), Agent, "0", "", "MiB"},
	{"ECS_RESERVED_PORTS", "ReservedPorts", portList, Agent, "[22,2375,2376,51678,51679]", "", ""},
	{"ECS_RESERVED_PORTS_UDP", "ReservedPortsUDP", portList, Agent, "[]", "", ""},
	{"ECS_AVAILABLE_LOGGING_DRIVERS", "AvailableLoggingDrivers", drivers, Agent, `["json-file","none"]`,
		`["json-file","syslog","awslogs","fluentd","none"]`, "the agent exits on an unknown driver"},
	{"ECS_DETAILED_OS_FAMILY", "", text, Agent, "LINUX", "set", ""},
	{"ECS_VOLUME_PLUGIN_CAPABILITIES", "VolumePluginCapabilities", stringList, Agent, "[]", `["efsAuth"]`, ""},

	// Task capabilities.
	{"ECS_ENABLE_TASK_IAM_ROLE", "TaskIAMRoleEnabled", flag, Agent, "false", "true", ""},
	{"ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST", "TaskIAMRoleEnabledForNetworkHost", flag, Agent, "false", "true", ""},
	{"ECS_ENABLE_TASK_ENI", "TaskENIEnabled", flag, Agent, "false", "true", "awsvpc tasks"},
	{"ECS_ENABLE_HIGH_DENSITY_ENI", "", flag, Agent, "true", "", "trunking, with ECS_ENABLE_TASK_ENI"},
	{"ECS_AWSVPC_BLOCK_IMDS", "AWSVPCBlockInstanceMetdata", flag, Agent, "false", "", "awsvpc tasks only"},
	{"ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES", "AWSVPCAdditionalLocalRoutes", routes, Agent, "[]", "", ""},
	{"ECS_ENABLE_TASK_CPU_MEM_LIMIT", "TaskCPUMemLimit", flag, Agent, "true", "", ""},
	{"ECS_PROPAGATE_TASK_MEMORY_LIMIT_CGROUPV2", "PropagateTaskMemoryLimitCgroupV2", flag, Agent, "false", "", "since 1.104"},
	{"ECS_TASK_PIDS_LIMIT", "TaskPidsLimit", spacedInteger(1, 1<<22), Agent, "", "", "unlimited by default"},
	{"ECS_CGROUP_CPU_PERIOD", "CgroupCPUPeriod", duration("8ms", "100ms", useDefault), Agent, "100ms", "", ""},
	{"ECS_CGROUP_PATH", "CgroupPath", text, Agent, "/sys/fs/cgroup", "", ""},
	{"ECS_DISABLE_PRIVILEGED", "PrivilegedDisabled", flag, Agent, "false", "", ""},
	{"ECS_SELINUX_CAPABLE", "SELinuxCapable", flag, Agent, "false", "", ""},
	{"ECS_APPARMOR_CAPABLE", "AppArmorCapable", flag, Agent, "false", "", ""},
	{"ECS_ENABLE_GPU_SUPPORT", "GPUSupportEnabled", exactSwitch, Agent | InitFile, "false", "", "set by the GPU-optimized AMI"},
	{"ECS_NVIDIA_RUNTIME", "NvidiaRuntime", trimmed, Agent, "nvidia", "", ""},
	{"ECS_ENABLE_INF_SUPPORT", "InferentiaSupportEnabled", flag, Agent, "false", "", ""},
	{"ECS_EBSTA_SUPPORTED", "EBSTASupportEnabled", flag, Agent, "true", "true", ""},
	{"ECS_SHARED_VOLUME_MATCH_FULL_CONFIG", "SharedVolumeMatchFullConfig", flag, Agent, "false", "", ""},
	{"ECS_DYNAMIC_HOST_PORT_RANGE", "DynamicHostPortRange", portRange, Agent, "", "", "defaults to the kernel's range"},
	{"ECS_EXCLUDE_IPV6_PORTBINDING", "ShouldExcludeIPv6PortBinding", flag, Agent, "true", "", "false on an IPv6-only instance"},
	{"ECS_PAUSE_LABELS", "", labels, Agent, "{}", "", ""},
	{"ECS_GMSA_SUPPORTED", "", exactSwitch, Agent | Init | InitFile, "false", "", ""},
	{"CREDENTIALS_FETCHER_HOST", "", text, Init, "unix:///var/credentials-fetcher/socket/credentials_fetcher.sock", "", ""},
	{"CREDENTIALS_FETCHER_HOST_DIR", "", text, Agent, "", "set", ""},
	{"CREDENTIALS_FETCHER_SECRET_NAME_FOR_DOMAINLESS_GMSA", "", text, Agent, "", "", ""},
	{"ECS_DOMAIN_JOINED_LINUX_INSTANCE", "", flag, Agent, "false", "", "set by ecs-init"},

	// Containers: draining, timeouts, logs, metrics.
	{"ECS_ENABLE_SPOT_INSTANCE_DRAINING", "SpotInstanceDrainingEnabled", flag, Agent, "false", "", ""},
	{"ECS_CONTAINER_STOP_TIMEOUT", "DockerStopTimeout", duration("1s", "", useLimit), Agent, "30s", "", ""},
	{"ECS_CONTAINER_START_TIMEOUT", "ContainerStartTimeout", duration("45s", "", useLimit), Agent, "3m", "", ""},
	{"ECS_CONTAINER_CREATE_TIMEOUT", "ContainerCreateTimeout", duration("1m", "", useLimit), Agent, "4m", "", ""},
	{"ECS_MANIFEST_PULL_TIMEOUT", "ManifestPullTimeout", duration("30s", "", useLimit), Agent, "1m", "", ""},
	{"ECS_PULL_DEPENDENT_CONTAINERS_UPFRONT", "DependentContainersPullUpfront", flag, Agent, "false", "", ""},
	{"ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE", "OverrideAWSLogsExecutionRole", flag, Agent, "false", "true", ""},
	{"ECS_ENABLE_FIRELENS_ASYNC", "FirelensAsyncEnabled", flag, Agent, "true", "", ""},
	{"ECS_ENABLE_CONTAINER_METADATA", "ContainerMetadataEnabled", flag, Agent, "false", "", ""},
	{"ECS_DISABLE_METRICS", "DisableMetrics", flag, Agent, "false", "", ""},
	{"ECS_POLL_METRICS", "PollMetrics", flag, Agent, "false", "", ""},
	{"ECS_POLLING_METRICS_WAIT_DURATION", "PollingMetricsWaitDuration", duration("5s", "20s", useLimit), Agent, "10s", "", ""},
	{"ECS_DISABLE_DOCKER_HEALTH_CHECK", "DisableDockerHealthCheck", flag, Agent, "false", "", ""},
	{"ECS_TASK_METADATA_RPS_LIMIT", "", rateAndBurst, Agent, "40,60", "", ""},
	{"ECS_DISABLE_TASK_METADATA_AZ", "TaskMetadataAZDisabled", flag, Agent, "false", "", ""},

	// Images, registries and cleanup.
	{"ECS_ENGINE_AUTH_TYPE", "EngineAuthType", registryForm, Agent, "", "", ""},
	{"ECS_ENGINE_AUTH_DATA", "EngineAuthData", registries, Agent, "", "", "a secret"},
	{"ECS_IMAGE_PULL_BEHAVIOR", "", oneOf(exactCase, "default", "always", "once", "prefer-cached"), Agent, "default", "", ""},
	{"ECS_IMAGE_PULL_INACTIVITY_TIMEOUT", "ImagePullInactivityTimeout", duration("1m", "", useLimit), Agent, "1m", "", ""},
	{"ECS_IMAGE_PULL_TIMEOUT", "ImagePullTimeout", duration("", "", useDefault), Agent, "2h", "", ""},
	{"ECS_DISABLE_IMAGE_CLEANUP", "ImageCleanupDisabled", flag, Agent, "false", "", ""},
	{"ECS_IMAGE_CLEANUP_INTERVAL", "ImageCleanupInterval", duration("10m", "", useDefault), Agent, "30m", "", ""},
	{"ECS_IMAGE_MINIMUM_CLEANUP_AGE", "MinimumImageDeletionAge", duration("", "", useDefault), Agent, "1h", "", ""},
	{"NON_ECS_IMAGE_MINIMUM_CLEANUP_AGE", "NonECSMinimumImageDeletionAge", duration("", "", useDefault), Agent, "1h", "", ""},
	{"ECS_NUM_IMAGES_DELETE_PER_CYCLE", "NumImagesToDeletePerCycle", integer(1, 1<<31-1), Agent, "5", "", ""},
	{"NONECS_NUM_CONTAINERS_DELETE_PER_CYCLE", "NumNonECSContainersToDeletePerCycle", integer(1, 1<<31-1), Agent, "5", "", ""},
	{"ECS_ENABLE_UNTRACKED_IMAGE_CLEANUP", "DeleteNonECSImagesEnabled", flag, Agent, "false", "", ""},
	{"ECS_EXCLUDE_UNTRACKED_IMAGE", "ImageCleanupExclusionList", commaList, Agent, "", "", ""},
	{"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", "TaskCleanupWaitDuration", duration("1s", "", useDefault), Agent, "3h", "", ""},
	{"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER", "TaskCleanupWaitDurationJitter", duration("", "", useDefault), Agent, "0s", "", ""},

	// Files, state and the agent's log.
	{"ECS_DATADIR", "DataDir", text, Agent, "/data/", "/data", "directory of agent.db"},
	{"ECS_HOST_DATA_DIR", "DataDirOnHost", text, Agent, "/var/lib/ecs", "", ""},
	{"ECS_CHECKPOINT", "Checkpoint", flag, Agent, "true", "", "true because ecs-init sets ECS_DATADIR"},
	{"ECS_AGENT_CONFIG_FILE_PATH", "", text, Agent, "/etc/ecs_container_agent/config.json", "/etc/ecs/ecs.config.json", ""},
	{"ECS_CNI_PLUGINS_PATH", "CNIPluginsPath", text, Agent, "/amazon-ecs-cni-plugins", "", ""},
	{"ECS_UPDATES_ENABLED", "UpdatesEnabled", flag, Agent, "false", "true", ""},
	{"ECS_UPDATE_DOWNLOAD_DIR", "UpdateDownloadDir", text, Agent, "", "/var/cache/ecs", ""},
	{"ECS_AUDIT_LOGFILE", "CredentialsAuditLogFile", text, Agent, "/log/audit.log", "", ""},
	{"ECS_AUDIT_LOGFILE_DISABLED", "CredentialsAuditLogDisabled", flag, Agent, "false", "", ""},
	{"ECS_LOGFILE", "", text, Agent, "", "/log/ecs-agent.log", "/log is /var/log/ecs on the host"},
	{"ECS_LOGLEVEL", "", logLevel, Agent | Init, "info", "", ""},
	{"ECS_LOGLEVEL_ON_INSTANCE", "", logLevel, Agent, "", "", "defaults to ECS_LOGLEVEL"},
	{"ECS_LOG_OUTPUT_FORMAT", "", oneOf(exactCase, "logfmt", "json"), Agent, "logfmt", "", ""},
	{"ECS_LOG_ROLLOVER_TYPE", "", oneOf(exactCase, "size", "hourly", "none"), Agent, "size", "", ""},
	{"ECS_LOG_MAX_FILE_SIZE_MB", "", number, Agent, "5", "", ""},
	{"ECS_LOG_MAX_ROLL_COUNT", "", integer(0, 1<<31-1), Agent, "24", "", ""},
	{"ECS_ENABLE_RUNTIME_STATS", "EnableRuntimeStats", flag, Agent, "false", "", ""},
	{"ECS_ENABLE_PROMETHEUS_METRICS", "", flag, Agent, "false", "", ""},
	{"ECS_AGENT_HEALTHCHECK_HOST", "", text, Agent, "localhost", "", ""},

	// How ecs-init starts the container.
	{"ECS_LOG_DRIVER", "", oneOf(exactCase, "awslogs", "fluentd", "gelf", "json-file", "journald", "logentries", "syslog", "splunk"),
		Agent | Init, "json-file", "", "for the agent's container"},
	{"ECS_LOG_OPTS", "", labels, Init, "{}", "", ""},
	{"ECS_INIT_DOCKER_LOG_FILE_SIZE", "", text, Init, "16m", "", ""},
	{"ECS_INIT_DOCKER_LOG_FILE_NUM", "", text, Init, "4", "", ""},
	{"ECS_AGENT_LABELS", "", labels, InitFile, "{}", "", ""},
	{"ECS_AGENT_APPARMOR_PROFILE", "", text, Init, "ecs-agent-default", "", ""},
	{"ECS_AGENT_PID_NAMESPACE_HOST", "", flag, Init, "false", "", ""},
	{"ECS_AGENT_RUN_PRIVILEGED", "", exactSwitch, Init, "false", "", ""},
	{"ECS_SKIP_LOCALHOST_TRAFFIC_FILTER", "", flag, Init, "false", "", ""},
	{"ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS", "", flag, Init, "false", "", ""},
	{"ECS_OFFHOST_INTROSPECTION_INTERFACE_NAME", "", text, Init, "eth0", "", ""},

	// Proxy. Go reads the upper-case name first (ecs-agent/utils/httpproxy).
	{"HTTP_PROXY", "", proxy, Agent | Init, "", "", ""},
	{"HTTPS_PROXY", "", proxy, Agent | Init, "", "", ""},
	{"NO_PROXY", "", commaList, Agent | Init, "", "", ""},
	{"http_proxy", "", proxy, Agent | Init, "", "", ""},
	{"https_proxy", "", proxy, Agent | Init, "", "", ""},
	{"no_proxy", "", commaList, Agent | Init, "", "", ""},

	// Windows only: no effect here.
	{"ECS_ENABLE_CPU_UNBOUNDED_WINDOWS_WORKAROUND", "", flag, 0, "", "", windowsOnly},
	{"ECS_ENABLE_MEMORY_UNBOUNDED_WINDOWS_WORKAROUND", "", flag, 0, "", "", windowsOnly},
	{"ECS_FSX_WINDOWS_FILE_SERVER_SUPPORTED", "FSxWindowsFileServerCapable", flag, 0, "", "", windowsOnly},

	// Read by the AWS SDK and the Go runtime in the agent (github.com/aws/aws-sdk-go-v2/config, env_config.go;
	// crypto/x509).
	{"AWS_REGION", "", text, Agent, "", "", "AWS_DEFAULT_REGION takes precedence"},
	{"AWS_ACCESS_KEY_ID", "", text, Agent, "", "", "takes precedence over the instance role"},
	{"AWS_SECRET_ACCESS_KEY", "", text, Agent, "", "", "a secret"},
	{"AWS_SESSION_TOKEN", "", text, Agent, "", "", "a secret"},
	{"AWS_PROFILE", "", text, Agent, "", "", ""},
	{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "", text, Agent, "", "", ""},
	{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "", text, Agent, "", "", ""},
	{"AWS_CONFIG_FILE", "", text, Agent, "", "", ""},
	{"AWS_SHARED_CREDENTIALS_FILE", "", text, Agent, "", "", ""},
	{"AWS_CA_BUNDLE", "", text, Agent, "", "", ""},
	{"AWS_ENDPOINT_URL", "", text, Agent, "", "", ""},
	{"AWS_ENDPOINT_URL_ECS", "", text, Agent, "", "", ""},
	{"AWS_EC2_METADATA_DISABLED", "", flag, Agent, "false", "", ""},
	{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "", text, Agent, "", "", ""},
	{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "", text, Agent, "", "", ""},
	{"AWS_USE_FIPS_ENDPOINT", "", text, Agent, "", "", ""},
	{"AWS_USE_DUALSTACK_ENDPOINT", "", text, Agent, "", "", ""},
	{"AWS_MAX_ATTEMPTS", "", text, Agent, "", "", ""},
	{"AWS_RETRY_MODE", "", text, Agent, "", "", ""},
	{"SSL_CERT_DIR", "", text, Agent, "", "", "set by ecs-init on Amazon Linux"},
	{"SSL_CERT_FILE", "", text, Agent, "", "", ""},
	{"GODEBUG", "", text, Agent | Init, "", "", ""},
	{"TZ", "", text, Agent | Init, "", "", ""},
}

const windowsOnly = "Windows only"

var logLevel = oneOf(foldCase, "debug", "info", "warn", "error", "crit", "none")

var byName = func() map[string]*Key {
	index := make(map[string]*Key, len(keys))
	for i := range keys {
		index[keys[i].Name] = &keys[i]
	}
	return index
}()

// Lookup returns the key called name, if the ECS agent or ecs-init knows it.
func Lookup(name string) (Key, bool) {
	if key := byName[name]; key != nil {
		return *key, true
	}
	return Key{}, false
}

// Keys returns the names of all known keys in table order.
func Keys() []string {
	names := make([]string, len(keys))
	for i := range keys {
		names[i] = keys[i].Name
	}
	return names
}
