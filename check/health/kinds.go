package health

import (
	"muster/check"
)

// The checks of the health group, each with its possible findings. SymptomOf and Needs refer to these variables. The
// IDs must never change.
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
	MusterECSSilent    = &check.Kind{ID: "muster-ecs-silent"}
	MusterImpaired     = &check.Kind{ID: "muster-impaired"}
	MusterDocker       = &check.Kind{ID: "muster-docker"}
	MusterDockerProxy  = &check.Kind{ID: "muster-docker-proxy"}
	MusterDockerEvents = &check.Kind{ID: "muster-docker-events"}
	MusterUnhealthy    = &check.Kind{ID: "muster-unhealthy"}
	MusterCrashLoop    = &check.Kind{ID: "muster-crash-loop"}
	MusterOrphan       = &check.Kind{ID: "muster-orphan"}
	MusterPublishing   = &check.Kind{ID: "muster-publishing"}
	MusterSpool        = &check.Kind{ID: "muster-spool"}
	MusterDropped      = &check.Kind{ID: "muster-dropped"}
	MusterGate         = &check.Kind{ID: "muster-gate"}
)

// agentKinds returns the kinds of the problems that muster-agent reports.
func agentKinds() []*check.Kind {
	return []*check.Kind{
		MusterIdentity, MusterRegion, MusterCredentials, MusterRecord, MusterSystemd, MusterRegistration, MusterECSSilent,
		MusterImpaired,
		MusterDocker, MusterDockerProxy, MusterDockerEvents, MusterUnhealthy, MusterCrashLoop, MusterOrphan,
		MusterPublishing, MusterSpool, MusterDropped, MusterGate,
	}
}
