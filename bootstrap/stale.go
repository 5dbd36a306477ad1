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

// stale is a checkpoint with which the ECS agent cannot register where it should.
type stale struct {
	ecsagent.Checkpoint
	what  string // is wrong with it
	why   string // evidence
	fatal bool   // the ECS agent is known to refuse to start with it
}

// checkpoint reads what the ECS agent saved. The agent compares the saved cluster
// with the configured one letter by letter (agent/app/agent.go, setClusterInConfig):
// a name and the ARN of the same cluster do not match. So when both mean the same
// cluster, the saved spelling is the one to write.
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

// deregistered reports whether an earlier verify learned from ECS, or the ECS agent
// logged, that the container instance is gone. bootstrap spends no call of its own on it.
func (r *run) deregistered(arn string) bool {
	if arn == "" {
		return false
	}
	before := r.lastReport()
	if before.ContainerInstanceARN == arn && before.Cause != nil && before.Cause.ID == "container-instance-inactive" {
		return true
	}
	logged, _ := ecsagent.ReadLogs(r.Config.Path(r.Config.ECSLogDir), ecsagent.Options{}) // without a log nothing is known
	other := strings.Contains(logged.Message, ":container-instance/") && !strings.Contains(logged.Message, arn)
	return logged.Cause.ID == "agent-deregistered" && !other
}

// staleState is the error on a stale checkpoint that is not moved aside.
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

// moveStale moves agent.db aside. A running agent keeps the file that it has open,
// and finds none after its restart.
func (r *run) moveStale() error {
	aside, err := ecsagent.SetAside(r.checkpointPath(), time.Now())
	if err != nil {
		return err
	}
	r.info("checkpoint", "agent.db was stale; moved aside to %s", aside)
	return nil
}
