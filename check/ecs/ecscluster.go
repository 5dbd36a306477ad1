package ecs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/base/ownlimit"
	"muster/internal/host/ecsagent"
	"muster/internal/host/ecsconfig"
)

// clusterConfigured compares the cluster that the agent reads with the wanted one. If a line was meant to set the
// cluster but is misread, that line is the cause.
func (g Group) clusterConfigured(s *subject.Settings, problems []ecsconfig.Problem) []check.Finding {
	reads := s.Next.Cluster()
	if reads.Origin == ecsconfig.FromDefault {
		reads = s.Cluster()
	}
	wanted, origin := g.Wanted()
	ref, err := cluster.Parse(reads.Text)
	unset := reads.Origin == ecsconfig.FromDefault
	right := err == nil && (wanted == "" || subject.SameCluster(reads.Text, wanted)) && (wanted != "" || !unset)
	lines := misreadClusterLines(s, problems)
	switch {
	case right && !subject.SameCluster(reads.Text, s.Cluster().Text):
		return []check.Finding{g.notRestarted(s, reads)}
	case right:
		return g.notJoinable(reads, ref)
	case len(lines) > 0:
		return []check.Finding{g.clusterMisread(s, lines, reads, err)}
	case unset:
		return []check.Finding{g.clusterUnset(s, wanted, origin)}
	case err != nil:
		return []check.Finding{
			{Kind: ECSConfigMisread, Status: check.Fail, Summary: reads.Where() + ": ECS_CLUSTER is not a valid cluster name",
				Evidence: []string{readsCluster(reads)}, Fix: g.nameCluster(s)},
		}
	}
	return []check.Finding{{Kind: OtherClusterConfigured, Status: check.Fail, Fix: g.nameCluster(s),
		Summary:  fmt.Sprintf("%s: ECS_CLUSTER is %s, not %s", reads.Where(), reads.Text, wanted),
		Evidence: []string{wanted + " comes from " + origin}}}
}

// misreadClusterLines returns the problems of lines that should set the cluster. It leaves out a line with an empty
// cluster, because clusterUnset reports that better.
func misreadClusterLines(s *subject.Settings, problems []ecsconfig.Problem) []ecsconfig.Problem {
	return slices.DeleteFunc(ecsconfig.Of(problems, "ECS_CLUSTER"), func(p ecsconfig.Problem) bool {
		named := s.InFiles("ECS_CLUSTER")
		return named.Raw == "" && named.Line == p.Line && named.File == p.File && p.Severity == ecsconfig.Ignored
	})
}

// notRestarted returns the finding for an ECS agent that started before its files named the right cluster.
func (g Group) notRestarted(s *subject.Settings, named ecsconfig.Value) check.Finding {
	return check.Finding{Kind: ECSConfigNotApplied, Status: check.Fail, Fix: g.nameCluster(s),
		Summary: fmt.Sprintf("%s: ECS_CLUSTER is %s, but the running ECS agent still uses %s",
			named.Where(), named.Text, s.Cluster().Text),
		Evidence: []string{"the ECS agent reads its settings only when it starts"}}
}

// clusterMisread returns the finding for lines that should set the cluster but do not.
func (g Group) clusterMisread(s *subject.Settings, lines []ecsconfig.Problem, reads ecsconfig.Value, invalid error) check.Finding {
	worst := slices.MaxFunc(lines, func(a, b ecsconfig.Problem) int { return cmp.Compare(a.Severity, b.Severity) })
	others := slices.DeleteFunc(slices.Clone(lines), func(p ecsconfig.Problem) bool { return p == worst })
	f := g.oneLineFinding(ECSConfigMisread, check.Fail, s, append([]ecsconfig.Problem{worst}, others...))[0]
	if worst.Intended != "" {
		f.Kind = ECSConfigUnknownKey
	}
	if invalid == nil || plainText(reads.Text) {
		f.Evidence = append(f.Evidence, readsCluster(reads))
	}
	f.Fix = g.nameCluster(s)
	return f
}

// readsCluster returns the cluster as the agent reads it. It does not show a line that contains other settings, because
// they may be secrets.
func readsCluster(v ecsconfig.Value) string {
	if v.Origin == ecsconfig.FromDefault {
		return "no line sets a cluster that the ECS agent can read, so it joins the cluster \"default\""
	}
	if !plainText(v.Text) {
		return "the ECS agent reads the rest of the line as the cluster name"
	}
	return fmt.Sprintf("the ECS agent reads cluster %+q", v.Text)
}

func plainText(value string) bool {
	return len(value) < 300 && !slices.ContainsFunc([]byte(value), func(c byte) bool { return c == '=' || c == '{' })
}

func (g Group) clusterUnset(s *subject.Settings, wanted, origin string) check.Finding {
	path := s.Sources.User.Path
	where, what := path, "sets no cluster"
	if named := s.InFiles("ECS_CLUSTER"); named.Origin == ecsconfig.FromFile {
		where, what = named.Where()+":", "ECS_CLUSTER is empty"
	}
	f := check.Finding{Kind: ClusterUnset, Status: check.Warn, Fix: g.nameCluster(s),
		Summary: fmt.Sprintf("%s %s, so the ECS agent joins the cluster \"default\"", where, what)}
	if wanted != "" {
		f.Status = check.Fail
		f.Summary += ", not " + wanted
		f.Evidence = append(f.Evidence, wanted+" comes from "+origin)
	}
	return f
}

// nameCluster returns the fix for a missing or wrong cluster name.
func (g Group) nameCluster(s *subject.Settings) fix.Fix {
	return fix.Do("Set the cluster and restart the ECS agent:", g.join(g.clusterToName(s)))
}

// join returns the command that moves this instance to a cluster. It resets the ECS agent's state only if agent.db
// holds another cluster, because the agent would refuse to leave that cluster.
func (g Group) join(name string) string {
	saved, err := ecsagent.ReadCheckpoint(g.CheckpointPath())
	own := saved.InstanceID == "" || g.Identity.InstanceID == "" || saved.InstanceID == g.Identity.InstanceID
	if errors.Is(err, fs.ErrNotExist) || ownlimit.Of(err) != "" || err == nil &&
		(!own || saved.Cluster == "" || subject.SameCluster(saved.Cluster, name)) {
		return "sudo muster bootstrap --cluster " + name
	}
	return "sudo muster bootstrap --reset-stale-state --cluster " + name
}

// clusterToName returns the cluster for a command: the wanted one, or the one that a misread line probably means, or
// NAME.
func (g Group) clusterToName(s *subject.Settings) string {
	if wanted, _ := g.Wanted(); wanted != "" {
		if ref, err := cluster.Parse(wanted); err == nil && g.joinable(ref) {
			return wanted
		}
		if likely := ecsconfig.LikelyCluster(wanted); likely != "" && likely != wanted {
			return likely
		}
	}
	file, err := ecsconfig.Parse(s.Sources.User.Data), s.Sources.User.Err
	file.Repair()
	if name, ok := file.Get("ECS_CLUSTER"); ok && err == nil {
		if likely := ecsconfig.LikelyCluster(name); likely != "" {
			return likely
		}
	}
	return cmp.Or(g.MisplacedName(), "NAME")
}

// joinable reports whether this instance can join the cluster: region and account are equal to the instance's, or
// unknown.
func (g Group) joinable(ref cluster.Ref) bool {
	return (ref.Region == "" || g.Identity.Region == "" || ref.Region == g.Identity.Region) &&
		(ref.Account == "" || g.Identity.AccountID == "" || ref.Account == g.Identity.AccountID)
}

// notJoinable returns the finding for an ARN of another region or account. An instance can only join a cluster of its
// own region and account.
func (g Group) notJoinable(reads ecsconfig.Value, ref cluster.Ref) []check.Finding {
	if g.joinable(ref) {
		return nil
	}
	f := check.Finding{Kind: WrongRegion, Status: check.Fail,
		Evidence: []string{"an instance can only join a cluster in its own region and account"},
		Summary: fmt.Sprintf("%s: ECS_CLUSTER is a cluster in region %s, but this instance is in %s",
			reads.Where(), ref.Region, g.Identity.Region),
		Fix: fix.Do("Set a cluster in this region and restart the ECS agent:", g.join(ref.Name))}
	if ref.Region == g.Identity.Region {
		f.Kind = WrongAccount
		f.Summary = fmt.Sprintf("%s: ECS_CLUSTER is a cluster in account %s, but this instance is in %s",
			reads.Where(), ref.Account, g.Identity.AccountID)
		f.Fix.Text = "Set a cluster in this account and restart the ECS agent:"
	}
	return []check.Finding{f}
}
