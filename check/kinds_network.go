package check

// The checks of the network group, each with what it may find. What explains what refers to these
// variables, so that the compiler finds a reference to nothing. Their ids are frozen.
var (
	ProxyCheck        = &Kind{ID: "proxy"}
	NoProxyIncomplete = &Kind{ID: "no-proxy-incomplete"}

	DNSCheck       = &Kind{ID: "dns"}
	DNSFailure     = &Kind{ID: "dns-failure"}
	EndpointsMixed = &Kind{ID: "endpoints-mixed"}

	ECSEndpointsCheck   = &Kind{ID: "ecs-endpoints"}
	EndpointTimeout     = &Kind{ID: "endpoint-timeout"}
	EndpointRefused     = &Kind{ID: "endpoint-refused"}
	EndpointNoRoute     = &Kind{ID: "endpoint-no-route"}
	EndpointBroken      = &Kind{ID: "endpoint-broken"}
	EndpointUnresolved  = &Kind{ID: "endpoint-unresolved"}
	EndpointsIncomplete = &Kind{ID: "endpoints-incomplete"}
	TLSUntrusted        = &Kind{ID: "tls-untrusted"}
	TLSWrongName        = &Kind{ID: "tls-wrong-name"}
	TLSNotYetValid      = &Kind{ID: "tls-not-yet-valid"}
	TLSExpired          = &Kind{ID: "tls-expired"}

	VPCPathCheck        = &Kind{ID: "vpc-path"}
	NoDefaultRoute      = &Kind{ID: "no-default-route"}
	NATMissing          = &Kind{ID: "nat-missing"}
	NoPublicIP          = &Kind{ID: "no-public-ip"}
	EgressClosed        = &Kind{ID: "egress-closed"}
	ACLClosed           = &Kind{ID: "acl-closed"}
	EndpointGroupClosed = &Kind{ID: "endpoint-group-closed"}
	EndpointUnavailable = &Kind{ID: "endpoint-unavailable"}
	PrivateDNSOff       = &Kind{ID: "private-dns-off"}
	DNSSupportOff       = &Kind{ID: "dns-support-off"}

	PollEndpointCheck  = &Kind{ID: "poll-endpoint"}
	PollDenied         = &Kind{ID: "poll-denied"}
	EndpointPolicy     = &Kind{ID: "endpoint-policy"}
	CredentialsRefused = &Kind{ID: "credentials-refused"}
	SignatureRefused   = &Kind{ID: "signature-refused"}
	PollUnreached      = &Kind{ID: "poll-unreached"}
)
