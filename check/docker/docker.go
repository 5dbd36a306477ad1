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

// A healthy Engine responds to a ping within milliseconds.
const pingTimeout = 5 * time.Second

func (g Group) docker(ctx context.Context) []check.Finding {
	if g.Engine == nil {
		return subject.NoEngine(g.NoEngine)
	}
	pinging, stop := context.WithTimeout(ctx, pingTimeout)
	defer stop()
	version, err := g.Engine.Ping(pinging)
	if err == nil {
		return check.Passed("the Docker Engine responds with API " + version.API)
	}
	if unknown := check.OwnLimit(err); unknown != nil {
		return unknown
	}
	f := g.pingFinding(err)
	if f.Kind == DockerNotRunning && g.Systemd.Available() && !g.known(ctx, subject.DockerUnit) {
		g.notInstalled(&f)
	}
	f.Evidence = append([]string{err.Error()}, g.Systemd.Evidence(ctx, subject.DockerUnit)...)
	if f.Status == check.Fail && g.Systemd.WaitsForUserData(ctx, subject.DockerUnit) {
		f = g.dockerWaitsForUserData(ctx, f)
	} else if f.Status == check.Fail && g.Systemd.WaitsForUserData(ctx, subject.ECSUnit) {
		f.Fix, f.SymptomOf = fix.Fix{}, append(f.SymptomOf, g.Others.ECSUnitWaiting)
	}
	return []check.Finding{f}
}

// notInstalled sets the fix for a host without Docker. Amazon Linux has a Docker package. RHEL's podman-docker is not
// Docker.
func (g Group) notInstalled(f *check.Finding) {
	f.Summary = "Docker is not installed: there is no " + subject.DockerUnit
	f.Fix = fix.Do("Use an ECS-optimized AMI, or install the Docker Engine from Docker's own package repository.")
	if id, _ := g.OSRelease(); id == "amzn" {
		f.Fix = fix.Do("Use an ECS-optimized AMI, or install Docker and start the ECS agent:",
			"sudo dnf install -y docker", "sudo systemctl enable --now docker", "sudo systemctl --no-block restart ecs")
	}
}

// known reports whether systemd has the unit. It also returns true if systemd cannot be queried.
func (g Group) known(ctx context.Context, unit string) bool {
	s, err := g.Systemd.Show(ctx, unit)
	return err != nil || s.LoadState != units.NotFound
}

// dockerWaitsForUserData changes the finding if the Engine's unit waits in systemd's queue while user data runs.
// Starting the unit by hand would only add another waiting job.
func (g Group) dockerWaitsForUserData(ctx context.Context, f check.Finding) check.Finding {
	f.Summary = subject.DockerUnit + " waits for user data, which is still running"
	f.Evidence = append(f.Evidence, g.Systemd.Evidence(ctx, subject.UserDataUnit)...)
	f.SymptomOf = append(f.SymptomOf, g.Others.ECSUnitWaiting)
	f.Fix = fix.Do("Stop the command that blocks user data, and use --no-block in user data:", "systemctl list-jobs",
		"systemd-cgls --no-pager -u "+subject.UserDataUnit, "sudo kill PID")
	f.Confirm = "systemd-cgls shows a systemctl process without --no-block"
	return f
}

func (g Group) pingFinding(err error) check.Finding {
	const journal = "sudo journalctl -b -u docker -n 50 --no-pager"
	switch {
	case errors.Is(err, dockerapi.ErrDenied):
		return check.Finding{Kind: DockerDenied, Status: check.Unknown, Summary: "permission denied on Docker's socket",
			Fix: fix.Do("Run muster as root:", "sudo muster debug")}
	case errors.Is(err, dockerapi.ErrNotRunning):
		return check.Finding{Kind: DockerNotRunning, Status: check.Fail, Summary: "the Docker Engine is not running",
			SymptomOf: []*check.Kind{g.Others.DiskCheck},
			Fix: fix.Do("Find out why, fix it, then start Docker and the ECS agent:", journal, "sudo systemctl start docker",
				"sudo systemctl --no-block restart ecs")}
	case errors.Is(err, dockerapi.ErrHung), errors.Is(err, context.DeadlineExceeded):
		return check.Finding{Kind: DockerHung, Status: check.Fail, Summary: "the Docker Engine accepts connections but does not respond",
			SymptomOf: []*check.Kind{g.Others.DiskCheck, g.Others.PressureCheck},
			Fix: fix.Do("Find out why, then kill and restart Docker, which ends the tasks unless live-restore is on:", journal,
				"sudo systemctl kill -s KILL docker", "sudo systemctl start docker", "sudo systemctl --no-block restart ecs")}
	case errors.Is(err, dockerapi.ErrRejected):
		return check.Finding{Kind: DockerRejects, Status: check.Fail, Summary: "the Docker Engine responds to a ping with an error",
			SymptomOf: []*check.Kind{g.Others.DiskCheck, g.Others.PressureCheck},
			Fix: fix.Do("Find out why, then restart Docker, which ends the tasks unless live-restore is on:", journal,
				"sudo systemctl restart docker", "sudo systemctl --no-block restart ecs")}
	case errors.Is(err, dockerapi.ErrTooOld):
		return check.Finding{Kind: DockerUnsupported, Status: check.Unknown,
			Summary: "the Docker Engine is older than 19.03, so muster cannot check it",
			Fix: fix.Do("Use a current ECS-optimized AMI, or update Docker, which ends the tasks:", "sudo yum update -y docker",
				"sudo systemctl restart docker", "sudo systemctl --no-block restart ecs")}
	}
	return check.Finding{Kind: DockerGarbled, Status: check.Fail, Summary: "something other than a Docker Engine responds on its socket",
		Fix: fix.Do("Find the process that listens on the socket:", "sudo ss -lxp | grep docker.sock", journal)}
}

func (g Group) agentImage(ctx context.Context) []check.Finding {
	if g.Engine == nil {
		return subject.NoEngine(g.NoEngine)
	}
	c, there, err := g.Engine.AgentContainer(ctx)
	if err != nil {
		return check.Undetermined(err, fix.Fix{})
	}
	if !there {
		return []check.Finding{g.noContainer(ctx)}
	}
	state := fmt.Sprintf("container ecs-agent (%s): %s, exit code %d", c.Image, c.Status, c.ExitCode)
	if !c.FinishedAt.IsZero() && !c.Running {
		state += ", since " + c.FinishedAt.UTC().Format(time.RFC3339)
	}
	switch {
	case c.Running:
		return check.Passed("container ecs-agent runs "+c.Image, state)
	case g.Registered(ctx):
		return check.Passed("container ecs-agent is not running, but the ECS agent has registered: it runs under another name", state)
	case c.OOMKilled:
		return []check.Finding{{Kind: AgentOutOfMemory, Status: check.Fail,
			Summary: "the ECS agent's container was killed: it ran out of memory", Evidence: []string{state},
			Fix: fix.Do("Use a larger instance, or raise ECS_RESERVED_MEMORY so that tasks leave memory free, then start the ECS agent:",
				subject.StartECS), SymptomOf: []*check.Kind{g.Others.PressureCheck}}}
	}
	return []check.Finding{g.agentDown(c, state)}
}

// agentDown returns the finding for an ECS agent whose container exited. A signal other than SIGTERM is a failure. For
// the agent's own exit codes, the log contains more detail (agent/sighandlers/exitcodes/exitcodes.go: 0 is final, 1 is
// retried, 5 is final).
func (g Group) agentDown(c dockerapi.AgentContainer, state string) check.Finding {
	const log = "sudo docker logs --tail 20 ecs-agent"
	f := check.Finding{Kind: AgentContainerDown, Status: check.Warn,
		Summary: fmt.Sprintf("the ECS agent's container is down: it exited with code %d", c.ExitCode), Evidence: []string{state},
		Fix: fix.Do("Read its last log lines:", log)}
	switch {
	case c.Status == "created":
		f.Summary = "the ECS agent's container was created but has not started"
	case c.ExitCode == subject.ExitSIGKILL:
		f.Status, f.Summary, f.SymptomOf = check.Fail, "the ECS agent's container was killed from outside (exit code 137, SIGKILL)",
			[]*check.Kind{g.Others.PressureCheck, DockerCheck}
		f.Evidence = append(f.Evidence, "Docker reports no out-of-memory kill of this container")
		f.Fix = fix.Do("Start the ECS agent, and find out what killed it:", subject.StartECS,
			"sudo journalctl -k --no-pager | grep -i 'killed process'", "sudo journalctl -b -u docker -n 50 --no-pager")
	case c.ExitCode > 128 && c.ExitCode != subject.ExitSIGTERM:
		f.Status, f.Summary, f.SymptomOf = check.Fail,
			fmt.Sprintf("the ECS agent's container was terminated by signal %d (exit code %d)", c.ExitCode-128, c.ExitCode),
			[]*check.Kind{g.Others.PressureCheck, DockerCheck}
		f.Fix = fix.Do("Start the ECS agent, and read its last log lines:", subject.StartECS, log)
	}
	return f
}

// noContainer distinguishes an agent that was not started from one that cannot be started. ecs-init loads the agent's
// image from a cache, or downloads it if the cache is empty (ecs-init/cache/cache.go AgentCacheStatus,
// ecs-init/engine/engine.go PreStart).
func (g Group) noContainer(ctx context.Context) check.Finding {
	if g.Registered(ctx) {
		return check.Passed("no ecs-agent container, but the ECS agent has registered: it runs outside that container")[0]
	}
	dir := g.Config.Path("/var/cache/ecs")
	_, err := os.Stat(dir)
	for _, name := range []string{"ecs-agent.tar", "state"} {
		if path := filepath.Join(dir, name); err == nil && isEmpty(path) {
			return check.Finding{Kind: AgentNotCached, Status: check.Fail,
				Summary:  "the ECS agent has no container and no cached image to start one from",
				Evidence: []string{path + " is missing or empty, so ecs-init must download the image from S3"},
				Fix: fix.Do("Reinstall ecs-init, which contains the image, or allow access to S3:", "sudo ls -l "+dir,
					"sudo dnf reinstall -y ecs-init", subject.StartECS),
				SymptomOf: slices.Concat(g.Others.NetworkChecks, []*check.Kind{g.Others.DiskCheck}, g.Others.UnitNotStarted)}
		}
	}
	return check.Finding{Kind: AgentContainerMissing, Status: check.Warn,
		Summary: "no ecs-agent container: ecs-init has not started one",
		Fix:     fix.Do("Check ecs-init:", "systemctl status ecs --no-pager", "sudo tail -n 20 /var/log/ecs/ecs-init.log")}
}

func isEmpty(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Size() == 0
}
