package check_test

import (
	"errors"
	"testing"

	"muster/check"
	"muster/check/catalog"
	"muster/internal/host/units"
)

func TestAnOldSystemdIsAWarningAndHidesNothing(t *testing.T) {
	for version, old := range map[string]bool{"219": true, "247.3-7+deb11u6": true, "248": false, "252.38-1~deb12u1": false} {
		w := healthy(t)
		w.Units.(systemd)["version"] = units.State{Name: version}
		results := check.Run(t.Context(), catalog.Checks(w.World))
		f := results[0].Findings[0]
		if want := "systemd " + version + " is older than 248: muster-verify and muster-agent do not run on this instance"; old &&
			(f.ID != "systemd-too-old" || f.Status != check.Warn || f.Summary != want) {
			t.Errorf("%s: %+v", version, f)
		}
		if !old && f.Status != check.Pass {
			t.Errorf("%s: %+v", version, f)
		}
		if results[1].Status == check.Skip {
			t.Errorf("%s: %+v", version, results[1])
		}
	}
}

// VARIANT_ID comes from Bottlerocket's os-release, AWS_EXECUTION_ENV from the ECS developer guide, and ECS_EXTERNAL
// from the install script of ECS Anywhere.
func TestWhatIsNotSupportedIsNoFailure(t *testing.T) {
	environment := func(value string) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) {
			w.Getenv = func(name string) string { return map[string]string{"AWS_EXECUTION_ENV": value}[name] }
		}
	}
	external := file("/var/lib/ecs/ecs.config", "ECS_EXTERNAL=true\n")
	nowhere := func(_ *testing.T, w *world) { w.NoIdentity = errors.New("no metadata service") }
	for name, c := range map[string]struct {
		arrange func(*testing.T, *world)
		want    string // empty if the platform is supported
	}{
		"ECS on EC2":                {func(*testing.T, *world) {}, ""},
		"a container of ECS on EC2": {environment("AWS_ECS_EC2"), ""},
		"Fargate":                   {environment("AWS_ECS_FARGATE"), "AWS Fargate"},
		"a task without its instance": {together(nowhere, func(_ *testing.T, w *world) {
			w.Getenv = func(name string) string {
				return map[string]string{"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/x"}[name]
			}
		}), "AWS Fargate"},
		"Managed Instances":            {environment("AWS_ECS_MANAGED_INSTANCES"), "ECS Managed Instances"},
		"Amazon Linux":                 {file("/etc/os-release", "NAME=\"Amazon Linux\"\nID=\"amzn\"\n"), ""},
		"Bottlerocket":                 {file("/etc/os-release", "ID=bottlerocket\nVARIANT_ID=aws-ecs-2\n"), "Bottlerocket"},
		"ECS Anywhere":                 {together(external, nowhere), "ECS Anywhere (an external instance)"},
		"ECS_EXTERNAL on an instance":  {external, ""},
		"no metadata service, no more": {nowhere, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy(t)
			c.arrange(t, w)
			results := check.Run(t.Context(), catalog.Checks(w.World))
			f := results[0].Findings[0]
			if c.want == "" {
				if f.Status != check.Pass {
					t.Errorf("got %+v", f)
				}
				return
			}
			if f.Status != check.Unknown || f.Summary != c.want+" is not supported: muster covers Linux instances of ECS on EC2" {
				t.Errorf("got %+v", f)
			}
			for _, r := range results[1:] {
				if r.Status != check.Skip {
					t.Errorf("%s: %+v", r.ID, r.Findings)
				}
			}
		})
	}
}
