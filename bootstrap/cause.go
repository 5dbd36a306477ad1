package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"muster/internal/dockerapi"
	"muster/internal/ecsagent"
	"muster/internal/exitcode"
	"muster/internal/redact"
	"muster/internal/units"
)

// diagnose completes the report of an instance that did not register with the
// most likely cause that can be seen on it, and with all that was seen. The
// looks stand in the order in which one explains the next.
func (r *run) diagnose(ctx context.Context, report *Report, why error) {
	ctx, stop := context.WithTimeout(ctx, r.pace.look)
	defer stop()
	report.Outcome, report.ExitCode = NotRegistered, exitcode.NotRegistered
	report.Reason = fmt.Sprintf("the instance did not register in cluster %s; gave up after %s", report.Cluster, time.Since(r.started).Round(time.Second))
	report.Evidence = append(report.Evidence, why.Error())
	for _, look := range []func(context.Context, error) (*Cause, string){lookAtAnswer, r.lookAtLogs, r.lookAtUnit, r.lookAtDocker, lookAtIntrospection} {
		cause, seen := look(ctx, why)
		if seen != "" {
			report.Evidence = append(report.Evidence, seen)
		}
		if report.Cause == nil {
			report.Cause = cause
		}
	}
	for _, seen := range report.Evidence {
		r.say("evidence", "%s", seen)
	}
}

// lookAtAnswer knows the cause where the agent or the ECS API named it.
func lookAtAnswer(_ context.Context, why error) (*Cause, string) {
	var k *known
	if errors.As(why, &k) {
		return &k.Cause, ""
	}
	return nil, ""
}

// since is when the ECS agent's story begins: with the boot, or with the
// bootstrap that set it up in this boot. An older log line is another story's,
// from before a reboot or from the image.
func (r *run) since() time.Time {
	var host unix.Sysinfo_t
	if err := unix.Sysinfo(&host); err != nil {
		return r.record.At
	}
	since := time.Now().Add(-time.Duration(host.Uptime) * time.Second)
	if r.record.At.After(since) {
		since = r.record.At
	}
	return since.Truncate(time.Second)
}

func (r *run) troubles() (ecsagent.Trouble, error) {
	trouble, err := ecsagent.ReadLogs(r.cfg.Path(r.cfg.ECSLogDir))
	since := r.since()
	if trouble.Time.Before(since) {
		trouble.Cause, trouble.Message = ecsagent.Cause{}, ""
	}
	if trouble.LastExit.Before(since) {
		trouble.Exits, trouble.ExitCode = 0, 0
	}
	return trouble, err
}

func (r *run) lookAtLogs(context.Context, error) (*Cause, string) {
	trouble, err := r.troubles()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.warn("evidence", "%v", err)
	}
	var seen []string
	if trouble.Exits > 0 {
		seen = append(seen, fmt.Sprintf("the ECS agent exited %d times, last with code %d", trouble.Exits, trouble.ExitCode))
	}
	if trouble.Cause.ID == "" {
		return nil, strings.Join(seen, "")
	}
	seen = append(seen, fmt.Sprintf("%s:%d: %s", trouble.File, trouble.Line, redact.Log(trouble.Message)))
	return &Cause{trouble.Cause.ID, trouble.Cause.Summary, trouble.Cause.Remedy}, strings.Join(seen, "; ")
}

func (r *run) lookAtUnit(ctx context.Context, _ error) (*Cause, string) {
	if r.units == nil {
		return nil, r.noUnits.Error()
	}
	s, err := r.units.Show(ctx, ecsUnit)
	if err != nil {
		return nil, err.Error()
	}
	seen := fmt.Sprintf("%s: %s, %s (%s), %s, restarts %d", ecsUnit, s.LoadState, s.ActiveState, s.SubState, s.UnitFileState, s.NRestarts)
	if s.Job != nil {
		seen += fmt.Sprintf(", %s job %s", s.Job.Type, s.Job.State)
	}
	return unitCause(s), seen
}

func unitCause(s units.State) *Cause {
	switch {
	case s.LoadState == units.NotFound:
		return &Cause{"ecs-unit-missing", "there is no " + ecsUnit + " on this instance", "use an ECS-optimized AMI, or install ecs-init"}
	case s.UnitFileState == heldBack:
		return &Cause{"ecs-unit-held-back", ecsUnit + " is held back, because muster bootstrap failed in this boot", "look in /var/log/cloud-init-output.log and journalctl -b -u muster-bootstrap, mend what it names, then run muster bootstrap again"}
	case s.LoadState == units.Masked:
		return &Cause{"ecs-unit-masked", ecsUnit + " is masked, so nothing can start it", "systemctl unmask " + ecsUnit + " && systemctl --no-block start " + ecsUnit}
	case s.ActiveState == "inactive" && s.Job != nil:
		return &Cause{"ecs-unit-waiting", ecsUnit + " is queued behind something that does not end, most often user data that waits for it", "look with systemctl list-jobs; in user data start " + ecsUnit + " with --no-block only"}
	case s.ActiveState == "inactive":
		return &Cause{"ecs-unit-not-started", ecsUnit + " was not started", "systemctl enable " + ecsUnit + " && systemctl --no-block start " + ecsUnit}
	case s.ActiveState == "failed":
		return &Cause{"ecs-unit-failed", fmt.Sprintf("%s failed (%s, status %d)", ecsUnit, s.Result, s.ExecMainStatus), "journalctl -u " + ecsUnit + " -n 50"}
	}
	return nil
}

func (r *run) lookAtDocker(ctx context.Context, _ error) (*Cause, string) {
	if r.Engine == nil {
		return nil, ""
	}
	engine, err := r.Engine(r.cfg)
	if err != nil {
		return nil, err.Error()
	}
	switch _, err := engine.Ping(ctx); {
	case errors.Is(err, dockerapi.ErrDenied):
		return nil, err.Error()
	case err != nil:
		return &Cause{"docker-unreachable", err.Error(), "systemctl status docker; journalctl -u docker -n 50"}, err.Error()
	}
	c, there, err := engine.AgentContainer(ctx)
	switch {
	case err != nil:
		return nil, err.Error()
	case !there:
		return nil, "docker: there is no container ecs-agent"
	case c.OOMKilled:
		return &Cause{"ecs-agent-out-of-memory", "the ECS agent's container was killed for memory", "use a larger instance, or raise ECS_RESERVED_MEMORY so that tasks leave room"}, "docker: ecs-agent was killed for memory"
	}
	return nil, fmt.Sprintf("docker: container ecs-agent is %s, exit code %d", c.Status, c.ExitCode)
}

// lookAtIntrospection is the last word: what introspection itself said.
func lookAtIntrospection(_ context.Context, why error) (*Cause, string) {
	const logs = "look at /var/log/ecs/ecs-agent.log and at journalctl -u " + ecsUnit
	switch {
	case errors.Is(why, ecsagent.ErrRefused):
		return &Cause{"introspection-refused", "the ECS agent does not listen: it is down, or still trying to register", logs}, ""
	case errors.Is(why, ecsagent.ErrSilent):
		return &Cause{"introspection-silent", "the ECS agent's introspection does not answer: the agent hangs, or the host is starved", logs + "; restart it: systemctl restart " + ecsUnit}, ""
	case errors.Is(why, ecsagent.ErrGarbled):
		return &Cause{"introspection-garbled", "something else than the ECS agent answers on its port", "find it with: ss -ltnp 'sport = :51678'"}, ""
	default:
		return &Cause{"not-registered", why.Error(), logs}, ""
	}
}

// gaveUp says that the ECS agent will not register however long one waits: it
// ended with its terminal exit code, or its unit cannot start.
func (r *run) gaveUp(ctx context.Context) error {
	const exitTerminal = 5 // ecs-init's TerminalFailureAgentExitCode; RestartPreventExitStatus=5
	if r.units != nil {
		s, err := r.units.Show(ctx, ecsUnit)
		switch {
		case err != nil:
		case s.ActiveState == "active":
			return nil // whatever is in the log, it was started again
		case s.LoadState == units.NotFound, s.LoadState == units.Masked:
			return fmt.Errorf("%w: %s is %s", errGaveUp, ecsUnit, s.LoadState)
		case s.ActiveState == "failed" && s.ExecMainStatus == exitTerminal:
			return fmt.Errorf("%w: %s failed with the ECS agent's terminal exit code 5", errGaveUp, ecsUnit)
		}
	}
	if trouble, _ := r.troubles(); trouble.Exits > 0 && trouble.ExitCode == exitTerminal {
		return fmt.Errorf("%w: the ECS agent exited with its terminal code 5", errGaveUp)
	}
	return nil
}
