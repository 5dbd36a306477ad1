package health

import (
	"muster/check"
)

// The checks of the health group, each with what it may find. What explains what refers to these
// variables, so that the compiler finds a reference to nothing. Their ids are frozen.
var (
	ContainersCheck     = &check.Kind{ID: "containers"}
	ContainerUnhealthy  = &check.Kind{ID: "container-unhealthy"}
	ContainerOOMKilled  = &check.Kind{ID: "container-oom-killed"}
	ContainerRestarting = &check.Kind{ID: "container-restarting"}

	MusterAgentCheck   = &check.Kind{ID: "muster-agent"}
	MusterStale        = &check.Kind{ID: "muster-stale"}
	MusterIdentity     = &check.Kind{ID: "muster-identity"}
	MusterRegion       = &check.Kind{ID: "muster-region"}
	MusterCredentials  = &check.Kind{ID: "muster-credentials"}
	MusterRecord       = &check.Kind{ID: "muster-record"}
	MusterSystemd      = &check.Kind{ID: "muster-systemd"}
	MusterRegistration = &check.Kind{ID: "muster-registration"}
	MusterDocker       = &check.Kind{ID: "muster-docker"}
	MusterDockerProxy  = &check.Kind{ID: "muster-docker-proxy"}
	MusterDockerEvents = &check.Kind{ID: "muster-docker-events"}
	MusterUnhealthy    = &check.Kind{ID: "muster-unhealthy"}
	MusterCrashLoop    = &check.Kind{ID: "muster-crash-loop"}
	MusterPublishing   = &check.Kind{ID: "muster-publishing"}
	MusterSpool        = &check.Kind{ID: "muster-spool"}
	MusterDropped      = &check.Kind{ID: "muster-dropped"}
)

// agentKinds are the kinds of the problems that muster-agent reports.
func agentKinds() []*check.Kind {
	return []*check.Kind{
		MusterIdentity, MusterRegion, MusterCredentials, MusterRecord, MusterSystemd, MusterRegistration, MusterDocker,
		MusterDockerProxy, MusterDockerEvents, MusterUnhealthy, MusterCrashLoop, MusterPublishing, MusterSpool,
		MusterDropped,
	}
}
