package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"muster/internal/base/fix"
	"muster/internal/host/dockerapi"
	"muster/internal/host/units"
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

// dockerChecks cover the Docker Engine, and the ECS agent as its container.
func dockerChecks(w World) []Check {
	return []Check{
		{Kind: DockerCheck, Group: Docker, Title: "the Docker Engine answers", Run: w.docker, Timeout: pingTimeout + 2*time.Second,
			Findings: []*Kind{DockerNotRunning, DockerHung, DockerRejects, DockerUnsupported, DockerDenied, DockerGarbled}},
		{Kind: AgentImageCheck, Group: Docker, Title: "the ECS agent's container runs", Run: w.agentImage, Needs: []*Kind{DockerCheck},
			Findings: []*Kind{AgentNotCached, AgentContainerMissing, AgentContainerDown, AgentOutOfMemory}},
	}
}

// noEngine is the finding where there is no Engine to ask.
func (w World) noEngine() []Finding {
	if w.NoEngine != nil {
		return CouldNotLook(w.NoEngine, fix.Do("Correct MUSTER_DOCKER_HOST."))
	}
	return Skipped("no Docker Engine is available to check")
}

func (w World) docker(ctx context.Context) []Finding {
	if w.Engine == nil {
		return w.noEngine()
	}
	pinging, stop := context.WithTimeout(ctx, pingTimeout)
	defer stop()
	version, err := w.Engine.Ping(pinging)
	if err == nil {
		return Passed("the Docker Engine answers with API " + version.API)
	}
	if unknown := ownLimit(err); unknown != nil {
		return unknown
	}
	f := dockerFinding(err)
	if f.Kind == DockerNotRunning && w.Units != nil && !w.known(ctx, dockerUnit) {
		w.notInstalled(&f)
	}
	f.Evidence = append([]string{err.Error()}, w.unitEvidence(ctx, dockerUnit)...)
	if f.Status == Fail && w.userDataHolds(ctx, dockerUnit) {
		f = w.heldDocker(ctx, f)
	} else if f.Status == Fail && w.userDataHolds(ctx, ecsUnit) {
		f.Fix, f.SymptomOf = fix.Fix{}, append(f.SymptomOf, ECSUnitWaiting)
	}
	return []Finding{f}
}

// notInstalled: Amazon Linux has Docker among its own packages, and others do not:
// RHEL's podman-docker only takes the name.
func (w World) notInstalled(f *Finding) {
	f.Summary = "Docker is not installed: there is no " + dockerUnit
	f.Fix = fix.Do("Use an ECS-optimized AMI, or install the Docker Engine from Docker's own package repository.")
	if id, _ := w.osRelease(); id == "amzn" {
		f.Fix = fix.Do("Use an ECS-optimized AMI, or install Docker and start the ECS agent:",
			"sudo dnf install -y docker", "sudo systemctl enable --now docker", "sudo systemctl --no-block restart ecs")
	}
}

// known reports whether systemd has the unit, or could not be asked.
func (w World) known(ctx context.Context, unit string) bool {
	s, err := w.Units.Show(ctx, unit)
	return err != nil || s.LoadState != units.NotFound
}

// heldDocker is an Engine whose unit waits in systemd's queue while user data
// runs: starting it by hand would only add another waiting job.
func (w World) heldDocker(ctx context.Context, f Finding) Finding {
	f.Summary = dockerUnit + " waits for user data, which is still running"
	f.Evidence = append(f.Evidence, w.unitEvidence(ctx, userDataUnit)...)
	f.SymptomOf = append(f.SymptomOf, ECSUnitWaiting)
	f.Fix = fix.Do("Stop the command that blocks user data, and use --no-block in user data:", "systemctl list-jobs", "systemd-cgls --no-pager -u "+userDataUnit, "sudo kill PID")
	f.Confirm = "systemd-cgls shows a systemctl process without --no-block"
	return f
}

func dockerFinding(err error) Finding {
	const journal = "sudo journalctl -b -u docker -n 50 --no-pager"
	switch {
	case errors.Is(err, dockerapi.ErrDenied):
		return Finding{Kind: DockerDenied, Status: Unknown, Summary: "permission denied on Docker's socket", Fix: fix.Do("Run muster as root:", "sudo muster debug")}
	case errors.Is(err, dockerapi.ErrNotRunning):
		return Finding{Kind: DockerNotRunning, Status: Fail, Summary: "the Docker Engine is not running", SymptomOf: []*Kind{DiskCheck},
			Fix: fix.Do("Find out why, fix it, then start Docker and the ECS agent:", journal, "sudo systemctl start docker", "sudo systemctl --no-block restart ecs")}
	case errors.Is(err, dockerapi.ErrHung), errors.Is(err, context.DeadlineExceeded):
		return Finding{Kind: DockerHung, Status: Fail, Summary: "the Docker Engine accepts connections but does not answer", SymptomOf: []*Kind{DiskCheck, PressureCheck},
			Fix: fix.Do("Find out why, then kill and restart Docker, which ends the tasks unless live-restore is on:", journal, "sudo systemctl kill -s KILL docker", "sudo systemctl start docker", "sudo systemctl --no-block restart ecs")}
	case errors.Is(err, dockerapi.ErrRejected):
		return Finding{Kind: DockerRejects, Status: Fail, Summary: "the Docker Engine answers a ping with an error", SymptomOf: []*Kind{DiskCheck, PressureCheck},
			Fix: fix.Do("Find out why, then restart Docker, which ends the tasks unless live-restore is on:", journal, "sudo systemctl restart docker", "sudo systemctl --no-block restart ecs")}
	case errors.Is(err, dockerapi.ErrTooOld):
		return Finding{Kind: DockerUnsupported, Status: Unknown, Summary: "the Docker Engine is older than 19.03, so muster cannot check it",
			Fix: fix.Do("Use a current ECS-optimized AMI, or update Docker, which ends the tasks:", "sudo yum update -y docker", "sudo systemctl restart docker", "sudo systemctl --no-block restart ecs")}
	}
	return Finding{Kind: DockerGarbled, Status: Fail, Summary: "something other than a Docker Engine answers on its socket",
		Fix: fix.Do("Find the process that listens on the socket:", "sudo ss -lxp | grep docker.sock", journal)}
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
		return []Finding{w.noAgent(ctx)}
	}
	state := fmt.Sprintf("container ecs-agent (%s): %s, exit code %d", c.Image, c.Status, c.ExitCode)
	if !c.FinishedAt.IsZero() && !c.Running {
		state += ", since " + c.FinishedAt.UTC().Format(time.RFC3339)
	}
	switch {
	case c.Running:
		return Passed("container ecs-agent runs "+c.Image, state)
	case w.isRegistered(ctx):
		return Passed("container ecs-agent is not running, but the ECS agent has registered: it runs under another name", state)
	case c.OOMKilled:
		return []Finding{{Kind: AgentOutOfMemory, Status: Fail, Summary: "the ECS agent's container was killed: it ran out of memory", Evidence: []string{state},
			Fix: fix.Do("Use a larger instance, or raise ECS_RESERVED_MEMORY so that tasks leave memory free, then start the ECS agent:", startUnit), SymptomOf: []*Kind{PressureCheck}}}
	}
	return []Finding{agentDown(c, state)}
}

// agentDown is an agent whose container ended. A signal that the agent did not ask
// for, other than SIGTERM, which stops it, is a failure; of an exit code of its own
// the log says more (agent/sighandlers/exitcodes/exitcodes.go: 0 ends it, 1 is retried, 5 is final).
func agentDown(c dockerapi.AgentContainer, state string) Finding {
	const log = "sudo docker logs --tail 20 ecs-agent"
	f := Finding{Kind: AgentContainerDown, Status: Warn, Summary: fmt.Sprintf("the ECS agent's container is down: it exited with code %d", c.ExitCode), Evidence: []string{state},
		Fix: fix.Do("Read its last log lines:", log)}
	switch {
	case c.Status == "created":
		f.Summary = "the ECS agent's container was created but has not started"
	case c.ExitCode == sigkill:
		f.Status, f.Summary, f.SymptomOf = Fail, "the ECS agent's container was killed from outside (exit code 137, SIGKILL)", []*Kind{PressureCheck, DockerCheck}
		f.Evidence = append(f.Evidence, "Docker reports no out-of-memory kill of this container")
		f.Fix = fix.Do("Start the ECS agent, and find out what killed it:", startUnit, "sudo journalctl -k --no-pager | grep -i 'killed process'", "sudo journalctl -b -u docker -n 50 --no-pager")
	case c.ExitCode > 128 && c.ExitCode != sigterm:
		f.Status, f.Summary, f.SymptomOf = Fail, fmt.Sprintf("the ECS agent's container was terminated by signal %d (exit code %d)", c.ExitCode-128, c.ExitCode), []*Kind{PressureCheck, DockerCheck}
		f.Fix = fix.Do("Start the ECS agent, and read its last log lines:", startUnit, log)
	}
	return f
}

// noAgent tells an agent that was not started from one that cannot be: ecs-init
// loads its image from a cache, and where that is empty downloads it
// (ecs-init/cache/cache.go AgentCacheStatus, ecs-init/engine/engine.go PreStart).
func (w World) noAgent(ctx context.Context) Finding {
	if w.isRegistered(ctx) {
		return Passed("there is no container ecs-agent, but the ECS agent has registered: it runs outside that container")[0]
	}
	dir := w.Config.Path("/var/cache/ecs")
	_, err := os.Stat(dir)
	for _, name := range []string{"ecs-agent.tar", "state"} {
		if path := filepath.Join(dir, name); err == nil && isEmpty(path) {
			return Finding{Kind: AgentNotCached, Status: Fail, Summary: "the ECS agent has no container and no cached image to start one from",
				Evidence:  []string{path + " is missing or empty, so ecs-init must download the image from S3"},
				Fix:       fix.Do("Reinstall ecs-init, which contains the image, or allow access to S3:", "sudo ls -l "+dir, "sudo dnf reinstall -y ecs-init", startUnit),
				SymptomOf: slices.Concat(network(), []*Kind{DiskCheck}, unitNotStarted())}
		}
	}
	return Finding{Kind: AgentContainerMissing, Status: Warn, Summary: "there is no container ecs-agent: ecs-init has not started one",
		Fix: fix.Do("Check ecs-init:", "systemctl status ecs --no-pager", "sudo tail -n 20 /var/log/ecs/ecs-init.log")}
}

func isEmpty(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Size() == 0
}
