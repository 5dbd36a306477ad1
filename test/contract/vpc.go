package contract

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

func vpcClauses() []clause {
	return []clause{
		{"DescribeInstances returns the network interface with address, groups and subnet", describesInterface},
		{"DescribeInstances rejects MaxResults together with ids", rejectsIDsWithMaxResults},
		{"DescribeInstances names all unknown ids", unknownInstances},
		{"DescribeNetworkInterfaces finds by id and by address", findsInterface},
		{"DescribeNetworkInterfaces rejects an unknown id", unknownInterface},
		{"DescribeNetworkInterfaces finds none by a description that no interface has", undescribedInterface},
		{"DescribeSecurityGroups ignores unknown ids in a filter", filtersGroups},
		{"AuthorizeSecurityGroupIngress adds to groups and rules", authorizes},
		{"AuthorizeSecurityGroupIngress rejects a duplicate", authorizesTwice},
		{"A rule for all protocols has no ports as a permission and -1 as a rule", portless},
		{"DescribeNetworkAcls finds the ACL of a subnet, whose last entry denies", findsACL},
		{"GetManagedPrefixListEntries rejects an unknown list", unknownList},
		{"DescribeRouteTables finds the main table of a VPC, whose own route is local", findsRoutes},
	}
}

func taskClauses() []clause {
	return []clause{
		{"ListTasks rejects an unknown cluster", tasksOfUnknownCluster},
		{"DescribeTasks returns failure MISSING for an unknown ARN", unknownTask},
	}
}

// primary returns the instance's first interface.
func (c *clients) primary(ctx context.Context) (types.InstanceNetworkInterface, error) {
	out, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{c.InstanceID}})
	if err != nil {
		return types.InstanceNetworkInterface{}, err
	}
	nics := out.Reservations[0].Instances[0].NetworkInterfaces
	if len(nics) == 0 || len(nics[0].Groups) == 0 {
		return types.InstanceNetworkInterface{}, fmt.Errorf("got %d interfaces, want one with groups", len(nics))
	}
	return nics[0], nil
}

func describesInterface(ctx context.Context, c *clients) error {
	nic, err := c.primary(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		want("id", deref(nic.NetworkInterfaceId) != "", true),
		want("address", deref(nic.PrivateIpAddress) != "", true),
		want("addresses", len(nic.PrivateIpAddresses), 1),
		want("owner", deref(nic.OwnerId), "123456789012"),
		want("type", deref(nic.InterfaceType), "interface"),
		want("subnet", deref(nic.SubnetId) != "", true),
		want("VPC", deref(nic.VpcId) != "", true))
}

func rejectsIDsWithMaxResults(ctx context.Context, c *clients) error {
	_, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{c.InstanceID}, MaxResults: aws.Int32(5)})
	return wantCode(err, "InvalidParameterCombination")
}

func unknownInstances(ctx context.Context, c *clients) error {
	_, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{
		InstanceIds: []string{"i-00000000000000bad", c.InstanceID, "i-0000000000000dead"},
	})
	return wantMessage(err, "InvalidInstanceID.NotFound", "The instance IDs 'i-00000000000000bad, i-0000000000000dead' do not exist")
}

// undescribedInterface checks that * matches any characters in a filter ("Filter", EC2 API reference).
func undescribedInterface(ctx context.Context, c *clients) error {
	for pattern, some := range map[string]bool{"ELB no-such-load-balancer": false, "ELB app/no-such/*": false, "*": true} {
		out, err := c.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
			Filters: []types.Filter{{Name: aws.String("description"), Values: []string{pattern}}}, MaxResults: aws.Int32(5),
		})
		if err != nil {
			return err
		}
		if (len(out.NetworkInterfaces) > 0) != some {
			return fmt.Errorf("%q finds %d interfaces", pattern, len(out.NetworkInterfaces))
		}
	}
	return nil
}

func findsInterface(ctx context.Context, c *clients) error {
	nic, err := c.primary(ctx)
	if err != nil {
		return err
	}
	for _, in := range []ec2.DescribeNetworkInterfacesInput{
		{NetworkInterfaceIds: []string{deref(nic.NetworkInterfaceId)}},
		{MaxResults: aws.Int32(1000), Filters: filter("addresses.private-ip-address", deref(nic.PrivateIpAddress))},
	} {
		out, err := c.ec2.DescribeNetworkInterfaces(ctx, &in)
		if err != nil {
			return err
		}
		if len(out.NetworkInterfaces) != 1 {
			return fmt.Errorf("got %d interfaces, want 1", len(out.NetworkInterfaces))
		}
		got := out.NetworkInterfaces[0]
		err = errors.Join(
			want("id", deref(got.NetworkInterfaceId), deref(nic.NetworkInterfaceId)),
			want("group", deref(got.Groups[0].GroupId), deref(nic.Groups[0].GroupId)),
			want("instance", deref(deref(got.Attachment).InstanceId), c.InstanceID))
		if err != nil {
			return err
		}
	}
	return nil
}

func filter(name string, values ...string) []types.Filter {
	return []types.Filter{{Name: &name, Values: values}}
}

func unknownInterface(ctx context.Context, c *clients) error {
	_, err := c.ec2.DescribeNetworkInterfaces(
		ctx,
		&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{"eni-00000000000000bad"}},
	)
	return wantCode(err, "InvalidNetworkInterfaceID.NotFound")
}

// group returns the first group of the instance's interface.
func (c *clients) group(ctx context.Context) (types.SecurityGroup, error) {
	nic, err := c.primary(ctx)
	if err != nil {
		return types.SecurityGroup{}, err
	}
	out, err := c.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
		MaxResults: aws.Int32(1000), Filters: filter("group-id", deref(nic.Groups[0].GroupId), "sg-00000000000000bad"),
	})
	if err != nil {
		return types.SecurityGroup{}, err
	}
	if len(out.SecurityGroups) != 1 {
		return types.SecurityGroup{}, fmt.Errorf("got %d groups, want 1", len(out.SecurityGroups))
	}
	return out.SecurityGroups[0], nil
}

func filtersGroups(ctx context.Context, c *clients) error {
	g, err := c.group(ctx)
	if err != nil {
		return err
	}
	return errors.Join(want("id", deref(g.GroupId) != "", true), want("name", deref(g.GroupName) != "", true))
}

// authorize opens a port range to the members of the group.
func (c *clients) authorize(ctx context.Context, g types.SecurityGroup, first, last int32) error {
	_, err := c.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: g.GroupId, IpPermissions: []types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: &first, ToPort: &last,
			UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: g.GroupId}},
		}},
	})
	return err
}

func (c *clients) rules(ctx context.Context, g types.SecurityGroup) ([]types.SecurityGroupRule, error) {
	out, err := c.ec2.DescribeSecurityGroupRules(ctx, &ec2.DescribeSecurityGroupRulesInput{
		MaxResults: aws.Int32(1000), Filters: filter("group-id", deref(g.GroupId)),
	})
	if err != nil {
		return nil, err
	}
	return out.SecurityGroupRules, nil
}

func authorizes(ctx context.Context, c *clients) error {
	g, err := c.group(ctx)
	if err != nil {
		return err
	}
	if err := c.authorize(ctx, g, 47100, 47105); err != nil {
		return err
	}
	g, err1 := c.group(ctx)
	rules, err2 := c.rules(ctx, g)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	permissions, found := 0, 0
	for _, p := range g.IpPermissions {
		if deref(p.FromPort) == 47100 && deref(p.ToPort) == 47105 && len(p.UserIdGroupPairs) == 1 &&
			deref(p.UserIdGroupPairs[0].GroupId) == deref(g.GroupId) {
			permissions++
		}
	}
	for _, r := range rules {
		if deref(r.FromPort) == 47100 && deref(r.ToPort) == 47105 && !deref(r.IsEgress) && deref(r.SecurityGroupRuleId) != "" &&
			deref(deref(r.ReferencedGroupInfo).GroupId) == deref(g.GroupId) {
			found++
		}
	}
	return errors.Join(want("permissions", permissions, 1), want("rules", found, 1))
}

func authorizesTwice(ctx context.Context, c *clients) error {
	g, err := c.group(ctx)
	if err != nil {
		return err
	}
	if err := c.authorize(ctx, g, 47500, 47599); err != nil {
		return err
	}
	return wantCode(c.authorize(ctx, g, 47500, 47599), "InvalidPermission.Duplicate")
}

// portless checks the egress rule of a default group.
func portless(ctx context.Context, c *clients) error {
	g, err := c.group(ctx)
	if err != nil {
		return err
	}
	rules, err := c.rules(ctx, g)
	if err != nil {
		return err
	}
	for _, p := range g.IpPermissionsEgress {
		if deref(p.IpProtocol) == "-1" && (p.FromPort != nil || p.ToPort != nil) {
			return fmt.Errorf("permission: got port %d, want none", deref(p.FromPort))
		}
	}
	for _, r := range rules {
		if deref(r.IpProtocol) == "-1" && (deref(r.FromPort) != -1 || deref(r.ToPort) != -1) {
			return fmt.Errorf("rule: got ports %d-%d, want -1", deref(r.FromPort), deref(r.ToPort))
		}
	}
	return want("egress permissions", len(g.IpPermissionsEgress) > 0, true)
}

func findsACL(ctx context.Context, c *clients) error {
	nic, err := c.primary(ctx)
	if err != nil {
		return err
	}
	out, err := c.ec2.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{
		MaxResults: aws.Int32(1000), Filters: filter("association.subnet-id", deref(nic.SubnetId)),
	})
	if err != nil {
		return err
	}
	if len(out.NetworkAcls) != 1 {
		return fmt.Errorf("got %d ACLs, want 1", len(out.NetworkAcls))
	}
	for _, e := range out.NetworkAcls[0].Entries {
		last := deref(e.RuleNumber) == 32767
		if err := want(fmt.Sprintf("action of entry %d", deref(e.RuleNumber)), e.RuleAction == types.RuleActionDeny, last); err != nil {
			return err
		}
	}
	return want("entries", len(out.NetworkAcls[0].Entries), 4)
}

func findsRoutes(ctx context.Context, c *clients) error {
	nic, err := c.primary(ctx)
	if err != nil {
		return err
	}
	out, err := c.ec2.DescribeRouteTables(
		ctx,
		&ec2.DescribeRouteTablesInput{MaxResults: aws.Int32(100), Filters: filter("vpc-id", deref(nic.VpcId))},
	)
	if err != nil {
		return err
	}
	if len(out.RouteTables) != 1 || len(out.RouteTables[0].Associations) != 1 || len(out.RouteTables[0].Routes) == 0 {
		return fmt.Errorf("got %+v, want one table with one association and a route", out.RouteTables)
	}
	if err := want("main", deref(out.RouteTables[0].Associations[0].Main), true); err != nil {
		return err
	}
	return want("gateway", deref(out.RouteTables[0].Routes[0].GatewayId), "local")
}

func unknownList(ctx context.Context, c *clients) error {
	_, err := c.ec2.GetManagedPrefixListEntries(
		ctx,
		&ec2.GetManagedPrefixListEntriesInput{PrefixListId: aws.String("pl-00000000000000bad")},
	)
	return wantCode(err, "InvalidPrefixListID.NotFound")
}

func tasksOfUnknownCluster(ctx context.Context, c *clients) error {
	_, err := c.ecs.ListTasks(ctx, &ecs.ListTasksInput{Cluster: aws.String(nowhere)})
	return wantCode(err, "ClusterNotFoundException")
}

func unknownTask(ctx context.Context, c *clients) error {
	const name, id = "contract-tasks", "00000000000000000000000000000000"
	if _, err := c.cluster(ctx, name); err != nil {
		return err
	}
	out, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(name), Tasks: []string{id}})
	if err != nil {
		return err
	}
	return missing(out.Failures, id)
}
