package subject

import (
	"context"
	"fmt"

	"muster/internal/host/units"
)

// The units that several groups refer to.
const (
	ECSUnit    = "ecs.service"
	DockerUnit = "docker.service"
	// UserDataUnit runs user data. On Amazon Linux, ecs.service is ordered after it
	// (amazon-ecs-agent packaging/amazon-linux-ami-integrated/ecs.service).
	UserDataUnit = "cloud-final.service"
)

const (
	// StartECS starts ecs.service. Without --no-block it would wait for user data.
	StartECS = "sudo systemctl --no-block start " + ECSUnit
	// RestartECS restarts ecs.service.
	RestartECS = "sudo systemctl --no-block restart " + ECSUnit
)

// Units is systemd.
type Units interface {
	Show(ctx context.Context, name string) (units.State, error)
	Version(ctx context.Context) (units.Version, error)
}

// Systemd is the systemd of the instance.
type Systemd struct {
	Units
	Err error // why it could not be asked
}

// Available reports whether there is a systemd to ask.
func (s Systemd) Available() bool { return s.Units != nil }

// Knows reports whether systemd has the unit; false also if it cannot be asked.
func (s Systemd) Knows(ctx context.Context, unit string) bool {
	if s.Units == nil {
		return false
	}
	state, err := s.Show(ctx, unit)
	return err == nil && state.LoadState != units.NotFound
}

// Describe is a unit in one line.
func Describe(s units.State) string {
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

// Evidence is a unit in one line, or why systemd did not show it.
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

// WaitsForUserData reports whether the job of this unit is queued while user data
// runs.
func (s Systemd) WaitsForUserData(ctx context.Context, unit string) bool {
	if s.Units == nil {
		return false
	}
	state, err := s.Show(ctx, unit)
	return err == nil && state.Job != nil && state.ActiveState != "active" && s.RunsUserData(ctx)
}

// RunsUserData reports whether cloud-init still runs user data.
func (s Systemd) RunsUserData(ctx context.Context) bool {
	state, err := s.Show(ctx, UserDataUnit)
	return err == nil && state.ActiveState == "activating"
}
