package subject

import (
	"context"
	"fmt"

	"muster/internal/host/units"
)

// Names of the units that several groups refer to.
const (
	ECSUnit    = "ecs.service"
	DockerUnit = "docker.service"
	// UserDataUnit runs user data. On Amazon Linux, ecs.service is ordered after it (amazon-ecs-agent
	// packaging/amazon-linux-ami-integrated/ecs.service).
	UserDataUnit = "cloud-final.service"
)

const (
	// StartECS is the command that starts ecs.service. Without --no-block, it would wait for user data.
	StartECS = "sudo systemctl --no-block start " + ECSUnit
	// RestartECS is the command that restarts ecs.service.
	RestartECS = "sudo systemctl --no-block restart " + ECSUnit
)

// Units is a client of systemd.
type Units interface {
	Show(ctx context.Context, name string) (units.State, error)
	Version(ctx context.Context) (units.Version, error)
}

// Systemd is the instance's systemd.
type Systemd struct {
	Units
	Err error // why it cannot be queried
}

// Available reports whether systemd can be queried.
func (s Systemd) Available() bool { return s.Units != nil }

// Knows reports whether systemd has the unit. It returns false if systemd cannot be queried.
func (s Systemd) Knows(ctx context.Context, unit string) bool {
	if s.Units == nil {
		return false
	}
	state, err := s.Show(ctx, unit)
	return err == nil && state.LoadState != units.NotFound
}

// Describe returns a one-line description of a unit.
func Describe(s units.State) string {
	text := fmt.Sprintf("%s: %s, %s (%s)", s.Name, s.LoadState, s.ActiveState, s.SubState)
	if s.UnitFileState != "" { // a missing unit has no UnitFileState
		text += ", " + s.UnitFileState
	}
	text += fmt.Sprintf(", restarts %d", s.NRestarts)
	if s.Job != nil {
		text += fmt.Sprintf(", %s job %s", s.Job.Type, s.Job.State)
	}
	return text
}

// Evidence returns a one-line description of a unit, or the error if systemd did not return it.
func (s Systemd) Evidence(ctx context.Context, unit string) []string {
	if s.Units == nil {
		return nil
	}
	state, err := s.Show(ctx, unit)
	if err != nil {
		return []string{err.Error()}
	}
	return []string{Describe(state)}
}

// WaitsForUserData reports whether a job of this unit is queued while user data runs.
func (s Systemd) WaitsForUserData(ctx context.Context, unit string) bool {
	if s.Units == nil {
		return false
	}
	state, err := s.Show(ctx, unit)
	return err == nil && state.Job != nil && state.ActiveState != "active" && s.RunsUserData(ctx)
}

// RunsUserData reports whether cloud-init is still running user data.
func (s Systemd) RunsUserData(ctx context.Context) bool {
	state, err := s.Show(ctx, UserDataUnit)
	return err == nil && state.ActiveState == "activating"
}
