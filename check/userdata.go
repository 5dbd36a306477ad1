package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/host/cloudinit"
	"muster/internal/host/ecsconfig"
	"muster/internal/redact"
)

// userData sees whether cloud-init ran user data, from which ecs.config usually
// gets its cluster.
func (w World) userData(ctx context.Context) []Finding {
	boot, err := cloudinit.Read(w.Config.Root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Skipped("cloud-init wrote no result: this host does not use it")
	case err != nil:
		return CouldNotLook(err, fix.Fix{})
	case boot.Running != "":
		return Passed("cloud-init is still running (" + boot.Running + "); on Amazon Linux the ECS agent starts after it")
	case boot.DataSource == cloudinit.NoDataSource:
		return w.notRun(ctx)
	}
	failed, unread := w.failedParts(boot)
	found := append(w.malformed(ctx), failed...)
	if unread != nil {
		found = append(found, CouldNotLook(unread, fix.Do("Run muster as root:", "sudo muster debug"))...)
	}
	if len(found) == 0 {
		return Passed("cloud-init is done; data source " + boot.DataSource)
	}
	return found
}

// notRun: from 1.105 on the ECS agent exits with code 5 when user data never ran
// (agent/config/cloudinit_check_linux.go). One that has registered meanwhile, or
// at an earlier boot, keeps its cluster in agent.db: user data that names another
// one at the next boot would end it (agent/app/agent.go, setClusterInConfig).
func (w World) notRun(ctx context.Context) []Finding {
	data, there, err := w.IMDS.UserData(ctx)
	switch {
	case err != nil:
		return CouldNotLook(err, fix.Fix{})
	case !there || len(data) == 0:
		return Passed("cloud-init found no data source, and there is no user data")
	}
	f := Finding{Kind: UserDataNotRun, Status: Fail, Summary: "user data never ran: cloud-init found no data source at boot",
		Evidence: []string{"/var/lib/cloud/data/result.json: datasource DataSourceNone", "the metadata service has user data"}}
	if w.Agent != nil {
		if meta, err := w.Agent.Metadata(ctx); err == nil && meta.ContainerInstanceARN != "" {
			f.Evidence = append(f.Evidence, fmt.Sprintf("the ECS agent has still registered, in cluster %q", nameOf(meta.Cluster)))
			f.Fix = fix.Do("Replace the instance, or set its cluster and discard the ECS agent's saved state:", "sudo muster bootstrap --cluster "+w.clusterForCommand()+" --reset-stale-state")
			return []Finding{f}
		}
	}
	path := w.checkpointPath()
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		f.Evidence = append(f.Evidence, path+" holds an earlier registration, which a reboot does not remove")
	}
	f.Evidence = append(f.Evidence, "ECS agent 1.105 and later exits with code 5 in this situation")
	f.Fix = fix.Do("Replace the instance:", w.terminate())
	return []Finding{f}
}

func (w World) terminate() string {
	return "aws ec2 terminate-instances --region " + w.region() + " --instance-ids " + w.instanceID()
}

// clusterForCommand is the cluster that is wanted, else a placeholder.
func (w World) clusterForCommand() string {
	name, _ := w.wanted()
	if _, err := cluster.Parse(name); err != nil || name == "" {
		return "NAME"
	}
	return name
}

// malformed is user data that cloud-init did not run because of its form. Where
// ecs.config names a cluster all the same, that is no trouble of ECS's.
func (w World) malformed(ctx context.Context) []Finding {
	if name, _ := w.configured(); name != "" {
		return nil
	}
	flaws := slices.DeleteFunc(w.formFlaws(ctx), func(flaw string) bool { return flaw == noUserData })
	if len(flaws) == 0 {
		return nil
	}
	return []Finding{{Kind: UserDataMalformed, Status: Warn, Summary: "cloud-init did not run user data because of its format", Evidence: bounded(flaws),
		Fix: fix.Do(`Start user data with "#!/bin/bash", without anything before it, use Unix line endings, base64-encode it once, then replace the instance.`)}}
}

// noUserData is a reason for an ecs.config that names no cluster, and no flaw.
const noUserData = "the instance has no user data"

// formFlaws are what in user data's form keeps it from running, and cloud-init's
// word that it ignored it. An instance whose cloud-init took scripts from it is
// not blamed for a form that newer versions accept.
func (w World) formFlaws(ctx context.Context) []string {
	var flaws []string
	if w.IMDS != nil && w.NoIdentity == nil {
		data, there, err := w.IMDS.UserData(ctx)
		switch {
		case err != nil:
		case !there || len(data) == 0:
			flaws = []string{noUserData}
		default:
			flaws = cloudinit.Flaws(data)
		}
	}
	taken := cloudinit.RanScripts(w.Config.Root)
	var kept []string
	for _, flaw := range flaws {
		if !taken || strings.Contains(flaw, "carriage return") {
			kept = append(kept, flaw)
		}
	}
	failures, _ := cloudinit.Failures(w.Config.Root)
	for _, f := range failures {
		if f.Ignored {
			kept = append(kept, f.Text)
		}
	}
	return kept
}

// failedParts are the parts of user data that cloud-init ran and that failed.
func (w World) failedParts(boot cloudinit.Result) ([]Finding, error) {
	failures, unread := cloudinit.Failures(w.Config.Root)
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
		reported = append(reported, "/var/lib/cloud/data/result.json: "+redact.Text(firstLine(e)))
	}
	const read = "sudo tail -n 50 /var/log/cloud-init-output.log"
	switch {
	case scripts || len(logged) > 0:
		what := "a part of user data failed"
		if part := firstPart(failures); part != "" {
			what = "user data failed: cloud-init could not run " + part
		}
		return []Finding{{Kind: UserDataFailed, Status: Warn, Summary: what, Evidence: bounded(append(logged, reported...)),
			Fix: fix.Do("Read its output, then correct user data:", read)}}, unread
	case len(reported) > 0:
		return []Finding{{Kind: CloudInitErrors, Status: Warn, Summary: "cloud-init finished with errors", Evidence: reported, Fix: fix.Do("Read its output:", read)}}, unread
	}
	return nil, unread
}

func firstPart(failures []cloudinit.Failure) string {
	for _, f := range failures {
		if f.Part != "" {
			return f.Part
		}
	}
	return ""
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// userDataForm is why ecs.config may name no cluster, as far as user data's form,
// cloud-init's logs and files beside ecs.config show it: a sentence each, without
// a word of user data. Empty: nothing of it is wrong.
func (w World) userDataForm(ctx context.Context) (evidence []string) {
	evidence = w.formFlaws(ctx)
	failures, _ := cloudinit.Failures(w.Config.Root)
	for _, f := range failures {
		if !f.Ignored {
			evidence = append(evidence, f.Text)
		}
	}
	if boot, err := cloudinit.Read(w.Config.Root); err == nil && boot.DataSource == cloudinit.NoDataSource {
		evidence = append(evidence, "user data never ran: cloud-init found no data source at boot (DataSourceNone)")
	}
	return bounded(append(evidence, w.misplaced()...))
}

// lookalikes are files that people write in place of /etc/ecs/ecs.config, and
// that nothing reads.
var lookalikes = []string{"/etc/ecs/ecs.conf", "/etc/ecs/ecs.cfg", "/etc/ecs/config", "/etc/ecs/agent.config", "/etc/ecs/ecs-config",
	"/etc/ecs/ecs.config.txt", "/etc/ecs/ecs.config.d/ecs.config", "/etc/ecs/ecs_config", "/etc/ecs.config", "/etc/ecs.conf", "/etc/ecs/ecs.env",
	"/etc/default/ecs", "/etc/sysconfig/ecs", "/ecs.config", "/root/ecs.config", "/etc/ecs/ECS.config", "/etc/ecs/ecs.config.rpmsave"}

// misplaced are the lookalikes that name a cluster.
func (w World) misplaced() []string {
	var seen []string
	for _, path := range lookalikes {
		info, err := os.Stat(w.Config.Path(path))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		file, err := w.agentConfig(path)
		if err != nil {
			continue
		}
		if name := clusterIn(file); name != "" {
			seen = append(seen, path+" names "+name+", but the ECS agent does not read that file")
		}
	}
	return seen
}

// clusterIn is the cluster in the file, for a person; empty if the value is not a valid
// cluster name.
func clusterIn(file *ecsconfig.File) string {
	value, set := file.Get("ECS_CLUSTER")
	if !set {
		value, set = file.Get("export ECS_CLUSTER")
	}
	_, err := cluster.Parse(value)
	switch {
	case !set:
		return ""
	case err != nil:
		return "a cluster"
	}
	return "cluster " + cmp.Or(value, cluster.Default)
}
