package check

import (
	"context"
	"fmt"
	"time"

	"muster/internal/base/fix"
	"muster/internal/host/ecsagent"
	"muster/internal/host/units"
)

// Units is systemd.
type Units interface {
	Show(ctx context.Context, name string) (units.State, error)
	Version(ctx context.Context) (units.Version, error)
}

const (
	ecsUnit = "ecs.service"
	// userDataUnit is where user data runs; on Amazon Linux ecs.service comes after
	// it (amazon-ecs-agent packaging/amazon-linux-ami-integrated/ecs.service).
	userDataUnit = "cloud-final.service"
)

// unitNotStarted are the findings of a unit that has not tried to run the agent.
func unitNotStarted() []*Kind {
	return []*Kind{ECSUnitMissing, ECSUnitHeldBack, ECSUnitMasked, ECSUnitWaiting, ECSUnitNotStarted}
}

func (w World) ecsUnit(ctx context.Context) []Finding {
	if w.Units == nil {
		if w.NoUnits != nil {
			return CouldNotLook(w.NoUnits, fix.Do("Check the unit with systemctl:", "systemctl status ecs --no-pager"))
		}
		return Skipped("systemd is not available on this host")
	}
	s, err := w.Units.Show(ctx, ecsUnit)
	if err != nil {
		return CouldNotLook(err, fix.Do("Check the unit with systemctl:", "systemctl status ecs --no-pager"))
	}
	f, bad := unitFinding(s)
	switch {
	case !bad:
		return Passed(describe(s))
	case s.LoadState == units.NotFound && w.isRegistered(ctx):
		return Passed("there is no " + ecsUnit + ", but the ECS agent has registered: something else started it")
	case f.Kind == ECSUnitNotStarted && w.isRegistered(ctx):
		return Passed(ecsUnit+" is not running, but the ECS agent has registered: something else started it", describe(s))
	case f.Kind == ECSUnitNotStarted && s.UnitFileState != "disabled" && w.userDataRuns(ctx):
		f.Kind = ECSUnitWaiting // its job joins the queue only when cloud-init is done
	}
	f.Evidence = append([]string{describe(s)}, f.Evidence...)
	switch f.Kind {
	case ECSUnitWaiting:
		w.waiting(ctx, &f)
	case ECSUnitNotStarted:
		w.ended(ctx, s, &f)
	}
	return []Finding{f}
}

// describe is a unit in one line.
func describe(s units.State) string {
	text := fmt.Sprintf("%s: %s, %s (%s)", s.Name, s.LoadState, s.ActiveState, s.SubState)
	if s.UnitFileState != "" { // a unit that is not found has none
		text += ", " + s.UnitFileState
	}
	text += fmt.Sprintf(", restarts %d", s.NRestarts)
	if s.Job != nil {
		text += fmt.Sprintf(", %s job %s", s.Job.Type, s.Job.State)
	}
	return text
}

// unitEvidence is a unit in one line, or why it could not be seen.
func (w World) unitEvidence(ctx context.Context, name string) []string {
	if w.Units == nil {
		return nil
	}
	s, err := w.Units.Show(ctx, name)
	if err != nil {
		return []string{err.Error()}
	}
	return []string{describe(s)}
}

// startUnit is the command that starts ecs.service. Without --no-block it would
// wait for user data to end.
const startUnit = "sudo systemctl --no-block start " + ecsUnit

// unitFinding says what is wrong with ecs.service; false: nothing. A unit that is
// active proves nothing: it is while ecs-init restarts the agent again and again.
func unitFinding(s units.State) (Finding, bool) {
	if f, ok := unitNotStartable(s); ok {
		return f, true
	}
	const journal = "sudo journalctl -b -u " + ecsUnit + " -n 50 --no-pager"
	causes := []*Kind{DockerCheck, AgentImageCheck, ECSConfigCheck, CheckpointCheck, AgentLogCheck, DiskCheck, UserDataCheck}
	switch {
	case s.ActiveState == "inactive" && s.Job != nil:
		return Finding{Kind: ECSUnitWaiting, Status: Fail, Summary: ecsUnit + " is queued but does not start",
			Fix: fix.Do("Find the job that it waits for:", "systemctl list-jobs"), SymptomOf: []*Kind{DockerCheck}}, true
	case s.ActiveState == "inactive":
		return Finding{Kind: ECSUnitNotStarted, Status: Fail, Summary: ecsUnit + " was not started",
			Fix: fix.Do("Start it now and at every boot:", "sudo systemctl enable "+ecsUnit, startUnit), SymptomOf: []*Kind{DockerCheck, UserDataCheck}}, true
	case s.ActiveState == "failed":
		return Finding{Kind: ECSUnitFailed, Status: Fail, Summary: fmt.Sprintf("%s failed (%s, status %d)", ecsUnit, s.Result, s.ExecMainStatus),
			Fix: fix.Do("Find out why:", journal), SymptomOf: causes}, true
	case s.SubState == "auto-restart":
		return Finding{Kind: ECSUnitRestarting, Status: Fail, Summary: fmt.Sprintf("%s keeps exiting: systemd has restarted it %s", ecsUnit, count(int(s.NRestarts), "time")),
			Fix: fix.Do("Find out why:", journal), SymptomOf: causes}, true
	case s.UnitFileState == "disabled":
		return Finding{Kind: ECSUnitDisabled, Status: Warn, Summary: ecsUnit + " is running but disabled: it will not start at the next boot",
			Fix: fix.Do("Enable it:", "sudo systemctl enable "+ecsUnit)}, true
	}
	return Finding{}, false
}

func unitNotStartable(s units.State) (Finding, bool) {
	switch {
	case s.LoadState == units.NotFound:
		return Finding{Kind: ECSUnitMissing, Status: Fail, Summary: "ecs.service does not exist on this instance",
			Fix: fix.Do("Use an ECS-optimized AMI, or install ecs-init:", "sudo dnf install -y ecs-init", "sudo systemctl enable "+ecsUnit, startUnit)}, true
	case s.UnitFileState == "masked-runtime": // bootstrap masks it so, and nothing else does
		return Finding{Kind: ECSUnitHeldBack, Status: Fail, Summary: ecsUnit + " is held back because muster bootstrap failed during this boot",
			Fix: fix.Do("Find out why, fix it, then run muster bootstrap again:", "sudo journalctl -b -u muster-bootstrap --no-pager", "sudo tail -n 50 /var/log/cloud-init-output.log"), SymptomOf: []*Kind{BootstrapCheck}}, true
	case s.LoadState == units.Masked:
		return Finding{Kind: ECSUnitMasked, Status: Fail, Summary: ecsUnit + " is masked, so nothing can start it",
			Fix: fix.Do("Unmask and start it:", "sudo systemctl unmask "+ecsUnit, startUnit)}, true
	}
	return Finding{}, false
}

// ended tells a unit that ran from one that was never started. The unit is
// Restart=on-failure, so an exit with 0 is final, and PartOf=docker.service, which
// stops it with Docker and does not start it again
// (packaging/amazon-linux-ami-integrated/ecs.service).
func (w World) ended(ctx context.Context, s units.State, f *Finding) {
	code, seen := w.lastExit(ctx, s)
	if seen == "" {
		return
	}
	f.Summary = ecsUnit + " was started, then stopped"
	if code == 0 {
		f.Summary = ecsUnit + " stopped: the ECS agent exited with code 0, so systemd does not restart it"
	}
	f.Evidence = append(f.Evidence, seen)
	f.Fix = fix.Do("Start it again, and find out why it stopped:", startUnit, "sudo journalctl -b -u "+ecsUnit+" -n 50 --no-pager")
	docker, err := w.Units.Show(ctx, dockerUnit)
	if err == nil && !s.Ended.IsZero() && together(s.Ended, docker) {
		f.Summary = ecsUnit + " was stopped together with " + dockerUnit + " and was not started again"
		f.Evidence = append(f.Evidence, dockerUnit+" stopped at "+docker.Ended.Format(time.RFC3339)+"; "+ecsUnit+" is PartOf="+dockerUnit)
	}
}

// lastExit is how the unit, or the agent in it, ended last, and what shows it;
// empty: nothing shows that it ran. systemd forgets a unit's past with the boot, or
// when it unloads the unit; ecs-init's log and the agent's container remain.
func (w World) lastExit(ctx context.Context, s units.State) (code int, seen string) {
	if !s.Active.IsZero() || s.ExecMainCode != 0 {
		code = int(s.ExecMainStatus)
		if s.ExecMainCode > exited {
			code += 128
		}
		seen = fmt.Sprintf("%s stopped (%s)", ecsUnit, s.Result)
		if !s.Ended.IsZero() {
			seen = fmt.Sprintf("%s stopped at %s (%s)", ecsUnit, s.Ended.Format(time.RFC3339), s.Result)
		}
		return code, seen
	}
	logged, _ := ecsagent.ReadLogs(w.Config.Path(w.Config.ECSLogDir), ecsagent.Options{Since: w.Record.Since()})
	if logged.Exits > 0 {
		return logged.ExitCode, fmt.Sprintf("%s/ecs-init.log: the ECS agent exited at %s with code %d", w.Config.ECSLogDir, logged.LastExit.UTC().Format(time.RFC3339), logged.ExitCode)
	}
	if w.Engine == nil {
		return 0, ""
	}
	ctx, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	c, there, err := w.Engine.AgentContainer(ctx)
	if err != nil || !there || c.Running || c.Status == "created" {
		return 0, ""
	}
	return c.ExitCode, fmt.Sprintf("container ecs-agent: %s, exit code %d", c.Status, c.ExitCode)
}

// exited is the ExecMainCode of a process that exited by itself (CLD_EXITED).
const exited = 1

// together says whether Docker ended right after ecs.service, which comes after it
// and so is stopped first.
func together(at time.Time, docker units.State) bool {
	const stopping = 2 * time.Minute // TimeoutStopSec is 90 s unless set
	return !docker.Ended.Before(at) && docker.Ended.Sub(at) < stopping
}

// waiting tells the deadlock from another wait: user data that waits for the ECS
// agent waits for ever (amazon-ecs-agent#1707).
func (w World) waiting(ctx context.Context, f *Finding) {
	s, err := w.Units.Show(ctx, userDataUnit)
	if err != nil {
		f.Evidence = append(f.Evidence, err.Error())
		return
	}
	f.Evidence = append(f.Evidence, describe(s))
	if s.ActiveState != "activating" {
		return
	}
	f.Summary = ecsUnit + " waits for user data, which is still running"
	f.Evidence = append(f.Evidence, "if user data waits for "+ecsUnit+" or for the registration, it waits for itself: a deadlock")
	f.Evidence = append(f.Evidence, w.unitEvidence(ctx, dockerUnit)...)
	f.Fix = fix.Do("Stop the command that blocks user data; in user data, use --no-block and do not wait for the registration:",
		"systemctl list-jobs --no-pager", "systemd-cgls --no-pager -u "+userDataUnit, "sudo kill PID")
	f.Confirm = "systemd-cgls shows a systemctl process without --no-block, or a loop that waits for the ECS agent"
	f.SymptomOf = nil // Docker waits in the same queue, or is not what is waited for
}

// userDataHolds says whether the job of this unit waits while user data runs.
func (w World) userDataHolds(ctx context.Context, name string) bool {
	if w.Units == nil {
		return false
	}
	unit, err := w.Units.Show(ctx, name)
	return err == nil && unit.Job != nil && unit.ActiveState != "active" && w.userDataRuns(ctx)
}

// userDataRuns reports whether cloud-init still runs user data.
func (w World) userDataRuns(ctx context.Context) bool {
	s, err := w.Units.Show(ctx, userDataUnit)
	return err == nil && s.ActiveState == "activating"
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
