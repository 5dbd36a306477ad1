package ecs

import (
	"muster/check"
)

// The checks of the ecs group, each with its possible findings. SymptomOf and Needs refer to these variables. The IDs
// must never change.
var (
	ECSConfigCheck         = &check.Kind{ID: "ecs-config"}
	ECSConfigMisread       = &check.Kind{ID: "ecs-config-misread"}
	ECSConfigInvalid       = &check.Kind{ID: "ecs-config-invalid"}
	ECSConfigUnreadable    = &check.Kind{ID: "ecs-config-unreadable"}
	ECSConfigUnknownKey    = &check.Kind{ID: "ecs-config-unknown-key"}
	ECSConfigNotApplied    = &check.Kind{ID: "ecs-config-not-applied"}
	ClusterUnset           = &check.Kind{ID: "cluster-unset", FirstWarning: true}
	OtherClusterConfigured = &check.Kind{ID: "other-cluster-configured"}
	WrongRegion            = &check.Kind{ID: "wrong-region"}
	WrongAccount           = &check.Kind{ID: "wrong-account"}
	ReservedMemoryAboveRam = &check.Kind{ID: "reserved-memory-above-ram"}
	BackendHostSet         = &check.Kind{ID: "backend-host-set"}
	DockerHostSet          = &check.Kind{ID: "docker-host-set"}

	ECSUnitCheck      = &check.Kind{ID: "ecs-unit"}
	ECSUnitMissing    = &check.Kind{ID: "ecs-unit-missing"}
	ECSUnitHeldBack   = &check.Kind{ID: "ecs-unit-held-back"}
	ECSUnitMasked     = &check.Kind{ID: "ecs-unit-masked"}
	ECSUnitWaiting    = &check.Kind{ID: "ecs-unit-waiting"}
	ECSUnitNotStarted = &check.Kind{ID: "ecs-unit-not-started"}
	ECSUnitFailed     = &check.Kind{ID: "ecs-unit-failed"}
	ECSUnitRestarting = &check.Kind{ID: "ecs-unit-restarting"}
	ECSUnitDisabled   = &check.Kind{ID: "ecs-unit-disabled"}

	CheckpointCheck           = &check.Kind{ID: "checkpoint"}
	SavedClusterMismatch      = &check.Kind{ID: "saved-cluster-mismatch"}
	CheckpointOfOtherInstance = &check.Kind{ID: "checkpoint-of-other-instance"}
	CheckpointDamaged         = &check.Kind{ID: "checkpoint-damaged"}

	AgentLogCheck            = &check.Kind{ID: "agent-log"}
	Unrecognized             = &check.Kind{ID: "unrecognized"}
	AgentDiskFull            = &check.Kind{ID: "agent-disk-full"}
	StaleCheckpoint          = &check.Kind{ID: "stale-checkpoint"}
	AgentDeregistered        = &check.Kind{ID: "agent-deregistered"}
	InstanceTypeChanged      = &check.Kind{ID: "instance-type-changed"}
	SavedStateDenied         = &check.Kind{ID: "saved-state-denied"}
	SavedStateUnreadable     = &check.Kind{ID: "saved-state-unreadable"}
	AgentUserDataNotRun      = &check.Kind{ID: "agent-user-data-not-run"}
	InvalidJSONSetting       = &check.Kind{ID: "invalid-json-setting"}
	InvalidLoggingDriver     = &check.Kind{ID: "invalid-logging-driver"}
	InvalidSetting           = &check.Kind{ID: "invalid-setting"}
	AgentRegionUnknown       = &check.Kind{ID: "agent-region-unknown"}
	ReservedMemoryTooHigh    = &check.Kind{ID: "reserved-memory-too-high"}
	DockerAPITooOld          = &check.Kind{ID: "docker-api-too-old"}
	DockerSocketDenied       = &check.Kind{ID: "docker-socket-denied"}
	DockerUnreachable        = &check.Kind{ID: "docker-unreachable"}
	DockerBridgeMissing      = &check.Kind{ID: "docker-bridge-missing"}
	AgentImageMissing        = &check.Kind{ID: "agent-image-missing"}
	AgentContainerNameTaken  = &check.Kind{ID: "agent-container-name-taken"}
	AgentContainerNotCreated = &check.Kind{ID: "agent-container-not-created"}
	AgentWrongArchitecture   = &check.Kind{ID: "agent-wrong-architecture"}
	IptablesMissing          = &check.Kind{ID: "iptables-missing"}
	IptablesFailed           = &check.Kind{ID: "iptables-failed"}
	SysctlFailed             = &check.Kind{ID: "sysctl-failed"}
	ApparmorFailed           = &check.Kind{ID: "apparmor-failed"}
	GPUUnavailable           = &check.Kind{ID: "gpu-unavailable"}
	CgroupUnavailable        = &check.Kind{ID: "cgroup-unavailable"}
	PortInUse                = &check.Kind{ID: "port-in-use"}
	AgentWithoutInit         = &check.Kind{ID: "agent-without-init"}
	ENIUnavailable           = &check.Kind{ID: "eni-unavailable"}
	PauseImageMissing        = &check.Kind{ID: "pause-image-missing"}
	WarmPoolWaiting          = &check.Kind{ID: "warm-pool-waiting"}
	WarmPoolUnknown          = &check.Kind{ID: "warm-pool-unknown"}
	AgentCrashed             = &check.Kind{ID: "agent-crashed"}
	ClusterCreateDenied      = &check.Kind{ID: "cluster-create-denied"}
	ClusterNotFound          = &check.Kind{ID: "cluster-not-found"}
	ClusterDeleted           = &check.Kind{ID: "cluster-deleted"}
	InvalidAttributes        = &check.Kind{ID: "invalid-attributes"}
	LongARNRequired          = &check.Kind{ID: "long-arn-required"}
	InvalidTags              = &check.Kind{ID: "invalid-tags"}
	RegistrationInconsistent = &check.Kind{ID: "registration-inconsistent"}
	IdentityDocumentRefused  = &check.Kind{ID: "identity-document-refused"}
	QuotaReached             = &check.Kind{ID: "quota-reached"}
	VPCUndetected            = &check.Kind{ID: "vpc-undetected"}
	RegionNotEnabled         = &check.Kind{ID: "region-not-enabled"}
	AgentWrongRegion         = &check.Kind{ID: "agent-wrong-region"}
	AgentClockSkew           = &check.Kind{ID: "agent-clock-skew"}
	AgentTLSExpired          = &check.Kind{ID: "agent-tls-expired"}
	AccessDenied             = &check.Kind{ID: "access-denied"}
	AgentHopLimit            = &check.Kind{ID: "agent-hop-limit"}
	AgentIMDSv2Unsupported   = &check.Kind{ID: "agent-imdsv2-unsupported"}
	AgentIMDSUnreachable     = &check.Kind{ID: "agent-imds-unreachable"}
	CredentialsInvalid       = &check.Kind{ID: "credentials-invalid"}
	NoCredentials            = &check.Kind{ID: "no-credentials"}
	Throttled                = &check.Kind{ID: "throttled"}
	ECSUnavailable           = &check.Kind{ID: "ecs-unavailable"}
	AgentTLSAlert            = &check.Kind{ID: "agent-tls-alert"}
	AgentTLSWrongName        = &check.Kind{ID: "agent-tls-wrong-name"}
	AgentTLSUntrusted        = &check.Kind{ID: "agent-tls-untrusted"}
	AgentProxyRefused        = &check.Kind{ID: "agent-proxy-refused"}
	AgentDNSFailure          = &check.Kind{ID: "agent-dns-failure"}
	NetworkTimeout           = &check.Kind{ID: "network-timeout"}
	ConnectionRefused        = &check.Kind{ID: "connection-refused"}
	ConnectionCut            = &check.Kind{ID: "connection-cut"}
	ECSRefused               = &check.Kind{ID: "ecs-refused"}
	AgentExits               = &check.Kind{ID: "agent-exits"}
	AgentLogElsewhere        = &check.Kind{ID: "agent-log-elsewhere"}

	RegisteredCheck      = &check.Kind{ID: "registered"}
	IntrospectionRefused = &check.Kind{ID: "introspection-refused"}
	IntrospectionSilent  = &check.Kind{ID: "introspection-silent"}
	IntrospectionGarbled = &check.Kind{ID: "introspection-garbled"}
	NotRegistered        = &check.Kind{ID: "not-registered"}
	WrongCluster         = &check.Kind{ID: "wrong-cluster"}
	ClusterDefault       = &check.Kind{ID: "cluster-default", FirstWarning: true}

	ClusterCheck     = &check.Kind{ID: "cluster"}
	ClusterMissing   = &check.Kind{ID: "cluster-missing"}
	ClusterInactive  = &check.Kind{ID: "cluster-inactive"}
	ClusterNotActive = &check.Kind{ID: "cluster-not-active"}

	ContainerInstanceCheck    = &check.Kind{ID: "container-instance"}
	ContainerInstanceUnknown  = &check.Kind{ID: "container-instance-unknown"}
	ForeignContainerInstance  = &check.Kind{ID: "foreign-container-instance"}
	RegistrationFailed        = &check.Kind{ID: "registration-failed"}
	ContainerInstanceInactive = &check.Kind{ID: "container-instance-inactive"}
	ContainerInstanceDraining = &check.Kind{ID: "container-instance-draining"}
	StillRegistering          = &check.Kind{ID: "still-registering"}
	AgentDisconnected         = &check.Kind{ID: "agent-disconnected"}

	RegistrationsCheck = &check.Kind{ID: "registrations"}
	SecondRegistration = &check.Kind{ID: "second-registration"}
)

// logKinds returns the kinds of the causes that can be found in the ECS agent's log.
func logKinds() []*check.Kind {
	return []*check.Kind{
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

func logKind(id string) *check.Kind { return check.KindOf(logKinds(), id) }
