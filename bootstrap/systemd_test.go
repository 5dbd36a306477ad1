package bootstrap

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"muster/internal/host/units"
	"muster/internal/sandbox"
)

// systemd simulates the real systemd as far as bootstrap uses it: a unit is known after a Reload that finds its file,
// operations on a masked or unknown unit fail, and ecs.service is the sandbox's ECS agent. If it has a path, its state
// survives the process.
type systemd struct {
	root  string
	path  string
	agent *sandbox.Sandbox                // nil: ecs.service runs nothing
	fail  func(method, name string) error // nil: nothing fails

	version units.Version // empty: the version in Amazon Linux 2023

	mu    sync.Mutex
	calls []string
	Units map[string]*unitState
}

type unitState struct {
	File, Enabled, Masked, MaskedRuntime bool
	Active                               string
	Exit                                 int32
	Restarts                             int
	Job                                  *units.Job
	Since                                time.Time // when it became active; zero: never in this boot
	Gone                                 bool      // for tests: it has no file
}

const unitDirs = "usr/lib/systemd/system etc/systemd/system"

func newSystemd(root string) *systemd {
	s := &systemd{root: root, Units: map[string]*unitState{}}
	s.load()
	return s
}

func (s *systemd) load() {
	for dir := range strings.FieldsSeq(unitDirs) {
		files, _ := filepath.Glob(filepath.Join(s.root, dir, "*.service"))
		for _, file := range files {
			s.unit(filepath.Base(file)).File = true
		}
	}
}

func (s *systemd) unit(name string) *unitState {
	if s.Units[name] == nil {
		s.Units[name] = &unitState{Active: "inactive"}
	}
	return s.Units[name]
}

// call records a call, and fails if the test wants it to.
func (s *systemd) call(method, name string) error {
	s.calls = append(s.calls, strings.TrimSpace(method+" "+name))
	if s.fail != nil {
		return s.fail(method, name)
	}
	return nil
}

func (s *systemd) save() {
	if s.path == "" {
		return
	}
	data, _ := json.Marshal(s.Units)
	_ = os.WriteFile(s.path+".new", data, 0o600)
	_ = os.Rename(s.path+".new", s.path)
}

func (s *systemd) restore() error {
	data, err := os.ReadFile(s.path)
	if err == nil {
		err = json.Unmarshal(data, &s.Units)
	}
	return err
}

func (s *systemd) Reload(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.save()
	if err := s.call("reload", ""); err != nil {
		return err
	}
	s.load()
	return nil
}

func (s *systemd) Enable(_ context.Context, names ...string) (changed []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.save()
	if err := s.call("enable", strings.Join(names, " ")); err != nil {
		return nil, err
	}
	for _, name := range names {
		switch u := s.unit(name); {
		case u.Masked || u.MaskedRuntime:
			return nil, fmt.Errorf("enabling %s: unit file is masked", name)
		case !u.File:
			return nil, fmt.Errorf("enabling %s: unit file does not exist", name)
		case !u.Enabled:
			u.Enabled = true
			changed = append(changed, name)
		}
	}
	return changed, nil
}

func (s *systemd) Queue(_ context.Context, verb units.Verb, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.save()
	if err := s.call(string(verb), name); err != nil {
		return err
	}
	u := s.unit(name)
	was := u.Active
	switch {
	case verb == units.Stop:
		u.Active = "inactive"
	case u.Masked || u.MaskedRuntime:
		return fmt.Errorf("queueing %s of %s: unit is masked", verb, name)
	case !u.File:
		return fmt.Errorf("queueing %s of %s: unit not found", verb, name)
	default:
		u.Active = "active"
	}
	if verb == units.Restart {
		u.Restarts++
	}
	if name == ecsUnit && s.agent != nil && (verb != units.Start || was != "active") {
		s.agent.Agent.Stop()
		if u.Active == "active" {
			return s.agent.StartAgent(context.Background())
		}
	}
	return nil
}

func (s *systemd) Mask(_ context.Context, name string, runtime bool) error {
	return s.setMask("mask", name, runtime, true)
}

func (s *systemd) Unmask(_ context.Context, name string, runtime bool) error {
	return s.setMask("unmask", name, runtime, false)
}

func (s *systemd) setMask(method, name string, runtime, to bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.save()
	if !runtime {
		return errors.New("bootstrap masks for one boot only")
	}
	if err := s.call(method, name); err != nil {
		return err
	}
	s.unit(name).MaskedRuntime = to
	return nil
}

func (s *systemd) Show(_ context.Context, name string) (units.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("show", name); err != nil {
		return units.State{}, err
	}
	u := s.unit(name)
	state := units.State{Name: name, LoadState: "loaded", ActiveState: u.Active, SubState: "dead", UnitFileState: "disabled",
		Result: "success", ExecMainStatus: u.Exit, Job: u.Job, Active: u.Since}
	switch {
	case u.Masked:
		state.LoadState, state.UnitFileState = units.Masked, "masked"
	case u.MaskedRuntime:
		state.LoadState, state.UnitFileState = units.Masked, "masked-runtime"
	case !u.File:
		state.LoadState, state.UnitFileState = units.NotFound, ""
	case u.Enabled:
		state.UnitFileState = "enabled"
	}
	if name == ecsUnit && s.agent != nil && s.agent.Agent.Status().Phase == sandbox.PhaseExited {
		state.ActiveState, state.SubState, state.Result, state.ExecMainStatus = "failed", "failed", "exit-code", 5
	}
	return state, nil
}

func (s *systemd) Version(context.Context) (units.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.version, "252.23-3.amzn2023"), s.call("show", "version")
}

func (s *systemd) Close() {}

// did returns the calls that change something, in order.
func (s *systemd) did() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.calls), func(c string) bool { return strings.HasPrefix(c, "show ") })
}

func (s *systemd) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// reboot clears the state that a reboot clears, and starts the enabled units.
func (s *systemd) reboot() {
	s.mu.Lock()
	names := slices.Collect(maps.Keys(s.Units))
	for _, u := range s.Units {
		u.MaskedRuntime, u.Active, u.Job = false, "inactive", nil
	}
	s.mu.Unlock()
	for _, name := range slices.Sorted(slices.Values(names)) {
		if s.Units[name].Enabled {
			_ = s.Queue(context.Background(), units.Start, name)
		}
	}
	s.forget()
}
