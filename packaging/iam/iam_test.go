package iam_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"muster/packaging/iam"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every statement allows named actions, and the page says why it is there.
func TestEachStatementAllowsNamedActionsAndSaysWhy(t *testing.T) {
	readme, permissions := read(t, "README.md"), read(t, "../../docs/reference/permissions.md")
	action := regexp.MustCompile(`^(autoscaling|cloudformation|cloudwatch|ec2|ecs|events):[A-Z][A-Za-z]+$`)
	for _, policy := range iam.Policies() {
		statements, err := iam.Statements(policy)
		if err != nil || len(statements) == 0 {
			t.Fatalf("%s: %d statements, %v", policy, len(statements), err)
		}
		section := regexp.MustCompile("(?ms)^\\| `" + policy + "` \\|.*?(^\\| `|\\z)").FindString(readme)
		for _, s := range statements {
			if s.Sid == "" || s.Effect != "Allow" || s.Resource == "" {
				t.Errorf("%s: %+v", policy, s)
			}
			if !regexp.MustCompile(`[|,] ` + s.Sid + `[ ,]`).MatchString(section) {
				t.Errorf("README.md does not say why %s is in %s", s.Sid, policy)
			}
		}
		actions, err := iam.Actions(policy)
		if err != nil || len(actions) < len(statements) {
			t.Errorf("%s: %d statements, %v, %v", policy, len(statements), actions, err)
		}
		for _, a := range actions {
			if !action.MatchString(a) {
				t.Errorf("%s allows %q", policy, a)
			}
			if !strings.Contains(permissions, a) {
				t.Errorf("docs/reference/permissions.md does not list %s", a)
			}
		}
	}
}

// What the page promises is in a policy, but for what the ECS agent's own holds.
func TestEachActionOfThePageIsInAPolicy(t *testing.T) {
	all, err := iam.Actions(iam.Policies()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, named := range regexp.MustCompile("`([a-z0-9]+:[A-Z][A-Za-z]+)`").FindAllStringSubmatch(read(t,
		"../../docs/reference/permissions.md"), -1) {
		if !slices.Contains(all, named[1]) && named[1] != "ecs:DiscoverPollEndpoint" {
			t.Errorf("no policy allows %s", named[1])
		}
	}
}

// statement is one of the stack's role, where CloudFormation's tags may stand in
// for values.
type statement struct {
	Sid       string                          `yaml:"Sid"`
	Effect    string                          `yaml:"Effect"`
	Action    []string                        `yaml:"Action"`
	Resource  yaml.Node                       `yaml:"Resource"`
	Condition map[string]map[string]yaml.Node `yaml:"Condition"`
}

// resolved is the statement as CloudFormation makes it in a stack "web" whose cluster is
// "prod".
func (s statement) resolved(t *testing.T) iam.Statement {
	t.Helper()
	value := func(n yaml.Node) string {
		switch n.Tag + " " + n.Value {
		case "!Ref Cluster":
			return "prod"
		case "!GetAtt Cluster.Arn":
			return "arn:aws:ecs:eu-central-1:123456789012:cluster/prod"
		}
		text := strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::Region}", "eu-central-1", "${AWS::AccountId}", "123456789012",
			"${AWS::StackName}", "web").Replace(n.Value)
		if n.Tag != "!!str" && n.Tag != "!Sub" || strings.Contains(text, "${AWS") {
			t.Fatalf("%s: this test does not resolve %s %s", s.Sid, n.Tag, n.Value)
		}
		return text
	}
	out := iam.Statement{Sid: s.Sid, Effect: s.Effect, Resource: value(s.Resource), Condition: map[string]map[string]string{}}
	var actions []any
	for _, a := range s.Action {
		actions = append(actions, a)
	}
	out.Action = actions
	for operator, keys := range s.Condition {
		out.Condition[operator] = map[string]string{}
		for key, n := range keys {
			out.Condition[operator][key] = value(n)
		}
	}
	return out
}

func stacksRole(t *testing.T) []statement {
	t.Helper()
	var stack struct {
		Resources struct {
			InstanceRole struct {
				Properties struct {
					Policies []struct {
						PolicyDocument struct {
							Statement []yaml.Node `yaml:"Statement"`
						} `yaml:"PolicyDocument"`
					} `yaml:"Policies"`
				} `yaml:"Properties"`
			} `yaml:"InstanceRole"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "../cloudformation/stack.yaml")), &stack); err != nil {
		t.Fatal(err)
	}
	policies := stack.Resources.InstanceRole.Properties.Policies
	if len(policies) != 1 {
		t.Fatalf("the role has %d policies", len(policies))
	}
	var out []statement
	for _, n := range policies[0].PolicyDocument.Statement {
		if n.Tag == "!If" { // a statement that a parameter turns on
			n = *n.Content[1]
		}
		var s statement
		if err := n.Decode(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// The role of the stack is made of the policies, narrowed to what it builds.
func TestTheStacksRoleAllowsWhatThePoliciesDo(t *testing.T) {
	want, err := iam.Actions(iam.Policies()...)
	if err != nil {
		t.Fatal(err)
	}
	notUsed := []string{
		"ecs:ListClusters",                      // the stack names a cluster that it makes: nobody mistypes it
		"autoscaling:DescribeTags",              // and so no tag needs to name it
		"cloudformation:SignalResource",         // --cfn-auth sigv4; it signals with the identity document
		"autoscaling:SetInstanceHealth",         // --on-failure unhealthy and --unhealthy-after
		"autoscaling:DescribeAutoScalingGroups", // --unhealthy-after, and muster ports --asg
		"ecs:ListTasks",                         // muster ports --service and --family
		"ec2:GetManagedPrefixListEntries",       // its security groups have no prefix list

		// muster fleet: for people, not for the instances
		"ecs:DescribeCapacityProviders", "ecs:ListServices",
		"autoscaling:DescribeScheduledActions", "autoscaling:DescribeScalingActivities",

		// muster fit: for people, too
		"ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitionFamilies", "ec2:DescribeInstanceTypes", "cloudwatch:GetMetricStatistics",
	}
	for _, action := range notUsed {
		if !slices.Contains(want, action) {
			t.Errorf("no policy allows %s, which the stack is said not to use", action)
		}
	}
	want = slices.DeleteFunc(want, func(action string) bool { return slices.Contains(notUsed, action) })
	var got []string
	for _, s := range stacksRole(t) {
		got = append(got, s.Action...)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the policies and the stack's role (-policies +role):\n%s", diff)
	}
}

func TestAPolicyThatIsNotThereIsAnError(t *testing.T) {
	if _, err := iam.Actions("nobody"); err == nil {
		t.Error("no error")
	}
}
