package iam_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

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
	readme, permissions := read(t, "README.md"), read(t, "../../docs/permissions.md")
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
				t.Errorf("docs/permissions.md does not tell of %s", a)
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
	for _, named := range regexp.MustCompile("`([a-z0-9]+:[A-Z][A-Za-z]+)`").FindAllStringSubmatch(read(t, "../../docs/permissions.md"), -1) {
		if !slices.Contains(all, named[1]) && named[1] != "ecs:DiscoverPollEndpoint" {
			t.Errorf("no policy allows %s", named[1])
		}
	}
}

// The role of the stack is made of the policies, narrowed to what it builds.
func TestTheStacksRoleAllowsWhatThePoliciesDo(t *testing.T) {
	all, err := iam.Actions(iam.Policies()...)
	if err != nil {
		t.Fatal(err)
	}
	_, role, _ := strings.Cut(read(t, "../cloudformation/stack.yaml"), "- PolicyName: muster\n")
	role, _, _ = strings.Cut(role, "AWS::IAM::InstanceProfile")
	found := regexp.MustCompile(`\b([a-z0-9]+:[A-Z][A-Za-z]+)\b`).FindAllString(regexp.MustCompile(`(?m)^ *(Resource|Condition):.*$`).ReplaceAllString(role, ""), -1)
	if len(found) < 15 {
		t.Errorf("the role has only %v", found)
	}
	for _, action := range found {
		if !slices.Contains(all, action) {
			t.Errorf("no policy allows %s", action)
		}
	}
}

func TestAPolicyThatIsNotThereIsAnError(t *testing.T) {
	if _, err := iam.Actions("nobody"); err == nil {
		t.Error("no error")
	}
}
