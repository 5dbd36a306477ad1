package cli

import (
	"bytes"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/sandbox"
	"muster/packaging/iam"
)

// feature describes what some policies of packaging/iam allow, and how it is used.
type feature struct {
	policies []string
	lines    [][]string                                // the command lines; "agent" starts the ECS agent
	use      func(*testing.T, *sandbox.Sandbox) string // instead of lines, after the launch hook was completed
	works    string                                    // part of the output with all of its policies
	without  map[string]lack                           // by denied action
}

// lack is the output when an action is denied, in addition to the action's name: what is missing, and what still works.
type lack struct{ missed, rest string }

// said runs the feature on an instance where some actions are denied. It returns the output and the actions that were
// called.
func (f feature) said(t *testing.T, denied ...string) (said string, called []string) {
	t.Helper()
	s := manned(t, f.use == nil)
	for _, d := range denied {
		service, action, _ := strings.Cut(d, ":")
		s.Inject(sandbox.AccessDenied(service, action))
	}
	if f.use != nil {
		said = f.use(t, s)
	} else {
		said = typed(t, s, f.lines)
	}
	for _, c := range s.Calls() {
		if c.Service != sandbox.CloudFormation || c.Region != "" { // a call without a region is signed with the identity document
			called = append(called, c.Service+":"+c.Action)
		}
	}
	slices.Sort(called)
	return said, slices.Compact(called)
}

// manned returns an instance of a group, at its launch hook or past it. Its cluster has two peers in two subnets, whose
// rules use every kind of reference.
func manned(t *testing.T, launching bool) *sandbox.Sandbox {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(root+"/etc/ecs", 0o755); err != nil {
		t.Fatal(err)
	}
	peers := []string{"i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"}
	var hooks []sandbox.Hook
	if launching {
		hooks = []sandbox.Hook{{Name: "ready", Timeout: time.Hour}}
	}
	s, err := sandbox.New(sandbox.Options{
		Region: "eu-west-1", Root: root, Clusters: []string{"prod", "staging"},
		Group:  &sandbox.Group{Name: "workers", Tags: map[string]string{"muster:cluster": "prod"}, Hooks: hooks, Others: peers},
		Stacks: map[string][]string{"web": {"Workers"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.AddPrefixList("pl-1", "10.0.0.0/16")
	s.AddCapacityProvider("prod", sandbox.CapacityProvider{Name: "spare"})
	s.AddService("prod", sandbox.Service{Name: "web", DesiredCount: 2, RunningCount: 2})
	s.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-cache", Rules: []sandbox.Rule{
		{Protocol: "tcp", First: 47100, Last: 47199, Group: "sg-cache"}, {Protocol: "tcp", First: 47500, Last: 47599, PrefixList: "pl-1"},
		sandbox.AllEgress(),
	}})
	s.EditInstance("i-0123456789abcdef0", func(i *sandbox.Instance) { i.Interfaces[0].Groups = []string{"sg-cache"} })
	for i, id := range peers {
		subnet := []string{"subnet-a", "subnet-b"}[i]
		at := func(n string) []string { return []string{"10.0.1.2" + n + string(rune('1'+i))} }
		arn := s.AddPeer("prod", id, sandbox.Interface{ID: "eni-" + id, Addrs: at(""), Groups: []string{"sg-cache"}, Subnet: subnet})
		s.AddTask("prod", sandbox.RunningTask{Service: "web", ContainerInstance: arn})
		s.AddTask("prod", sandbox.RunningTask{Service: "own", ContainerInstance: arn, Interface: sandbox.Interface{ID: "eni-own-" + id,
			Addrs: at("0"), Groups: []string{"sg-cache"}, Subnet: subnet}})
	}
	return s
}

// typed returns muster's output for these command lines.
func typed(t *testing.T, s *sandbox.Sandbox, lines [][]string) string {
	t.Helper()
	for _, setting := range append(s.Environ(), "MUSTER_CONSOLE=", "AWS_ACCESS_KEY_ID=", "AWS_PROFILE=", "AWS_CA_BUNDLE=") {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	var out bytes.Buffer
	for _, line := range lines {
		if line[0] == "agent" {
			if err := s.StartAgent(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		Main("test", line, &out, &out)
	}
	return out.String()
}

func TestEachActionIsAllowedAndNamedWhenItIsNot(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(features())) {
		t.Run(name, func(t *testing.T) {
			f := features()[name]
			may := actions(t, f.policies...)
			said, called := f.said(t)
			if !strings.Contains(said, f.works) {
				t.Fatalf("it calls %v and does not say %q:\n%s", called, f.works, said)
			}
			for _, action := range called {
				if !slices.Contains(may, action) {
					t.Errorf("%s is called, and not allowed by %v", action, f.policies)
				}
			}
			for action, lack := range f.without {
				if said, _ := f.said(t, action); lack.missed == "" || !contains(said, action, lack.missed, lack.rest) {
					t.Errorf("without %s it does not say %q and %q:\n%s", action, lack.missed, lack.rest, said)
				}
			}
		})
	}
}

func contains(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(text, p) })
}

// A feature works with only its own policies.
func TestAFeatureWorksWithoutThePoliciesOfTheOthers(t *testing.T) {
	all := actions(t, iam.Policies()...)
	for name, f := range features() {
		t.Run(name, func(t *testing.T) {
			own := actions(t, f.policies...)
			others := slices.DeleteFunc(slices.Clone(all), func(a string) bool { return slices.Contains(own, a) })
			if said, _ := f.said(t, others...); !strings.Contains(said, f.works) {
				t.Errorf("without %v it does not say %q:\n%s", others, f.works, said)
			}
		})
	}
}

// Every action of every policy is denied by a row above, by a line of agent-denied.txtar, or, for the debug policy, by
// the tests of package check.
func TestEachActionOfEachPolicyIsDeniedByATest(t *testing.T) {
	denied := map[string][]string{}
	for _, f := range features() {
		for _, policy := range f.policies {
			denied[policy] = append(denied[policy], slices.Collect(maps.Keys(f.without))...)
		}
	}
	for _, policy := range []string{"agent", "metrics", "events"} {
		denied[policy] = append(denied[policy], scripted(t)...)
	}
	for _, policy := range iam.Policies() {
		for _, action := range actions(t, policy) {
			if policy != "debug" && !slices.Contains(denied[policy], action) {
				t.Errorf("%s of the policy %s is denied by no test", action, policy)
			}
		}
	}
}

// scripted returns the actions that the agent's script denies and then expects in the output.
func scripted(t *testing.T) []string {
	t.Helper()
	script, err := os.ReadFile("testdata/script/agent-denied.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	parts := regexp.MustCompile(`(?m)^fault denied `).Split(string(script), -1)
	for _, part := range parts[1:] {
		action, then, _ := strings.Cut(part, "\n")
		if !strings.Contains(then, "\nstderr '"+action+" is not allowed'") {
			t.Errorf("the script denies %s, and does not want it named", action)
		}
		all = append(all, action)
	}
	return all
}

func actions(t *testing.T, policies ...string) []string {
	t.Helper()
	all, err := iam.Actions(policies...)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
