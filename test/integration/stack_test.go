//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"net/http"
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

// hclfmt parses HCL as Packer does. Packer's own module is too large to build for this test.
const hclfmt = "github.com/hashicorp/hcl/v2/cmd/hclfmt@v2.24.0"

func TestThePackerTemplateIsHCLAndFormatted(t *testing.T) {
	if said, err := exec.CommandContext(t.Context(), "go", "run", hclfmt, "-check", "../../packaging/ami/muster.pkr.hcl").
		CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// The test uses the terraform program if it is installed. Otherwise it builds the same formatter.
func TestTheTerraformModuleIsFormatted(t *testing.T) {
	command := []string{"go", "run", "github.com/hashicorp/terraform@v1.5.7"}
	if path, err := exec.LookPath("terraform"); err == nil {
		command = []string{path}
	}
	check := exec.CommandContext(
		t.Context(),
		command[0],
		append(command[1:], "fmt", "-check", "-diff", "-recursive", "../../packaging/terraform")...)
	if said, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// moto creates the stack, and muster ports checks the result.
func TestTheStackOpensTheReplicationPorts(t *testing.T) {
	environ, cfg := startMoto(t)
	n := network{ec2: ec2.NewFromConfig(cfg)}
	group := n.create(t, cloudformation.NewFromConfig(cfg), "web", nil)["InstanceGroup"]
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

// The test creates the stack with every option at once, in each network mode, and checks its replication ports.
func TestTheStackIsMadeWithEveryOption(t *testing.T) {
	_, cfg := startMoto(t)
	n := network{ec2: ec2.NewFromConfig(cfg)}
	certificate := requestCertificate(t, cfg)
	cfn := cloudformation.NewFromConfig(cfg)
	for _, mode := range []string{"host", "bridge", "awsvpc"} {
		out := n.create(t, cfn, "all-"+mode, map[string]string{
			"NetworkMode": mode, "InstanceType": "m7g.large", "Instances": "2", "Tasks": "2", "MaxInstances": "4",
			"ManagedScaling": "true", "AwaitService": "false",
			"Certificate": certificate, "VolumeSize": "100", "VolumeKey": "alias/ebs", "VolumeDevice": "/dev/sda1",
			"HealthPath": "/healthz", "Memory": "1024", "MemoryLimit": "2048", "Cpu": "512",
			"TaskRole":        "arn:aws:iam::123456789012:role/app",
			"EnvironmentFile": "arn:aws:s3:::bucket/app.env", "Secret": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-0",
			"SecretName": "APP",
			"SleepCron":  "0 20 ? * MON-FRI *", "WakeCron": "0 6 ? * MON-FRI *", "TimeZone": "Europe/Berlin",
			"AlarmEmail": "you@example.com",
		})
		if out["Url"] == "" || out["Url"][:8] != "https://" {
			t.Errorf("%s: the address is %s", mode, out["Url"])
		}
		replicates := out["InstanceGroup"]
		if mode == "awsvpc" {
			replicates = out["TaskGroup"]
		}
		rules := must(n.ec2.DescribeSecurityGroupRules(t.Context(), &ec2.DescribeSecurityGroupRulesInput{
			Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{replicates}}}}))(t).SecurityGroupRules
		open := map[int32]string{}
		for _, r := range rules {
			if !aws.ToBool(r.IsEgress) && r.ReferencedGroupInfo != nil {
				open[aws.ToInt32(r.FromPort)] = aws.ToString(r.ReferencedGroupInfo.GroupId)
			}
		}
		fromBalancer := map[string]int32{"host": 8080, "bridge": 32768, "awsvpc": 8080}[mode]
		if open[47100] != replicates || open[47500] != replicates || open[fromBalancer] == "" || open[fromBalancer] == replicates {
			t.Errorf("%s: the rules of %s are %v", mode, replicates, open)
		}
	}
}

// requestCertificate requests a certificate from moto's ACM. muster itself has no client for ACM.
func requestCertificate(t *testing.T, cfg aws.Config) string {
	t.Helper()
	request := must(
		http.NewRequestWithContext(
			t.Context(),
			http.MethodPost,
			aws.ToString(cfg.BaseEndpoint),
			strings.NewReader(`{"DomainName": "example.com"}`),
		),
	)(
		t,
	)
	request.Header.Set("X-Amz-Target", "CertificateManager.RequestCertificate")
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set(
		"Authorization",
		"AWS4-HMAC-SHA256 Credential=test/20260101/"+region+"/acm/aws4_request, SignedHeaders=host, Signature=0",
	)
	answer := must(http.DefaultClient.Do(request))(t)
	defer answer.Body.Close()
	var made struct{ CertificateArn string }
	if err := json.NewDecoder(answer.Body).Decode(&made); err != nil || made.CertificateArn == "" {
		t.Fatalf("no certificate: %s, %v", answer.Status, err)
	}
	return made.CertificateArn
}

// create creates the stack and returns its outputs.
func (n network) create(t *testing.T, cfn *cloudformation.Client, name string, more map[string]string) map[string]string {
	t.Helper()
	subnets := must(n.ec2.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{}))(t).Subnets[:2]
	ids := aws.ToString(subnets[0].SubnetId) + "," + aws.ToString(subnets[1].SubnetId)
	body := must(os.ReadFile(stackFile))(t)
	if len(body) > 51200 { // "Maximum size of a template body that you can pass in a request"
		t.Errorf("the template has %d bytes", len(body))
	}
	// moto's target groups have no attributes, so this extracts the same name from the ARN.
	body = bytes.ReplaceAll(body, []byte("!GetAtt Targets.TargetGroupFullName"), []byte(`!Select [5, !Split [":", !Ref Targets]]`))
	parameters := []types.Parameter{
		{ParameterKey: aws.String("Vpc"), ParameterValue: subnets[0].VpcId},
		{ParameterKey: aws.String("MusterUrl"), ParameterValue: aws.String("baked")},
		{ParameterKey: aws.String("InstanceSubnets"), ParameterValue: &ids},
		{ParameterKey: aws.String("BalancerSubnets"), ParameterValue: &ids},
	}
	for key, value := range more {
		parameters = append(parameters, types.Parameter{ParameterKey: aws.String(key), ParameterValue: aws.String(value)})
	}
	must(cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: &name, TemplateBody: aws.String(string(body)), Capabilities: []types.Capability{types.CapabilityCapabilityIam},
		Parameters: parameters,
	}))(t)
	made := must(cfn.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &name}))(t).Stacks[0]
	if made.StackStatus != types.StackStatusCreateComplete {
		t.Fatalf("the stack %s is %s: %s", name, made.StackStatus, aws.ToString(made.StackStatusReason))
	}
	outputs := map[string]string{}
	for _, o := range made.Outputs {
		outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return outputs
}
