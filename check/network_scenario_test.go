package check_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"muster/check/instance"
	"muster/internal/host/netpath"
	"muster/internal/sandbox"
)

// More ways in which a request can fail, in addition to those in world_test.go.
func notYetValid() netpath.Answer {
	return netpath.Answer{Kind: netpath.NotYetValid, Err: errors.New("x509: certificate has expired or is not yet valid"),
		Certificate: amazons}
}

func intercepted() netpath.Answer {
	return netpath.Answer{Kind: netpath.Untrusted, Err: errors.New("x509: certificate signed by unknown authority"),
		Certificate: &netpath.Certificate{Issuer: "CN=Corporate Inspection CA,O=Example", IssuerName: "Corporate Inspection CA",
			Names: []string{"*.eu-central-1.amazonaws.com"}}}
}

// elsewhere is the response of the wrong server (amazon-ecs-agent issue 4530).
func elsewhere() netpath.Answer {
	return netpath.Answer{Kind: netpath.WrongName, Err: errors.New("x509: certificate is valid for tacs-s1.internal.example.com, not ecs"),
		Certificate: &netpath.Certificate{Issuer: amazons.Issuer, IssuerName: amazons.IssuerName,
			Names: []string{"tacs-s1.internal.example.com"}, Trusted: true}}
}

var amazons = &netpath.Certificate{Issuer: "CN=Amazon RSA 2048 M01,O=Amazon,C=US", IssuerName: "Amazon RSA 2048 M01",
	Names: []string{"*.eu-central-1.amazonaws.com"}, Trusted: true}

const ownSubnet = "subnet-0aa11bb22cc33dd44" // subnet of the sandbox's instance

// all makes every ECS endpoint return the same answer.
func all(a netpath.Answer) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) { w.net.answers["ecs"] = a }
}

// silent arranges a world whose endpoints do not respond, because of what change does.
func silent(change func(w *world)) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) {
		w.net.silent()
		change(w)
	}
}

// endpointIn adds a VPC endpoint for ECS with a security group that has these rules. The names do not resolve to it.
func endpointIn(w *world, rules ...sandbox.Rule) {
	w.net.inside()
	w.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-endpoint", Rules: rules})
	for n, service := range []string{"ecs", "ecs-agent", "ecs-telemetry"} {
		w.AddVPCEndpoint(sandbox.VPCEndpoint{ID: fmt.Sprint("vpce-", n+1), Service: "com.amazonaws.eu-central-1." + service, State: "available",
			PrivateDNS: true})
		w.AddInterface(sandbox.Interface{ID: fmt.Sprint("eni-vpce-", n+1), Addrs: []string{fmt.Sprintf("10.0.9.%d", n+1)},
			Groups: []string{"sg-endpoint"}, Subnet: "subnet-endpoints"})
	}
}

// routed gives this instance's subnet a default route, and adds a public subnet with an internet gateway.
func routed(w *world, target string) {
	w.AddRouteTable(sandbox.RouteTable{ID: "rtb-private", Subnets: []string{ownSubnet}, Routes: map[string]string{"0.0.0.0/0": target}})
	w.AddRouteTable(sandbox.RouteTable{ID: "rtb-public", Subnets: []string{"subnet-public"}, Routes: map[string]string{"0.0.0.0/0": "igw-1"}})
}

// natted is routed with a NAT gateway in this state and subnet.
func natted(w *world, state, subnet string) {
	w.AddNATGateway(sandbox.NATGateway{ID: "nat-1", Subnet: subnet, State: state})
	routed(w, "nat-1")
}

// public is a metadata service with a public address.
type public struct{ imds instance.Metadata }

func (p public) UserData(ctx context.Context) ([]byte, bool, error) { return p.imds.UserData(ctx) }
func (p public) Date(ctx context.Context) (time.Time, error)        { return p.imds.Date(ctx) }

func (p public) Metadata(ctx context.Context, path string) (string, bool, error) {
	if strings.HasSuffix(path, "/public-ipv4s") {
		return "203.0.113.7", true, nil
	}
	return p.imds.Metadata(ctx, path)
}

func networkScenarios() []scenario {
	https := sandbox.Rule{Protocol: "tcp", First: 443, Last: 443, CIDR: "10.0.0.0/16"}
	return []scenario{
		{"the endpoints are in the VPC", func(_ *testing.T, w *world) { endpointIn(w, https) }, nil},
		{"no name resolves", func(_ *testing.T, w *world) { w.net.addrs = nil }, []string{"dns-failure"}},
		{"the VPC's DNS is off", func(_ *testing.T, w *world) {
			w.net.addrs = map[string]string{"ecs": ""}
			w.SetDNSSupport(false)
		}, []string{"dns-support-off"}},
		{"no answer, and nothing in the VPC is why", silent(func(w *world) { natted(w, "available", "subnet-public") }),
			[]string{"endpoint-timeout"}},
		{"no answer at a public address either", silent(func(w *world) { routed(w, "igw-1"); w.IMDS = public{w.IMDS} }),
			[]string{"endpoint-timeout"}},
		{"no answer, and EC2 may not be asked", silent(func(w *world) { w.Inject(sandbox.AccessDenied(sandbox.EC2, "")) }),
			[]string{"endpoint-timeout"}},
		{"the subnet has no way out", silent(func(*world) {}), []string{"no-default-route"}},
		{"the NAT gateway is deleted", silent(func(w *world) { routed(w, "nat-gone") }), []string{"nat-missing"}},
		{"the NAT gateway has failed", silent(func(w *world) { natted(w, "failed", "subnet-public") }), []string{"nat-missing"}},
		{"the NAT gateway stands in a private subnet", silent(func(w *world) { natted(w, "available", "subnet-other") }),
			[]string{"nat-missing"}},
		{"no public address", silent(func(w *world) { routed(w, "igw-1") }), []string{"no-public-ip"}},
		{"the group lets nothing out", silent(func(w *world) {
			natted(w, "available", "subnet-public")
			w.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-shut"})
			w.EditInstance(w.instance(), func(i *sandbox.Instance) { i.Interfaces[0].Groups = []string{"sg-shut"} })
		}), []string{"egress-closed"}},
		{"the ACL lets no answer in", silent(func(w *world) {
			natted(w, "available", "subnet-public")
			w.AddACL(sandbox.ACL{ID: "acl-1", Subnets: []string{ownSubnet}, Entries: []sandbox.ACLEntry{
				{Number: 100, Egress: true, Protocol: "-1", CIDR: "0.0.0.0/0"},
				{Number: 100, Protocol: "6", CIDR: "10.0.0.0/8", First: 1, Last: 65535},
			}})
		}), []string{"acl-closed"}},
		{"the VPC endpoint's group is shut", silent(func(w *world) { endpointIn(w) }), []string{"endpoint-group-closed"}},
		{"the VPC endpoint was not accepted", silent(func(w *world) {
			natted(w, "available", "subnet-public")
			w.AddVPCEndpoint(sandbox.VPCEndpoint{ID: "vpce-1", Service: "com.amazonaws.eu-central-1.ecs", State: "pendingAcceptance"})
		}), []string{"endpoint-unavailable"}},
		{"the VPC endpoint has no private DNS", silent(func(w *world) {
			natted(w, "available", "subnet-public")
			w.AddVPCEndpoint(sandbox.VPCEndpoint{ID: "vpce-1", Service: "com.amazonaws.eu-central-1.ecs-agent", State: "available"})
		}), []string{"private-dns-off"}},
		{"the set of VPC endpoints is incomplete", func(_ *testing.T, w *world) {
			w.net.addrs["ecs."] = "10.0.9.1"
			w.net.answers["ecs-a"], w.net.answers["ecs-t"] = timedOut(), timedOut()
		}, []string{"endpoints-incomplete"}},
		{"something answers with a refusal", all(refusedBy()), []string{"endpoint-refused"}},
		{"the host has no route", all(netpath.Answer{Kind: netpath.NoRoute, Err: syscall.ENETUNREACH}), []string{"endpoint-no-route"}},
		{"TLS is intercepted", all(intercepted()), []string{"tls-untrusted"}},
		{"another server answers", all(elsewhere()), []string{"tls-wrong-name"}},
		{"the connection is cut", all(netpath.Answer{Kind: netpath.Failed, Err: syscall.ECONNRESET}), []string{"endpoint-broken"}},
		{"a proxy without NO_PROXY", func(t *testing.T, w *world) {
			w.write(t, "/etc/ecs/ecs.config", "ECS_CLUSTER=prod\nHTTP_PROXY=proxy.corp:3128\n")
			w.net.addrs["proxy.corp"] = "10.0.0.8"
		}, []string{"no-proxy-incomplete"}},
		{"the role lacks the agent's permissions", func(_ *testing.T, w *world) {
			w.Inject(sandbox.AccessDenied(sandbox.ECS, "DiscoverPollEndpoint"))
		}, []string{"poll-denied"}},
		{"the VPC endpoint's policy denies", func(_ *testing.T, w *world) {
			w.Inject(sandbox.Fault{Service: sandbox.ECS, Action: "DiscoverPollEndpoint", Status: http.StatusBadRequest,
				Code: "AccessDeniedException",
				Message: "User: arn:aws:sts::1:assumed-role/r/i-1 is not authorized to perform: ecs:DiscoverPollEndpoint because no VPC endpoint " +
					"policy allows the ecs:DiscoverPollEndpoint action"})
		}, []string{"endpoint-policy"}},
	}
}

// instance returns this instance's ID.
func (w *world) instance() string { return "i-0123456789abcdef0" }
