package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/host/dockerapi"
	"muster/internal/host/units"
)

// A healthy Engine answers a ping in milliseconds.
const pingTimeout = 5 * time.Second

func (w Group) docker(ctx context.Context) []check.Finding {
	if w.Engine == nil {
		return subject.NoEngine(w.NoEngine)
	}
	pinging, stop := context.WithTimeout(ctx, pingTimeout)
	defer stop()
	version, err := w.Engine.Ping(pinging)
	if err == nil {
		return check.Passed("the Docker Engine answers with API " + version.API)
	}
	if unknown := check.OwnLimit(err); unknown != nil {
		return unknown
	}
	f := w.pingFinding(err)
	if f.Kind == DockerNotRunning && w.Systemd.Available() && !w.known(ctx, subject.DockerUnit) {
		w.notInstalled(&f)
	}
	f.Evidence = append([]string{err.Error()}, w.Systemd.Evidence(ctx, subject.DockerUnit)...)
	if f.Status == check.Fail && w.Systemd.WaitsForUserData(ctx, subject.DockerUnit) {
		f = w.heldDocker(ctx, f)
	} else if f.Status == check.Fail && w.Systemd.WaitsForUserData(ctx, subject.ECSUnit) {
		f.Fix, f.SymptomOf = fix.Fix{}, append(f.SymptomOf, w.Others.ECSUnitWaiting)
	}
	return []check.Finding{f}
}

// notInstalled: Amazon Linux has Docker among its own packages, and others do not:
// RHEL's podman-docker only takes the name.
func (w Group) notInstalled(f *check.Finding) {
	f.Summary = "Docker is not installed: there is no " + subject.DockerUnit
	f.Fix = fix.Do("Use an ECS-optimized AMI, or install the Docker Engine from Docker's own package repository.")
	if id, _ := w.OSRelease(); id == "amzn" {
		f.Fix = fix.Do("Use an ECS-optimized AMI, or install Docker and start the ECS agent:",
			"sudo dnf install -y docker", "sudo systemctl enable --now docker", "sudo systemctl --no-block restart ecs")
	}
}

// known reports whether systemd has the unit, or could not be asked.
func (w Group) known(ctx context.Context, unit string) bool {
	s, err := w.Systemd.Show(ctx, unit)
	return err != nil || s.LoadState != units.NotFound
}

// heldDocker is an Engine whose unit waits in systemd's queue while user data
// runs: starting it by hand would only add another waiting job.
func (w Group) heldDocker(ctx context.Context, f check.Finding) check.Finding {
	f.Summary = subject.DockerUnit + " waits for user data, which is still running"
	f.Evidence = append(f.Evidence, w.Systemd.Evidence(ctx, subject.UserDataUnit)...)
	f.SymptomOf = append(f.SymptomOf, w.Others.ECSUnitWaiting)
	f.Fix = fix.Do("Stop the command that blocks user data, and use --no-block in user data:", "systemctl list-jobs",
		"systemd-cgls --no-pager -u "+subject.UserDataUnit, "sudo kill PID")
	f.Confirm = "systemd-cgls shows a systemctl process without --no-block"
	return f
}

func (w Group) pingFinding(err error) check.Finding {
	const journal = "sudo journalctl -b -u docker -n 50 --no-pager"
	switch {
	case errors.Is(err, dockerapi.ErrDenied):
		return check.Finding{Kind: DockerDenied, Status: check.Unknown, Summary: "permission denied on Docker's socket",
			Fix: fix.Do("Run muster as root:", "sudo muster debug")}
	case errors.Is(err, dockerapi.ErrNotRunning):
		return check.Finding{Kind: DockerNotRunning, Status: check.Fail, Summary: "the Docker Engine is not running",
			SymptomOf: []*check.Kind{w.Others.DiskCheck},
			Fix: fix.Do("Find out why, fix it, then start Docker and the ECS agent:", journal, "sudo systemctl start docker",
				"sudo systemctl --no-block restart ecs")}
	case errors.Is(err, dockerapi.ErrHung), errors.Is(err, context.DeadlineExceeded):
		return check.Finding{Kind: DockerHung, Status: check.Fail, Summary: "the Docker Engine accepts connections but does not answer",
			SymptomOf: []*check.Kind{w.Others.DiskCheck, w.Others.PressureCheck},
			Fix: fix.Do("Find out why, then kill and restart Docker, which ends the tasks unless live-restore is on:", journal,
				"sudo systemctl kill -s KILL docker", "sudo systemctl start docker", "sudo systemctl --no-block restart ecs")}
	case errors.Is(err, dockerapi.ErrRejected):
		return check.Finding{Kind: DockerRejects, Status: check.Fail, Summary: "the Docker Engine answers a ping with an error",
			SymptomOf: []*check.Kind{w.Others.DiskCheck, w.Others.PressureCheck},
			Fix: fix.Do("Find out why, then restart Docker, which ends the tasks unless live-restore is on:", journal,
				"sudo systemctl restart docker", "sudo systemctl --no-block restart ecs")}
	case errors.Is(err, dockerapi.ErrTooOld):
		return check.Finding{Kind: DockerUnsupported, Status: check.Unknown,
			Summary: "the Docker Engine is older than 19.03, so muster cannot check it",
			Fix: fix.Do("Use a current ECS-optimized AMI, or update Docker, which ends the tasks:", "sudo yum update -y docker",
				"sudo systemctl restart docker", "sudo systemctl --no-block restart ecs")}
	}
	return check.Finding{Kind: DockerGarbled, Status: check.Fail, Summary: "something other than a Docker Engine answers on its socket",
		Fix: fix.Do("Find the process that listens on the socket:", "sudo ss -lxp | grep docker.sock", journal)}
}

func (w Group) agentImage(ctx context.Context) []check.Finding {
	if w.Engine == nil {
		return subject.NoEngine(w.NoEngine)
	}
	c, there, err := w.Engine.AgentContainer(ctx)
	if err != nil {
		return check.CouldNotLook(err, fix.Fix{})
	}
	if !there {
		return []check.Finding{w.noAgent(ctx)}
	}
	state := fmt.Sprintf("container ecs-agent (%s): %s, exit code %d", c.Image, c.Status, c.ExitCode)
	if !c.FinishedAt.IsZero() && !c.Running {
		state += ", since " + c.FinishedAt.UTC().Format(time.RFC3339)
	}
	switch {
	case c.Running:
		return check.Passed("container ecs-agent runs "+c.Image, state)
	case w.Registered(ctx):
		return check.Passed("container ecs-agent is not running, but the ECS agent has registered: it runs under another name", state)
	case c.OOMKilled:
		return []check.Finding{{Kind: AgentOutOfMemory, Status: check.Fail,
			Summary: "the ECS agent's container was killed: it ran out of memory", Evidence: []string{state},
			Fix: fix.Do("Use a larger instance, or raise ECS_RESERVED_MEMORY so that tasks leave memory free, then start the ECS agent:",
				subject.StartECS), SymptomOf: []*check.Kind{w.Others.PressureCheck}}}
	}
	return []check.Finding{w.agentDown(c, state)}
}

// agentDown is an agent whose container ended. A signal that the agent did not ask
// for, other than SIGTERM, which stops it, is a failure; of an exit code of its own
// the log says more (agent/sighandlers/exitcodes/exitcodes.go: 0 ends it, 1 is retried, 5 is final).
func (w Group) agentDown(c dockerapi.AgentContainer, state string) check.Finding {
	const log = "sudo docker logs --tail 20 ecs-agent"
	f := check.Finding{Kind: AgentContainerDown, Status: check.Warn,
		Summary: fmt.Sprintf("the ECS agent's container is down: it exited with code %d", c.ExitCode), Evidence: []string{state},
		Fix: fix.Do("Read its last log lines:", log)}
	switch {
	case c.Status == "created":
		f.Summary = "the ECS agent's container was created but has not started"
	case c.ExitCode == subject.ExitSIGKILL:
		f.Status, f.Summary, f.SymptomOf = check.Fail, "the ECS agent's container was killed from outside (exit code 137, SIGKILL)",
			[]*check.Kind{w.Others.PressureCheck, DockerCheck}
		f.Evidence = append(f.Evidence, "Docker reports no out-of-memory kill of this container")
		f.Fix = fix.Do("Start the ECS agent, and find out what killed it:", subject.StartECS,
			"sudo journalctl -k --no-pager | grep -i 'killed process'", "sudo journalctl -b -u docker -n 50 --no-pager")
	case c.ExitCode > 128 && c.ExitCode != subject.ExitSIGTERM:
		f.Status, f.Summary, f.SymptomOf = check.Fail,
			fmt.Sprintf("the ECS agent's container was terminated by signal %d (exit code %d)", c.ExitCode-128, c.ExitCode),
			[]*check.Kind{w.Others.PressureCheck, DockerCheck}
		f.Fix = fix.Do("Start the ECS agent, and read its last log lines:", subject.StartECS, log)
	}
	return f
}

// noAgent tells an agent that was not started from one that cannot be: ecs-init
// loads its image from a cache, and where that is empty downloads it
// (ecs-init/cache/cache.go AgentCacheStatus, ecs-init/engine/engine.go PreStart).
func (w Group) noAgent(ctx context.Context) check.Finding {
	if w.Registered(ctx) {
		return check.Passed("there is no container ecs-agent, but the ECS agent has registered: it runs outside that container")[0]
	}
	dir := w.Config.Path("/var/cache/ecs")
	_, err := os.Stat(dir)
	for _, name := range []string{"ecs-agent.tar", "state"} {
		if path := filepath.Join(dir, name); err == nil && isEmpty(path) {
			return check.Finding{Kind: AgentNotCached, Status: check.Fail,
				Summary:  "the ECS agent has no container and no cached image to start one from",
				Evidence: []string{path + " is missing or empty, so ecs-init must download the image from S3"},
				Fix: fix.Do("Reinstall ecs-init, which contains the image, or allow access to S3:", "sudo ls -l "+dir,
					"sudo dnf reinstall -y ecs-init", subject.StartECS),
				SymptomOf: slices.Concat(w.Others.NetworkChecks, []*check.Kind{w.Others.DiskCheck}, w.Others.UnitNotStarted)}
		}
	}
	return check.Finding{Kind: AgentContainerMissing, Status: check.Warn,
		Summary: "there is no container ecs-agent: ecs-init has not started one",
		Fix:     fix.Do("Check ecs-init:", "systemctl status ecs --no-pager", "sudo tail -n 20 /var/log/ecs/ecs-init.log")}
}

func isEmpty(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Size() == 0
}
