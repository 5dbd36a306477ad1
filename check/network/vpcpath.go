package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"muster/check"
	"muster/internal/awsapi"
	"muster/internal/base/fix"
)

// VPC reads from EC2 the paths out of a VPC.
type VPC interface {
	Routing
	Naming
}

// Routing returns route tables and their targets.
type Routing interface {
	RouteTables(ctx context.Context, vpcs []string) ([]awsapi.RouteTable, error)
	NATGateway(ctx context.Context, id string) (*awsapi.NATGateway, error) // nil if it does not exist
}

// Naming returns the settings that determine how the VPC's resolver answers.
type Naming interface {
	VPCEndpoints(ctx context.Context, vpc string) ([]awsapi.VPCEndpoint, error)
	DNSSupport(ctx context.Context, vpc string) (bool, error)
}

// location is this instance's location in the VPC.
type location struct {
	vpc, subnet, public string
	groups              []string
	known               bool // if false, the fields are placeholders
}

func (at location) String() string {
	address := "no public IPv4 address"
	if at.public != "" {
		address = "public address " + at.public
	}
	return fmt.Sprintf("%s, %s, %s, %s", at.vpc, at.subnet, strings.Join(at.groups, ", "), address)
}

// locate reads the location of the first interface from the metadata service.
func (g Group) locate(ctx context.Context) (location, error) {
	mac, there, err := g.IMDS.Metadata(ctx, "mac")
	if err != nil || !there {
		return location{}, errors.Join(errors.New("the metadata service does not name the subnet"), err)
	}
	read := func(name string) string {
		value, _, failed := g.IMDS.Metadata(ctx, "network/interfaces/macs/"+strings.TrimSpace(mac)+"/"+name)
		err = errors.Join(err, failed)
		return strings.TrimSpace(value)
	}
	at := location{vpc: read("vpc-id"), subnet: read("subnet-id"), groups: strings.Fields(read("security-group-ids"))}
	at.public, _, _ = strings.Cut(read("public-ipv4s"), "\n")
	return at, err
}

// vpcPath finds the part of the VPC that blocks the path to the endpoints. It makes no call if all endpoints respond.
func (g Group) vpcPath(ctx context.Context, names []resolved, lost []unanswered) []check.Finding {
	lookupFinding := unresolvedOf(names)
	if len(lost) == 0 && !lookupFinding {
		return check.Skipped("not needed: no endpoint timed out")
	}
	at, err := g.locate(ctx)
	if err != nil {
		return check.Undetermined(err, fix.Fix{})
	}
	var looks []func(context.Context, []unanswered, location) ([]check.Finding, error)
	if lookupFinding {
		looks = append(looks, g.dnsSupport)
	}
	if len(lost) > 0 {
		looks = append(looks, g.endpointState, g.guards, g.routes)
	}
	var all []check.Finding
	var unread error
	for _, look := range looks {
		found, err := look(ctx, lost, at)
		all, unread = append(all, found...), errors.Join(unread, err)
	}
	switch {
	case len(all) > 0:
		return all
	case unread != nil:
		return check.Undetermined(unread,
			fix.Do("Allow the actions in the instance role, or check "+at.vpc+" and "+at.subnet+" from another machine."))
	}
	return check.Passed("routes, rules and VPC endpoints allow the traffic; something beyond them probably drops it",
		at.vpc+", "+at.subnet+", "+strings.Join(at.groups, ", "))
}

// unresolvedOf reports whether a name of the ECS agent's endpoints does not resolve.
func unresolvedOf(names []resolved) bool {
	for _, r := range names {
		if r.err != nil && r.agent {
			return true
		}
	}
	return false
}

func failed(kind *check.Kind, summary string, to fix.Fix, evidence ...string) ([]check.Finding, error) {
	return []check.Finding{{Kind: kind, Status: check.Fail, Summary: summary, Evidence: evidence, Fix: to}}, nil
}

// ec2 returns a command of the AWS CLI in this region.
func (g Group) ec2(command string, args ...any) string {
	name, rest, _ := strings.Cut(fmt.Sprintf(command, args...), " ")
	return "aws ec2 " + name + " --region " + g.Region() + " " + rest
}

func (g Group) dnsSupport(ctx context.Context, _ []unanswered, at location) ([]check.Finding, error) {
	on, err := g.VPC.DNSSupport(ctx, at.vpc)
	if err != nil || on {
		return nil, err
	}
	return failed(DNSSupportOff, "DNS support is off in "+at.vpc+", so its resolver does not respond",
		fix.Do("Enable DNS support:", g.ec2("modify-vpc-attribute --vpc-id %s --enable-dns-support", at.vpc)))
}

// endpointState checks the interface endpoints of the services that do not respond. An interface endpoint may exist but
// not be available, or be unused because private DNS is off.
func (g Group) endpointState(ctx context.Context, lost []unanswered, at location) ([]check.Finding, error) {
	all, err := g.VPC.VPCEndpoints(ctx, at.vpc)
	for _, e := range all {
		for _, l := range lost {
			switch {
			case !strings.HasSuffix(e.Service, "."+l.service):
			case !strings.EqualFold(e.State, "available"): // the API uses upper and lower case
				return failed(EndpointUnavailable, fmt.Sprintf("the VPC endpoint %s for %s is %s, not available", e.ID, e.Service, e.State),
					fix.Do("Accept the endpoint connection, or delete the endpoint and create it again:",
						g.ec2("describe-vpc-endpoints --vpc-endpoint-ids %s", e.ID)))
			case !l.private() && !e.PrivateDNS:
				return failed(PrivateDNSOff, fmt.Sprintf("the VPC endpoint %s for %s has private DNS off", e.ID, e.Service),
					fix.Do("Enable private DNS:", g.ec2("modify-vpc-endpoint --vpc-endpoint-id %s --private-dns-enabled", e.ID)),
					l.host+" resolves to the public address "+listed(l.addrs))
			}
		}
	}
	return nil, err
}

// routes evaluates the path to the internet. An address within the VPC does not need one.
func (g Group) routes(ctx context.Context, lost []unanswered, at location) ([]check.Finding, error) {
	for _, l := range lost {
		if l.at.Is4() && !l.private() {
			return g.wayOut(ctx, l.at, at)
		}
	}
	return nil, nil
}

func (g Group) wayOut(ctx context.Context, to netip.Addr, at location) ([]check.Finding, error) {
	tables, err := g.VPC.RouteTables(ctx, []string{at.vpc})
	if err != nil {
		return nil, err
	}
	table := awsapi.TableOf(tables, at.vpc, at.subnet)
	if table == nil {
		return nil, fmt.Errorf("no route table found for %s", at.subnet)
	}
	of := fmt.Sprintf("%s (%s)", table.ID, at.subnet)
	route := table.RouteTo(to)
	switch {
	case route == nil:
		return failed(NoDefaultRoute, "the route table "+of+" has no route 0.0.0.0/0",
			fix.Do("Add a route to a NAT gateway, or create VPC endpoints for ecs, ecs-agent and ecs-telemetry:", g.toNAT("create-route",
				table.ID, "0.0.0.0/0")),
			to.String()+" matches no route of "+table.ID)
	case route.Blackhole:
		return failed(NATMissing, fmt.Sprintf("the route %s of %s points to %s, which no longer exists", route.To, of, route.Via),
			fix.Do("Point the route to an existing NAT gateway:", g.toNAT("replace-route", table.ID, fmt.Sprint(route.To))))
	case strings.HasPrefix(route.Via, "igw-") && at.public == "":
		return failed(NoPublicIP, fmt.Sprintf("the route %s of %s points to %s, but there is no public address", route.To, of, route.Via),
			fix.Do("Give the instance an Elastic IP address, or point the route of its subnet to a NAT gateway:",
				g.ec2("associate-address --instance-id %s --allocation-id ALLOCATION_ID", g.instance())), "this instance: "+at.String())
	case strings.HasPrefix(route.Via, "nat-"):
		return g.nat(ctx, tables, at.vpc, *route, *table, of)
	}
	return nil, nil
}

func (g Group) toNAT(command, table, to string) string {
	return g.ec2("%s --route-table-id %s --destination-cidr-block %s --nat-gateway-id NAT_GATEWAY_ID", command, table, to)
}

// nat evaluates a NAT gateway, and whether its own subnet has a route to the internet.
func (g Group) nat(ctx context.Context, tables []awsapi.RouteTable, vpc string, route awsapi.Route, from awsapi.RouteTable,
	of string) ([]check.Finding, error) {
	replace := fix.Do("Create a NAT gateway in a public subnet, and point the route to it:",
		g.ec2("create-nat-gateway --subnet-id PUBLIC_SUBNET_ID --allocation-id ALLOCATION_ID"), g.toNAT("replace-route", from.ID,
			fmt.Sprint(route.To)))
	gateway, err := g.VPC.NATGateway(ctx, route.Via)
	switch {
	case err != nil:
		return nil, err
	case gateway == nil:
		return failed(NATMissing, fmt.Sprintf("the route %s of %s points to %s, which does not exist", route.To, of, route.Via), replace)
	case gateway.State != "available":
		return failed(
			NATMissing,
			fmt.Sprintf("the route %s of %s points to %s, which is %s", route.To, of, route.Via, gateway.State),
			replace,
			strings.TrimSpace(route.Via+": "+gateway.State+" "+gateway.Failure),
		)
	}
	table := awsapi.TableOf(tables, vpc, gateway.Subnet)
	if table == nil {
		return nil, nil
	}
	if out := table.RouteTo(netip.IPv4Unspecified()); out == nil || out.Blackhole || strings.HasPrefix(out.Via, "nat-") {
		return failed(NATMissing, fmt.Sprintf("the NAT gateway %s is in a private subnet, %s", route.Via, gateway.Subnet), replace,
			fmt.Sprintf("%s of %s has no route 0.0.0.0/0 to an internet gateway", table.ID, gateway.Subnet))
	}
	return nil, nil
}
