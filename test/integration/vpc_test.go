//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"muster/internal/awsapi"
	"muster/internal/fleet"
	"muster/reach"
	"muster/test/need"
)

// network is a VPC in moto with three servers of the cluster grid. P3 admits only 47100-47105 and 47110-47199 of its
// communication ports.
type network struct {
	ec2 *ec2.Client
	api *awsapi.Client
	cfg aws.Config
	out map[string]string // the stack's outputs: IDs of instances, groups and subnets
	acl string            // network ACL of SubnetB
}

// startMoto starts moto_server. It returns the environment and the SDK configuration for its clients.
func startMoto(t *testing.T) ([]string, aws.Config) {
	t.Helper()
	url := need.Moto(t)
	environ := []string{"AWS_ENDPOINT_URL=" + url, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
	return environ, aws.Config{
		Region: region, BaseEndpoint: &url,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

func newNetwork(t *testing.T) network {
	t.Helper()
	environ, cfg := startMoto(t)
	environ = append(
		environ,
		"AWS_SESSION_TOKEN=",
		"AWS_PROFILE=",
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_CA_BUNDLE=",
	)
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	var err error
	n := network{ec2: ec2.NewFromConfig(cfg), cfg: cfg}
	if n.api, err = awsapi.New(t.Context(), region, "http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	n.stack(t, cloudformation.NewFromConfig(cfg))
	n.launch(t, "P1", "SubnetA", "GroupA")
	n.launch(t, "P2", "SubnetA", "GroupA")
	n.launch(t, "P3", "SubnetB", "GroupB")
	n.prefixList(t)
	n.ownACL(t)
	n.register(t, ecs.NewFromConfig(cfg))
	return n
}

// must returns a function that returns the value, or fails the test if the call returned an error.
func must[T any](out T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func (n *network) stack(t *testing.T, cfn *cloudformation.Client) {
	t.Helper()
	body := must(os.ReadFile("testdata/vpc.json"))(t)
	must(
		cfn.CreateStack(
			t.Context(),
			&cloudformation.CreateStackInput{StackName: aws.String("grid"), TemplateBody: aws.String(string(body))},
		),
	)(
		t,
	)
	made := must(cfn.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("grid")}))(t)
	n.out = map[string]string{}
	for _, o := range made.Stacks[0].Outputs {
		n.out[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	if n.out["GroupB"] == "" {
		t.Fatalf("the stack is %s, with outputs %v", made.Stacks[0].StackStatus, n.out)
	}
}

// launch starts a server through EC2, because moto's CloudFormation would lose its security groups.
func (n *network) launch(t *testing.T, name, subnet, group string) {
	t.Helper()
	out := must(n.ec2.RunInstances(t.Context(), &ec2.RunInstancesInput{
		ImageId: aws.String("ami-12c6146b"), InstanceType: types.InstanceTypeM5Large, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		SubnetId: aws.String(n.out[subnet]), SecurityGroupIds: []string{n.out[group]},
	}))(t)
	n.out[name] = aws.ToString(out.Instances[0].InstanceId)
}

// prefixList opens the remaining ports of P3 through a managed prefix list. moto can create one only through the EC2
// API.
func (n *network) prefixList(t *testing.T) {
	t.Helper()
	list := must(n.ec2.CreateManagedPrefixList(t.Context(), &ec2.CreateManagedPrefixListInput{
		AddressFamily: aws.String("IPv4"), MaxEntries: aws.Int32(5), PrefixListName: aws.String("grid"),
		Entries: []types.AddPrefixListEntry{{Cidr: aws.String("192.168.0.0/16")}, {Cidr: aws.String("10.0.1.0/24")}},
	}))(t)
	n.authorize(t, n.out["GroupB"], types.IpPermission{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(47110), ToPort: aws.Int32(47199),
		PrefixListIds: []types.PrefixListId{{PrefixListId: list.PrefixList.PrefixListId}},
	})
}

func (n *network) authorize(t *testing.T, group string, p types.IpPermission) {
	t.Helper()
	must(n.ec2.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String(group), IpPermissions: []types.IpPermission{p},
	}))(t)
}

// ownACL gives SubnetB its own ACL, which allows all traffic.
func (n *network) ownACL(t *testing.T) {
	t.Helper()
	made := must(n.ec2.CreateNetworkAcl(t.Context(), &ec2.CreateNetworkAclInput{VpcId: aws.String(n.out["Net"])}))(t)
	n.acl = aws.ToString(made.NetworkAcl.NetworkAclId)
	n.entry(t, 100, false, types.RuleActionAllow, "-1", nil)
	n.entry(t, 100, true, types.RuleActionAllow, "-1", nil)
	acls := must(n.ec2.DescribeNetworkAcls(t.Context(), &ec2.DescribeNetworkAclsInput{
		Filters: []types.Filter{{Name: aws.String("association.subnet-id"), Values: []string{n.out["SubnetB"]}}},
	}))(t)
	for _, a := range acls.NetworkAcls[0].Associations {
		if aws.ToString(a.SubnetId) == n.out["SubnetB"] {
			must(n.ec2.ReplaceNetworkAclAssociation(t.Context(), &ec2.ReplaceNetworkAclAssociationInput{
				AssociationId: a.NetworkAclAssociationId, NetworkAclId: aws.String(n.acl),
			}))(t)
		}
	}
}

func (n *network) entry(t *testing.T, number int32, egress bool, action types.RuleAction, protocol string, ports *types.PortRange) {
	t.Helper()
	must(n.ec2.CreateNetworkAclEntry(t.Context(), &ec2.CreateNetworkAclEntryInput{
		NetworkAclId: aws.String(n.acl), RuleNumber: aws.Int32(number), Egress: aws.Bool(egress), RuleAction: action,
		Protocol: aws.String(protocol), CidrBlock: aws.String("0.0.0.0/0"), PortRange: ports,
	}))(t)
}

func (n *network) register(t *testing.T, c *ecs.Client) {
	t.Helper()
	must(c.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("grid")}))(t)
	for _, name := range []string{"P1", "P2", "P3"} {
		document := fmt.Sprintf(`{"instanceId": %q}`, n.out[name])
		must(
			c.RegisterContainerInstance(
				t.Context(),
				&ecs.RegisterContainerInstanceInput{Cluster: aws.String("grid"), InstanceIdentityDocument: &document},
			),
		)(
			t,
		)
	}
}

// judge discovers the cluster and evaluates Ignite's communication ports.
func (n *network) judge(t *testing.T) *reach.Matrix {
	t.Helper()
	f := must(fleet.Discover(t.Context(), n.api, fleet.Selector{Cluster: "grid", Self: n.out["P1"]}))(t)
	if len(f.Endpoints) != 3 || f.Self < 0 || len(f.Notes)+len(f.Unread) != 0 {
		t.Fatalf("%d endpoints, self %d, notes %q, unread %v", len(f.Endpoints), f.Self, f.Notes, f.Unread)
	}
	needs, _, err := reach.ParsePorts("ignite2")
	if err != nil {
		t.Fatal(err)
	}
	return must(reach.NewJudge(f.World).Matrix(f.Endpoints, f.Endpoints, needs))(t)
}

// wrong returns the verdicts that are not OPEN.
func wrong(m *reach.Matrix) []reach.Verdict {
	var out []reach.Verdict
	for c := range m.All() {
		if c.Status != reach.Open {
			out = append(out, m.Verdict(c.From, c.To, c.Need))
		}
	}
	return out
}

func TestAVPCInMotoIsDiscoveredAndJudged(t *testing.T) {
	n := newNetwork(t)
	n.run(t, n.theFix(t))
	for _, v := range wrong(n.judge(t)) {
		t.Errorf("after the fix: %s", v.Sentence())
	}

	// The ports that the ACL denies are also in the range to which responses return.
	n.entry(t, 90, false, types.RuleActionDeny, "6", &types.PortRange{From: aws.Int32(47500), To: aws.Int32(47510)})
	hops := map[reach.Hop]int{}
	for _, v := range wrong(n.judge(t)) {
		hops[v.Hop]++
		if v.Status != reach.Blocked || !denies(v, n.acl, 90) || v.Hop == reach.DestinationACL && v.Missing.String() != "47500-47510" {
			t.Errorf("not what the ACL denies: %s", v.Sentence())
		}
	}
	if hops[reach.DestinationACL] != 2 || hops[reach.ReturnPath] != 4 || len(hops) != 2 {
		t.Errorf("blocked at %v, want the two ways to P3 and the answers to its four needs", hops)
	}
}

// theFix checks that the hole in P3's group is found, and returns the command that closes it.
func (n *network) theFix(t *testing.T) string {
	t.Helper()
	found := wrong(n.judge(t))
	var fixes []string
	for _, v := range found {
		t.Log(v.Sentence())
		if v.Status != reach.Missing || v.Hop != reach.DestinationIngress || v.Destination != n.out["P3"] ||
			v.Missing.String() != "47106-47109" {
			t.Errorf("not the hole that was made: %s", v.Sentence())
		}
		if !slices.ContainsFunc(v.Steps, func(s reach.Step) bool { return len(s.Rules) > 0 && len(s.Rules[0].Rule.IDs) > 0 }) {
			t.Errorf("no rule is named by its id: %+v", v.Steps)
		}
		for _, f := range v.Fixes {
			if !slices.Contains(fixes, f.Command()) {
				fixes = append(fixes, f.Command())
			}
		}
	}
	if len(found) != 2 || len(fixes) != 1 {
		t.Fatalf("%d verdicts are not OPEN, want P1's and P2's to P3, with one fix between them: %q", len(found), fixes)
	}
	return fixes[0]
}

func denies(v reach.Verdict, acl string, entry int) bool {
	return slices.ContainsFunc(v.Steps, func(s reach.Step) bool {
		return slices.ContainsFunc(s.Denials, func(d reach.Denial) bool { return d.ACL == acl && d.Entry == entry })
	})
}

// run executes an AWS CLI command that reach printed.
func (n *network) run(t *testing.T, line string) {
	t.Helper()
	m := regexp.MustCompile(`^aws ec2 authorize-security-group-ingress --region eu-central-1 --group-id (sg-\S+) --ip-permissions ` +
		`'IpProtocol=tcp,FromPort=(\d+),ToPort=(\d+),UserIdGroupPairs=\[\{GroupId=(sg-\w+)\}\]'$`).FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("not the line that was expected: %s", line)
	}
	from, to := must(strconv.Atoi(m[2]))(t), must(strconv.Atoi(m[3]))(t)
	n.authorize(t, m[1], types.IpPermission{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(int32(from)), ToPort: aws.Int32(int32(to)),
		UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String(m[4])}},
	})
}
