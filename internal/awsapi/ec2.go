package awsapi

import (
	"context"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"muster/reach"
)

const (
	// EC2 accepts up to 1,000 ids per call, and then no MaxResults (EC2 developer guide, pagination).
	maxIDs = 1000
	// A filter accepts up to 200 values (EC2 API reference, Filter).
	maxValues = 200
	pageSize  = 1000
)

// Region returns the region of the client.
func (c *Client) Region() string { return c.ec2.Options().Region }

// Interface is a network interface with its owner.
type Interface struct {
	reach.ENI
	Account  string
	Instance string // empty for the interfaces of tasks, load balancers and others
	// Description and Requester name the service that made the interface, and its purpose:
	// "ELB app/web/50dc6c49" and "amazon-elb". Both are empty for the interfaces of instances.
	Description, Requester string
}

// Instance is an EC2 instance with its network interfaces.
type Instance struct {
	ID         string
	State      string     // pending, running, stopping, stopped, shutting-down, terminated
	Addr       netip.Addr // primary private address; the zero Addr if there is none
	Interfaces []Interface
}

// Instances describes instances. It omits those that no longer exist.
func (c *Client) Instances(ctx context.Context, ids []string) ([]Instance, error) {
	return batched(ids, maxIDs, func(batch []string) ([]Instance, error) {
		return existing(batch, "InvalidInstanceID.NotFound", func(ids []string) ([]Instance, error) {
			return c.instances(ctx, ids)
		})
	})
}

func (c *Client) instances(ctx context.Context, ids []string) ([]Instance, error) {
	return paged("ec2:DescribeInstances", func(token *string) ([]Instance, *string, error) {
		out, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		var page []Instance
		for _, r := range out.Reservations {
			for _, i := range r.Instances {
				page = append(page, instance(i))
			}
		}
		return page, out.NextToken, nil
	})
}

func instance(i types.Instance) Instance {
	out := Instance{ID: aws.ToString(i.InstanceId)}
	if i.State != nil {
		out.State = string(i.State.Name)
	}
	if a := addresses(aws.ToString(i.PrivateIpAddress), aws.ToString(i.Ipv6Address)); len(a) > 0 {
		out.Addr = a[0]
	}
	for _, n := range i.NetworkInterfaces {
		own := []string{aws.ToString(n.PrivateIpAddress)}
		for _, a := range n.PrivateIpAddresses {
			own = append(own, aws.ToString(a.PrivateIpAddress))
		}
		for _, a := range n.Ipv6Addresses {
			own = append(own, aws.ToString(a.Ipv6Address))
		}
		out.Interfaces = append(out.Interfaces, Interface{
			ENI: reach.ENI{
				ID: aws.ToString(n.NetworkInterfaceId), Addrs: addresses(own...), Groups: groupIDs(n.Groups),
				Subnet: aws.ToString(n.SubnetId), VPC: aws.ToString(n.VpcId), Trunk: aws.ToString(n.InterfaceType) == "trunk",
				Type: aws.ToString(n.InterfaceType), Task: isTask(aws.ToString(n.Description)),
			}, Account: aws.ToString(n.OwnerId), Instance: out.ID,
		})
	}
	return out
}

// Interfaces describes network interfaces by id, such as those of awsvpc tasks. It omits those that no longer exist.
func (c *Client) Interfaces(ctx context.Context, ids []string) ([]Interface, error) {
	return batched(ids, maxIDs, func(batch []string) ([]Interface, error) {
		return existing(batch, "InvalidNetworkInterfaceID.NotFound", func(ids []string) ([]Interface, error) {
			return c.interfaces(ctx, ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: ids})
		})
	})
}

// InterfacesAt returns the network interfaces in the region that have one of the addresses. Several can have the same
// address, because VPCs may overlap.
func (c *Client) InterfacesAt(ctx context.Context, addrs []netip.Addr) ([]Interface, error) {
	var v4, v6 []string
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			v4 = append(v4, a.String())
		} else {
			v6 = append(v6, a.WithZone("").String())
		}
	}
	at := func(filter string) func([]string) ([]Interface, error) {
		return func(batch []string) ([]Interface, error) {
			return c.interfaces(ctx, ec2.DescribeNetworkInterfacesInput{
				Filters: []types.Filter{{Name: aws.String(filter), Values: batch}}, MaxResults: aws.Int32(pageSize),
			})
		}
	}
	out, err := batched(v4, maxValues, at("addresses.private-ip-address"))
	if err != nil {
		return out, err
	}
	more, err := batched(v6, maxValues, at("ipv6-addresses.ipv6-address"))
	return append(out, more...), err
}

// InterfacesDescribed finds the network interfaces of the region whose description
// matches one of the patterns, in which * stands for any characters.
func (c *Client) InterfacesDescribed(ctx context.Context, patterns []string) ([]Interface, error) {
	return batched(patterns, maxValues, func(batch []string) ([]Interface, error) {
		return c.interfaces(ctx, ec2.DescribeNetworkInterfacesInput{
			Filters: []types.Filter{{Name: aws.String("description"), Values: batch}}, MaxResults: aws.Int32(pageSize),
		})
	})
}

func (c *Client) interfaces(ctx context.Context, in ec2.DescribeNetworkInterfacesInput) ([]Interface, error) {
	return paged("ec2:DescribeNetworkInterfaces", func(token *string) ([]Interface, *string, error) {
		in.NextToken = token
		out, err := c.ec2.DescribeNetworkInterfaces(ctx, &in)
		if err != nil {
			return nil, nil, err
		}
		var page []Interface
		for _, n := range out.NetworkInterfaces {
			page = append(page, networkInterface(n))
		}
		return page, out.NextToken, nil
	})
}

func networkInterface(n types.NetworkInterface) Interface {
	own := []string{aws.ToString(n.PrivateIpAddress)}
	for _, a := range n.PrivateIpAddresses {
		own = append(own, aws.ToString(a.PrivateIpAddress))
	}
	for _, a := range n.Ipv6Addresses {
		own = append(own, aws.ToString(a.Ipv6Address))
	}
	out := Interface{
		ENI: reach.ENI{
			ID: aws.ToString(n.NetworkInterfaceId), Addrs: addresses(own...), Groups: groupIDs(n.Groups),
			Subnet: aws.ToString(n.SubnetId), VPC: aws.ToString(n.VpcId), Trunk: n.InterfaceType == types.NetworkInterfaceTypeTrunk,
			Type: string(n.InterfaceType),
		},
		Account:     aws.ToString(n.OwnerId),
		Description: aws.ToString(n.Description),
		Requester:   aws.ToString(n.RequesterId),
	}
	if n.Attachment != nil {
		out.Instance = aws.ToString(n.Attachment.InstanceId)
	}
	return out
}

// isTask recognizes the interface of an awsvpc task by its description, which ECS sets to the ARN of the attachment.
func isTask(description string) bool {
	return strings.HasPrefix(description, "arn:") && strings.Contains(description, ":ecs:") && strings.Contains(description, ":attachment/")
}

// addresses parses the texts, without duplicates and in order. It skips those that are not addresses.
func addresses(texts ...string) []netip.Addr {
	var out []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil && !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	return out
}

func groupIDs(groups []types.GroupIdentifier) []string {
	var out []string
	for _, g := range groups {
		if id := aws.ToString(g.GroupId); id != "" {
			out = append(out, id)
		}
	}
	return out
}
