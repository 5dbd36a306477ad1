package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"muster/internal/ecsagent"
	"muster/internal/fix"
	"muster/internal/redact"
)

// agentLog looks for the ECS agent's own words on why it does not register: since
// its newest registration, and not from before this boot or the bootstrap in it.
// On an instance that is registered they are a warning.
func (w World) agentLog(ctx context.Context) []Finding {
	trouble, err := ecsagent.ReadLogs(w.Config.Path(w.Config.ECSLogDir), w.Record.Since())
	var found []Finding
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Skipped("the ECS agent and ecs-init have not logged anything yet")
	case errors.Is(err, fs.ErrPermission):
		found = CouldNotLook(err, fix.Do("run it as root: sudo muster debug"))
	case err != nil:
		found = CouldNotLook(err, fix.Fix{})
	}
	f, bad := troubleFinding(trouble)
	switch {
	case bad && w.isRegistered(ctx):
		f.Status = Warn
		fallthrough
	case bad:
		found = append(found, f)
	case err == nil:
		return Passed("no error of the ECS agent's that would keep it from registering")
	}
	return found
}

// isRegistered says whether the ECS agent has a registration. It is asked here
// and not where registered does, because that needs no log.
func (w World) isRegistered(ctx context.Context) bool {
	if w.Agent == nil {
		return false
	}
	meta, err := w.Agent.Metadata(ctx)
	return err == nil && meta.ContainerInstanceARN != ""
}

func troubleFinding(t ecsagent.Trouble) (f Finding, bad bool) {
	var exits []string
	if t.Exits > 0 {
		exits = append(exits, fmt.Sprintf("the ECS agent exited %d times, last with code %d", t.Exits, t.ExitCode))
	}
	switch {
	case t.Cause.ID != "":
		return Finding{ID: t.Cause.ID, Status: Fail, Summary: t.Cause.Summary, Fix: fix.Do(t.Cause.Remedy), SymptomOf: behind(t.Cause.ID),
			Evidence: append(exits, fmt.Sprintf("%s:%d: %s", t.File, t.Line, redact.Log(t.Message)))}, true
	case t.Exits > 0 && t.ExitCode != 0: // 0: it was stopped
		return Finding{ID: "agent-exits", Status: Fail, Summary: exits[0] + ", and says nowhere why",
			Fix: fix.Do("docker logs --tail 20 ecs-agent; less +G /var/log/ecs/ecs-init.log"), SymptomOf: suspects()}, true
	}
	return Finding{}, false
}

// suspects explain an error that is not understood.
func suspects() []string {
	return append(network(), "imds", "instance-role", "user-data", "disk", "pressure", "clock", "docker", "agent-image", "ecs-config", "checkpoint", "cluster")
}

// behind are what explains a cause that the log shows: whatever muster has seen
// for itself stands before what the agent says of it.
func behind(cause string) []string {
	switch cause {
	case "cluster-not-found", "cluster-deleted":
		return []string{"ecs-config", "cluster"}
	case "stale-checkpoint":
		return []string{"ecs-config", "checkpoint"}
	case "agent-deregistered":
		return []string{"container-instance"}
	case "agent-user-data-not-run":
		return []string{"user-data"}
	case "invalid-json-setting", "invalid-attributes", "reserved-memory-too-high":
		return []string{"ecs-config"}
	case "agent-clock-skew":
		return []string{"clock"}
	case "access-denied":
		return []string{"instance-role", "vpc-path", "poll-endpoint"}
	case "agent-imds-unreachable":
		return []string{"imds", "proxy"}
	case "no-credentials":
		return []string{"imds", "instance-role", "proxy"}
	case "docker-unreachable":
		return []string{"docker", "disk"}
	case "agent-image-missing":
		return append(network(), "docker", "agent-image", "disk")
	case "agent-disk-full":
		return []string{"disk"}
	case "agent-tls-untrusted", "agent-dns-failure", "network-timeout", "connection-refused":
		return append(network(), "clock", "wrong-region")
	case ecsagent.Unrecognized:
		return suspects()
	}
	return nil
}
