package bootstrap

import (
	"context"
	"errors"
	"testing"
	"time"

	"muster/internal/base/exitcode"
	"muster/internal/host/units"
	"muster/internal/sandbox"
)

// A failed bootstrap holds back only an ECS agent that has not started yet, because stopping a running agent would
// disconnect its tasks from ECS. The states are from org.freedesktop.systemd1(5).
func TestOnlyAnAgentThatHasNotStartedIsHeldBack(t *testing.T) {
	t.Parallel()
	waiting := &units.Job{Type: "start", State: "waiting"}
	for name, test := range map[string]struct {
		ecs   unitState
		final string
		did   []string
	}{
		"in user data": {ecs: unitState{Active: "inactive"}, final: "activating",
			did: []string{"mask ecs.service"}},
		"in user data, its start job waiting": {ecs: unitState{Active: "inactive", Job: waiting}, final: "activating",
			did: []string{"mask ecs.service", "stop ecs.service"}},
		"in user data, after it failed": {ecs: unitState{Active: "failed", Since: time.Unix(1, 0)}, final: "activating",
			did: []string{"mask ecs.service"}},
		"in user data, started by hand": {ecs: unitState{Active: "active"}, final: "activating"},
		"before user data, in muster-bootstrap": {ecs: unitState{Active: "inactive", Job: waiting}, final: "inactive",
			did: []string{"mask ecs.service", "stop ecs.service"}},
		"after the boot, and it never started": {ecs: unitState{Active: "inactive"}, final: "active", did: []string{"mask ecs.service"}},
		"after the boot, running":              {ecs: unitState{Active: "active"}, final: "active"},
		"after the boot, reloading":            {ecs: unitState{Active: "reloading"}, final: "active"},
		"after the boot, starting":             {ecs: unitState{Active: "activating"}, final: "active"},
		"after the boot, stopping to start again": {ecs: unitState{Active: "deactivating", Job: &units.Job{Type: "restart",
			State: "running"}}, final: "active"},
		"after the boot, running, its restart queued": {ecs: unitState{Active: "active", Job: &units.Job{Type: "restart", State: "waiting"}},
			final: "active"},
		"after the boot, it exited with 5":    {ecs: unitState{Active: "failed", Since: time.Unix(1, 0), Exit: 5}, final: "active"},
		"after the boot, stopped with Docker": {ecs: unitState{Active: "inactive", Since: time.Unix(1, 0)}, final: "active"},
		"masked by the administrator":         {ecs: unitState{Active: "inactive", Masked: true}, final: "active"},
		"not installed":                       {ecs: unitState{Active: "inactive", Gone: true}, final: "active"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prdo")
			test.ecs.File = !test.ecs.Gone
			*m.systemd.unit(ecsUnit) = test.ecs
			*m.systemd.unit(cloudFinal) = unitState{File: true, Active: test.final}
			wantExit(t, m.configure(), exitcode.BadConfiguration)
			wantCalls(t, m.systemd.did(), test.did...)
		})
	}
}

func TestUnresponsiveSystemdStopsNoAgent(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prdo")
	m.systemd.fail = func(method, _ string) error {
		if method == "show" {
			return errors.New("no answer")
		}
		return nil
	}
	wantExit(t, m.configure(), exitcode.BadConfiguration)
	wantCalls(t, m.systemd.did())
	wantText(t, m.log.String(), "could not check ecs.service, so it was not held back", "no answer")
}

// All failures of bootstrap must hold back the agent in the same way.
func TestNoFailureStopsARunningAgent(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*machine){
		"a typo":                  func(m *machine) { m.set("CLUSTER", "prdo") },
		"no cluster named":        func(*machine) {},
		"a tag that is no name":   func(m *machine) { m.set("CLUSTER_TAG", "odd") },
		"a deleted cluster":       func(m *machine) { m.set("CLUSTER", "prod"); m.SetCluster("prod", "INACTIVE") },
		"the metadata is silent":  func(m *machine) { m.set("CLUSTER", "prod").impatient(); m.Inject(sandbox.IMDSDisabled()) },
		"a bad setting":           func(m *machine) { m.set("TIMEOUT", "ten") },
		"a bad value of --ecs":    func(m *machine) { m.set("CLUSTER", "prod", "ECS", "ECS_RESERVED_MEMORY=much") },
		"ecs.config a directory":  func(m *machine) { m.set("CLUSTER", "prod"); m.put(ecsConfig+"/x", "") },
		"agent.db of another":     func(m *machine) { m.set("CLUSTER", "prod"); m.saved("default") },
		"its tags cannot be read": func(m *machine) { m.Inject(sandbox.AccessDenied(sandbox.AutoScaling, "DescribeTags")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{Group: inGroup(nil), InstanceTags: map[string]string{"odd": "a b"}, TagsInIMDS: true})
			m.systemd.unit(ecsUnit).Active = "active"
			prepare(m)
			if m.configure() == nil {
				t.Error("it succeeded")
			}
			wantCalls(t, m.systemd.did())
		})
	}
}

// saved writes the checkpoint of an agent that registered in the cluster.
func (m *machine) saved(cluster string) {
	m.t.Helper()
	if err := sandbox.WriteCheckpoint(m.root, sandbox.Checkpoint{Cluster: cluster, InstanceID: instanceID, ARN: "arn:ci/1"}); err != nil {
		m.t.Fatal(err)
	}
}

// In these cases the agent would not join "default" (ecs-init/docker/docker.go, LoadEnvVars; agent/config/config.go,
// fileConfig).
func TestAgentWithAClusterInAnotherFileIsNotHeldBack(t *testing.T) {
	t.Parallel()
	for path, text := range map[string]string{
		"var/lib/ecs/ecs.config":  "ECS_CLUSTER=prod\n",
		"etc/ecs/ecs.config":      "ECS_CLUSTER= prod\n",
		"etc/ecs/ecs.config.json": `{"Cluster": "prod"}`,
		"user data":               `{"ECSAgentConfiguration": {"Cluster": "prod"}}`,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			opts := sandbox.Options{}
			if path == "user data" {
				opts.UserData = text
			}
			m := boot(t, opts).set("CLUSTER", "prdo")
			if path != "user data" {
				m.put(path, text)
			}
			wantExit(t, m.configure(), exitcode.BadConfiguration)
			wantCalls(t, m.systemd.did())
		})
	}
}

func TestInterruptedBootstrapHoldsNothingBack(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prdo")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	wantExit(t, m.host.Configure(ctx, Options{}), exitcode.Interrupted)
	wantCalls(t, m.systemd.did())
}
