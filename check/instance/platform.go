package instance

import (
	"context"
	"fmt"
	"strings"

	"muster/check"
	"muster/internal/base/fix"
	"muster/internal/host/units"
)

// platform is one that muster does not support, and how it shows.
type platform struct{ name, seen string }

func (w Group) platformFinding(ctx context.Context) []check.Finding {
	p := w.unsupported()
	if p.name == "" {
		if old := w.oldSystemd(ctx); old != nil {
			return old
		}
		return check.Passed("no sign of a platform other than ECS on EC2 with Linux")
	}
	return []check.Finding{{Kind: PlatformUnsupported, Status: check.Unknown,
		Summary:  p.name + " is not supported: muster covers Linux instances of ECS on EC2",
		Evidence: []string{p.seen}}}
}

// oldSystemd is a systemd on which bootstrap installs no unit of muster's; nil: a newer
// one, or one that does not tell.
func (w Group) oldSystemd(ctx context.Context) []check.Finding {
	if !w.Systemd.Available() {
		return nil
	}
	version, err := w.Systemd.Version(ctx)
	if err != nil || !version.TooOld() {
		return nil
	}
	return []check.Finding{{Kind: SystemdTooOld, Status: check.Warn,
		Summary: fmt.Sprintf("systemd %s is older than %d: muster-verify and muster-agent do not run on this instance", version, units.Oldest),
		Evidence: []string{"muster bootstrap configures the cluster, and installs no unit that would run with less protection",
			"muster verify and muster debug work when a person runs them"},
		Fix: fix.Do("Use an AMI with a newer systemd, such as Amazon Linux 2023, Ubuntu 22.04 or Debian 12.")}}
}

// unsupported is a platform that muster does not support; zero: a supported one.
//
//   - ECS Anywhere: ECS_EXTERNAL=true (agent/config/config.go, External), and no
//     metadata service.
//   - Fargate and Managed Instances: AWS_EXECUTION_ENV, which ECS sets in tasks, or
//     ECS_CONTAINER_METADATA_URI_V4 where there is no metadata service.
//   - Bottlerocket: os-release; it has no ecs-init and no ecs.config.
func (w Group) unsupported() platform {
	if w.Config == nil {
		return platform{}
	}
	if env := w.env("AWS_EXECUTION_ENV"); strings.HasPrefix(env, "AWS_ECS_") && env != "AWS_ECS_EC2" {
		name := map[string]string{"AWS_ECS_FARGATE": "AWS Fargate", "AWS_ECS_MANAGED_INSTANCES": "ECS Managed Instances"}[env]
		if name == "" {
			name = env
		}
		return platform{name, "AWS_EXECUTION_ENV=" + env}
	}
	if uri := w.env("ECS_CONTAINER_METADATA_URI_V4"); uri != "" && w.NoIdentity != nil {
		return platform{"AWS Fargate", "ECS_CONTAINER_METADATA_URI_V4=" + uri + ", and there is no EC2 metadata service"}
	}
	if id, variant := w.OSRelease(); id == "bottlerocket" {
		name := "Bottlerocket"
		if strings.Contains(variant, "managed") {
			name = "ECS Managed Instances"
		}
		return platform{name, fmt.Sprintf("/etc/os-release: ID=%s, VARIANT_ID=%s", id, variant)}
	}
	if w.NoIdentity != nil && w.enabled("ECS_EXTERNAL") {
		return platform{"ECS Anywhere (an external instance)",
			"the ECS agent's configuration sets ECS_EXTERNAL=true, and there is no EC2 metadata service"}
	}
	return platform{}
}

func (w Group) env(name string) string {
	if w.Getenv == nil {
		return ""
	}
	return w.Getenv(name)
}

// OnThisPlatform returns the checks as they are on a supported platform. Elsewhere it
// skips all but the first: what they would miss is not missing there.
func (w Group) OnThisPlatform(checks []check.Check) []check.Check {
	p := w.unsupported()
	if p.name == "" {
		return checks
	}
	for i := range checks[1:] {
		checks[i+1].Run = func(context.Context) []check.Finding { return check.Skipped("not checked on " + p.name) }
	}
	return checks
}
