package sandbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"muster/internal/sandbox"
)

func values(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint("v-", i))
	}
	return out
}

func TestEC2RefusesWhatEC2Refuses(t *testing.T) {
	s := start(t, sandbox.Options{})
	c := sdk(t, s).ec2
	filter := func(name string, n int) []types.Filter {
		return []types.Filter{{Name: aws.String(name), Values: values(n)}}
	}
	for name, call := range map[string]struct {
		do   func() error
		code string
	}{
		"201 values of a filter": {func() error {
			_, err := c.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{Filters: filter("group-id", 201)})
			return err
		}, "FilterLimitExceeded"},
		"a filter that does not exist": {func() error {
			_, err := c.DescribeNetworkAcls(t.Context(), &ec2.DescribeNetworkAclsInput{Filters: filter("subnet", 1)})
			return err
		}, "InvalidParameterValue"},
		"a page of four": {func() error {
			_, err := c.DescribeSecurityGroupRules(t.Context(), &ec2.DescribeSecurityGroupRulesInput{MaxResults: aws.Int32(4)})
			return err
		}, "InvalidParameterValue"},
		"a page of 1,001": {func() error {
			_, err := c.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{MaxResults: aws.Int32(1001)})
			return err
		}, "InvalidParameterValue"},
		"ids and MaxResults": {func() error {
			_, err := c.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{
				MaxResults: aws.Int32(5), NetworkInterfaceIds: []string{"eni-0aa11bb22cc33dd44"}})
			return err
		}, "InvalidParameterCombination"},
		"1,001 ids": {func() error {
			_, err := c.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: values(1001)})
			return err
		}, "InvalidParameterValue"},
		"an id of ECS Anywhere": {func() error {
			_, err := c.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{"mi-1"}})
			return err
		}, "InvalidInstanceID.Malformed"},
		"a token of another list": {func() error {
			_, err := c.DescribeNetworkAcls(t.Context(), &ec2.DescribeNetworkAclsInput{NextToken: aws.String("99")})
			return err
		}, "InvalidParameterValue"},
		"more than 100 entries of a prefix list": {func() error {
			s.AddPrefixList("pl-1")
			_, err := c.GetManagedPrefixListEntries(t.Context(), &ec2.GetManagedPrefixListEntriesInput{
				PrefixListId: aws.String("pl-1"), MaxResults: aws.Int32(101)})
			return err
		}, "InvalidParameterValue"},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, call.do(), call.code) })
	}
}

func TestEC2PagesAreWhole(t *testing.T) {
	s := start(t, sandbox.Options{})
	for i := range 12 {
		s.AddInterface(sandbox.Interface{ID: fmt.Sprint("eni-", i)})
	}
	seen := map[string]bool{}
	pages := ec2.NewDescribeNetworkInterfacesPaginator(sdk(t, s).ec2, &ec2.DescribeNetworkInterfacesInput{MaxResults: aws.Int32(5)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil || len(page.NetworkInterfaces) > 5 {
			t.Fatalf("%d interfaces, %v", len(page.NetworkInterfaces), err)
		}
		for _, i := range page.NetworkInterfaces {
			seen[*i.NetworkInterfaceId] = true
		}
	}
	if len(seen) != 13 || s.CallCount(sandbox.EC2, "") != 3 {
		t.Errorf("%d interfaces in %d calls, want 13 in 3", len(seen), s.CallCount(sandbox.EC2, ""))
	}
}

func TestEC2IsThrottledByAction(t *testing.T) {
	s := start(t, sandbox.Options{})
	c := sdk(t, s).ec2
	s.Inject(sandbox.Throttled(sandbox.EC2, "DescribeNetworkAcls", 1))
	_, err := c.DescribeNetworkAcls(t.Context(), &ec2.DescribeNetworkAclsInput{})
	wantCode(t, err, "RequestLimitExceeded")
	if _, err := c.DescribeNetworkAcls(t.Context(), &ec2.DescribeNetworkAclsInput{}); err != nil {
		t.Error(err)
	}
}

func TestAuthorizeAddsARuleForEachPeer(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-a"})
	c := sdk(t, s).ec2
	authorize := func(group string, p types.IpPermission) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
		return c.AuthorizeSecurityGroupIngress(
			t.Context(),
			&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: []types.IpPermission{p}},
		)
	}
	tcp := types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(1), ToPort: aws.Int32(2),
		IpRanges:      []types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}, {CidrIp: aws.String("10.1.0.0/16")}},
		Ipv6Ranges:    []types.Ipv6Range{{CidrIpv6: aws.String("::/0")}},
		PrefixListIds: []types.PrefixListId{{PrefixListId: aws.String("pl-1")}}}
	out, err := authorize("sg-a", tcp)
	if err != nil || len(out.SecurityGroupRules) != 4 || !aws.ToBool(out.Return) {
		t.Fatalf("%+v, %v", out, err)
	}
	_, err = c.AuthorizeSecurityGroupEgress(
		t.Context(),
		&ec2.AuthorizeSecurityGroupEgressInput{GroupId: aws.String("sg-a"), IpPermissions: []types.IpPermission{tcp}},
	)
	if err != nil {
		t.Errorf("the same rules the other way: %v", err)
	}
	_, err = authorize("sg-nobody", tcp)
	wantCode(t, err, "InvalidGroup.NotFound")
	_, err = authorize("sg-a", types.IpPermission{IpProtocol: aws.String("tcp")})
	wantCode(t, err, "MissingParameter")
	tcp.FromPort = aws.Int32(3)
	_, err = authorize("sg-a", tcp)
	wantCode(t, err, "InvalidParameterValue")
	rules, err := c.DescribeSecurityGroupRules(t.Context(), &ec2.DescribeSecurityGroupRulesInput{
		Filters: []types.Filter{{Name: aws.String("group-id"), Values: []string{"sg-a"}}}})
	if err != nil || len(rules.SecurityGroupRules) != 8 {
		t.Errorf("%d rules, %v; want 4 each way", len(rules.SecurityGroupRules), err)
	}
}

func TestTasksAreListedByServiceAndFamily(t *testing.T) {
	s := start(t, sandbox.Options{})
	host := s.AddPeer("prod", "i-1", sandbox.Interface{ID: "eni-1", Addrs: []string{"10.0.0.5"}})
	web := s.AddTask("prod", sandbox.RunningTask{Service: "web", ContainerInstance: host})
	batch := s.AddTask("prod", sandbox.RunningTask{Family: "batch"})
	c := sdk(t, s).ecs
	for name, q := range map[string]struct {
		in   ecs.ListTasksInput
		want string
	}{
		"all":                  {ecs.ListTasksInput{}, web + batch},
		"a service":            {ecs.ListTasksInput{ServiceName: aws.String("web")}, web},
		"a family":             {ecs.ListTasksInput{Family: aws.String("batch")}, batch},
		"the service's family": {ecs.ListTasksInput{Family: aws.String("web")}, web},
	} {
		q.in.Cluster = aws.String("prod")
		out, err := c.ListTasks(t.Context(), &q.in)
		if err != nil || strings.Join(out.TaskArns, "") != q.want {
			t.Errorf("%s: %v, %v; want %s", name, out, err, q.want)
		}
	}
	_, err := c.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod"), ServiceName: aws.String("nobody")})
	wantCode(t, err, "ServiceNotFoundException")
	out, err := c.ListContainerInstances(
		t.Context(),
		&ecs.ListContainerInstancesInput{Cluster: aws.String("prod"), Filter: aws.String("task:group == service:web")},
	)
	if err != nil || len(out.ContainerInstanceArns) != 1 {
		t.Errorf("%v, %v", out, err)
	}
	_, err = c.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("prod"), Tasks: values(101)})
	wantCode(t, err, "InvalidParameterException")
}
