package ports

import (
	"muster/check"
)

// The checks of the ports group, each with its possible findings. SymptomOf and Needs refer to these variables. The IDs
// must never change.
var (
	HostPortsCheck          = &check.Kind{ID: "host-ports"}
	MulticastFinder         = &check.Kind{ID: "multicast-finder"}
	PortNotPublished        = &check.Kind{ID: "port-not-published"}
	PublishedOnOtherAddress = &check.Kind{ID: "published-on-other-address"}
	OtherHostPort           = &check.Kind{ID: "other-host-port"}
	V6OnlyListener          = &check.Kind{ID: "v6-only-listener"}
	ListenerOnOtherAddress  = &check.Kind{ID: "listener-on-other-address"}
	Docker0Announced        = &check.Kind{ID: "docker0-announced"}
	BridgeAddressAnnounced  = &check.Kind{ID: "bridge-address-announced"}
	ListenerBeyondFirstPort = &check.Kind{ID: "listener-beyond-first-port"}
	NoListener              = &check.Kind{ID: "no-listener"}
	EphemeralOverlap        = &check.Kind{ID: "ephemeral-overlap"}
	HostPortsUnread         = &check.Kind{ID: "host-ports-unread"}

	ReplicationPortsCheck   = &check.Kind{ID: "replication-ports"}
	ReplicationPortClosed   = &check.Kind{ID: "replication-port-closed"}
	ReplicationPortFiltered = &check.Kind{ID: "replication-port-filtered"}
	ReplicationPortUnknown  = &check.Kind{ID: "replication-port-unknown"}
)
