package check

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"muster/internal/awsapi"
	"muster/internal/fix"
)

// VPC is what EC2 says of the ways out of a VPC.
type VPC interface {
	Routing
	Naming
}

// Routing is where the routes lead.
type Routing interface {
	RouteTables(ctx context.Context, vpcs []string) ([]awsapi.RouteTable, error)
	NATGateway(ctx context.Context, id string) (*awsapi.NATGateway, error) // nil: there is none
}

// Naming is what the VPC's resolver goes by.
type Naming interface {
	VPCEndpoints(ctx context.Context, vpc string) ([]awsapi.VPCEndpoint, error)
	DNSSupport(ctx context.Context, vpc string) (bool, error)
}

// location is where in the VPC this instance is.
type location struct {
	vpc, subnet, public string
	groups              []string
}

// locate asks the metadata service for the first interface.
func (w World) locate(ctx context.Context) (location, error) {
	mac, there, err := w.IMDS.Metadata(ctx, "mac")
	if err != nil || !there {
		return location{}, errors.Join(errors.New("the metadata service does not tell the subnet"), err)
	}
	read := func(name string) string {
		value, _, failed := w.IMDS.Metadata(ctx, "network/interfaces/macs/"+strings.TrimSpace(mac)+"/"+name)
		err = errors.Join(err, failed)
		return strings.TrimSpace(value)
	}
	at := location{vpc: read("vpc-id"), subnet: read("subnet-id"), groups: strings.Fields(read("security-group-ids"))}
	at.public, _, _ = strings.Cut(read("public-ipv4s"), "\n")
	return at, err
}

// vpcPath finds the one thing in the VPC that keeps the endpoints away. Nothing
// is asked while all is reached.
func (w World) vpcPath(ctx context.Context, f *facts) []Finding {
	unnamed := f.unresolved()
	if len(f.lost) == 0 && !unnamed {
		return Skipped("nothing that is in the VPC keeps the endpoints away")
	}
	at, err := w.locate(ctx)
	if err != nil {
		return CouldNotLook(err, fix.Fix{})
	}
	var looks []func(context.Context, *facts, location) ([]Finding, error)
	if unnamed {
		looks = append(looks, w.dnsSupport)
	}
	if len(f.lost) > 0 {
		looks = append(looks, w.endpointState, w.guards, w.routes)
	}
	var all []Finding
	var unread error
	for _, look := range looks {
		found, err := look(ctx, f, at)
		all, unread = append(all, found...), errors.Join(unread, err)
	}
	switch {
	case len(all) > 0:
		return all
	case unread != nil:
		return CouldNotLook(unread, fix.Do("allow what is named in the instance role, or look from elsewhere at "+at.vpc+" and "+at.subnet))
	}
	return Passed("routes, rules and endpoints would let the packets through: something behind them does not",
		at.vpc+", "+at.subnet+", "+strings.Join(at.groups, ", "))
}

// unresolved says that a name of the ECS agent's endpoints failed.
func (f *facts) unresolved() bool {
	for _, r := range f.names {
		if r.err != nil && r.agent {
			return true
		}
	}
	return false
}

func failed(id, summary, remedy string) ([]Finding, error) {
	return []Finding{{ID: id, Status: Fail, Summary: summary, Fix: fix.Do(remedy)}}, nil
}

func (w World) dnsSupport(ctx context.Context, _ *facts, at location) ([]Finding, error) {
	on, err := w.VPC.DNSSupport(ctx, at.vpc)
	if err != nil || on {
		return nil, err
	}
	return failed("dns-support-off", at.vpc+" has DNS support switched off: its resolver answers nobody",
		"aws ec2 modify-vpc-attribute --vpc-id "+at.vpc+" --enable-dns-support")
}

// endpointState looks at the interface endpoints of the services that do not
// answer: one may be there, and not work, or not be used for want of private DNS.
func (w World) endpointState(ctx context.Context, f *facts, at location) ([]Finding, error) {
	all, err := w.VPC.VPCEndpoints(ctx, at.vpc)
	for _, e := range all {
		for _, l := range f.lost {
			switch {
			case !strings.HasSuffix(e.Service, "."+l.service):
			case !strings.EqualFold(e.State, "available"): // the API spells it both ways
				return failed("endpoint-unavailable", fmt.Sprintf("%s, the endpoint for %s, is %s", e.ID, e.Service, e.State),
					"aws ec2 describe-vpc-endpoints --vpc-endpoint-ids "+e.ID)
			case !l.private() && !e.PrivateDNS:
				return failed("private-dns-off", fmt.Sprintf("%s, the endpoint for %s, has no private DNS: %s leads to the internet", e.ID, e.Service, l.host),
					"aws ec2 modify-vpc-endpoint --vpc-endpoint-id "+e.ID+" --private-dns-enabled")
			}
		}
	}
	return nil, err
}

// routes judges the way to the internet. An address within the VPC needs none.
func (w World) routes(ctx context.Context, f *facts, at location) ([]Finding, error) {
	for _, l := range f.lost {
		if l.at.Is4() && !l.private() {
			return w.wayOut(ctx, l.at, at)
		}
	}
	return nil, nil
}

func (w World) wayOut(ctx context.Context, to netip.Addr, at location) ([]Finding, error) {
	tables, err := w.VPC.RouteTables(ctx, []string{at.vpc})
	if err != nil {
		return nil, err
	}
	table := awsapi.TableOf(tables, at.vpc, at.subnet)
	if table == nil {
		return nil, fmt.Errorf("EC2 told of no route table of %s", at.subnet)
	}
	of := fmt.Sprintf("%s (of %s)", table.ID, at.subnet)
	route := table.RouteTo(to)
	create := "aws ec2 create-route --route-table-id " + table.ID + " --destination-cidr-block 0.0.0.0/0 --nat-gateway-id NAT; or create VPC endpoints for ecs, ecs-agent and ecs-telemetry"
	switch {
	case route == nil:
		return failed("no-default-route", of+" has no route 0.0.0.0/0", create)
	case route.Blackhole:
		return failed("nat-missing", fmt.Sprintf("the route %s of %s leads to %s, which is gone", route.To, of, route.Via), strings.Replace(create, "create-route", "replace-route", 1))
	case strings.HasPrefix(route.Via, "igw-") && at.public == "":
		return failed("no-public-ip", fmt.Sprintf("the route %s of %s leads to %s, and the instance has no public address", route.To, of, route.Via),
			"give it an Elastic IP, or let the subnet route to a NAT gateway")
	case strings.HasPrefix(route.Via, "nat-"):
		return w.nat(ctx, tables, at.vpc, *route, of)
	}
	return nil, nil
}

// nat judges a NAT gateway, and whether it stands where it can reach the internet.
func (w World) nat(ctx context.Context, tables []awsapi.RouteTable, vpc string, route awsapi.Route, of string) ([]Finding, error) {
	gateway, err := w.VPC.NATGateway(ctx, route.Via)
	switch {
	case err != nil:
		return nil, err
	case gateway == nil:
		return failed("nat-missing", fmt.Sprintf("the route %s of %s leads to %s, which does not exist", route.To, of, route.Via), "create a NAT gateway in a public subnet, and replace the route")
	case gateway.State != "available":
		return failed("nat-missing", strings.TrimSpace(fmt.Sprintf("the route %s of %s leads to %s, which is %s %s", route.To, of, route.Via, gateway.State, gateway.Failure)),
			"aws ec2 describe-nat-gateways --nat-gateway-ids "+route.Via)
	}
	table := awsapi.TableOf(tables, vpc, gateway.Subnet)
	if table == nil {
		return nil, nil
	}
	if out := table.RouteTo(netip.IPv4Unspecified()); out == nil || out.Blackhole || strings.HasPrefix(out.Via, "nat-") {
		return failed("nat-missing", fmt.Sprintf("%s stands in %s, whose %s has no route 0.0.0.0/0 to an internet gateway", route.Via, gateway.Subnet, table.ID),
			"move the NAT gateway into a public subnet")
	}
	return nil, nil
}
