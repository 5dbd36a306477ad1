package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"muster/internal/base/fix"
	"muster/internal/host/ecsagent"
	"muster/internal/host/ecsconfig"
)

// checkpoint reads what the ECS agent remembers of an earlier start. The agent
// compares the cluster in it with the one in ecs.config letter by letter
// (agent/app/agent.go, setClusterInConfig); another instance's checkpoint it
// overwrites.
func (w World) checkpoint(ctx context.Context) []Finding {
	path := w.checkpointPath()
	if isEmptyFile(path) { // bbolt makes a database of it
		return Passed(path + " is empty: the ECS agent starts without saved state")
	}
	saved, err := ecsagent.ReadCheckpoint(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Skipped(path + " does not exist: the ECS agent has not registered from this disk yet")
	case ownLimit(err) != nil:
		return ownLimit(err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, ecsagent.ErrMoving):
		return CouldNotLook(err, fix.Do("Run muster as root:", "sudo muster debug"))
	case err != nil:
		return []Finding{{Kind: CheckpointDamaged, Status: Fail, Fix: w.registerAnew(), SymptomOf: []*Kind{DiskCheck},
			Summary: "agent.db is damaged: the ECS agent may fail to start", Evidence: []string{err.Error()}}}
	}
	seen := fmt.Sprintf("%s: cluster %s, instance %s, %s, agent %s",
		path, saved.Cluster, saved.InstanceID, saved.ContainerInstanceARN, saved.AgentVersion)
	if saved.InstanceID != "" && w.Identity.InstanceID != "" && saved.InstanceID != w.Identity.InstanceID {
		return []Finding{{Kind: CheckpointOfOtherInstance, Status: Warn,
			Summary:  "agent.db belongs to " + saved.InstanceID + ", probably from the image; the ECS agent replaces it",
			Evidence: []string{seen}, Fix: fix.Do("On the instance that the next image is made from, remove the file first:", "sudo rm "+path)}}
	}
	if f, bad := w.mismatch(saved, seen); bad {
		if w.isRegistered(ctx) {
			f.Status = Warn // it is in the cluster that it saved, until its next start
		}
		return []Finding{f}
	}
	if saved.ContainerInstanceARN == "" {
		return Passed("the ECS agent has saved no registration", seen)
	}
	return Passed("the ECS agent has saved cluster "+saved.Cluster, seen)
}

// mismatch is the finding where the ECS agent will refuse its own checkpoint. The
// one without a cluster in its settings is in the cluster called default.
func (w World) mismatch(saved ecsagent.Checkpoint, seen string) (f Finding, bad bool) {
	s := w.agentSettings()
	reads := s.next.Cluster()
	running := reads.Origin == ecsconfig.FromDefault && s.Cluster().Text == saved.Cluster // of docker run
	if saved.Cluster == "" || saved.Cluster == reads.Text || running || s.denied() != nil {
		return Finding{}, false
	}
	where := reads.Where() + ": ECS_CLUSTER"
	if reads.Origin == ecsconfig.FromDefault {
		where = s.sources.User.Path
	}
	f = Finding{Kind: SavedClusterMismatch, Status: Fail,
		Evidence: []string{seen, "the ECS agent compares the two as text when it starts, and exits with code 5 if they differ"},
		// A misread ecs.config names a cluster that nobody meant, and an agent that
		// runs in the wrong cluster has saved that one.
		SymptomOf: []*Kind{ECSConfigCheck, WrongCluster}}
	rename := fix.Do("Spell the cluster as agent.db does, which keeps the registration:", "sudo muster bootstrap --cluster "+saved.Cluster)
	if sameCluster(saved.Cluster, reads.Text) {
		f.Summary = where + " and agent.db spell the cluster differently"
		f.Evidence = append(f.Evidence, fmt.Sprintf("agent.db: %s; %s: %s", saved.Cluster, reads.Where(), reads.Text))
		f.Fix = rename
		return f, true
	}
	f.Summary = fmt.Sprintf("%s names cluster %+q, but agent.db holds %s for this instance", where, reads.Text, saved.Cluster)
	switch {
	case strings.EqualFold(nameOf(saved.Cluster), nameOf(reads.Text)):
		f.Fix = rename
	case saved.ContainerInstanceARN != "":
		f.Fix = fix.Do("Move the saved state aside, restart the ECS agent, then deregister the old entry:", w.join(reads.Text), fmt.Sprintf("aws ecs deregister-container-instance --force --region %s --cluster %s --container-instance %s",
			w.region(), saved.Cluster, saved.ContainerInstanceARN))
	default:
		f.Fix = fix.Do("Move the saved state aside and restart the ECS agent:", w.join(reads.Text))
	}
	return f, true
}

func (w World) checkpointPath() string {
	return filepath.Join(w.Config.Path(w.Config.ECSDataDir), "agent.db")
}

func isEmptyFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == 0
}
