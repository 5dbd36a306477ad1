package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"muster/internal/ecsagent"
	"muster/internal/fix"
)

// checkpoint reads what the ECS agent remembers of an earlier start. The agent
// compares the cluster in it with the one in ecs.config letter by letter
// (agent/app/agent.go, setClusterInConfig); another instance's checkpoint it
// overwrites.
func (w World) checkpoint(context.Context) []Finding {
	path := w.checkpointPath()
	saved, err := ecsagent.ReadCheckpoint(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Skipped("there is no " + path + ": the ECS agent has not registered from this disk yet")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, ecsagent.ErrMoving):
		return CouldNotLook(err, fix.Do("run it as root: sudo muster debug"))
	case err != nil:
		return []Finding{{ID: "checkpoint-damaged", Status: Fail, Summary: "the ECS agent's checkpoint is damaged, and the agent may not start with it",
			Evidence: []string{err.Error()}, Fix: fix.Do(setAside(path)), SymptomOf: []string{"disk"}}}
	}
	seen := fmt.Sprintf("%s: cluster %s, instance %s, %s, agent %s", path, saved.Cluster, saved.InstanceID, saved.ContainerInstanceARN, saved.AgentVersion)
	if saved.InstanceID != "" && w.Identity.InstanceID != "" && saved.InstanceID != w.Identity.InstanceID {
		return []Finding{{ID: "checkpoint-of-other-instance", Status: Warn, Summary: "agent.db is of " + saved.InstanceID + ": it was baked into the image, and the ECS agent starts over by itself",
			Evidence: []string{seen}, Fix: fix.Do("remove " + path + " before the next image is made")}}
	}
	if configured := w.configured(); saved.Cluster != "" && configured != "" && saved.Cluster != configured {
		return []Finding{mismatch(saved, configured, path, seen)}
	}
	if saved.ContainerInstanceARN == "" {
		return Passed("the ECS agent remembers no registration", seen)
	}
	return Passed("the ECS agent remembers cluster "+saved.Cluster, seen)
}

// configured is the cluster that the ECS agent reads in ecs.config.
func (w World) configured() string {
	file, _ := w.agentConfig(w.Config.ECSConfig) // the check of it says why not
	name, _ := file.Get("ECS_CLUSTER")
	return name
}

func mismatch(saved ecsagent.Checkpoint, configured, path, seen string) Finding {
	return Finding{
		ID: "saved-cluster-mismatch", Status: Fail,
		Summary:  fmt.Sprintf("agent.db holds cluster %s for this same instance, and ecs.config names %+q: with that the ECS agent refuses to start", saved.Cluster, configured),
		Evidence: []string{seen},
		Fix: fix.Do(fmt.Sprintf("%s; then deregister the old entry: aws ecs deregister-container-instance --force --cluster %s --container-instance %s",
			setAside(path), saved.Cluster, saved.ContainerInstanceARN)),
		// A misread ecs.config names a cluster that nobody meant, and an agent that
		// runs in the wrong cluster has saved that one.
		SymptomOf: []string{"ecs-config", "wrong-cluster"},
	}
}

func setAside(path string) string {
	return "systemctl stop ecs && mv " + path + "{,.old} && systemctl --no-block start ecs"
}

func (w World) checkpointPath() string {
	return filepath.Join(w.Config.Path(w.Config.ECSDataDir), "agent.db")
}
