package check

// The checks of the health group, each with what it may find. What explains what refers to these
// variables, so that the compiler finds a reference to nothing. Their ids are frozen.
var (
	ContainersCheck     = &Kind{ID: "containers"}
	ContainerUnhealthy  = &Kind{ID: "container-unhealthy"}
	ContainerOOMKilled  = &Kind{ID: "container-oom-killed"}
	ContainerRestarting = &Kind{ID: "container-restarting"}

	MusterAgentCheck   = &Kind{ID: "muster-agent"}
	MusterStale        = &Kind{ID: "muster-stale"}
	MusterIdentity     = &Kind{ID: "muster-identity"}
	MusterRegion       = &Kind{ID: "muster-region"}
	MusterCredentials  = &Kind{ID: "muster-credentials"}
	MusterRecord       = &Kind{ID: "muster-record"}
	MusterSystemd      = &Kind{ID: "muster-systemd"}
	MusterRegistration = &Kind{ID: "muster-registration"}
	MusterDocker       = &Kind{ID: "muster-docker"}
	MusterDockerProxy  = &Kind{ID: "muster-docker-proxy"}
	MusterDockerEvents = &Kind{ID: "muster-docker-events"}
	MusterUnhealthy    = &Kind{ID: "muster-unhealthy"}
	MusterCrashLoop    = &Kind{ID: "muster-crash-loop"}
	MusterPublishing   = &Kind{ID: "muster-publishing"}
	MusterSpool        = &Kind{ID: "muster-spool"}
	MusterDropped      = &Kind{ID: "muster-dropped"}
)

// agentKinds are the kinds of the problems that muster-agent reports.
func agentKinds() []*Kind {
	return []*Kind{
		MusterIdentity, MusterRegion, MusterCredentials, MusterRecord, MusterSystemd, MusterRegistration, MusterDocker,
		MusterDockerProxy, MusterDockerEvents, MusterUnhealthy, MusterCrashLoop, MusterPublishing, MusterSpool,
		MusterDropped,
	}
}
