//go:build integration

package integration

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"muster/test/need"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const stackFile = "../../packaging/cloudformation/stack.yaml"

func TestTheTemplatesAreClean(t *testing.T) {
	lint, err := exec.LookPath("cfn-lint")
	if err != nil {
		need.Missing(t, "cfn-lint: pip install cfn-lint")
	}
	for _, path := range []string{stackFile, "../../packaging/ssm/stack.yaml"} {
		if said, err := exec.CommandContext(t.Context(), lint, path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", path, err, said)
		}
	}
}

// hclfmt parses as Packer does, whose own module is too much to build for this.
const hclfmt = "github.com/hashicorp/hcl/v2/cmd/hclfmt@v2.24.0"

func TestThePackerTemplateIsHCLAndFormatted(t *testing.T) {
	if said, err := exec.CommandContext(t.Context(), "go", "run", hclfmt, "-check", "../../packaging/ami/muster.pkr.hcl").
		CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// The stack is made by moto, and muster judges what came of it.
func TestTheStackOpensTheReplicationPorts(t *testing.T) {
	environ, cfg := startMoto(t)
	n := network{ec2: ec2.NewFromConfig(cfg)}
	group := n.create(t, cloudformation.NewFromConfig(cfg))
	h := newHost(t, append(environ, "AWS_REGION="+region, "PATH=/nonexistent")...)

	if got := h.muster(
		t,
		"ports",
		"--asg",
		"web-workers",
	); got.code != 0 ||
		!strings.Contains(got.stdout, "3 instances, 2 port ranges: 12 open") {
		t.Error(got.stdout)
	}

	rule := ec2types.IpPermission{
		IpProtocol:       aws.String("tcp"),
		FromPort:         aws.Int32(47100),
		ToPort:           aws.Int32(47199),
		UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: &group}},
	}
	must(
		n.ec2.RevokeSecurityGroupIngress(
			t.Context(),
			&ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: []ec2types.IpPermission{rule}},
		),
	)(
		t,
	)
	got := h.muster(t, "ports", "--asg", "web-workers")
	for _, want := range []string{"MISSING", "47100-47199", "aws ec2 authorize-security-group-ingress", "--group-id " + group} {
		if got.code != 1 || !strings.Contains(got.stdout, want) {
			t.Errorf("exit %d, without %q:\n%s", got.code, want, got.stdout)
		}
	}
}

// create makes the stack and returns its instances' security group.
func (n network) create(t *testing.T, cfn *cloudformation.Client) string {
	t.Helper()
	subnets := must(n.ec2.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{}))(t).Subnets[:2]
	ids := aws.ToString(subnets[0].SubnetId) + "," + aws.ToString(subnets[1].SubnetId)
	body := must(os.ReadFile(stackFile))(t)
	must(cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: aws.String(
			"web",
		),
		TemplateBody: aws.String(string(body)),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
		Parameters: []types.Parameter{
			{ParameterKey: aws.String("Vpc"), ParameterValue: subnets[0].VpcId},
			{ParameterKey: aws.String("MusterUrl"), ParameterValue: aws.String("baked")},
			{ParameterKey: aws.String("InstanceSubnets"), ParameterValue: &ids},
			{ParameterKey: aws.String("BalancerSubnets"), ParameterValue: &ids},
		},
	}))(t)
	made := must(cfn.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("web")}))(t).Stacks[0]
	for _, o := range made.Outputs {
		if aws.ToString(o.OutputKey) == "InstanceGroup" && made.StackStatus == types.StackStatusCreateComplete {
			return aws.ToString(o.OutputValue)
		}
	}
	t.Fatalf("the stack is %s: %s", made.StackStatus, aws.ToString(made.StackStatusReason))
	return ""
}
