package report_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"muster/check"
	"muster/internal/base/fix"
	"muster/internal/report"
)

// finds returns a check that reports exactly these findings.
func finds(id string, group check.Group, found ...check.Finding) check.Check {
	for i, f := range found {
		if f.ID != "" {
			found[i].Kind = &check.Kind{ID: f.ID}
		}
	}
	return check.Check{Kind: &check.Kind{ID: id}, Group: group, Title: id + " is as it should be",
		Run: func(context.Context) []check.Finding { return found }}
}

// kinds returns finding kinds with these IDs.
func kinds(ids ...string) []*check.Kind {
	var out []*check.Kind
	for _, id := range ids {
		out = append(out, &check.Kind{ID: id})
	}
	return out
}

// needing returns the check with these prerequisites.
func needing(c check.Check, needs ...string) check.Check {
	c.Needs = kinds(needs...)
	return c
}

// remote marks a check as one that calls the AWS API.
func remote(c check.Check) check.Check {
	c.Remote = true
	return c
}

// sick returns the checks of an instance with two causes, symptoms that are linked to a cause in each possible way, and
// one finding of each other status.
func sick() []check.Check {
	return []check.Check{
		finds("imds", check.Instance, check.Passed("this is i-0123456789abcdef0 (m6i.large) in eu-west-1a", "token in 2 ms")...),
		finds(
			"disk",
			check.Instance,
			check.Finding{ID: "disk-full", Status: check.Fail, Summary: "/var/lib/docker is full: 0 of 30 GB are free",
				Evidence: []string{"29.9 GB in /var/lib/docker/overlay2", "inodes: 12 % used"},
				Fix:      fix.Do("docker image prune --all, or a larger volume")},
		),
		finds("warm-pool", check.Instance, check.Skipped("this instance is in no Auto Scaling group")...),
		finds("clock", check.Network, check.Finding{Status: check.Warn, Summary: "the clock is 2.1 s behind",
			Evidence: []string{"Date of 169.254.169.254"}, Fix: fix.Do("chronyc makestep")}),
		remote(finds("route", check.Network, check.Undetermined(context.DeadlineExceeded,
			fix.Do("allow ec2:DescribeRouteTables to the instance role"))...)),
		finds("cluster", check.ECS, check.Finding{ID: "cluster-missing", Status: check.Fail,
			Summary:  "there is no cluster prdo in region eu-west-1, account 123456789012: did you mean prod?",
			Evidence: []string{"/etc/ecs/ecs.config:2: ECS_CLUSTER=prdo"}, Fix: fix.Do("muster bootstrap --cluster prod")}),
		finds("agent-log", check.ECS, check.Finding{ID: "terminal-error", Status: check.Fail, Summary: "the ECS agent gave up",
			Evidence: []string{"ClientException: Cluster not found."}, SymptomOf: kinds("cluster-missing")}),
		needing(finds("registered", check.ECS), "agent-log"),
		needing(finds("tasks", check.Health), "registered"),
	}
}

func healthy() []check.Check {
	return []check.Check{finds("imds", check.Instance, check.Passed("this is i-0123456789abcdef0")...), finds("registered", check.ECS),
		finds("warm-pool", check.Instance, check.Skipped("no Auto Scaling group")...)}
}

// made returns the report of these checks. It contains nothing that depends on this machine.
func made(t *testing.T, checks []check.Check, about report.About) *report.Report {
	t.Helper()
	about.Version, about.Instance, about.At = "v1.2.3", "i-0123456789abcdef0", time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	results := check.Run(t.Context(), checks)
	for i := range results {
		results[i].Took = time.Duration(i) * time.Millisecond
	}
	return report.New(results, about)
}

func shown(t *testing.T, show func(io.Writer) error) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := show(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
