package check

// The checks of the ecs group, each with what it may find. What explains what refers to these
// variables, so that the compiler finds a reference to nothing. Their ids are frozen.
var (
	ECSConfigCheck         = &Kind{ID: "ecs-config"}
	ECSConfigMisread       = &Kind{ID: "ecs-config-misread"}
	ECSConfigInvalid       = &Kind{ID: "ecs-config-invalid"}
	ECSConfigUnreadable    = &Kind{ID: "ecs-config-unreadable"}
	ECSConfigUnknownKey    = &Kind{ID: "ecs-config-unknown-key"}
	ECSConfigNotApplied    = &Kind{ID: "ecs-config-not-applied"}
	ClusterUnset           = &Kind{ID: "cluster-unset", FirstWarning: true}
	OtherClusterConfigured = &Kind{ID: "other-cluster-configured"}
	WrongRegion            = &Kind{ID: "wrong-region"}
	WrongAccount           = &Kind{ID: "wrong-account"}
	ReservedMemoryAboveRam = &Kind{ID: "reserved-memory-above-ram"}
	BackendHostSet         = &Kind{ID: "backend-host-set"}
	DockerHostSet          = &Kind{ID: "docker-host-set"}

	ECSUnitCheck      = &Kind{ID: "ecs-unit"}
	ECSUnitMissing    = &Kind{ID: "ecs-unit-missing"}
	ECSUnitHeldBack   = &Kind{ID: "ecs-unit-held-back"}
	ECSUnitMasked     = &Kind{ID: "ecs-unit-masked"}
	ECSUnitWaiting    = &Kind{ID: "ecs-unit-waiting"}
	ECSUnitNotStarted = &Kind{ID: "ecs-unit-not-started"}
	ECSUnitFailed     = &Kind{ID: "ecs-unit-failed"}
	ECSUnitRestarting = &Kind{ID: "ecs-unit-restarting"}
	ECSUnitDisabled   = &Kind{ID: "ecs-unit-disabled"}

	CheckpointCheck           = &Kind{ID: "checkpoint"}
	SavedClusterMismatch      = &Kind{ID: "saved-cluster-mismatch"}
	CheckpointOfOtherInstance = &Kind{ID: "checkpoint-of-other-instance"}
	CheckpointDamaged         = &Kind{ID: "checkpoint-damaged"}

	AgentLogCheck            = &Kind{ID: "agent-log"}
	Unrecognized             = &Kind{ID: "unrecognized"}
	AgentDiskFull            = &Kind{ID: "agent-disk-full"}
	StaleCheckpoint          = &Kind{ID: "stale-checkpoint"}
	AgentDeregistered        = &Kind{ID: "agent-deregistered"}
	InstanceTypeChanged      = &Kind{ID: "instance-type-changed"}
	SavedStateDenied         = &Kind{ID: "saved-state-denied"}
	SavedStateUnreadable     = &Kind{ID: "saved-state-unreadable"}
	AgentUserDataNotRun      = &Kind{ID: "agent-user-data-not-run"}
	InvalidJSONSetting       = &Kind{ID: "invalid-json-setting"}
	InvalidLoggingDriver     = &Kind{ID: "invalid-logging-driver"}
	InvalidSetting           = &Kind{ID: "invalid-setting"}
	AgentRegionUnknown       = &Kind{ID: "agent-region-unknown"}
	ReservedMemoryTooHigh    = &Kind{ID: "reserved-memory-too-high"}
	DockerAPITooOld          = &Kind{ID: "docker-api-too-old"}
	DockerSocketDenied       = &Kind{ID: "docker-socket-denied"}
	DockerUnreachable        = &Kind{ID: "docker-unreachable"}
	DockerBridgeMissing      = &Kind{ID: "docker-bridge-missing"}
	AgentImageMissing        = &Kind{ID: "agent-image-missing"}
	AgentContainerNameTaken  = &Kind{ID: "agent-container-name-taken"}
	AgentContainerNotCreated = &Kind{ID: "agent-container-not-created"}
	AgentWrongArchitecture   = &Kind{ID: "agent-wrong-architecture"}
	IptablesMissing          = &Kind{ID: "iptables-missing"}
	IptablesFailed           = &Kind{ID: "iptables-failed"}
	SysctlFailed             = &Kind{ID: "sysctl-failed"}
	ApparmorFailed           = &Kind{ID: "apparmor-failed"}
	GPUUnavailable           = &Kind{ID: "gpu-unavailable"}
	CgroupUnavailable        = &Kind{ID: "cgroup-unavailable"}
	PortInUse                = &Kind{ID: "port-in-use"}
	AgentWithoutInit         = &Kind{ID: "agent-without-init"}
	ENIUnavailable           = &Kind{ID: "eni-unavailable"}
	PauseImageMissing        = &Kind{ID: "pause-image-missing"}
	WarmPoolWaiting          = &Kind{ID: "warm-pool-waiting"}
	WarmPoolUnknown          = &Kind{ID: "warm-pool-unknown"}
	AgentCrashed             = &Kind{ID: "agent-crashed"}
	ClusterCreateDenied      = &Kind{ID: "cluster-create-denied"}
	ClusterNotFound          = &Kind{ID: "cluster-not-found"}
	ClusterDeleted           = &Kind{ID: "cluster-deleted"}
	InvalidAttributes        = &Kind{ID: "invalid-attributes"}
	LongARNRequired          = &Kind{ID: "long-arn-required"}
	InvalidTags              = &Kind{ID: "invalid-tags"}
	RegistrationInconsistent = &Kind{ID: "registration-inconsistent"}
	IdentityDocumentRefused  = &Kind{ID: "identity-document-refused"}
	QuotaReached             = &Kind{ID: "quota-reached"}
	VPCUndetected            = &Kind{ID: "vpc-undetected"}
	RegionNotEnabled         = &Kind{ID: "region-not-enabled"}
	AgentWrongRegion         = &Kind{ID: "agent-wrong-region"}
	AgentClockSkew           = &Kind{ID: "agent-clock-skew"}
	AgentTLSExpired          = &Kind{ID: "agent-tls-expired"}
	AccessDenied             = &Kind{ID: "access-denied"}
	AgentHopLimit            = &Kind{ID: "agent-hop-limit"}
	AgentIMDSv2Unsupported   = &Kind{ID: "agent-imdsv2-unsupported"}
	AgentIMDSUnreachable     = &Kind{ID: "agent-imds-unreachable"}
	CredentialsInvalid       = &Kind{ID: "credentials-invalid"}
	NoCredentials            = &Kind{ID: "no-credentials"}
	Throttled                = &Kind{ID: "throttled"}
	ECSUnavailable           = &Kind{ID: "ecs-unavailable"}
	AgentTLSAlert            = &Kind{ID: "agent-tls-alert"}
	AgentTLSWrongName        = &Kind{ID: "agent-tls-wrong-name"}
	AgentTLSUntrusted        = &Kind{ID: "agent-tls-untrusted"}
	AgentProxyRefused        = &Kind{ID: "agent-proxy-refused"}
	AgentDNSFailure          = &Kind{ID: "agent-dns-failure"}
	NetworkTimeout           = &Kind{ID: "network-timeout"}
	ConnectionRefused        = &Kind{ID: "connection-refused"}
	ConnectionCut            = &Kind{ID: "connection-cut"}
	ECSRefused               = &Kind{ID: "ecs-refused"}
	AgentExits               = &Kind{ID: "agent-exits"}
	AgentLogElsewhere        = &Kind{ID: "agent-log-elsewhere"}

	RegisteredCheck      = &Kind{ID: "registered"}
	IntrospectionRefused = &Kind{ID: "introspection-refused"}
	IntrospectionSilent  = &Kind{ID: "introspection-silent"}
	IntrospectionGarbled = &Kind{ID: "introspection-garbled"}
	NotRegistered        = &Kind{ID: "not-registered"}
	WrongCluster         = &Kind{ID: "wrong-cluster"}
	ClusterDefault       = &Kind{ID: "cluster-default", FirstWarning: true}

	ClusterCheck     = &Kind{ID: "cluster"}
	ClusterMissing   = &Kind{ID: "cluster-missing"}
	ClusterInactive  = &Kind{ID: "cluster-inactive"}
	ClusterNotActive = &Kind{ID: "cluster-not-active"}

	ContainerInstanceCheck    = &Kind{ID: "container-instance"}
	ContainerInstanceUnknown  = &Kind{ID: "container-instance-unknown"}
	ForeignContainerInstance  = &Kind{ID: "foreign-container-instance"}
	RegistrationFailed        = &Kind{ID: "registration-failed"}
	ContainerInstanceInactive = &Kind{ID: "container-instance-inactive"}
	ContainerInstanceDraining = &Kind{ID: "container-instance-draining"}
	StillRegistering          = &Kind{ID: "still-registering"}
	AgentDisconnected         = &Kind{ID: "agent-disconnected"}

	RegistrationsCheck = &Kind{ID: "registrations"}
	SecondRegistration = &Kind{ID: "second-registration"}
)

// logKinds are the kinds of the causes that the ECS agent's log shows.
func logKinds() []*Kind {
	return []*Kind{
		Unrecognized, AgentDiskFull, StaleCheckpoint, AgentDeregistered, InstanceTypeChanged, SavedStateDenied,
		SavedStateUnreadable, AgentUserDataNotRun, InvalidJSONSetting, InvalidLoggingDriver, InvalidSetting,
		AgentRegionUnknown, ReservedMemoryTooHigh, DockerAPITooOld, DockerSocketDenied, DockerUnreachable,
		DockerBridgeMissing, AgentImageMissing, AgentContainerNameTaken, AgentContainerNotCreated, AgentWrongArchitecture,
		IptablesMissing, IptablesFailed, SysctlFailed, ApparmorFailed, GPUUnavailable, CgroupUnavailable, PortInUse,
		AgentWithoutInit, ENIUnavailable, PauseImageMissing, WarmPoolWaiting, WarmPoolUnknown, AgentCrashed,
		ClusterCreateDenied, ClusterNotFound, ClusterDeleted, InvalidAttributes, LongARNRequired, InvalidTags,
		RegistrationInconsistent, IdentityDocumentRefused, QuotaReached, VPCUndetected, RegionNotEnabled, AgentWrongRegion,
		AgentClockSkew, AgentTLSExpired, AccessDenied, AgentHopLimit, AgentIMDSv2Unsupported, AgentIMDSUnreachable,
		CredentialsInvalid, NoCredentials, Throttled, ECSUnavailable, AgentTLSAlert, AgentTLSWrongName, AgentTLSUntrusted,
		AgentProxyRefused, AgentDNSFailure, NetworkTimeout, ConnectionRefused, ConnectionCut, ECSRefused,
	}
}

func logKind(id string) *Kind { return KindOf(logKinds(), id) }
