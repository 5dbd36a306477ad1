//go:build linux

package instance

import (
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"

	"muster/test/field/fieldcase"
)

// systemd simulates systemd's manager behind its private socket: properties of units, the job queue, and calls that
// change units. It records those calls, but only mask and unmask have an effect.
type systemd struct {
	root *os.Root // unit files

	mu    sync.Mutex
	units map[string]unit
	jobs  map[string]string // unit: state of its job
	calls []string          // such as "start ecs.service"
}

// unit maps systemd's property names to values.
type unit map[string]any

// unitStates maps a state to a unit's ActiveState, SubState and Result.
var unitStates = map[string][3]string{
	"running":    {"active", "running", "success"},
	"exited":     {"active", "exited", "success"},
	"inactive":   {"inactive", "dead", "success"},
	"failed":     {"failed", "failed", "exit-code"},
	"restarting": {"activating", "auto-restart", "exit-code"},
	"activating": {"activating", "start", "success"},
}

var usualUnits = map[string]fieldcase.Unit{
	"ecs.service":         {State: "running"},
	"docker.service":      {State: "running"},
	"cloud-final.service": {State: "exited"},
}

func (i *Instance) startSystemd() error {
	s := &systemd{root: i.disk.root, units: map[string]unit{}, jobs: map[string]string{}}
	all := maps.Clone(usualUnits)
	maps.Copy(all, i.c.Systemd)
	for name, u := range all {
		s.set(name, u)
	}
	i.systemd = s
	l, err := net.Listen("unix", i.disk.path("run/systemd/private"))
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); serveBus(conn, s.reply) }()
		}
	}()
	return nil
}

// set replaces a unit and its job. The state "absent" removes it.
func (s *systemd) set(name string, u fieldcase.Unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.units, name)
	delete(s.jobs, name)
	if u.Job != "" {
		s.jobs[name] = u.Job
	}
	if st, ok := unitStates[u.State]; ok {
		s.units[name] = unit{
			"LoadState": "loaded", "UnitFileState": "enabled", "ActiveState": st[0], "SubState": st[1], "Result": st[2],
			"ExecMainStatus": int32(u.Status), "NRestarts": uint32(u.Restarts),
		}
	}
}

// takeCalls returns the calls since its last call.
func (s *systemd) takeCalls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// unitChange and jobRow have the D-Bus signatures (sss) and (usssoo) of
// org.freedesktop.systemd1.Manager.
type unitChange struct{ Kind, Link, Target string }

type jobRow struct {
	ID                uint32
	Unit, Type, State string
	Path, UnitPath    dbus.ObjectPath
}

const jobPath = dbus.ObjectPath("/org/freedesktop/systemd1/job/7")

// reply returns the body of the reply to a call.
func (s *systemd) reply(member string, at dbus.ObjectPath, body []any) []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch member {
	case "GetAll":
		return []any{s.properties(unitName(at))}
	case "Get": // SystemState
		return []any{dbus.MakeVariant("running")}
	case "ListJobs":
		rows := []jobRow{}
		for _, name := range slices.Sorted(maps.Keys(s.jobs)) {
			rows = append(rows, jobRow{7, name, "start", s.jobs[name], jobPath, "/org/freedesktop/systemd1/unit/u"})
		}
		return []any{rows}
	case "MaskUnitFiles":
		s.mask(body, "mask", "masked", "masked-runtime")
		return []any{[]unitChange{}}
	case "UnmaskUnitFiles":
		s.mask(body, "unmask", "loaded", "enabled")
		return []any{[]unitChange{}}
	case "EnableUnitFiles":
		return []any{true, []unitChange{}}
	case "DisableUnitFiles":
		return []any{[]unitChange{}}
	case "StartUnit", "StopUnit", "RestartUnit", "TryRestartUnit", "ReloadOrRestartUnit":
		if len(body) > 0 {
			name, _ := body[0].(string)
			s.calls = append(s.calls, strings.ToLower(strings.TrimSuffix(member, "Unit"))+" "+name)
		}
		return []any{jobPath}
	}
	return nil
}

func (s *systemd) mask(body []any, verb, load, file string) {
	if len(body) == 0 {
		return
	}
	names, _ := body[0].([]string)
	for _, name := range names {
		if u := s.units[name]; u != nil {
			u["LoadState"], u["UnitFileState"] = load, file
		}
		s.calls = append(s.calls, verb+" "+name)
	}
}

func (s *systemd) properties(name string) map[string]dbus.Variant {
	u, ok := s.units[name]
	if !ok {
		u = unit{"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead", "UnitFileState": ""}
		if _, err := s.root.Lstat(path.Join("etc/systemd/system", path.Base(name))); !errors.Is(err, fs.ErrNotExist) {
			u = unit{"LoadState": "loaded", "ActiveState": "inactive", "SubState": "dead", "UnitFileState": "disabled", "Result": "success"}
		}
	}
	all := map[string]dbus.Variant{}
	for key, value := range u {
		all[key] = dbus.MakeVariant(value)
	}
	if _, ok := s.jobs[name]; ok {
		all["Job"] = dbus.MakeVariant(struct {
			ID   uint32
			Path dbus.ObjectPath
		}{7, jobPath})
	}
	return all
}
