//go:build integration

package integration

import (
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
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"go.yaml.in/yaml/v3"
)

// opened is one rule that a --fix form adds, whatever the form.
type opened struct {
	egress      bool
	group, peer string // peer: a group or a CIDR
	protocol    string
	from, to    int
}

func (o opened) permission() types.IpPermission {
	p := types.IpPermission{IpProtocol: aws.String(o.protocol), FromPort: aws.Int32(int32(o.from)), ToPort: aws.Int32(int32(o.to))}
	if strings.HasPrefix(o.peer, "sg-") {
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: aws.String(o.peer)}}
	} else {
		p.IpRanges = []types.IpRange{{CidrIp: aws.String(o.peer)}}
	}
	return p
}

func sortRules(all []opened) []opened {
	slices.SortFunc(all, func(a, b opened) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return all
}

var (
	cliLine = regexp.MustCompile(`^aws ec2 authorize-security-group-(ingress|egress) --region eu-central-1 --group-id (sg-\w+) ` +
		`--ip-permissions (.+)$`)
	cliPermission = regexp.MustCompile(`'IpProtocol=(\w+),FromPort=(\d+),ToPort=(\d+),(?:UserIdGroupPairs=\[\{GroupId=(sg-\w+)\}\]|` +
		`IpRanges=\[\{CidrIp=([\d./]+)\}\])'`)
)

// ofCLI reads the form cli as the AWS CLI does.
func ofCLI(t *testing.T, text string) (all []opened) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := cliLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("not a command: %s", line)
		}
		permissions := cliPermission.FindAllStringSubmatch(m[3], -1)
		if len(permissions) == 0 || len(permissions) != strings.Count(m[3], "IpProtocol=") {
			t.Fatalf("not permissions: %s", m[3])
		}
		for _, p := range permissions {
			from, to := must(strconv.Atoi(p[2]))(t), must(strconv.Atoi(p[3]))(t)
			all = append(all, opened{m[1] == "egress", m[2], p[4] + p[5], p[1], from, to})
		}
	}
	return sortRules(all)
}

// ofTemplate reads the form cloudformation.
func ofTemplate(t *testing.T, text string) (all []opened) {
	t.Helper()
	var doc struct {
		Resources map[string]struct {
			Type       string         `yaml:"Type"`
			Properties map[string]any `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, r := range doc.Resources {
		o := opened{egress: r.Type == "AWS::EC2::SecurityGroupEgress"}
		for key, value := range r.Properties {
			switch key {
			case "GroupId":
				o.group = value.(string)
			case "IpProtocol":
				o.protocol = value.(string)
			case "FromPort":
				o.from = value.(int)
			case "ToPort":
				o.to = value.(int)
			case "SourceSecurityGroupId", "DestinationSecurityGroupId", "CidrIp":
				o.peer = value.(string)
			default:
				t.Errorf("unknown property %s", key)
			}
		}
		all = append(all, o)
	}
	return sortRules(all)
}

// ofTerraform reads the form terraform.
func ofTerraform(t *testing.T, text string) (all []opened) {
	t.Helper()
	file, diags := hclsyntax.ParseConfig([]byte(text), "fix.tf", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%v in\n%s", diags, text)
	}
	for _, block := range file.Body.(*hclsyntax.Body).Blocks {
		o := opened{egress: block.Labels[0] == "aws_vpc_security_group_egress_rule"}
		for name, attribute := range block.Body.Attributes {
			value, diags := attribute.Expr.Value(nil)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			switch name {
			case "security_group_id":
				o.group = value.AsString()
			case "ip_protocol":
				o.protocol = value.AsString()
			case "from_port", "to_port":
				port, _ := value.AsBigFloat().Int64()
				if name == "from_port" {
					o.from = int(port)
				} else {
					o.to = int(port)
				}
			case "referenced_security_group_id", "cidr_ipv4":
				o.peer = value.AsString()
			default:
				t.Errorf("unknown argument %s", name)
			}
		}
		all = append(all, o)
	}
	return sortRules(all)
}

// apply adds or removes rules through the EC2 API.
func (n *network) apply(t *testing.T, all []opened, add bool) {
	t.Helper()
	for _, o := range all {
		group, p := aws.String(o.group), []types.IpPermission{o.permission()}
		var err error
		switch {
		case o.egress && add:
			_, err = n.ec2.AuthorizeSecurityGroupEgress(t.Context(), &ec2.AuthorizeSecurityGroupEgressInput{GroupId: group, IpPermissions: p})
		case o.egress:
			_, err = n.ec2.RevokeSecurityGroupEgress(t.Context(), &ec2.RevokeSecurityGroupEgressInput{GroupId: group, IpPermissions: p})
		case add:
			_, err = n.ec2.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group, IpPermissions: p})
		default:
			_, err = n.ec2.RevokeSecurityGroupIngress(t.Context(), &ec2.RevokeSecurityGroupIngressInput{GroupId: group, IpPermissions: p})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A VPC is closed in three ways, and opened by what each form prints: the commands and the
// template are applied, the Terraform configuration is parsed and holds the same rules.
func TestEachFixFormOpensAVPCInMotoThatIsClosedInThreeWays(t *testing.T) {
	n := newNetwork(t)
	h := newHost(t, "AWS_ENDPOINT_URL="+os.Getenv("AWS_ENDPOINT_URL"), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION="+
		region)
	cfn := cloudformation.NewFromConfig(n.cfg)
	ports := func(code int, args ...string) string {
		t.Helper()
		r := h.muster(t, append([]string{"ports", "--cluster", "grid"}, args...)...)
		r.want(t, code)
		return r.stdout
	}
	all := func(group string) []opened { return []opened{{true, group, "0.0.0.0/0", "-1", -1, -1}} }
	for i, closed := range []struct {
		how  string
		take []opened // rules to remove; the VPC has a hole to begin with
		// byHand: moto's CloudFormation has no AWS::EC2::SecurityGroupEgress, so that the
		// resources of the template are made through EC2.
		byHand bool
	}{
		{how: "a rule that ends too early"},
		{how: "a rule of the receiver is missing", take: []opened{{false, n.out["GroupB"], n.out["GroupA"], "tcp", 47500, 47599}}},
		{how: "the senders may not send", take: all(n.out["GroupA"]), byHand: true},
	} {
		t.Log(closed.how)
		n.apply(t, closed.take, false)
		ports(1)
		commands, template := ports(1, "--fix", "cli"), ports(1, "--fix", "cloudformation")
		rules := ofCLI(t, commands)
		if len(rules) == 0 {
			t.Fatalf("%s: no rule is printed:\n%s", closed.how, commands)
		}
		for form, got := range map[string][]opened{"cloudformation": ofTemplate(t, template),
			"terraform": ofTerraform(t, ports(1, "--fix", "terraform"))} {
			if !slices.Equal(got, rules) {
				t.Errorf("%s: %s has the rules %v, and cli %v", closed.how, form, got, rules)
			}
		}
		n.apply(t, rules, true)
		ports(0)
		n.apply(t, rules, false)
		ports(1)
		if closed.byHand {
			n.apply(t, ofTemplate(t, template), true)
			ports(0)
			continue
		}
		must(cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{
			StackName: aws.String(fmt.Sprintf("fix-%d", i)), TemplateBody: aws.String(template),
		}))(t)
		ports(0)
	}
}
