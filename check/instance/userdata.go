package instance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/host/cloudinit"
	"muster/internal/redact"
)

// userData checks whether cloud-init ran user data, which usually sets the cluster in ecs.config.
func (g Group) userData(ctx context.Context) []check.Finding {
	boot, err := cloudinit.Read(g.Config.Root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return check.Skipped("cloud-init wrote no result: this host does not use it")
	case err != nil:
		return check.Undetermined(err, fix.Fix{})
	case boot.Running != "":
		return check.Passed("cloud-init is still running (" + boot.Running + "); on Amazon Linux the ECS agent starts after it")
	case boot.DataSource == cloudinit.NoDataSource:
		return g.userDataNotRun(ctx)
	}
	failed, unread := g.failedParts(boot)
	found := append(g.malformedUserData(ctx), failed...)
	if unread != nil {
		found = append(found, check.Undetermined(unread, fix.Do("Run muster as root:", "sudo muster debug"))...)
	}
	if len(found) == 0 {
		return check.Passed("cloud-init is done; data source " + boot.DataSource)
	}
	return found
}

// userDataNotRun returns a finding if user data never ran. Since 1.105 the ECS agent then exits with code 5
// (agent/config/cloudinit_check_linux.go). An agent that has registered since, or at an earlier boot, keeps its cluster
// in agent.db. If user data runs at the next boot and names another cluster, the agent exits (agent/app/agent.go,
// setClusterInConfig).
func (g Group) userDataNotRun(ctx context.Context) []check.Finding {
	data, there, err := g.IMDS.UserData(ctx)
	switch {
	case err != nil:
		return check.Undetermined(err, fix.Fix{})
	case !there || len(data) == 0:
		return check.Passed("cloud-init found no data source, and there is no user data")
	}
	f := check.Finding{Kind: UserDataNotRun, Status: check.Fail, Summary: "user data never ran: cloud-init found no data source at boot",
		Evidence: []string{"/var/lib/cloud/data/result.json: datasource DataSourceNone", "the metadata service has user data"}}
	if g.Agent != nil {
		if meta, err := g.Agent.Metadata(ctx); err == nil && meta.ContainerInstanceARN != "" {
			f.Evidence = append(f.Evidence, fmt.Sprintf("the ECS agent has still registered, in cluster %q", subject.NameOf(meta.Cluster)))
			f.Fix = fix.Do("Replace the instance, or set its cluster and discard the ECS agent's saved state:",
				"sudo muster bootstrap --cluster "+g.ClusterForCommand()+" --reset-stale-state")
			return []check.Finding{f}
		}
	}
	path := g.CheckpointPath()
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		f.Evidence = append(f.Evidence, path+" holds an earlier registration, which a reboot does not remove")
	}
	f.Evidence = append(f.Evidence, "ECS agent 1.105 and later exits with code 5 in this situation")
	f.Fix = fix.Do("Replace the instance:", g.Terminate())
	return []check.Finding{f}
}

// malformedUserData returns a finding for user data that cloud-init did not run because of its format. If ecs.config
// names a cluster anyway, ECS is not affected.
func (g Group) malformedUserData(ctx context.Context) []check.Finding {
	if name, _ := g.Configured(); name != "" {
		return nil
	}
	flaws := slices.DeleteFunc(g.FormFlaws(ctx), func(flaw string) bool { return flaw == subject.NoUserData })
	if len(flaws) == 0 {
		return nil
	}
	return []check.Finding{
		{
			Kind:     UserDataMalformed,
			Status:   check.Warn,
			Summary:  "cloud-init did not run user data because of its format",
			Evidence: subject.Bounded(flaws),
			Fix: fix.Do(
				`Start user data with "#!/bin/bash", without anything before it, use Unix line endings, base64-encode it once, then replace the ` +
					`instance.`,
			),
		},
	}
}

// failedParts returns findings for the parts of user data that cloud-init ran and that failed.
func (g Group) failedParts(boot cloudinit.Result) ([]check.Finding, error) {
	failures, unread := cloudinit.Failures(g.Config.Root)
	failures = slices.DeleteFunc(failures, func(f cloudinit.Failure) bool { return f.Earlier })
	var logged []string
	for _, f := range failures {
		if !f.Ignored {
			logged = append(logged, f.Text)
		}
	}
	var reported []string
	scripts := false
	for _, e := range boot.Errors[:min(len(boot.Errors), 5)] {
		scripts = scripts || strings.Contains(e, "scripts_user") || strings.Contains(e, "scripts-user")
		reported = append(reported, "/var/lib/cloud/data/result.json: "+redact.Text(subject.FirstLine(e)))
	}
	const read = "sudo tail -n 50 /var/log/cloud-init-output.log"
	switch {
	case scripts || len(logged) > 0:
		what := "a part of user data failed"
		if part := firstFailedPart(failures); part != "" {
			what = "user data failed: cloud-init could not run " + part
		}
		return []check.Finding{
			{Kind: UserDataFailed, Status: check.Warn, Summary: what, Evidence: subject.Bounded(append(logged, reported...)),
				Fix: fix.Do("Read its output, then correct user data:", read)},
		}, unread
	case len(reported) > 0:
		return []check.Finding{{Kind: CloudInitErrors, Status: check.Warn, Summary: "cloud-init finished with errors", Evidence: reported,
			Fix: fix.Do("Read its output:", read)}}, unread
	}
	return nil, unread
}

func firstFailedPart(failures []cloudinit.Failure) string {
	for _, f := range failures {
		if f.Part != "" {
			return f.Part
		}
	}
	return ""
}
