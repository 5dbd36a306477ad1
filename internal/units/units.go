// Package units speaks to systemd: it installs unit files and asks the manager
// over D-Bus to reload, enable, queue, mask and show units. No other program
// is run.
//
// It does not know which units there are (package muster/systemd holds their
// text) nor when to start which (package bootstrap decides), and it never waits
// for a job: in user data that deadlocks, because cloud-final.service, in which
// user data runs, comes before ecs.service.
package units

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Verb is what a queued job is to do with its unit.
type Verb string

// The verbs that Queue knows.
const (
	Start   Verb = "start"
	Restart Verb = "restart"
	Stop    Verb = "stop"
)

// replaceMode is the job mode that systemctl uses: a job of the same unit that
// contradicts the new one gives way, an equal one is merged with it.
const replaceMode = "replace"

// Booted reports whether systemd is the init of the system below root, by the
// rule of sd_booted(3).
func Booted(root string) bool {
	_, err := os.Lstat(filepath.Join(root, "/run/systemd/system"))
	return err == nil
}

// Manager is a connection to systemd. Its methods may be called concurrently;
// each ends with its context.
type Manager struct{ conn *dbus.Conn }

// Close ends the connection. Jobs that were queued stay queued.
func (m *Manager) Close() { m.conn.Close() }

// Reload makes systemd read all unit files again, like systemctl daemon-reload.
func (m *Manager) Reload(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, reloadTime)
	defer stop()
	if err := m.conn.ReloadContext(ctx); err != nil {
		return fmt.Errorf("reloading systemd: %w", err)
	}
	return nil
}

// Enable makes the units start at every boot and returns the symlinks that it
// created: none when all were enabled already. It starts nothing; a Reload
// makes it count for the present boot too. A unit without an [Install] section
// is an error, and so is a masked one.
func (m *Manager) Enable(ctx context.Context, names ...string) (changed []string, err error) {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	installable, changes, err := m.conn.EnableUnitFilesContext(ctx, names, false, false)
	if err != nil {
		return nil, fmt.Errorf("enabling %q: %w", names, err)
	}
	if !installable {
		return nil, fmt.Errorf("enabling %q: no [Install] section", names)
	}
	for _, c := range changes {
		changed = append(changed, c.Filename)
	}
	return changed, nil
}

// Queue enqueues a job for the unit and returns, whatever that job has to wait
// for. A unit that is masked or missing is an error.
func (m *Manager) Queue(ctx context.Context, verb Verb, name string) error {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	var err error
	switch verb {
	case Start:
		_, err = m.conn.StartUnitContext(ctx, name, replaceMode, nil)
	case Restart:
		_, err = m.conn.RestartUnitContext(ctx, name, replaceMode, nil)
	case Stop:
		_, err = m.conn.StopUnitContext(ctx, name, replaceMode, nil)
	default:
		return fmt.Errorf("queueing %s: unknown verb %q", name, verb)
	}
	if err != nil {
		return fmt.Errorf("queueing %s of %s: %w", verb, name, err)
	}
	return nil
}

// Mask keeps the unit from being started by anything: until the next boot when
// runtime is set, else for good. A unit that runs already goes on running, and
// a start that is queued already is refused when its turn comes. A unit file
// in /etc/systemd/system outranks a mask at run time, which is an error here.
func (m *Manager) Mask(ctx context.Context, name string, runtime bool) error {
	ctx, stop := context.WithTimeout(ctx, reloadTime)
	defer stop()
	if _, err := m.conn.MaskUnitFilesContext(ctx, []string{name}, runtime, false); err != nil {
		return fmt.Errorf("masking %s: %w", name, err)
	}
	if err := m.Reload(ctx); err != nil {
		return fmt.Errorf("masking %s: %w", name, err)
	}
	state, err := m.Show(ctx, name)
	if err != nil {
		return fmt.Errorf("masking %s: %w", name, err)
	}
	if state.LoadState != Masked {
		return fmt.Errorf("masking %s: it is still %s: its unit file in /etc/systemd/system outranks the mask", name, state.LoadState)
	}
	return nil
}

// Unmask takes back the Mask that was made with the same runtime. It starts
// nothing, not even what was refused meanwhile.
func (m *Manager) Unmask(ctx context.Context, name string, runtime bool) error {
	ctx, stop := context.WithTimeout(ctx, reloadTime)
	defer stop()
	if _, err := m.conn.UnmaskUnitFilesContext(ctx, []string{name}, runtime); err != nil {
		return fmt.Errorf("unmasking %s: %w", name, err)
	}
	if err := m.Reload(ctx); err != nil {
		return fmt.Errorf("unmasking %s: %w", name, err)
	}
	return nil
}
