package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"muster/internal/dockerapi"
	"muster/internal/fix"
)

// Engine is the Docker Engine, read only.
type Engine interface {
	Ping(ctx context.Context) (dockerapi.Version, error)
	AgentContainer(ctx context.Context) (dockerapi.AgentContainer, bool, error)
	Containers
}

const (
	dockerUnit = "docker.service"
	// A healthy Engine answers a ping in milliseconds.
	pingTimeout = 5 * time.Second
)

// dockerChecks look at the Docker Engine, and at the ECS agent as its container.
func dockerChecks(w World) []Check {
	return []Check{
		{ID: "docker", Group: Docker, Title: "the Docker Engine answers", Run: w.docker, Timeout: pingTimeout + 2*time.Second,
			Findings: []string{"docker-not-running", "docker-hung", "docker-denied", "docker-garbled"}},
		{ID: "agent-image", Group: Docker, Title: "the ECS agent's container is there", Run: w.agentImage, Needs: []string{"docker"},
			Findings: []string{"agent-not-cached", "agent-container-missing", "agent-container-down", "agent-out-of-memory"}},
	}
}

// noEngine is the finding where there is no Engine to ask.
func (w World) noEngine() []Finding {
	if w.NoEngine != nil {
		return CouldNotLook(w.NoEngine, fix.Do("correct MUSTER_DOCKER_HOST"))
	}
	return Skipped("there is no Docker Engine to look at")
}

func (w World) docker(ctx context.Context) []Finding {
	if w.Engine == nil {
		return w.noEngine()
	}
	pinging, stop := context.WithTimeout(ctx, pingTimeout)
	defer stop()
	version, err := w.Engine.Ping(pinging)
	if err == nil {
		return Passed("the Docker Engine answers; its API is " + version.API)
	}
	f := dockerFinding(err)
	f.Evidence = append([]string{err.Error()}, w.unitEvidence(ctx, dockerUnit)...)
	return []Finding{f}
}

func dockerFinding(err error) Finding {
	const journal = "journalctl -b -u docker -n 50 says why; "
	switch {
	case errors.Is(err, dockerapi.ErrDenied):
		return Finding{ID: "docker-denied", Status: Unknown, Summary: "this user may not ask the Docker Engine", Fix: fix.Do("run it as root: sudo muster debug")}
	case errors.Is(err, dockerapi.ErrNotRunning):
		return Finding{ID: "docker-not-running", Status: Fail, Summary: "the Docker Engine is not running", SymptomOf: []string{"disk"},
			Fix: fix.Do(journal + "then: systemctl start docker && systemctl --no-block restart ecs")}
	case errors.Is(err, dockerapi.ErrHung), errors.Is(err, context.DeadlineExceeded):
		return Finding{ID: "docker-hung", Status: Fail, Summary: "the Docker Engine takes connections and does not answer", SymptomOf: []string{"disk", "pressure"},
			Fix: fix.Do(journal + "then: systemctl kill -s KILL docker && systemctl start docker")}
	}
	return Finding{ID: "docker-garbled", Status: Fail, Summary: "something else than a Docker Engine answers on its socket", Fix: fix.Do(journal + "find who listens with: ss -lxp | grep docker.sock")}
}

func (w World) agentImage(ctx context.Context) []Finding {
	if w.Engine == nil {
		return w.noEngine()
	}
	c, there, err := w.Engine.AgentContainer(ctx)
	if err != nil {
		return CouldNotLook(err, fix.Fix{})
	}
	if !there {
		return []Finding{w.noAgent()}
	}
	state := fmt.Sprintf("container ecs-agent (%s) is %s, exit code %d", c.Image, c.Status, c.ExitCode)
	switch {
	case c.OOMKilled:
		return []Finding{{ID: "agent-out-of-memory", Status: Fail, Summary: "the ECS agent's container was killed for memory", Evidence: []string{state},
			Fix: fix.Do("use a larger instance, or raise ECS_RESERVED_MEMORY so that tasks leave room"), SymptomOf: []string{"pressure"}}}
	case !c.Running:
		return []Finding{{ID: "agent-container-down", Status: Warn, Summary: state, Fix: fix.Do("its last words: docker logs --tail 20 ecs-agent")}}
	}
	return Passed("container ecs-agent runs "+c.Image, state)
}

// noAgent tells an agent that was not started from one that cannot be: ecs-init
// loads its image from a cache, and where that is empty downloads it
// (ecs-init/cache/cache.go AgentCacheStatus, ecs-init/engine/engine.go PreStart).
func (w World) noAgent() Finding {
	dir := w.Config.Path("/var/cache/ecs")
	_, err := os.Stat(dir)
	for _, name := range []string{"ecs-agent.tar", "state"} {
		if path := filepath.Join(dir, name); err == nil && isEmpty(path) {
			return Finding{ID: "agent-not-cached", Status: Fail, Summary: "there is no container ecs-agent, and no image to make one of: " + path + " is missing or empty, so ecs-init must download it",
				Fix:       fix.Do("ls -l " + dir + "; on an ECS-optimized AMI: dnf reinstall ecs-init; ecs-init downloads the image from S3, which needs a way there"),
				SymptomOf: slices.Concat(network(), []string{"disk"}, unitNotStarted())}
		}
	}
	return Finding{ID: "agent-container-missing", Status: Warn, Summary: "there is no container ecs-agent: ecs-init has not started one", Fix: fix.Do("systemctl status ecs")}
}

func isEmpty(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Size() == 0
}
