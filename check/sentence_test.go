package check_test

import (
	"slices"
	"strings"
	"testing"

	"muster/check"
	"muster/internal/awsapi"
	"muster/internal/host/units"
	"muster/internal/sandbox"
)

func TestNothingIsAmissOnAHealthyInstance(t *testing.T) {
	for _, r := range healthy(t).run(t) {
		if r.Status != check.Pass && r.Status != check.Skip {
			t.Errorf("%s: %+v", r.ID, r.Findings)
		}
	}
}

// A finding names the file and line, the cluster and the region, so that the user can act on it without looking
// further.
func TestACauseSaysWhatAndWhere(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(*testing.T, *world)
		says    []string
	}{
		"a quoted cluster": {configures("# a\nECS_CLUSTER=\"prod\"\n"),
			[]string{"/etc/ecs/ecs.config:2: ECS_CLUSTER has quotes around its value", `reads cluster "\"prod\""`, "muster bootstrap"}},
		"an overridden one": {configures("ECS_CLUSTER=prod\nECS_CLUSTER=default\n"),
			[]string{"ecs.config:1: ECS_CLUSTER is set again on line 2"}},
		"no cluster": {configures("ECS_LOGLEVEL=info\n"),
			[]string{"ecs.config sets no cluster, so the ECS agent joins the cluster \"default\", not prod", "prod comes from flag --cluster"}},
		"broken JSON": {configures("ECS_CLUSTER=prod\nECS_INSTANCE_ATTRIBUTES={a: 1}\n"),
			[]string{"ecs.config:2: ECS_INSTANCE_ATTRIBUTES is not valid JSON at byte 2", "exits with code 1"}},
		"a mistyped cluster": {joins("prdo"), []string{"no cluster prdo in region eu-central-1, account 123456789012: did you mean prod?"}},
		"another region": {configures("ECS_CLUSTER=prod\nAWS_DEFAULT_REGION=us-east-1\n"),
			[]string{"ecs.config:2: AWS_DEFAULT_REGION is us-east-1, but this instance is in eu-central-1", "sed -i '/^ *AWS_DEFAULT_REGION=/d'"}},
		"a stale checkpoint": {remembers(sandbox.Checkpoint{Cluster: "default", InstanceID: self, ARN: oldCI}),
			[]string{"but agent.db holds default for this instance", "sudo muster bootstrap --reset-stale-state --cluster prod",
				"deregister-container-instance --force --region eu-central-1 --cluster default --container-instance " + oldCI}},
		"a terminal exit": {unasked(joins("prdo")), []string{"exited once, with code 5", "ecs-agent.log:", "Cluster not found."}},
		"no trunk interface": {knows(func(ci *awsapi.ContainerInstance) {
			ci.Status, ci.StatusReason = "REGISTRATION_FAILED", "no trunk ENI"
		}), []string{"ECS rejected the registration: no trunk ENI"}},
		"a deadlock": {func(_ *testing.T, w *world) {
			w.plan.Hold = true
			w.systemd["ecs.service"] = units.State{LoadState: "loaded", ActiveState: "inactive", Job: &units.Job{Type: "start", State: "waiting"}}
			w.systemd["cloud-final.service"] = units.State{LoadState: "loaded", ActiveState: "activating", SubState: "start"}
		}, []string{"waits for user data", "start job waiting", "cloud-final.service: loaded, activating (start)", "--no-block"}},
		"a crash loop": {func(_ *testing.T, w *world) {
			for range 4 {
				w.docker.die("web", 139, 0)
			}
		}, []string{"shop/web is in a crash loop: 4 unexpected exits, last exit code 139", "sudo docker logs --tail 20 ecs-web-"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			c.arrange(t, w)
			causes := check.Causes(w.run(t))
			if len(causes) == 0 {
				t.Fatal("no cause")
			}
			text := causes[0].Summary + "\n" + strings.Join(causes[0].Evidence, "\n") + "\n" + causes[0].Fix.String()
			for _, says := range c.says {
				if !strings.Contains(text, says) {
					t.Errorf("no %q in: %s", says, text)
				}
			}
		})
	}
}

// Secrets in the ECS agent's log or in ecs.config are never shown.
func TestNoSecretIsQuoted(t *testing.T) {
	const secret = "hunter2hunter2"
	w := healthy(t)
	w.write(t, "/etc/ecs/ecs.config",
		"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_DATA='{\"x\":{\"password\":\""+secret+"\"}}'\nexport AWS_SECRET_ACCESS_KEY=\""+secret+"\"\n")
	w.gone(t, "error", "proxyconnect http://user:"+secret+"@proxy:3128: connection refused, password="+secret)
	for _, r := range w.run(t) {
		for _, f := range r.Findings {
			if strings.Contains(f.Summary+strings.Join(f.Evidence, " ")+f.Fix.String(), secret) {
				t.Errorf("%s: %+v", r.ID, f)
			}
		}
	}
}

func TestManyClosedPortsAreToldInBounds(t *testing.T) {
	w := healthy(t)
	arrange, want := closedPorts(25)
	arrange(t, w)
	for _, r := range w.run(t) {
		if r.ID != "replication-ports" {
			continue
		}
		last := r.Findings[len(r.Findings)-1]
		if len(r.Findings) != 10 || !slices.Contains(last.Evidence, want) {
			t.Errorf("%d findings, the last %+v", len(r.Findings), last)
		}
	}
}
