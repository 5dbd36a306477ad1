package sandbox

import (
	"slices"
	"strings"
)

// RouteTable is an additional route table of the VPC. The main one routes only within the VPC, and applies to subnets
// without another table.
type RouteTable struct {
	ID      string
	Subnets []string
	Routes  map[string]string // CIDR to target: an eni-, vpce- or nat-
}

// AddRouteTable adds a route table to the VPC.
func (s *Sandbox) AddRouteTable(t RouteTable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vpc.routes = append(s.vpc.routes, &t)
}

const (
	vpcCIDR   = "10.0.0.0/16"
	mainTable = "rtb-0aa11bb22cc33dd44"
)

type ec2RouteTable struct {
	ID           string          `xml:"routeTableId"`
	VpcID        string          `xml:"vpcId"`
	Associations []ec2RouteAssoc `xml:"associationSet>item"`
	Routes       []ec2Route      `xml:"routeSet>item"`
}

type ec2RouteAssoc struct {
	Main   bool   `xml:"main"`
	Subnet string `xml:"subnetId,omitempty"`
}

type ec2Route struct {
	CIDR      string `xml:"destinationCidrBlock,omitempty"`
	CIDR6     string `xml:"destinationIpv6CidrBlock,omitempty"`
	Gateway   string `xml:"gatewayId,omitempty"`
	Interface string `xml:"networkInterfaceId,omitempty"`
	NAT       string `xml:"natGatewayId,omitempty"`
	State     string `xml:"state"`
}

func (s *Sandbox) describeRouteTables(r *request) (any, *apiError) {
	all := append([]*RouteTable{{ID: mainTable}}, s.vpc.routes...)
	some, err := filtered(r, all, func(t *RouteTable) map[string][]string {
		return map[string][]string{"association.subnet-id": t.Subnets, "route-table-id": {t.ID}, "vpc-id": {vpcID}}
	})
	if err != nil {
		return nil, err
	}
	var items []ec2RouteTable
	for _, t := range some {
		items = append(items, s.vpc.showRoutes(t))
	}
	return ec2Page(r, "routeTableSet", items, ec2Limits{min: 5, max: 100}, "RouteTableId")
}

func (v *vpc) showRoutes(t *RouteTable) ec2RouteTable {
	out := ec2RouteTable{ID: t.ID, VpcID: vpcID, Routes: []ec2Route{{CIDR: vpcCIDR, Gateway: "local", State: "active"}}}
	if t.ID == mainTable {
		out.Associations = []ec2RouteAssoc{{Main: true}}
	}
	for _, subnet := range t.Subnets {
		out.Associations = append(out.Associations, ec2RouteAssoc{Subnet: subnet})
	}
	for cidr, target := range t.Routes {
		route := ec2Route{CIDR: cidr, State: "active"}
		if strings.Contains(cidr, ":") {
			route.CIDR, route.CIDR6 = "", cidr
		}
		switch kind, _, _ := strings.Cut(target, "-"); kind {
		case "eni":
			route.Interface = target
		case "nat":
			route.NAT = target
			if !slices.ContainsFunc(v.gateways, func(g NATGateway) bool { return g.ID == target }) {
				route.State = "blackhole"
			}
		default:
			route.Gateway = target
		}
		out.Routes = append(out.Routes, route)
	}
	slices.SortFunc(out.Routes, func(a, b ec2Route) int { return strings.Compare(a.CIDR+a.CIDR6, b.CIDR+b.CIDR6) })
	return out
}
