package check_test

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/check"
	"muster/check/catalog"
	"muster/check/subject"
	"muster/internal/awsapi"
	"muster/internal/fleet"
	"muster/internal/host/ecsagent"
	"muster/internal/host/netpath"
	"muster/internal/sandbox"
)

const proxied = "ECS_CLUSTER=prod\nHTTP_PROXY=http://corp:hunter2@proxy.corp:3128\nNO_PROXY=169.254.169.254, " +
	"169.254.170.2,/var/run/docker.sock\n"

// behindProxy arranges an instance whose ECS agent can reach AWS only through a proxy.
func behindProxy(t *testing.T, w *world) {
	w.write(t, "/etc/ecs/ecs.config", proxied)
	w.net.addrs = map[string]string{"proxy.corp": "10.0.0.8"}
}

func TestNetworkFindings(t *testing.T) {
	const dropIn = "/etc/systemd/system/docker.service.d/http-proxy.conf"
	for name, c := range map[string]struct {
		check   string
		arrange func(*testing.T, *world)
		want    string
	}{
		"no proxy": {"proxy", func(*testing.T, *world) {}, "pass proxy: no proxy is set"},
		"a proxy with all that it must leave out": {"proxy", behindProxy,
			"pass proxy: NO_PROXY exempts local addresses | /etc/ecs/ecs.config:2: proxy of the ECS agent http://[masked]@proxy.corp:3128; " +
				"/etc/ecs/ecs.config:3: NO_PROXY=169.254.169.254,169.254.170.2,/var/run/docker.sock"},
		"a proxy that takes the tasks' credentials": {"proxy",
			file("/etc/ecs/ecs.config", "HTTP_PROXY=p:1\nNO_PROXY=169.254.169.254,/var/run/docker.sock\n"),
			"warn no-proxy-incomplete: /etc/ecs/ecs.config:2: the ECS agent also uses the proxy for 169.254.170.2"},
		"a wrong line in /etc/hosts": {"ecs-endpoints", func(t *testing.T, w *world) {
			w.net.addrs["ecs."] = "10.0.1.99"
			w.net.answers["ecs."] = netpath.Answer{Kind: netpath.NoRoute, Err: errors.New("no route to host")}
			w.write(t, "/etc/hosts", "127.0.0.1 localhost\n10.0.1.99 ecs.eu-central-1.amazonaws.com\n")
		}, "fail endpoint-no-route: /etc/hosts:2 gives ecs.eu-central-1.amazonaws.com the address 10.0.1.99"},
		"nothing at the address": {"ecs-endpoints", func(_ *testing.T, w *world) {
			w.net.addrs["ecs."] = "10.0.1.99"
			w.net.answers["ecs."] = netpath.Answer{Kind: netpath.NoRoute, Err: errors.New("no route to host")}
		}, "fail endpoint-no-route: nothing responds at 10.0.1.99, the address of ecs.eu-central-1.amazonaws.com"},
		"no route of IPv6": {"ecs-endpoints", func(_ *testing.T, w *world) {
			w.net.addrs["ecs."] = "2600:1f14::1"
			w.net.answers["ecs."] = netpath.Answer{Kind: netpath.NoRoute, Err: errors.New("network is unreachable")}
		}, "fail endpoint-no-route: no IPv6 route to ecs.eu-central-1.amazonaws.com"},
		// A proxy applies to one scheme (golang.org/x/net/http/httpproxy, proxyForURL).
		"a proxy for https alone": {"proxy", file("/etc/ecs/ecs.config", "HTTPS_PROXY=p:1\n"),
			"pass proxy: the proxy is not used for local addresses"},
		"the line for http counts": {"proxy", file("/etc/ecs/ecs.config", "HTTPS_PROXY=p:1\nHTTP_PROXY=q:1\n"),
			"fail no-proxy-incomplete: /etc/ecs/ecs.config:2: the ECS agent also uses the proxy for 169.254.169.254 | /etc/ecs/ecs.config:1 and " +
				"/etc/ecs/ecs.config:2: proxies of the ECS agent p:1 q:1"},
		"a socket needs no proxy": {"proxy", file("/etc/ecs/ecs.config", "HTTP_PROXY=p:1\nNO_PROXY=169.254.0.0/16\n"),
			"warn no-proxy-incomplete: /etc/ecs/ecs.config:2: NO_PROXY lacks /var/run/docker.sock, which AWS recommends"},
		"a network left out counts": {"proxy", file("/etc/ecs/ecs.config", "HTTP_PROXY=p:1\nNO_PROXY=169.254.0.0/16,/var/run/docker.sock\n"),
			"pass proxy"},
		"a drop-in of ecs-init": {"proxy", file("/etc/systemd/system/ecs.service.d/http-proxy.conf",
			"[Service]\nEnvironment=\"HTTP_PROXY=http://p:1\"\n"),
			"fail no-proxy-incomplete: /etc/systemd/system/ecs.service.d/http-proxy.conf:2: ecs.service also uses the proxy for 169.254.169.254 |"},
		"a drop-in of Docker": {"proxy", file(dropIn, "[Service]\nEnvironment=HTTP_PROXY=http://p:1 NO_PROXY=localhost\n"),
			"warn no-proxy-incomplete: " + dropIn + ":2: docker.service also uses the proxy for 169.254.169.254 |"},
		"the proxy of the AMI": {"proxy", file("/var/lib/ecs/ecs.config", "HTTP_PROXY=p:1\n"),
			"fail no-proxy-incomplete: /var/lib/ecs/ecs.config:1: the ECS agent"},
		"all of it in the AMI": {"proxy", file("/var/lib/ecs/ecs.config",
			"HTTP_PROXY=p:1\nNO_PROXY=169.254.169.254,169.254.170.2,/var/run/docker.sock\n"),
			"pass proxy: NO_PROXY exempts local addresses | /var/lib/ecs/ecs.config:1: proxy of the ECS agent p:1; /var/lib/ecs/ecs.config:2: " +
				"NO_PROXY="},
		"an AMI's file that ecs-init cannot read": {"proxy", func(t *testing.T, w *world) { w.write(t, "/var/lib/ecs/ecs.config/a", "") },
			"pass proxy: no proxy is set"},
		"a drop-in that cannot be read": {"proxy", file("/etc/systemd/system/ecs.service.d", "no directory"), "unknown proxy: "},
		"names that a proxy resolves":   {"dns", behindProxy, "pass dns: all names resolve | proxy.corp: 10.0.0.8 (the proxy)"},
		"the region is not known": {"dns", func(_ *testing.T, w *world) { w.ECSEndpoint = "" },
			"skip dns: region unknown: cannot derive the ECS endpoint"},
		"a resolver that is silent": {"dns", func(_ *testing.T, w *world) { w.net.addrs["ecs-t"] = ""; delete(w.net.addrs, "ecs-t-1.") },
			"fail dns-failure: ecs-t-1.eu-central-1.amazonaws.com does not resolve; resolver 10.0.0.2"},
		"no resolver": {"dns", func(t *testing.T, w *world) { w.net.addrs = nil; w.write(t, "/etc/resolv.conf", "search x\n") },
			"fail dns-failure: ecs.eu-central-1.amazonaws.com and 2 more endpoints do not resolve; /etc/resolv.conf lists no resolver"},
		"a signal without a name": {"dns", func(_ *testing.T, w *world) { w.Config.CFNStack = "web"; delete(w.net.addrs, "cloudformation.") },
			"warn dns-failure: cloudformation.eu-central-1.amazonaws.com does not resolve; resolver 10.0.0.2"},
		"endpoints inside and outside": {"dns", func(_ *testing.T, w *world) { w.net.addrs["ecs."] = "10.0.9.1" },
			"warn endpoints-mixed: only some ECS endpoints are in the VPC: ecs-a-1.eu-central-1.amazonaws.com and 1 more endpoint are public"},
		"an endpoint by address": {"dns", func(_ *testing.T, w *world) { w.ECSEndpoint = w.APIURL() },
			"pass dns: all names resolve | 127.0.0.1: 127.0.0.1 (public)"},
		"reached through the proxy": {"ecs-endpoints", behindProxy,
			"pass ecs-endpoints: all ECS endpoints respond | https://ecs.eu-central-1.amazonaws.com through the proxy proxy.corp:3128 " +
				"(10.0.0.8): reached, HTTP status 404"},
		"a proxy that is down": {"ecs-endpoints", func(t *testing.T, w *world) { behindProxy(t, w); w.net.answers["proxy"] = refusedBy() },
			"fail endpoint-refused: connection refused by the ECS agent's proxy proxy.corp:3128 (/etc/ecs/ecs.config:2) | " +
				"https://ecs.eu-central-1.amazonaws.com through the proxy proxy.corp:3128 (10.0.0.8): connection refused"},
		"a hook that cannot be completed": {"ecs-endpoints", func(_ *testing.T, w *world) {
			w.Config.LifecycleHook = "ready"
			w.net.answers["autoscaling"] = timedOut()
		},
			"warn endpoint-timeout: no response from autoscaling.eu-central-1.amazonaws.com (52.94.1.4:443) |"},
		"an old certificate": {"ecs-endpoints", all(netpath.Answer{Kind: netpath.Expired, Err: errors.New("x509: expired")}),
			"fail tls-expired: the certificate of ecs.eu-central-1.amazonaws.com has expired, or this host's clock is ahead"},
		"gone since it resolved": {"ecs-endpoints", all(netpath.Answer{Kind: netpath.Unresolved, Err: errors.New("no such host")}),
			"fail endpoint-unresolved: ecs.eu-central-1.amazonaws.com and 2 more endpoints stopped resolving"},
		"nothing to look for in the VPC": {"vpc-path", func(*testing.T, *world) {}, "skip vpc-path: not needed: no endpoint timed out"},
		"no answer to the agent": {"poll-endpoint", func(_ *testing.T, w *world) { w.net.answers["127."] = timedOut() },
			"fail poll-unreached: cannot reach 127.0.0.1, which ECS assigned to its agent | http://127.0.0.1:"},
		"ECS throttles": {"poll-endpoint", func(_ *testing.T, w *world) { w.Inject(sandbox.Throttled(sandbox.ECS, "DiscoverPollEndpoint", 0)) },
			"unknown poll-endpoint: ecs:DiscoverPollEndpoint: the account's request rate limit is reached"},
		"ECS knows no such key": {"poll-endpoint", func(_ *testing.T, w *world) {
			w.Inject(sandbox.Fault{Service: sandbox.ECS, Kind: sandbox.KindUnknownKey})
		},
			"fail credentials-refused: ECS rejects the credentials of this instance"},
		"ECS refuses the signature": {"poll-endpoint", func(_ *testing.T, w *world) {
			w.Inject(sandbox.Fault{Service: sandbox.ECS, Kind: sandbox.KindSkewed, Message: "Signature expired"})
		},
			"fail signature-refused: ECS rejects the signatures of this instance: its clock is wrong"},
		"no region to ask in": {"poll-endpoint", func(_ *testing.T, w *world) { w.Poll = nil }, "skip poll-endpoint: not available on this host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			w.Identity.Region = "eu-central-1"
			c.arrange(t, w)
			got := strings.ReplaceAll(first(look(t, w, c.check)), w.Config.Root+"/", "/")
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("a secret is shown: %s", got)
			}
		})
	}
}

// Without enableDnsSupport the resolver answers no query at all (VPC User Guide, "DNS attributes for your VPC"). It
// therefore cannot be the reason why only one name does not resolve.
func TestOneNameOfSeveralIsNotForWantOfDNSSupport(t *testing.T) {
	w := healthy(t)
	w.Identity.Region = "eu-central-1"
	w.net.addrs["ecs-a-1."], w.net.addrs["ecs-a."] = "", ""
	found := look(t, w, "dns")
	if text := found.Findings[0].Fix.String(); !strings.Contains(text, "forwarding rule or private zone") {
		t.Error(text)
	}
}

// The finding names each action that EC2 denies, and never reports the path as closed for that reason.
func TestEachRefusedActionOfTheVPCIsNamed(t *testing.T) {
	for action, more := range map[string]func(w *world){
		"DescribeRouteTables":       func(*world) {},
		"DescribeNatGateways":       func(*world) {},
		"DescribeVpcEndpoints":      func(*world) {},
		"DescribeNetworkInterfaces": func(*world) {},
		"DescribeNetworkAcls":       func(*world) {},
		"DescribeInstances":         func(*world) {},
		"DescribeVpcAttribute":      func(w *world) { w.net.addrs = nil },
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			w.net.silent()
			natted(w, "available", "subnet-public")
			w.Inject(sandbox.AccessDenied(sandbox.EC2, action))
			more(w)
			for _, r := range w.run(t) {
				if r.ID == "vpc-path" && (r.Status != check.Unknown || !strings.Contains(first(r), "ec2:"+action)) {
					t.Errorf("got %s", first(r))
				}
			}
		})
	}
}

// polled records the cluster in the call to ECS.
type polled struct{ cluster string }

func (p *polled) PollEndpoints(_ context.Context, cluster string) (awsapi.PollEndpoints, error) {
	p.cluster = cluster
	return awsapi.PollEndpoints{}, errors.New("away")
}

// The agent does the same: it reads ecs.config, and joins the cluster default if none is set.
func TestECSIsAskedAboutTheClusterThatTheAgentWillJoin(t *testing.T) {
	for config, want := range map[string]string{"ECS_CLUSTER=blue\n": "blue", "": "default"} {
		w, ecs := healthy(t), &polled{}
		w.Config.Cluster, w.Record.Cluster, w.Poll = "", "", ecs
		w.write(t, "/etc/ecs/ecs.config", config)
		if look(t, w, "poll-endpoint"); ecs.cluster != want {
			t.Errorf("%q: asked about %q, want %q", config, ecs.cluster, want)
		}
	}
}

func TestTheAgentsEndpointsAreAskedAsTheAgentDoes(t *testing.T) {
	w := healthy(t)
	behindProxy(t, w)
	w.write(t, "/etc/ecs/ecs.config", proxied[:len(proxied)-1]+",ecs-t-1.eu-central-1.amazonaws.com\n")
	w.net.addrs["ecs-t-1."] = "52.94.1.3"
	look(t, w, "ecs-endpoints")
	slices.Sort(w.net.asked)
	want := []string{"https://ecs-a-1.eu-central-1.amazonaws.com through proxy.corp:3128", "https://ecs-t-1.eu-central-1.amazonaws.com",
		"https://ecs.eu-central-1.amazonaws.com through proxy.corp:3128"}
	if !slices.Equal(w.net.asked, want) {
		t.Errorf("asked %q, want %q", w.net.asked, want)
	}
}

// dead is a network on which nothing ever responds. Each call waits for its own timeout or for the end of its context.
type dead struct{}

func (dead) wait(ctx context.Context, patience time.Duration) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	<-ctx.Done()
	return ctx.Err()
}

func (dead) Families() netpath.Families { return netpath.Families{V4: true} }

func (d dead) Resolve(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("52.94.1.1")}, nil // from a cache; this is the slowest case
}

func (d dead) Ask(ctx context.Context, _ string, _ *url.URL) netpath.Answer {
	return netpath.Answer{Kind: netpath.TimedOut, Err: d.wait(ctx, netpath.Patience)}
}

func (d dead) Metadata(ctx context.Context, _ string) (string, bool, error) {
	return "", false, d.wait(ctx, time.Hour)
}
func (d dead) UserData(ctx context.Context) ([]byte, bool, error) {
	return nil, false, d.wait(ctx, time.Hour)
}
func (d dead) Date(ctx context.Context) (time.Time, error) {
	return time.Time{}, d.wait(ctx, time.Hour)
}

func (d dead) RouteTables(ctx context.Context, _ []string) ([]awsapi.RouteTable, error) {
	return nil, d.wait(ctx, time.Hour)
}
func (d dead) NATGateway(ctx context.Context, _ string) (*awsapi.NATGateway, error) {
	return nil, d.wait(ctx, time.Hour)
}
func (d dead) VPCEndpoints(ctx context.Context, _ string) ([]awsapi.VPCEndpoint, error) {
	return nil, d.wait(ctx, time.Hour)
}
func (d dead) DNSSupport(ctx context.Context, _ string) (bool, error) {
	return false, d.wait(ctx, time.Hour)
}
func (d dead) PollEndpoints(ctx context.Context, _ string) (awsapi.PollEndpoints, error) {
	return awsapi.PollEndpoints{}, d.wait(ctx, time.Hour)
}

func TestADeadNetworkIsLookedAtWithinFifteenSeconds(t *testing.T) {
	w := healthy(t)
	synctest.Test(t, func(t *testing.T) {
		w.IMDS, w.Net, w.VPC, w.Poll = dead{}, dead{}, dead{}, dead{}
		w.Guards = func(ctx context.Context, _ []netip.Addr) (fleet.Fleet, error) {
			return fleet.Fleet{}, dead{}.wait(ctx, time.Hour)
		}
		checks, err := check.Select(catalog.Checks(w.World), []string{"instance", "network"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		results := check.Run(t.Context(), checks)
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("took %s", took)
		}
		if causes := check.Causes(results); len(causes) != 1 || causes[0].ID != "endpoint-timeout" {
			t.Errorf("causes are %+v", causes)
		}
	})
}

// A host without an IPv4 default route uses the dual-stack endpoints, as the ECS agent does since 1.98
// (agent/config/config_unix.go). The agent's setting overrides the routes (agent/config/parse_linux.go). ECS may still
// send its agent to IPv4-only names (amazon-ecs-agent issue 4779).
func TestIPv6(t *testing.T) {
	const setting = "ECS_CLUSTER=prod\nECS_INSTANCE_IP_COMPATIBILITY="
	dual := map[string]string{"ecs.eu-central-1.api.aws": "2600:1f14::1", "ecs-a-1.eu-central-1.api.aws": "2600:1f14::2",
		"ecs-t-1.eu-central-1.amazonaws.com": "2600:1f14::3"}
	noRoute := all(netpath.Answer{Kind: netpath.NoRoute, Err: errors.New("network is unreachable")})
	for name, c := range map[string]struct {
		host     netpath.Families
		config   string
		addrs    map[string]string
		arrange  func(*testing.T, *world)
		register bool
		want     string
	}{
		"no IPv4": {netpath.Families{V6: true}, "", dual, nil, false,
			"pass ecs-endpoints: all ECS endpoints respond | ecs.eu-central-1.api.aws ([2600:1f14::1]:443): reached, HTTP status 404 | " +
				"ecs-a-1.eu-central-1.api.aws ([2600:1f14::2]:443): reached, HTTP status 404 | ecs-t-1.eu-central-1.amazonaws.com " +
				"([2600:1f14::3]:443)"},
		"set to ipv6": {netpath.Families{V4: true, V6: true}, setting + "IPv6\n", dual, nil, false,
			"pass ecs-endpoints: all ECS endpoints respond | ecs.eu-central-1.api.aws"},
		"set to nonsense": {netpath.Families{V4: true, V6: true}, setting + "both\n", nil, nil, false,
			"pass ecs-endpoints: all ECS endpoints respond | ecs.eu-central-1.amazonaws.com"},
		"both": {netpath.Families{V4: true, V6: true}, "", nil, nil, false,
			"pass ecs-endpoints: all ECS endpoints respond | ecs.eu-central-1.amazonaws.com"},
		"set to ipv4": {netpath.Families{V6: true}, setting + "ipv4\n", nil, noRoute, false,
			"fail endpoint-no-route: /etc/ecs/ecs.config:2: ECS_INSTANCE_IP_COMPATIBILITY=ipv4, but this host has no IPv4 default route"},
		"no route at all": {netpath.Families{}, "", nil, noRoute, false,
			"fail endpoint-no-route: this host has no route to ecs.eu-central-1.amazonaws.com"},
		"yet registered": {netpath.Families{}, "", nil, noRoute, true,
			"unknown endpoint-no-route: the ECS endpoints over IPv6: this host has no IPv4 default route, and the ECS agent is registered"},
		"IPv4 has a route": {netpath.Families{V4: true}, "", nil, noRoute, true,
			"fail endpoint-no-route: this host has no route to ecs.eu-central-1.amazonaws.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			w.net.host = c.host
			if c.config != "" {
				w.write(t, "/etc/ecs/ecs.config", c.config)
			}
			if c.addrs != nil {
				w.net.addrs = c.addrs
			}
			if c.arrange != nil {
				c.arrange(t, w)
			}
			if c.register {
				w.World.Agent = registeredAgent{}
			} else {
				w.World.Agent = nil
			}
			if got := first(look(t, w, "ecs-endpoints")); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// registeredAgent is an ECS agent that reports an ARN.
type registeredAgent struct{ subject.Introspection }

func (registeredAgent) Metadata(context.Context) (ecsagent.Metadata, error) {
	return ecsagent.Metadata{ContainerInstanceARN: "arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/1"}, nil
}

// Each partition has its own domains, and FIPS endpoints have their own names.
func TestTheNamesFollowThePartition(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://ecs.cn-north-1.amazonaws.com.cn": "ecs.cn-north-1.amazonaws.com.cn ecs-a-1.cn-north-1.amazonaws.com.cn " +
			"ecs-t-1.cn-north-1.amazonaws.com.cn",
		"https://ecs-fips.us-gov-west-1.amazonaws.com": "ecs-fips.us-gov-west-1.amazonaws.com ecs-a-1.us-gov-west-1.amazonaws.com " +
			"ecs-t-1.us-gov-west-1.amazonaws.com",
		"https://ecs.us-iso-east-1.c2s.ic.gov": "ecs.us-iso-east-1.c2s.ic.gov ecs-a-1.us-iso-east-1.c2s.ic.gov " +
			"ecs-t-1.us-iso-east-1.c2s.ic.gov",
		"https://ecs.eu-central-1.api.aws":                 "ecs.eu-central-1.api.aws ecs-a-1.eu-central-1.api.aws ecs-t-1.eu-central-1.api.aws",
		"https://vpce-1.ecs.eu-central-1.vpce.example.com": "vpce-1.ecs.eu-central-1.vpce.example.com",
	} {
		w := healthy(t)
		w.ECSEndpoint = endpoint
		w.net.addrs = map[string]string{"ecs": "52.94.1.1", "vpce": "10.0.9.1"}
		var hosts []string
		for _, line := range look(t, w, "dns").Findings[0].Evidence {
			if host, _, ok := strings.Cut(line, ": 5"); ok {
				hosts = append(hosts, host)
			} else if host, _, ok := strings.Cut(line, ": 10.0.9.1"); ok {
				hosts = append(hosts, host)
			}
		}
		if got := strings.Join(hosts, " "); got != want {
			t.Errorf("%s: got %s, want %s", endpoint, got, want)
		}
	}
}

// The fix depends on the policy that denies the action. The messages come from the IAM user guide, "Troubleshoot access
// denied error messages".
func TestADenialIsFixedWhereItComesFrom(t *testing.T) {
	const denied = "User: arn:aws-cn:sts::123456789012:assumed-role/ecs-node/i-1 is not authorized to perform: ecs:DiscoverPollEndpoint on " +
		"resource: * "
	const attach = "aws iam attach-role-policy --role-name ecs-node --policy-arn " +
		"arn:aws-cn:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
	for message, want := range map[string][]string{
		"because no identity-based policy allows the ecs:DiscoverPollEndpoint action": {"poll-denied",
			"the instance role does not allow ecs:DiscoverPollEndpoint", attach},
		"with an explicit deny in an identity-based policy": {"poll-denied",
			"a policy of the instance role explicitly denies ecs:DiscoverPollEndpoint", "aws iam list-attached-role-policies --role-name ecs-node"},
		"with an explicit deny in a service control policy": {"poll-denied",
			"the service control policy explicitly denies ecs:DiscoverPollEndpoint", "administrator of the AWS organization"},
		"because no service control policy allows the ecs:DiscoverPollEndpoint action": {"poll-denied",
			"the service control policy does not allow ecs:DiscoverPollEndpoint", "administrator of the AWS organization"},
		"with an explicit deny in a permissions boundary: arn:aws-cn:iam::123456789012:policy/limit": {"poll-denied",
			"the permissions boundary explicitly denies ecs:DiscoverPollEndpoint", "Role.PermissionsBoundary"},
		"because no session policy allows the ecs:DiscoverPollEndpoint action": {"poll-denied",
			"the session policy does not allow ecs:DiscoverPollEndpoint", "session policy that applies"},
		"because no VPC endpoint policy allows the ecs:DiscoverPollEndpoint action": {"endpoint-policy",
			"the VPC endpoint policy does not allow ecs:DiscoverPollEndpoint", "aws ec2 modify-vpc-endpoint --region eu-central-1"},
		"with an explicit deny in a VPC endpoint policy": {"endpoint-policy",
			"the VPC endpoint policy explicitly denies ecs:DiscoverPollEndpoint", "aws ec2 modify-vpc-endpoint --region eu-central-1"},
		"": {"poll-denied", "the instance role does not allow ecs:DiscoverPollEndpoint", attach},
	} {
		t.Run(message, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			w.Identity.Region = "eu-central-1"
			w.Inject(sandbox.Fault{Service: sandbox.ECS, Action: "DiscoverPollEndpoint", Status: 400, Code: "AccessDeniedException",
				Message: denied + message})
			got := look(t, w, "poll-endpoint").Findings[0]
			fix := got.Fix.String()
			if got.ID != want[0] || !strings.HasPrefix(got.Summary, want[1]) || !strings.Contains(fix, want[2]) || len(got.Summary) > 110 {
				t.Errorf("%s: %s\n%s", got.ID, got.Summary, fix)
			}
			if wrong := strings.Contains(fix, "attach-role-policy"); wrong != (want[2] == attach) ||
				strings.Contains(strings.Join(got.Evidence, ""), "add it to the instance role") {
				t.Errorf("the advice is wrong: %q, %s", got.Evidence, fix)
			}
		})
	}
}
