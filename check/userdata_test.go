package check_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"muster/check"
	"muster/check/instance"
	"muster/internal/sandbox"
)

// userData sets the user data that the metadata service returns.
func userData(text string) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) {
		w.Inject(sandbox.Fault{Service: sandbox.IMDS, Action: "/latest/user-data", Body: text})
	}
}

func together(arrangements ...func(*testing.T, *world)) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		for _, arrange := range arrangements {
			arrange(t, w)
		}
	}
}

// unnamed arranges an ecs.config without a cluster, and no other source that names one.
func unnamed(t *testing.T, w *world) {
	w.Config.Cluster = ""
	w.write(t, "/etc/ecs/ecs.config", "")
}

const cloudInitLog, cloudInitOutput = "/var/log/cloud-init.log", "/var/log/cloud-init-output.log"

// The evidence of the first warning says why ecs.config names no cluster, without quoting user data (aws/aws-cdk#24212,
// aws/amazon-ecs-agent#1889).
func TestAMissingClusterSaysWhyUserDataNamedNone(t *testing.T) {
	const script = "#!/bin/bash\necho ECS_CLUSTER=s3cret >> /etc/ecs/ecs.config\n"
	for name, c := range map[string]struct {
		arrange func(*testing.T, *world)
		says    string
	}{
		"Windows line endings": {userData(strings.ReplaceAll(script, "\n", "\r\n")), "carriage return"},
		"a blank first":        {userData("  " + script), "begins with a blank or an empty line"},
		"no interpreter":       {userData("export A=s3cret\n"), "does not begin with"},
		"no user data":         {metadata("user-data", http.StatusNotFound, ""), "the instance has no user data"},
		"ignored by cloud-init": {file(cloudInitLog, "x [WARNING]: Unhandled non-multipart (text/x-not-multipart) userdata: 'b's3cret'...'\n"),
			"cloud-init did not run it"},
		"a script that failed": {file(cloudInitOutput, "x [WARNING]: Failed running /var/lib/cloud/instance/scripts/part-001 [1]\n"),
			"part-001 [1]"},
		"a file beside":          {file("/etc/ecs/ecs.conf", "ECS_CLUSTER=prod\n"), "/etc/ecs/ecs.conf names cluster prod"},
		"a file beside, exports": {file("/etc/ecs/config", "export ECS_CLUSTER=prod\n"), "/etc/ecs/config names cluster prod"},
		"a file beside, no name": {file("/etc/ecs.config", "ECS_CLUSTER=pass word s3cret\n"), "/etc/ecs.config names a cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			together(unnamed, c.arrange)(t, w)
			results := w.run(t)
			warnings := check.Warnings(results)
			if len(warnings) == 0 || warnings[0].ID != "cluster-unset" ||
				!strings.Contains(strings.Join(warnings[0].Evidence, "\n"), c.says) {
				t.Fatalf("got %+v", warnings)
			}
			for _, r := range results {
				for _, f := range r.Findings {
					if strings.Contains(f.Summary+strings.Join(f.Evidence, " "), "s3cret") {
						t.Errorf("user data is quoted: %+v", f)
					}
				}
			}
		})
	}
}

func TestUserDataFindings(t *testing.T) {
	const script = "#!/bin/bash\ntrue\n"
	errors := file(
		"/var/lib/cloud/data/result.json",
		`{"v1":{"datasource":"DataSourceEc2Local","errors":["('scripts_user', RuntimeError('Runparts: 1 failures (part-001) in 1 attempted `+
			`commands'))"]}}`,
	)
	for name, c := range map[string]struct {
		arrange func(*testing.T, *world)
		want    string
	}{
		"a form that is right": {together(unnamed, userData(script)), "pass user-data"},
		"a wrong form": {together(unnamed, userData(" "+script)),
			"warn user-data-malformed: cloud-init did not run user data because of its format"},
		"a wrong form, and the cluster is named": {userData(" " + script), "pass user-data"},
		"base64 that a newer cloud-init ran": {together(unnamed, userData("IyEvYmluL3NoCnRydWUK"),
			file("/var/lib/cloud/instance/scripts/part-001", "x")), "pass user-data"},
		"base64": {together(unnamed, userData("IyEvYmluL3NoCnRydWUK")), "warn user-data-malformed"},
		"a part that failed": {together(errors,
			file(cloudInitOutput, "x: Failed running /var/lib/cloud/instance/scripts/part-001 [1]\n")),
			"warn user-data-failed: user data failed: cloud-init could not run part-001"},
		"scripts that failed, without a log": {errors, "warn user-data-failed: a part of user data failed"},
		"cloud-config that is not YAML": {file(cloudInitLog, "x: Failed loading yaml blob. Invalid format at line 3 column 5: \"x\n"),
			"warn user-data-failed: a part of user data failed"},
		"no data source, and registered": {none, "fail user-data-not-run: user data never ran"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			c.arrange(t, w)
			w.Identity.InstanceID, w.Identity.Region = self, "eu-central-1"
			if got := first(look(t, w, "user-data")); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// A reboot runs user data, and the ECS agent then rejects the cluster in agent.db (agent/app/agent.go,
// setClusterInConfig). Therefore no fix recommends a reboot (aws/containers-roadmap#1889).
func TestUserDataThatNeverRanIsNoReasonToReboot(t *testing.T) {
	for name, arrange := range map[string]func(*testing.T, *world){
		"not registered":           func(_ *testing.T, w *world) { w.plan.Hold = true },
		"registered":               func(*testing.T, *world) {},
		"registered once, now not": func(t *testing.T, w *world) { w.plan.Hold = true; w.write(t, "/var/lib/ecs/data/agent.db", "x") },
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy(t)
			together(unnamed, none, arrange)(t, w)
			for _, r := range w.run(t) {
				if r.ID != "user-data" {
					continue
				}
				text := r.Findings[0].Fix.String()
				if !strings.Contains(text, "eplace the instance") || strings.Contains(text, "eboot") || strings.Contains(text,
					"--reset-stale-state") != (name == "registered") {
					t.Error(text)
				}
			}
		})
	}
}

// life is an instance's metadata with these paths below meta-data/.
type life struct {
	service
	paths map[string]string
}

type service = instance.Metadata

func (l life) Metadata(ctx context.Context, path string) (string, bool, error) {
	if value, is := l.paths[path]; is {
		return value, true, nil
	}
	return l.service.Metadata(ctx, path)
}

func TestWhatTheAgentMustBeToldOfItsInstance(t *testing.T) {
	const state = "autoscaling/target-lifecycle-state"
	for name, c := range map[string]struct {
		paths  map[string]string
		config string
		want   []string
	}{
		"an on-demand instance": {map[string]string{"instance-life-cycle": "on-demand"}, "", []string{"lifecycle"}},
		"a spot instance":       {map[string]string{"instance-life-cycle": "spot"}, "", []string{"spot-draining-off", "lifecycle"}},
		"a spot instance that drains": {map[string]string{"instance-life-cycle": "spot"}, "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true\n",
			[]string{"lifecycle"}},
		"registered in the warm pool": {map[string]string{state: "Warmed:Running"}, "", []string{"warm-pool-unchecked"}},
		"switched off": {map[string]string{state: "Warmed:Running"}, "ECS_WARM_POOLS_CHECK=false\n",
			[]string{"warm-pool-unchecked"}},
		"waiting in the warm pool": {map[string]string{state: "Warmed:Running"}, "ECS_WARM_POOLS_CHECK=true\n", []string{"warm-pool"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy(t)
			w.write(t, "/etc/ecs/ecs.config", "ECS_CLUSTER=prod\n"+c.config)
			w.IMDS = life{w.IMDS, c.paths}
			for _, r := range w.run(t) {
				if r.ID != "lifecycle" {
					continue
				}
				var got []string
				for _, f := range r.Findings {
					got = append(got, f.ID)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
			}
		})
	}
}
