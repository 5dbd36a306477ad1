package units

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Values of State.LoadState that callers check.
const (
	Masked   = "masked"
	NotFound = "not-found"
)

// State is the state of a unit in systemd's terms: see org.freedesktop.systemd1(5). Only services have the fields below
// Job.
type State struct {
	Name          string
	LoadState     string // "loaded", "not-found", "masked", "bad-setting", "error"
	ActiveState   string // "active", "inactive", "failed", "activating", "deactivating"
	SubState      string // of a service: "running", "dead", "exited", "auto-restart", ...
	UnitFileState string // "enabled", "disabled", "static", "masked", "masked-runtime"; "" when not found
	Job           *Job   // the queued or running job, or nil

	// Begun, Active and Ended are the times when the unit last started to activate, became active, and became inactive
	// or failed. A time is zero if that never happened.
	Begun, Active, Ended time.Time

	Result         string // "success", "exit-code", "signal", "timeout", ...: result of the last run
	ExecMainCode   int32  // exit of the main process: 1 exited, 2 killed, 3 dumped core; 0 not exited
	ExecMainStatus int32  // its exit code (ExecMainCode 1), else the signal
	NRestarts      uint32 // automatic restarts since the last manual start
}

// Job is a queued or running job of a unit.
type Job struct {
	ID    uint32
	Type  string // "start", "stop", "restart", ...
	State string // "waiting" for units ordered before it, or "running"
}

// Show returns the state of the unit. A missing unit is not an error, but a State with LoadState NotFound.
func (m *Manager) Show(ctx context.Context, name string) (State, error) {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	props, err := m.conn.GetAllPropertiesContext(ctx, name)
	if err != nil {
		return State{}, fmt.Errorf("showing unit %q: %w", name, err)
	}
	state := stateOf(name, props)
	if id := jobID(props); id != 0 {
		if state.Job, err = m.job(ctx, id); err != nil {
			return State{}, fmt.Errorf("showing the job of unit %q: %w", name, err)
		}
	}
	return state, nil
}

func stateOf(name string, props map[string]any) State {
	return State{
		Name:           name,
		LoadState:      property[string](props, "LoadState"),
		ActiveState:    property[string](props, "ActiveState"),
		SubState:       property[string](props, "SubState"),
		UnitFileState:  property[string](props, "UnitFileState"),
		Begun:          moment(props, "InactiveExitTimestamp"),
		Active:         moment(props, "ActiveEnterTimestamp"),
		Ended:          moment(props, "InactiveEnterTimestamp"),
		Result:         property[string](props, "Result"),
		ExecMainCode:   property[int32](props, "ExecMainCode"),
		ExecMainStatus: property[int32](props, "ExecMainStatus"),
		NRestarts:      property[uint32](props, "NRestarts"),
	}
}

// property returns the zero value if the unit's type does not have the property.
func property[T any](props map[string]any, name string) T {
	v, _ := props[name].(T)
	return v
}

// moment parses microseconds since 1970. 0 means never.
func moment(props map[string]any, name string) time.Time {
	if at := property[uint64](props, name); at != 0 {
		return time.UnixMicro(int64(at)).UTC()
	}
	return time.Time{}
}

// jobID parses the Job property, a pair of ID and object path. It returns 0 if there is no job.
func jobID(props map[string]any) uint32 {
	if pair := property[[]any](props, "Job"); len(pair) > 0 {
		id, _ := pair[0].(uint32)
		return id
	}
	return 0
}

// job looks up the id. It returns nil for a job that has ended.
func (m *Manager) job(ctx context.Context, id uint32) (*Job, error) {
	jobs, err := m.conn.ListJobsContext(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(jobs, func(j dbus.JobStatus) bool { return j.Id == id })
	if i < 0 {
		return nil, nil
	}
	return &Job{ID: id, Type: jobs[i].JobType, State: jobs[i].Status}, nil
}
