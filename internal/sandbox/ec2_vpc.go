package sandbox

import "encoding/xml"

// NATGateway is a NAT gateway; State: pending, available, failed, deleting, deleted.
type NATGateway struct{ ID, Subnet, State string }

// VPCEndpoint is an interface endpoint. Add its network interfaces with AddInterface.
type VPCEndpoint struct {
	ID, Service, State string
	PrivateDNS         bool
}

// AddNATGateway adds a NAT gateway to the VPC. A route to a missing one is a blackhole.
func (s *Sandbox) AddNATGateway(g NATGateway) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vpc.gateways = append(s.vpc.gateways, g)
}

// AddVPCEndpoint adds an interface endpoint to the VPC.
func (s *Sandbox) AddVPCEndpoint(e VPCEndpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vpc.endpoints = append(s.vpc.endpoints, e)
}

// SetDNSSupport sets enableDnsSupport of the VPC.
func (s *Sandbox) SetDNSSupport(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vpc.noDNS = !on
}

type ec2NATGateway struct {
	ID     string `xml:"natGatewayId"`
	Subnet string `xml:"subnetId"`
	VpcID  string `xml:"vpcId"`
	State  string `xml:"state"`
}

func (s *Sandbox) describeNATGateways(r *request) (any, *apiError) {
	some, err := filtered(r, s.vpc.gateways, func(g NATGateway) map[string][]string {
		return map[string][]string{"vpc-id": {vpcID}, "nat-gateway-id": {g.ID}, "subnet-id": {g.Subnet}, "state": {g.State}}
	})
	if err != nil {
		return nil, err
	}
	var items []ec2NATGateway
	for _, g := range some {
		items = append(items, ec2NATGateway{g.ID, g.Subnet, vpcID, g.State})
	}
	return ec2Page(r, "natGatewaySet", items, ec2Default(), "NatGatewayId")
}

type ec2VPCEndpoint struct {
	ID         string `xml:"vpcEndpointId"`
	Type       string `xml:"vpcEndpointType"`
	VpcID      string `xml:"vpcId"`
	Service    string `xml:"serviceName"`
	State      string `xml:"state"`
	PrivateDNS bool   `xml:"privateDnsEnabled"`
}

func (s *Sandbox) describeVPCEndpoints(r *request) (any, *apiError) {
	some, err := filtered(r, s.vpc.endpoints, func(e VPCEndpoint) map[string][]string {
		return map[string][]string{"vpc-id": {vpcID}, "service-name": {e.Service}, "vpc-endpoint-id": {e.ID}}
	})
	if err != nil {
		return nil, err
	}
	var items []ec2VPCEndpoint
	for _, e := range some {
		items = append(items, ec2VPCEndpoint{e.ID, "Interface", vpcID, e.Service, e.State, e.PrivateDNS})
	}
	return ec2Page(r, "vpcEndpointSet", items, ec2Default(), "VpcEndpointId")
}

func (s *Sandbox) describeVPCAttribute(r *request) (any, *apiError) {
	switch {
	case r.form.Get("VpcId") != vpcID:
		return nil, invalid("InvalidVpcID.NotFound", "The vpc ID '%s' does not exist", r.form.Get("VpcId"))
	case r.form.Get("Attribute") != "enableDnsSupport":
		return nil, invalid("InvalidParameterValue", "the sandbox has no attribute %q of a VPC", r.form.Get("Attribute"))
	}
	value := struct {
		XMLName xml.Name
		Value   bool `xml:"value"`
	}{xml.Name{Local: "enableDnsSupport"}, !s.vpc.noDNS}
	return []any{struct {
		XMLName xml.Name `xml:"vpcId"`
		ID      string   `xml:",chardata"`
	}{ID: vpcID}, value}, nil
}
