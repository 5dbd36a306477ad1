package instance

import (
	"context"
	"fmt"
	"strings"

	"muster/check"
	"muster/internal/base/fix"
	"muster/internal/host/units"
)

// platform is an unsupported platform and the evidence for it.
type platform struct{ name, seen string }

func (g Group) platformFinding(ctx context.Context) []check.Finding {
	p := g.unsupportedPlatform()
	if p.name == "" {
		if old := g.oldSystemd(ctx); old != nil {
			return old
		}
		return check.Passed("no sign of a platform other than ECS on EC2 with Linux")
	}
	return []check.Finding{{Kind: PlatformUnsupported, Status: check.Unknown,
		Summary:  p.name + " is not supported: muster covers Linux instances of ECS on EC2",
		Evidence: []string{p.seen}}}
}

// oldSystemd returns a finding if systemd is too old for muster's units. It returns nil if the version is new enough or
// unknown.
func (g Group) oldSystemd(ctx context.Context) []check.Finding {
	if !g.Systemd.Available() {
		return nil
	}
	version, err := g.Systemd.Version(ctx)
	if err != nil || !version.TooOld() {
		return nil
	}
	return []check.Finding{
		{
			Kind:   SystemdTooOld,
			Status: check.Warn,
			Summary: fmt.Sprintf(
				"systemd %s is older than %d: muster-verify and muster-agent do not run on this instance",
				version,
				units.Oldest,
			),
			Evidence: []string{"muster bootstrap configures the cluster, and installs no unit that would run with less protection",
				"muster verify and muster debug work when a person runs them"},
			Fix: fix.Do("Use an AMI with a newer systemd, such as Amazon Linux 2023, Ubuntu 22.04 or Debian 12."),
		},
	}
}

// unsupportedPlatform returns the platform if muster does not support it, or the zero platform.
//
//   - ECS Anywhere: ECS_EXTERNAL=true (agent/config/config.go, External), and no
//     metadata service.
//   - Fargate and Managed Instances: AWS_EXECUTION_ENV, which ECS sets in tasks, or
//     ECS_CONTAINER_METADATA_URI_V4 if there is no metadata service.
//   - Bottlerocket: os-release; it has no ecs-init and no ecs.config.
func (g Group) unsupportedPlatform() platform {
	if g.Config == nil {
		return platform{}
	}
	if env := g.env("AWS_EXECUTION_ENV"); strings.HasPrefix(env, "AWS_ECS_") && env != "AWS_ECS_EC2" {
		name := map[string]string{"AWS_ECS_FARGATE": "AWS Fargate", "AWS_ECS_MANAGED_INSTANCES": "ECS Managed Instances"}[env]
		if name == "" {
			name = env
		}
		return platform{name, "AWS_EXECUTION_ENV=" + env}
	}
	if uri := g.env("ECS_CONTAINER_METADATA_URI_V4"); uri != "" && g.NoIdentity != nil {
		return platform{"AWS Fargate", "ECS_CONTAINER_METADATA_URI_V4=" + uri + ", and there is no EC2 metadata service"}
	}
	if id, variant := g.OSRelease(); id == "bottlerocket" {
		name := "Bottlerocket"
		if strings.Contains(variant, "managed") {
			name = "ECS Managed Instances"
		}
		return platform{name, fmt.Sprintf("/etc/os-release: ID=%s, VARIANT_ID=%s", id, variant)}
	}
	if g.NoIdentity != nil && g.enabled("ECS_EXTERNAL") {
		return platform{"ECS Anywhere (an external instance)",
			"the ECS agent's configuration sets ECS_EXTERNAL=true, and there is no EC2 metadata service"}
	}
	return platform{}
}

func (g Group) env(name string) string {
	if g.Getenv == nil {
		return ""
	}
	return g.Getenv(name)
}

// OnThisPlatform returns the checks unchanged on a supported platform. On another platform it skips all but the first,
// because the things that they check do not exist there.
func (g Group) OnThisPlatform(checks []check.Check) []check.Check {
	p := g.unsupportedPlatform()
	if p.name == "" {
		return checks
	}
	for i := range checks[1:] {
		checks[i+1].Run = func(context.Context) []check.Finding { return check.Skipped("not checked on " + p.name) }
	}
	return checks
}
