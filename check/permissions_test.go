package check_test

import (
	"slices"
	"strings"
	"testing"

	"muster/check"
	"muster/internal/sandbox"
	"muster/packaging/iam"
)

// lacking describes what debug does without an action: which check cannot be performed, in a world in which it is
// needed. If another action (same) provides the same data, either is enough, and data is missing only without both.
type lacking struct {
	check   string
	arrange func(*testing.T, *world)
	same    string
}

// withoutAction returns a row for each action of the debug policy.
func withoutAction() map[string]lacking {
	nothing := func(*testing.T, *world) {}
	silence := lacking{"vpc-path", silent(func(w *world) { natted(w, "available", "subnet-public") }), ""}
	inside := silent(func(w *world) {
		endpointIn(w, sandbox.Rule{Protocol: "tcp", First: 443, Last: 443, CIDR: "10.0.0.0/16"})
	})
	return map[string]lacking{
		"ecs:DescribeClusters":           {"cluster", nothing, ""},
		"ecs:ListClusters":               {"cluster", func(_ *testing.T, w *world) { w.Config.Cluster = "prdo" }, ""},
		"ecs:DescribeContainerInstances": {"container-instance", nothing, ""},
		"ecs:ListContainerInstances":     {"registrations", nothing, ""},
		"ec2:DescribeInstances":          silence,
		"ec2:DescribeNetworkInterfaces":  {"vpc-path", inside, ""},
		"ec2:DescribeSecurityGroups":     {"vpc-path", silence.arrange, "ec2:DescribeSecurityGroupRules"},
		"ec2:DescribeSecurityGroupRules": {"vpc-path", silence.arrange, "ec2:DescribeSecurityGroups"},
		"ec2:DescribeNetworkAcls":        silence,
		"ec2:GetManagedPrefixListEntries": {"vpc-path", silent(func(w *world) {
			w.AddPrefixList("pl-vpc", "10.0.0.0/16")
			endpointIn(w, sandbox.Rule{Protocol: "tcp", First: 443, Last: 443, PrefixList: "pl-vpc"})
		}), ""},
		"ec2:DescribeRouteTables":  silence,
		"ec2:DescribeNatGateways":  silence,
		"ec2:DescribeVpcEndpoints": silence,
		"ec2:DescribeVpcAttribute": {"vpc-path", func(_ *testing.T, w *world) { w.net.addrs = map[string]string{"ecs": ""} }, ""},
	}
}

// found returns the findings in the row's world, with some actions denied.
func (l lacking) found(t *testing.T, denied ...string) map[string]check.Finding {
	t.Helper()
	w := healthy(t)
	l.arrange(t, w)
	for _, action := range denied {
		service, name, _ := strings.Cut(action, ":")
		w.Inject(sandbox.AccessDenied(service, name))
	}
	all := map[string]check.Finding{}
	for _, r := range w.run(t) {
		if len(r.Findings) > 0 {
			all[r.ID] = r.Findings[0]
		}
	}
	return all
}

// A check without permission is unknown or less specific, and names the action. The results of the other checks do not
// change.
func TestDebugWithoutEachActionOfItsPolicy(t *testing.T) {
	actions, err := iam.Actions("debug")
	if err != nil {
		t.Fatal(err)
	}
	rows := withoutAction()
	if len(rows) != len(actions) {
		t.Errorf("%d rows for %d actions", len(rows), len(actions))
	}
	for _, action := range actions {
		t.Run(action, func(t *testing.T) {
			row, is := rows[action]
			if !is {
				t.Fatal("no row denies it")
			}
			allowed, denied := row.found(t), []string{action}
			if row.same != "" {
				if alone := row.found(t, action)[row.check]; alone.Status != allowed[row.check].Status {
					t.Errorf("%s does not suffice: %+v", row.same, alone)
				}
				denied = append(denied, row.same)
			}
			row.compare(t, allowed, row.found(t, denied...), denied)
		})
	}
}

func (l lacking) compare(t *testing.T, allowed, without map[string]check.Finding, denied []string) {
	t.Helper()
	for id, before := range allowed {
		after := without[id]
		if id != l.check {
			if after.Status != before.Status {
				t.Errorf("%s is %s, and was %s", id, after.Status, before.Status)
			}
			continue
		}
		if after.Status == check.Pass || before.Status == check.Pass && after.Status != check.Unknown {
			t.Errorf("%s is %s", id, after.Status)
		}
		text := after.Summary + "\n" + strings.Join(after.Evidence, "\n")
		names := func(action string) bool { return strings.Contains(text, action) }
		if !slices.ContainsFunc(denied, names) {
			t.Errorf("%s names none of %v: %s", id, denied, text)
		}
	}
}
