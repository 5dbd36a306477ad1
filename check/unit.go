package check

import (
	"context"
	"fmt"

	"muster/internal/fix"
	"muster/internal/units"
)

// Units is systemd.
type Units interface {
	Show(ctx context.Context, name string) (units.State, error)
}

const (
	ecsUnit = "ecs.service"
	// userDataUnit is where user data runs; on Amazon Linux ecs.service comes after
	// it (amazon-ecs-agent packaging/amazon-linux-ami-integrated/ecs.service).
	userDataUnit = "cloud-final.service"
)

// unitNotStarted are the findings of a unit that has not tried to run the agent.
func unitNotStarted() []string {
	return []string{"ecs-unit-missing", "ecs-unit-held-back", "ecs-unit-masked", "ecs-unit-waiting", "ecs-unit-not-started"}
}

func (w World) ecsUnit(ctx context.Context) []Finding {
	if w.Units == nil {
		if w.NoUnits != nil {
			return CouldNotLook(w.NoUnits, fix.Do("systemctl status ecs"))
		}
		return Skipped("there is no systemd to ask")
	}
	s, err := w.Units.Show(ctx, ecsUnit)
	if err != nil {
		return CouldNotLook(err, fix.Do("systemctl status ecs"))
	}
	f, bad := unitFinding(s)
	if !bad {
		return Passed(describe(s))
	}
	f.Evidence = []string{describe(s)}
	if f.ID == "ecs-unit-waiting" {
		w.waiting(ctx, &f)
	}
	return []Finding{f}
}

// describe is a unit in one line.
func describe(s units.State) string {
	text := fmt.Sprintf("%s: %s, %s (%s), %s, restarts %d", s.Name, s.LoadState, s.ActiveState, s.SubState, s.UnitFileState, s.NRestarts)
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

// unitFinding says what is wrong with ecs.service; false: nothing. A unit that is
// active proves nothing: it is while ecs-init restarts the agent again and again.
func unitFinding(s units.State) (Finding, bool) {
	if f, ok := unitNotStartable(s); ok {
		return f, true
	}
	causes := []string{"docker", "agent-image", "ecs-config", "checkpoint", "agent-log", "disk", "user-data"}
	switch {
	case s.ActiveState == "inactive" && s.Job != nil:
		return Finding{ID: "ecs-unit-waiting", Status: Fail, Summary: ecsUnit + " is queued behind something that does not end",
			Fix: fix.Do("systemctl list-jobs shows what it waits for"), SymptomOf: []string{"docker"}}, true
	case s.ActiveState == "inactive":
		return Finding{ID: "ecs-unit-not-started", Status: Fail, Summary: ecsUnit + " was not started",
			Fix: fix.Do("systemctl enable " + ecsUnit + " && systemctl --no-block start " + ecsUnit), SymptomOf: []string{"docker", "user-data"}}, true
	case s.ActiveState == "failed":
		return Finding{ID: "ecs-unit-failed", Status: Fail, Summary: fmt.Sprintf("%s failed (%s, status %d)", ecsUnit, s.Result, s.ExecMainStatus),
			Fix: fix.Do("journalctl -u " + ecsUnit + " -n 50"), SymptomOf: causes}, true
	case s.SubState == "auto-restart":
		return Finding{ID: "ecs-unit-restarting", Status: Fail, Summary: fmt.Sprintf("%s ends and is started again by systemd, %d times so far", ecsUnit, s.NRestarts),
			Fix: fix.Do("journalctl -u " + ecsUnit + " -n 50"), SymptomOf: causes}, true
	case s.UnitFileState == "disabled":
		return Finding{ID: "ecs-unit-disabled", Status: Warn, Summary: ecsUnit + " runs, but will not start at the next boot", Fix: fix.Do("systemctl enable " + ecsUnit)}, true
	}
	return Finding{}, false
}

func unitNotStartable(s units.State) (Finding, bool) {
	switch {
	case s.LoadState == units.NotFound:
		return Finding{ID: "ecs-unit-missing", Status: Fail, Summary: "there is no " + ecsUnit + " on this instance",
			Fix: fix.Do("use an ECS-optimized AMI, or install ecs-init")}, true
	case s.UnitFileState == "masked-runtime": // bootstrap masks it so, and nobody else does
		return Finding{ID: "ecs-unit-held-back", Status: Fail, Summary: ecsUnit + " is held back, because muster bootstrap failed in this boot",
			Fix: fix.Do("look in /var/log/cloud-init-output.log and journalctl -b -u muster-bootstrap, mend what it names, then run muster bootstrap again"), SymptomOf: []string{"bootstrap"}}, true
	case s.LoadState == units.Masked:
		return Finding{ID: "ecs-unit-masked", Status: Fail, Summary: ecsUnit + " is masked, so nothing can start it",
			Fix: fix.Do("systemctl unmask " + ecsUnit + " && systemctl --no-block start " + ecsUnit)}, true
	}
	return Finding{}, false
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
	if s.ActiveState == "activating" {
		f.Summary = ecsUnit + " is queued behind user data, which still runs; if that waits for the ECS agent, both wait for ever"
		f.Fix = fix.Do("in user data start " + ecsUnit + " with --no-block only, and wait for no registration; to free this boot: systemctl list-jobs, then kill what user data waits in")
	}
}
