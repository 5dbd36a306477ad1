package network

import (
	"muster/check"
)

// The checks of the network group, each with its possible findings. SymptomOf and Needs refer to these variables. The
// IDs must never change.
var (
	ProxyCheck        = &check.Kind{ID: "proxy"}
	NoProxyIncomplete = &check.Kind{ID: "no-proxy-incomplete"}

	DNSCheck       = &check.Kind{ID: "dns"}
	DNSFailure     = &check.Kind{ID: "dns-failure"}
	EndpointsMixed = &check.Kind{ID: "endpoints-mixed"}

	ECSEndpointsCheck   = &check.Kind{ID: "ecs-endpoints"}
	EndpointTimeout     = &check.Kind{ID: "endpoint-timeout"}
	EndpointRefused     = &check.Kind{ID: "endpoint-refused"}
	EndpointNoRoute     = &check.Kind{ID: "endpoint-no-route"}
	EndpointBroken      = &check.Kind{ID: "endpoint-broken"}
	EndpointUnresolved  = &check.Kind{ID: "endpoint-unresolved"}
	EndpointsIncomplete = &check.Kind{ID: "endpoints-incomplete"}
	TLSUntrusted        = &check.Kind{ID: "tls-untrusted"}
	TLSWrongName        = &check.Kind{ID: "tls-wrong-name"}
	TLSNotYetValid      = &check.Kind{ID: "tls-not-yet-valid"}
	TLSExpired          = &check.Kind{ID: "tls-expired"}

	VPCPathCheck        = &check.Kind{ID: "vpc-path"}
	NoDefaultRoute      = &check.Kind{ID: "no-default-route"}
	NATMissing          = &check.Kind{ID: "nat-missing"}
	NoPublicIP          = &check.Kind{ID: "no-public-ip"}
	EgressClosed        = &check.Kind{ID: "egress-closed"}
	ACLClosed           = &check.Kind{ID: "acl-closed"}
	EndpointGroupClosed = &check.Kind{ID: "endpoint-group-closed"}
	EndpointUnavailable = &check.Kind{ID: "endpoint-unavailable"}
	PrivateDNSOff       = &check.Kind{ID: "private-dns-off"}
	DNSSupportOff       = &check.Kind{ID: "dns-support-off"}

	PollEndpointCheck  = &check.Kind{ID: "poll-endpoint"}
	PollDenied         = &check.Kind{ID: "poll-denied"}
	EndpointPolicy     = &check.Kind{ID: "endpoint-policy"}
	CredentialsRefused = &check.Kind{ID: "credentials-refused"}
	SignatureRefused   = &check.Kind{ID: "signature-refused"}
	PollUnreached      = &check.Kind{ID: "poll-unreached"}
)
