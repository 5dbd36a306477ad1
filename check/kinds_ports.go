package check

// The checks of the ports group, each with what it may find. What explains what refers to these
// variables, so that the compiler finds a reference to nothing. Their ids are frozen.
var (
	HostPortsCheck          = &Kind{ID: "host-ports"}
	MulticastFinder         = &Kind{ID: "multicast-finder"}
	PortNotPublished        = &Kind{ID: "port-not-published"}
	PublishedOnOtherAddress = &Kind{ID: "published-on-other-address"}
	OtherHostPort           = &Kind{ID: "other-host-port"}
	V6OnlyListener          = &Kind{ID: "v6-only-listener"}
	ListenerOnOtherAddress  = &Kind{ID: "listener-on-other-address"}
	Docker0Announced        = &Kind{ID: "docker0-announced"}
	BridgeAddressAnnounced  = &Kind{ID: "bridge-address-announced"}
	ListenerBeyondFirstPort = &Kind{ID: "listener-beyond-first-port"}
	NoListener              = &Kind{ID: "no-listener"}
	EphemeralOverlap        = &Kind{ID: "ephemeral-overlap"}
	HostPortsUnread         = &Kind{ID: "host-ports-unread"}

	ReplicationPortsCheck   = &Kind{ID: "replication-ports"}
	ReplicationPortClosed   = &Kind{ID: "replication-port-closed"}
	ReplicationPortFiltered = &Kind{ID: "replication-port-filtered"}
	ReplicationPortUnknown  = &Kind{ID: "replication-port-unknown"}
)
