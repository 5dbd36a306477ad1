package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"muster/internal/cluster"
	"muster/internal/ecsagent"
	"muster/internal/fix"
)

func (r *run) checkpointPath() string {
	return filepath.Join(r.cfg.Path(r.cfg.ECSDataDir), "agent.db")
}

// checkpoint reads what the ECS agent remembers. The agent compares the
// cluster it saved with the one it is told letter by letter (agent/app/agent.go,
// setClusterInConfig): a name and the ARN of the same cluster do not match. So
// when both mean the same cluster, the saved spelling is the one to write.
func (r *run) checkpoint() (write cluster.Ref, stale *ecsagent.Checkpoint) {
	saved, err := ecsagent.ReadCheckpoint(r.checkpointPath())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.wanted, nil
	case err != nil:
		r.warn("checkpoint", "%v; the ECS agent may refuse it too", err)
		return r.wanted, nil
	case saved.InstanceID != "" && saved.InstanceID != r.id.InstanceID:
		r.say("checkpoint", "agent.db is of %s, from the image; the ECS agent starts over by itself", saved.InstanceID)
		return r.wanted, nil
	case saved.Cluster == "" || saved.Cluster == r.wanted.Text:
		return r.wanted, nil
	}
	was, err := cluster.Parse(saved.Cluster)
	if err == nil && cluster.Same(was, r.wanted) {
		r.say("checkpoint", "agent.db spells the cluster %s; so does ecs.config now, because the ECS agent compares the text", was)
		return was, nil
	}
	return r.wanted, &saved
}

// staleState says what will happen with a stale checkpoint, and how to go on.
func (r *run) staleState(saved *ecsagent.Checkpoint) error {
	return fix.Wrap(
		fmt.Errorf("%s holds cluster %q for this instance: the ECS agent would refuse to start in %s", r.checkpointPath(), saved.Cluster, r.wanted),
		fix.Do("Move the file aside, then deregister the entry in the old cluster:",
			"muster bootstrap --reset-stale-state --cluster "+r.wanted.Text,
			fmt.Sprintf("aws ecs deregister-container-instance --force --cluster %s --container-instance %s", saved.Cluster, saved.ContainerInstanceARN)),
	)
}

// moveStale moves agent.db aside. A running agent goes on with the file that it
// has open, and finds none when it is started again.
func (r *run) moveStale() error {
	aside, err := ecsagent.SetAside(r.checkpointPath(), time.Now())
	if err != nil {
		return err
	}
	r.say("checkpoint", "agent.db held another cluster for this instance; moved aside to %s", aside)
	return nil
}
