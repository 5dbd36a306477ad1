package ecs

import (
	"context"
	"fmt"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/base/plural"
	"muster/internal/host/ecsagent"
	"muster/internal/host/units"
)

// UnitNotStarted returns the findings for a unit that has not tried to run the agent.
func UnitNotStarted() []*check.Kind {
	return []*check.Kind{ECSUnitMissing, ECSUnitHeldBack, ECSUnitMasked, ECSUnitWaiting, ECSUnitNotStarted}
}

func (g Group) ecsUnit(ctx context.Context) []check.Finding {
	if !g.Systemd.Available() {
		if g.Systemd.Err != nil {
			return check.Undetermined(g.Systemd.Err, fix.Do("Check the unit with systemctl:", "systemctl status ecs --no-pager"))
		}
		return check.Skipped("systemd is not available on this host")
	}
	s, err := g.Systemd.Show(ctx, subject.ECSUnit)
	if err != nil {
		return check.Undetermined(err, fix.Do("Check the unit with systemctl:", "systemctl status ecs --no-pager"))
	}
	f, bad := g.unitFinding(s)
	switch {
	case !bad:
		return check.Passed(subject.Describe(s))
	case s.LoadState == units.NotFound && g.Registered(ctx):
		return check.Passed("there is no " + subject.ECSUnit + ", but the ECS agent has registered: something else started it")
	case f.Kind == ECSUnitNotStarted && g.Registered(ctx):
		return check.Passed(
			subject.ECSUnit+" is not running, but the ECS agent has registered: something else started it",
			subject.Describe(s),
		)
	case f.Kind == ECSUnitNotStarted && s.UnitFileState != "disabled" && g.Systemd.RunsUserData(ctx):
		f.Kind = ECSUnitWaiting // its job is queued only when cloud-init is done
	}
	f.Evidence = append([]string{subject.Describe(s)}, f.Evidence...)
	switch f.Kind {
	case ECSUnitWaiting:
		g.explainWait(ctx, &f)
	case ECSUnitNotStarted:
		g.explainStop(ctx, s, &f)
	}
	return []check.Finding{f}
}

// unitFinding returns the finding for ecs.service, or false if nothing is wrong. An active unit proves nothing: the
// unit stays active while ecs-init restarts the agent again and again.
func (g Group) unitFinding(s units.State) (check.Finding, bool) {
	if f, ok := g.unitNotStartable(s); ok {
		return f, true
	}
	const journal = "sudo journalctl -b -u " + subject.ECSUnit + " -n 50 --no-pager"
	causes := []*check.Kind{g.Others.DockerCheck, g.Others.AgentImageCheck, ECSConfigCheck, CheckpointCheck, AgentLogCheck,
		g.Others.DiskCheck, g.Others.UserDataCheck}
	switch {
	case s.ActiveState == "inactive" && s.Job != nil:
		return check.Finding{Kind: ECSUnitWaiting, Status: check.Fail, Summary: subject.ECSUnit + " is queued but does not start",
			Fix: fix.Do("Find the job that it waits for:", "systemctl list-jobs"), SymptomOf: []*check.Kind{g.Others.DockerCheck}}, true
	case s.ActiveState == "inactive":
		return check.Finding{Kind: ECSUnitNotStarted, Status: check.Fail, Summary: subject.ECSUnit + " was not started",
			Fix:       fix.Do("Start it now and at every boot:", "sudo systemctl enable "+subject.ECSUnit, subject.StartECS),
			SymptomOf: []*check.Kind{g.Others.DockerCheck, g.Others.UserDataCheck}}, true
	case s.ActiveState == "failed":
		return check.Finding{Kind: ECSUnitFailed, Status: check.Fail,
			Summary: fmt.Sprintf("%s failed (%s, status %d)", subject.ECSUnit, s.Result, s.ExecMainStatus),
			Fix:     fix.Do("Find out why:", journal), SymptomOf: causes}, true
	case s.SubState == "auto-restart":
		return check.Finding{Kind: ECSUnitRestarting, Status: check.Fail,
			Summary: fmt.Sprintf("%s keeps exiting: systemd has restarted it %s", subject.ECSUnit, plural.Count(int(s.NRestarts), "time")),
			Fix:     fix.Do("Find out why:", journal), SymptomOf: causes}, true
	case s.UnitFileState == "disabled":
		return check.Finding{Kind: ECSUnitDisabled, Status: check.Warn,
			Summary: subject.ECSUnit + " is running but disabled: it will not start at the next boot",
			Fix:     fix.Do("Enable it:", "sudo systemctl enable "+subject.ECSUnit)}, true
	}
	return check.Finding{}, false
}

func (g Group) unitNotStartable(s units.State) (check.Finding, bool) {
	switch {
	case s.LoadState == units.NotFound:
		return check.Finding{
			Kind:    ECSUnitMissing,
			Status:  check.Fail,
			Summary: "ecs.service does not exist on this instance",
			Fix: fix.Do(
				"Use an ECS-optimized AMI, or install ecs-init:",
				"sudo dnf install -y ecs-init",
				"sudo systemctl enable "+subject.ECSUnit,
				subject.StartECS,
			),
		}, true
	case s.UnitFileState == "masked-runtime": // only bootstrap masks the unit until the next boot
		return check.Finding{Kind: ECSUnitHeldBack, Status: check.Fail,
			Summary: subject.ECSUnit + " is held back because muster bootstrap failed during this boot",
			Fix: fix.Do("Find out why, fix it, then run muster bootstrap again:", "sudo journalctl -b -u muster-bootstrap --no-pager",
				"sudo tail -n 50 /var/log/cloud-init-output.log"), SymptomOf: []*check.Kind{g.Others.BootstrapCheck}}, true
	case s.LoadState == units.Masked:
		return check.Finding{Kind: ECSUnitMasked, Status: check.Fail, Summary: subject.ECSUnit + " is masked, so nothing can start it",
			Fix: fix.Do("Unmask and start it:", "sudo systemctl unmask "+subject.ECSUnit, subject.StartECS)}, true
	}
	return check.Finding{}, false
}

// explainStop distinguishes a unit that ran from one that never started. The unit has Restart=on-failure, so it stays
// stopped after exit code 0. It also has PartOf=docker.service, so it stops with Docker but does not start with it
// (packaging/amazon-linux-ami-integrated/ecs.service).
func (g Group) explainStop(ctx context.Context, s units.State, f *check.Finding) {
	code, seen := g.lastExit(ctx, s)
	if seen == "" {
		return
	}
	f.Summary = subject.ECSUnit + " was started, then stopped"
	if code == 0 {
		f.Summary = subject.ECSUnit + " stopped: the ECS agent exited with code 0, so systemd does not restart it"
	}
	f.Evidence = append(f.Evidence, seen)
	f.Fix = fix.Do("Start it again, and find out why it stopped:", subject.StartECS,
		"sudo journalctl -b -u "+subject.ECSUnit+" -n 50 --no-pager")
	docker, err := g.Systemd.Show(ctx, subject.DockerUnit)
	if err == nil && !s.Ended.IsZero() && stoppedTogether(s.Ended, docker) {
		f.Summary = subject.ECSUnit + " was stopped together with " + subject.DockerUnit + " and was not started again"
		f.Evidence = append(f.Evidence,
			subject.DockerUnit+" stopped at "+docker.Ended.Format(time.RFC3339)+"; "+subject.ECSUnit+" is PartOf="+subject.DockerUnit)
	}
}

// lastExit returns the last exit code of the unit, or of the agent in it, and the evidence. The evidence is empty if
// nothing shows that the unit ran. systemd forgets the history of a unit at a reboot or when it unloads the unit.
// ecs-init's log and the agent's container remain.
func (g Group) lastExit(ctx context.Context, s units.State) (code int, seen string) {
	if !s.Active.IsZero() || s.ExecMainCode != 0 {
		code = int(s.ExecMainStatus)
		if s.ExecMainCode > exited {
			code += 128
		}
		seen = fmt.Sprintf("%s stopped (%s)", subject.ECSUnit, s.Result)
		if !s.Ended.IsZero() {
			seen = fmt.Sprintf("%s stopped at %s (%s)", subject.ECSUnit, s.Ended.Format(time.RFC3339), s.Result)
		}
		return code, seen
	}
	logged, _ := ecsagent.ReadLogs(g.Config.Path(g.Config.ECSLogDir), ecsagent.Options{Since: g.Record.Since()})
	if logged.Exits > 0 {
		return logged.ExitCode, fmt.Sprintf("%s/ecs-init.log: the ECS agent exited at %s with code %d", g.Config.ECSLogDir,
			logged.LastExit.UTC().Format(time.RFC3339), logged.ExitCode)
	}
	if g.Engine == nil {
		return 0, ""
	}
	ctx, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	c, there, err := g.Engine.AgentContainer(ctx)
	if err != nil || !there || c.Running || c.Status == "created" {
		return 0, ""
	}
	return c.ExitCode, fmt.Sprintf("container ecs-agent: %s, exit code %d", c.Status, c.ExitCode)
}

// exited is ExecMainCode of a process that exited and was not killed (CLD_EXITED).
const exited = 1

// stoppedTogether reports whether Docker stopped right after ecs.service. ecs.service is ordered after Docker and is
// therefore stopped first.
func stoppedTogether(at time.Time, docker units.State) bool {
	const stopping = 2 * time.Minute // the default of TimeoutStopSec is 90 s
	return !docker.Ended.Before(at) && docker.Ended.Sub(at) < stopping
}

// explainWait distinguishes a deadlock from another wait. User data that waits for the ECS agent never ends
// (amazon-ecs-agent#1707).
func (g Group) explainWait(ctx context.Context, f *check.Finding) {
	s, err := g.Systemd.Show(ctx, subject.UserDataUnit)
	if err != nil {
		f.Evidence = append(f.Evidence, err.Error())
		return
	}
	f.Evidence = append(f.Evidence, subject.Describe(s))
	if s.ActiveState != "activating" {
		return
	}
	f.Summary = subject.ECSUnit + " waits for user data, which is still running"
	f.Evidence = append(f.Evidence, "if user data waits for "+subject.ECSUnit+" or for the registration, it waits for itself: a deadlock")
	f.Evidence = append(f.Evidence, g.Systemd.Evidence(ctx, subject.DockerUnit)...)
	f.Fix = fix.Do("Stop the command that blocks user data; in user data, use --no-block and do not wait for the registration:",
		"systemctl list-jobs --no-pager", "systemd-cgls --no-pager -u "+subject.UserDataUnit, "sudo kill PID")
	f.Confirm = "systemd-cgls shows a systemctl process without --no-block, or a loop that waits for the ECS agent"
	f.SymptomOf = nil // Docker waits in the same queue, or is not the unit that it waits for
}
