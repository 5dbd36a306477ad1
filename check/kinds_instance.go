package check

// The checks of the instance group, each with what it may find. What explains what refers to these
// variables, so that the compiler finds a reference to nothing. Their ids are frozen.
var (
	PlatformCheck       = &Kind{ID: "platform"}
	PlatformUnsupported = &Kind{ID: "platform-unsupported"}
	SystemdTooOld       = &Kind{ID: "systemd-too-old"}

	IMDSCheck       = &Kind{ID: "imds"}
	IMDSDisabled    = &Kind{ID: "imds-disabled"}
	IMDSSilent      = &Kind{ID: "imds-silent"}
	IMDSUnreachable = &Kind{ID: "imds-unreachable"}
	IMDSGarbled     = &Kind{ID: "imds-garbled"}
	IMDSBroken      = &Kind{ID: "imds-broken"}
	IMDSTurnedOff   = &Kind{ID: "imds-turned-off"}

	InstanceRoleCheck     = &Kind{ID: "instance-role"}
	NoInstanceProfile     = &Kind{ID: "no-instance-profile"}
	InstanceProfileBroken = &Kind{ID: "instance-profile-broken"}
	RoleNotTrusted        = &Kind{ID: "role-not-trusted"}
	CredentialsExpired    = &Kind{ID: "credentials-expired"}

	UserDataCheck     = &Kind{ID: "user-data"}
	UserDataNotRun    = &Kind{ID: "user-data-not-run"}
	UserDataMalformed = &Kind{ID: "user-data-malformed"}
	UserDataFailed    = &Kind{ID: "user-data-failed"}
	CloudInitErrors   = &Kind{ID: "cloud-init-errors"}

	LifecycleCheck    = &Kind{ID: "lifecycle"}
	WarmPool          = &Kind{ID: "warm-pool"}
	WarmPoolUnchecked = &Kind{ID: "warm-pool-unchecked"}
	SpotDrainingOff   = &Kind{ID: "spot-draining-off"}
	Standby           = &Kind{ID: "standby"}
	Leaving           = &Kind{ID: "leaving"}

	DiskCheck          = &Kind{ID: "disk"}
	DiskFull           = &Kind{ID: "disk-full"}
	InodesFull         = &Kind{ID: "inodes-full"}
	ReadOnlyFileSystem = &Kind{ID: "read-only-file-system"}

	PressureCheck = &Kind{ID: "pressure"}
	StarvedHost   = &Kind{ID: "starved-host"}
	OOMKills      = &Kind{ID: "oom-kills"}

	ClockCheck = &Kind{ID: "clock"}
	ClockSkew  = &Kind{ID: "clock-skew"}

	BootstrapCheck    = &Kind{ID: "bootstrap"}
	BootstrapFailed   = &Kind{ID: "bootstrap-failed"}
	SignalUndelivered = &Kind{ID: "signal-undelivered"}
	NotRootsAlone     = &Kind{ID: "not-roots-alone"}
)
