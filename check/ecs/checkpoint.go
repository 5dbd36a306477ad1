package ecs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/host/ecsagent"
	"muster/internal/host/ecsconfig"
)

// checkpoint checks the ECS agent's saved state. The agent compares its cluster with the one in ecs.config as text
// (agent/app/agent.go, setClusterInConfig). It overwrites the saved state of another instance.
func (g Group) checkpoint(ctx context.Context) []check.Finding {
	path := g.CheckpointPath()
	if isEmptyFile(path) { // bbolt turns an empty file into a database
		return check.Passed(path + " is empty: the ECS agent starts without saved state")
	}
	saved, err := ecsagent.ReadCheckpoint(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return check.Skipped(path + " does not exist: the ECS agent has not registered from this disk yet")
	case check.OwnLimit(err) != nil:
		return check.OwnLimit(err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, ecsagent.ErrMoving):
		return check.Undetermined(err, fix.Do("Run muster as root:", "sudo muster debug"))
	case err != nil:
		return []check.Finding{
			{Kind: CheckpointDamaged, Status: check.Fail, Fix: g.registerAnew(), SymptomOf: []*check.Kind{g.Others.DiskCheck},
				Summary: "agent.db is damaged: the ECS agent may fail to start", Evidence: []string{err.Error()}},
		}
	}
	seen := fmt.Sprintf("%s: cluster %s, instance %s, %s, agent %s",
		path, saved.Cluster, saved.InstanceID, saved.ContainerInstanceARN, saved.AgentVersion)
	if saved.InstanceID != "" && g.Identity.InstanceID != "" && saved.InstanceID != g.Identity.InstanceID {
		return []check.Finding{
			{
				Kind:    CheckpointOfOtherInstance,
				Status:  check.Warn,
				Summary: "agent.db belongs to " + saved.InstanceID + ", probably from the image; the ECS agent replaces it",
				Evidence: []string{
					seen,
				},
				Fix: fix.Do("On the instance that the next image is made from, remove the file first:", "sudo rm "+path),
			},
		}
	}
	if f, bad := g.mismatch(saved, seen); bad {
		if g.Registered(ctx) {
			f.Status = check.Warn // the agent stays in the saved cluster until its next start
		}
		return []check.Finding{f}
	}
	if saved.ContainerInstanceARN == "" {
		return check.Passed("the ECS agent has saved no registration", seen)
	}
	return check.Passed("the ECS agent has saved cluster "+saved.Cluster, seen)
}

// mismatch returns the finding for saved state that the ECS agent will reject. Without a cluster in its settings, the
// agent joins the cluster "default".
func (g Group) mismatch(saved ecsagent.Checkpoint, seen string) (f check.Finding, bad bool) {
	s := g.Settings()
	reads := s.Next.Cluster()
	running := reads.Origin == ecsconfig.FromDefault && s.Cluster().Text == saved.Cluster // the cluster was passed with docker run
	if saved.Cluster == "" || saved.Cluster == reads.Text || running || s.Denied() != nil {
		return check.Finding{}, false
	}
	where := reads.Where() + ": ECS_CLUSTER"
	if reads.Origin == ecsconfig.FromDefault {
		where = s.Sources.User.Path
	}
	f = check.Finding{Kind: SavedClusterMismatch, Status: check.Fail,
		Evidence: []string{seen, "the ECS agent compares the two as text when it starts, and exits with code 5 if they differ"},
		// A misread ecs.config names an unintended cluster, and an agent in the wrong cluster has saved that cluster.
		SymptomOf: []*check.Kind{ECSConfigCheck, WrongCluster}}
	rename := fix.Do("Spell the cluster as agent.db does, which keeps the registration:", "sudo muster bootstrap --cluster "+saved.Cluster)
	if subject.SameCluster(saved.Cluster, reads.Text) {
		f.Summary = where + " and agent.db spell the cluster differently"
		f.Evidence = append(f.Evidence, fmt.Sprintf("agent.db: %s; %s: %s", saved.Cluster, reads.Where(), reads.Text))
		f.Fix = rename
		return f, true
	}
	f.Summary = fmt.Sprintf("%s names cluster %+q, but agent.db holds %s for this instance", where, reads.Text, saved.Cluster)
	switch {
	case strings.EqualFold(subject.NameOf(saved.Cluster), subject.NameOf(reads.Text)):
		f.Fix = rename
	case saved.ContainerInstanceARN != "":
		f.Fix = fix.Do("Move the saved state aside, restart the ECS agent, then deregister the old entry:", g.join(reads.Text),
			fmt.Sprintf("aws ecs deregister-container-instance --force --region %s --cluster %s --container-instance %s",
				g.Region(), saved.Cluster, saved.ContainerInstanceARN))
	default:
		f.Fix = fix.Do("Move the saved state aside and restart the ECS agent:", g.join(reads.Text))
	}
	return f, true
}

func isEmptyFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == 0
}
