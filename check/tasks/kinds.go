package tasks

import "muster/check"

// The checks of the tasks group, each with its possible findings. SymptomOf and Needs refer to these variables. The IDs
// must never change.
var (
	TasksCheck = &check.Kind{ID: "tasks"}

	ImageDisk        = &check.Kind{ID: "task-image-disk"}
	ImageRateLimited = &check.Kind{ID: "task-image-rate-limited"}
	ImageDNS         = &check.Kind{ID: "task-image-dns"}
	ImagePlatform    = &check.Kind{ID: "task-image-platform"}
	ImageDenied      = &check.Kind{ID: "task-image-denied"}
	ImageNotFound    = &check.Kind{ID: "task-image-not-found"}
	ImageTimeout     = &check.Kind{ID: "task-image-timeout"}
	ImageFailed      = &check.Kind{ID: "task-image-failed"}

	SecretUnavailable = &check.Kind{ID: "task-secret-unavailable"}
	LogDriver         = &check.Kind{ID: "task-log-driver"}
	PortTaken         = &check.Kind{ID: "task-port-taken"}
	ExecFormat        = &check.Kind{ID: "task-exec-format"}
	MemoryLimit       = &check.Kind{ID: "task-memory-limit"}
	HostMemory        = &check.Kind{ID: "task-host-memory"}
	NetworkInterface  = &check.Kind{ID: "task-network-interface"}
	CommandNotFound   = &check.Kind{ID: "task-command-not-found"}
	ResourceFailed    = &check.Kind{ID: "task-resource-failed"}
	DockerTimeout     = &check.Kind{ID: "task-docker-timeout"}
	StartDisk         = &check.Kind{ID: "task-start-disk"}
	StartFailed       = &check.Kind{ID: "task-start-failed"}

	BalancerUnhealthy = &check.Kind{ID: "task-balancer-unhealthy"}
	Unhealthy         = &check.Kind{ID: "task-unhealthy"}
	OutOfMemory       = &check.Kind{ID: "task-out-of-memory"}
	StopTimeout       = &check.Kind{ID: "task-stop-timeout"}
	Killed            = &check.Kind{ID: "task-killed"}
	Exited            = &check.Kind{ID: "task-exited"}

	OrphansCheck = &check.Kind{ID: "orphans"}
	OrphanFound  = &check.Kind{ID: "orphan"}
)

// reasonKinds returns the kinds for the reasons of package stopreason.
func reasonKinds() []*check.Kind {
	return []*check.Kind{
		ImageDisk, ImageRateLimited, ImageDNS, ImagePlatform, ImageDenied, ImageNotFound, ImageTimeout, ImageFailed,
		SecretUnavailable, LogDriver, PortTaken, ExecFormat, MemoryLimit, HostMemory, NetworkInterface, CommandNotFound,
		ResourceFailed, DockerTimeout, StartDisk, StartFailed,
		BalancerUnhealthy, Unhealthy, OutOfMemory, StopTimeout, Killed, Exited,
	}
}
