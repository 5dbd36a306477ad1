package awsapi

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/sandbox"
)

const vpc = "vpc-0aa11bb22cc33dd44"

func TestRoutesWithADeletedTargetAreBlackholes(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.AddNATGateway(sandbox.NATGateway{ID: "nat-here", Subnet: "subnet-1", State: "available"})
	s.AddRouteTable(sandbox.RouteTable{ID: "rtb-1", Routes: map[string]string{"0.0.0.0/0": "nat-gone", "10.9.0.0/16": "nat-here"}})
	got, err := client(t, s.AWSConfig()).RouteTables(t.Context(), []string{vpc})
	if err != nil || len(got) != 2 || got[0].ID != "rtb-0aa11bb22cc33dd44" || !got[0].Main || got[1].ID != "rtb-1" {
		t.Fatalf("got %+v, %v", got, err)
	}
	want := []Route{
		{To: netip.MustParsePrefix("0.0.0.0/0"), Via: "nat-gone", Blackhole: true},
		{To: netip.MustParsePrefix("10.0.0.0/16")}, {To: netip.MustParsePrefix("10.9.0.0/16"), Via: "nat-here"},
	}
	if !slices.Equal(got[1].Routes, want) {
		t.Errorf("got %+v", got[1].Routes)
	}
}

func TestMissingNATGatewayIsNotAnError(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.AddNATGateway(sandbox.NATGateway{ID: "nat-here", Subnet: "subnet-1", State: "available"})
	c := client(t, s.AWSConfig())
	got, err := c.NATGateway(t.Context(), "nat-here")
	if want := (NATGateway{"nat-here", "subnet-1", "available", ""}); err != nil || got == nil || *got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := c.NATGateway(t.Context(), "nat-1"); got != nil || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestVPCEndpointsAndDNSSupport(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.AddVPCEndpoint(sandbox.VPCEndpoint{ID: "vpce-1", Service: "com.amazonaws.eu-central-1.ecs", State: "available", PrivateDNS: true})
	c := client(t, s.AWSConfig())
	got, err := c.VPCEndpoints(t.Context(), vpc)
	if want := []VPCEndpoint{{"vpce-1", "com.amazonaws.eu-central-1.ecs", "available", true}}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, on := range []bool{true, false} {
		s.SetDNSSupport(on)
		if got, err := c.DNSSupport(t.Context(), vpc); err != nil || got != on {
			t.Errorf("got %v, %v, want %v", got, err, on)
		}
	}
	if _, err := c.DNSSupport(t.Context(), "vpc-1"); err == nil ||
		!strings.HasPrefix(err.Error(), "ec2:DescribeVpcAttribute: InvalidVpcID.NotFound") {
		t.Errorf("got %v", err)
	}
}

func TestPollEndpoints(t *testing.T) {
	s := start(t, sandbox.Options{})
	c := client(t, s.AWSConfig())
	if got, err := c.PollEndpoints(t.Context(), "prod"); err != nil || got.Agent != s.APIURL()+"/" || got.Telemetry != s.APIURL()+"/" {
		t.Errorf("got %+v, %v", got, err)
	}
	s.Inject(sandbox.AccessDenied(sandbox.ECS, "DiscoverPollEndpoint"))
	if _, err := c.PollEndpoints(t.Context(), "prod"); KindOf(err) != Denied || !strings.Contains(err.Error(), "ecs:DiscoverPollEndpoint") {
		t.Errorf("got %v", err)
	}
}

func TestTheEndpointOfECSIsTheSDKs(t *testing.T) {
	s := start(t, sandbox.Options{})
	cfg := s.AWSConfig()
	if got, err := client(t, cfg).ECSEndpoint(t.Context()); err != nil || got != s.APIURL() {
		t.Errorf("with AWS_ENDPOINT_URL: %s, %v", got, err)
	}
	cfg.BaseEndpoint = nil
	for region, want := range map[string]string{"eu-central-1": "https://ecs.eu-central-1.amazonaws.com",
		"cn-north-1": "https://ecs.cn-north-1.amazonaws.com.cn"} {
		cfg.Region = region
		if got, err := client(t, cfg).ECSEndpoint(t.Context()); err != nil || got != want {
			t.Errorf("%s: %s, %v", region, got, err)
		}
	}
	cfg.Region = ""
	if got, err := client(t, cfg).ECSEndpoint(t.Context()); err == nil {
		t.Errorf("without a region: %s", got)
	}
}
