package check_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"muster/check"
	"muster/check/catalog"
	"muster/internal/awsapi"
	"muster/internal/config"
	"muster/internal/fleet"
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/host/kernel"
	"muster/internal/sandbox"
	"muster/test/golden"
)

// scenario breaks one thing. causes are the IDs of all findings that check.Causes must return, and no others.
type scenario struct {
	name    string
	arrange func(*testing.T, *world)
	causes  []string
}

// world is a healthy sandboxed instance that a scenario changes.
type world struct {
	catalog.World
	*sandbox.Sandbox
	net     *ways
	plan    sandbox.AgentPlan // the ECS agent's plan
	systemd systemd
	docker  *docker
}

// write writes a file below the instance's root.
func (w *world) write(t *testing.T, path, text string) {
	t.Helper()
	path = w.Config.Path(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	cluster = "prod"
	// patience is the timeout of the metadata service. It responds, but many tests run at once.
	patience = 2 * time.Second
)

// healthy returns an instance in a private subnet behind a NAT gateway, registered in its cluster.
func healthy(t *testing.T) *world {
	t.Helper()
	root := t.TempDir()
	s, err := sandbox.New(sandbox.Options{
		Root: root, Clusters: []string{cluster, "default"}, UserData: "#!/bin/sh\nmuster bootstrap --cluster prod\n",
		Group: &sandbox.Group{Name: "workers", TargetState: "InService"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	cfg, err := config.Load(config.Set{Flags: map[string]string{
		"MUSTER_ROOT": root, "MUSTER_CLUSTER": cluster, "MUSTER_INTROSPECTION_URL": s.IntrospectionURL(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Sandbox: s, net: reachable()}
	calls := s.AWSConfig()
	calls.Retryer = func() aws.Retryer { return aws.NopRetryer{} } // the pauses of the default would exceed a check's timeout
	api := awsapi.FromConfig(calls)
	w.World = catalog.World{
		Config: cfg, IMDS: imds.New(s.IMDSURL(), patience), Net: w.net, ECSEndpoint: "https://ecs.eu-central-1.amazonaws.com",
		Agent: ecsagent.NewIntrospection(s.IntrospectionURL(), ecsagent.LocalClient(time.Second)),
		VPC:   api, Poll: api, Registry: api, Stopped: api, Now: time.Now,
		FileSystem: func(string) (kernel.FileSystem, error) { return roomy(1), nil },
	}
	w.AgentTasks = ecsagent.NewIntrospection(s.IntrospectionURL(), ecsagent.LocalClient(time.Second))
	w.Guards = func(ctx context.Context, addrs []netip.Addr) (fleet.Fleet, error) {
		return fleet.Discover(ctx, api, fleet.Selector{Addresses: addrs, Self: w.Identity.InstanceID})
	}
	w.equip()
	w.write(t, "/etc/ecs/ecs.config", "ECS_CLUSTER=prod\n")
	w.write(t, "/etc/resolv.conf", "nameserver 10.0.0.2\n")
	w.write(t, "/var/lib/cloud/data/result.json", `{"v1": {"datasource": "DataSourceEc2Local", "errors": []}}`)
	w.write(t, "/proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n")
	return w
}

// run starts the ECS agent on the instance in its current state, waits until the agent has registered or exited, and
// runs the checks. It does not wait for an agent that the plan holds.
func (w *world) run(t *testing.T) []check.Result {
	t.Helper()
	w.Identity, w.NoIdentity = imds.New(w.IMDSURL(), patience).Identity(t.Context())
	w.Sandbox.Agent.SetPlan(w.plan)
	if err := w.StartAgent(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !w.plan.Hold {
		settled := func(s sandbox.AgentStatus) bool { return s.Phase == sandbox.PhaseRegistered || s.Exits > 0 }
		if _, err := w.Sandbox.Agent.Await(t.Context(), settled); err != nil {
			t.Fatal(err)
		}
	}
	catalog := catalog.Checks(w.World)
	results := check.Run(t.Context(), catalog)
	declared(t, catalog, results)
	return results
}

// declared checks that every finding is one that its check declares.
func declared(t *testing.T, catalog []check.Check, results []check.Result) {
	t.Helper()
	for _, r := range results {
		i := slices.IndexFunc(catalog, func(c check.Check) bool { return c.ID == r.ID })
		for _, f := range r.Findings {
			if f.ID != r.ID && !slices.Contains(check.IDs(catalog[i].Findings), f.ID) {
				t.Errorf("%s found %s, which it does not declare", r.ID, f.ID)
			}
		}
	}
}

// Each scenario must have exactly its causes. testdata/scenarios.golden contains their texts (-update writes it).
func TestScenarios(t *testing.T) {
	all := allScenarios()
	described := make([]string, len(all))
	t.Run("each", func(t *testing.T) {
		for i, s := range all {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				w := healthy(t)
				s.arrange(t, w)
				results := w.run(t)
				causes := check.Causes(results)
				described[i] = strings.ReplaceAll(describe(s.name, causes), w.Config.Root+"/", "/")
				var got []string
				for _, c := range causes {
					got = append(got, c.ID)
				}
				if !slices.Equal(got, s.causes) {
					t.Errorf("causes are %q, want %q", got, s.causes)
					for _, r := range results {
						t.Logf("%s: %+v", r.ID, r.Findings)
					}
				}
			})
		}
	})
	if !t.Failed() {
		golden.File(t, "scenarios.golden", []byte(strings.Join(described, "\n")))
	}
}

// varying matches text that differs from run to run.
var varying = regexp.MustCompile(
	`127\.0\.0\.1:\d+|\d+h\d+m\d+s|/tmp/d\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`,
)

func describe(name string, causes []check.Cause) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", name)
	for _, c := range causes {
		fmt.Fprintf(&b, "%s: %s\n", c.ID, c.Summary)
		for _, e := range c.Evidence {
			fmt.Fprintf(&b, "  saw: %s\n", e)
		}
		for _, line := range c.Fix.Lines() {
			fmt.Fprintf(&b, "  fix: %s\n", line)
		}
		if c.Symptoms != nil {
			fmt.Fprintf(&b, "  explains: %s\n", strings.Join(c.Symptoms, " "))
		}
	}
	return varying.ReplaceAllString(b.String(), "<varies>")
}
