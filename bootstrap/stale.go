package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/host/ecsagent"
)

func (r *run) checkpointPath() string {
	return filepath.Join(r.Config.Path(r.Config.ECSDataDir), "agent.db")
}

// stale is a checkpoint that prevents the ECS agent from registering in the wanted cluster.
type stale struct {
	ecsagent.Checkpoint
	what  string // what is wrong with the checkpoint
	why   string // evidence
	fatal bool   // the ECS agent is known to refuse to start with this checkpoint
}

// checkpoint reads what the ECS agent saved in agent.db. The agent compares the text of the saved cluster with the
// configured one (agent/app/agent.go, setClusterInConfig), so a name and the ARN of the same cluster do not match. If
// both mean the same cluster, checkpoint returns the saved spelling to write to ecs.config.
func (r *run) checkpoint() (write cluster.Ref, bad *stale) {
	saved, err := ecsagent.ReadCheckpoint(r.checkpointPath())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.wanted, nil
	case err != nil:
		r.warn("checkpoint", "%v; the ECS agent may reject the file too", err)
		return r.wanted, nil
	case saved.InstanceID != "" && saved.InstanceID != r.Identity.InstanceID:
		r.info("checkpoint", "agent.db belongs to %s, probably from the image; the ECS agent replaces it", saved.InstanceID)
		return r.wanted, nil
	case saved.Cluster == "":
		return r.wanted, nil
	}
	write = r.wanted
	was, err := cluster.Parse(saved.Cluster)
	switch {
	case err != nil || !cluster.Same(was, r.wanted):
		return write, &stale{saved, fmt.Sprintf("agent.db holds cluster %q for this instance, not %s", saved.Cluster, r.wanted),
			r.checkpointPath() + ": the ECS agent would refuse to start in " + r.wanted.Text, true}
	case was.Text != r.wanted.Text:
		r.info("checkpoint", "agent.db spells the cluster %s; ecs.config gets the same spelling, because the ECS agent compares the text", was)
		write = was
	}
	if r.deregistered(saved.ContainerInstanceARN) {
		return write, &stale{saved, "agent.db holds a container instance that was deregistered",
			r.checkpointPath() + ": " + saved.ContainerInstanceARN, false}
	}
	return write, nil
}

// deregistered reports whether the container instance is known to be deregistered, from an earlier verify or from the
// ECS agent's log. It makes no API call.
func (r *run) deregistered(arn string) bool {
	if arn == "" {
		return false
	}
	before := r.lastReport()
	if before.ContainerInstanceARN == arn && before.Cause != nil && before.Cause.ID == "container-instance-inactive" {
		return true
	}
	logged, _ := ecsagent.ReadLogs(r.Config.Path(r.Config.ECSLogDir), ecsagent.Options{}) // without a log, the result is false
	other := strings.Contains(logged.Message, ":container-instance/") && !strings.Contains(logged.Message, arn)
	return logged.Cause.ID == "agent-deregistered" && !other
}

// staleState returns the error for a stale checkpoint that is not moved aside.
func (r *run) staleState(bad *stale) error {
	commands := []string{r.again(r.wanted.Text, "--reset-stale-state")}
	text := "Move the file aside:"
	if bad.ContainerInstanceARN != "" && !cluster.SameText(bad.Cluster, r.wanted.Text) {
		text = "Move the file aside, then deregister the entry in the old cluster:"
		commands = append(commands, fmt.Sprintf("aws ecs deregister-container-instance --force --cluster %s --container-instance %s --region %s",
			bad.Cluster, bad.ContainerInstanceARN, r.Identity.Region))
	}
	return fix.Because(errors.New(bad.what), []string{bad.why}, fix.Do(text, commands...))
}

// moveStale moves agent.db aside. A running agent keeps its open file, and starts without a checkpoint after its
// restart.
func (r *run) moveStale() error {
	aside, err := ecsagent.SetAside(r.checkpointPath(), time.Now())
	if err != nil {
		return err
	}
	r.info("checkpoint", "agent.db was stale; moved aside to %s", aside)
	return nil
}
