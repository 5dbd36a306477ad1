package instance

import (
	"muster/check"
)

// The checks of the instance group, each with its possible findings. SymptomOf and Needs refer to these variables. The
// IDs must never change.
var (
	PlatformCheck       = &check.Kind{ID: "platform"}
	PlatformUnsupported = &check.Kind{ID: "platform-unsupported"}
	SystemdTooOld       = &check.Kind{ID: "systemd-too-old"}

	IMDSCheck       = &check.Kind{ID: "imds"}
	IMDSDisabled    = &check.Kind{ID: "imds-disabled"}
	IMDSSilent      = &check.Kind{ID: "imds-silent"}
	IMDSUnreachable = &check.Kind{ID: "imds-unreachable"}
	IMDSGarbled     = &check.Kind{ID: "imds-garbled"}
	IMDSBroken      = &check.Kind{ID: "imds-broken"}
	IMDSTurnedOff   = &check.Kind{ID: "imds-turned-off"}

	InstanceRoleCheck     = &check.Kind{ID: "instance-role"}
	NoInstanceProfile     = &check.Kind{ID: "no-instance-profile"}
	InstanceProfileBroken = &check.Kind{ID: "instance-profile-broken"}
	RoleNotTrusted        = &check.Kind{ID: "role-not-trusted"}
	CredentialsExpired    = &check.Kind{ID: "credentials-expired"}

	UserDataCheck     = &check.Kind{ID: "user-data"}
	UserDataNotRun    = &check.Kind{ID: "user-data-not-run"}
	UserDataMalformed = &check.Kind{ID: "user-data-malformed"}
	UserDataFailed    = &check.Kind{ID: "user-data-failed"}
	CloudInitErrors   = &check.Kind{ID: "cloud-init-errors"}

	LifecycleCheck    = &check.Kind{ID: "lifecycle"}
	WarmPool          = &check.Kind{ID: "warm-pool"}
	WarmPoolUnchecked = &check.Kind{ID: "warm-pool-unchecked"}
	SpotDrainingOff   = &check.Kind{ID: "spot-draining-off"}
	Standby           = &check.Kind{ID: "standby"}
	Leaving           = &check.Kind{ID: "leaving"}

	DiskCheck          = &check.Kind{ID: "disk"}
	DiskFull           = &check.Kind{ID: "disk-full"}
	InodesFull         = &check.Kind{ID: "inodes-full"}
	ReadOnlyFileSystem = &check.Kind{ID: "read-only-file-system"}

	PressureCheck = &check.Kind{ID: "pressure"}
	StarvedHost   = &check.Kind{ID: "starved-host"}
	OOMKills      = &check.Kind{ID: "oom-kills"}

	ClockCheck = &check.Kind{ID: "clock"}
	ClockSkew  = &check.Kind{ID: "clock-skew"}

	BootstrapCheck    = &check.Kind{ID: "bootstrap"}
	BootstrapFailed   = &check.Kind{ID: "bootstrap-failed"}
	SignalUndelivered = &check.Kind{ID: "signal-undelivered"}
	NotRootsAlone     = &check.Kind{ID: "not-roots-alone"}
)
