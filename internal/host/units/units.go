// Package units installs unit files, and calls systemd over D-Bus to reload, enable, queue, mask and show units. It runs
// no other program.
//
// It does not define the units (see package muster/systemd) or decide when to start them (see package bootstrap). It
// never waits for a job: in user data that would deadlock, because cloud-final.service, which runs user data, is ordered
// before ecs.service.
package units

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Verb is the action of a queued job.
type Verb string

// Verbs of Queue.
const (
	Start   Verb = "start"
	Restart Verb = "restart"
	Stop    Verb = "stop"
)

// replaceMode is the job mode of systemctl: a new job replaces a conflicting job of the same unit, and is merged with an
// identical one.
const replaceMode = "replace"

// Booted reports whether systemd is the init of the system below root, as defined in sd_booted(3).
func Booted(root string) bool {
	_, err := os.Lstat(filepath.Join(root, "/run/systemd/system"))
	return err == nil
}

// Manager is a connection to systemd. Its methods are safe for concurrent use, and each ends with its context.
type Manager struct{ conn *dbus.Conn }

// Close closes the connection. Queued jobs stay queued.
func (m *Manager) Close() { m.conn.Close() }

// Connected reports whether the connection is open.
func (m *Manager) Connected() bool { return m.conn.Connected() }

// Reload makes systemd reload all unit files, like systemctl daemon-reload.
func (m *Manager) Reload(ctx context.Context) error {
	if err := m.conn.ReloadContext(ctx); err != nil {
		return fmt.Errorf("reloading systemd: %w", err)
	}
	return nil
}

// Enable makes the units start at every boot, and returns the symlinks that it created: none if all were enabled. It
// starts nothing; a Reload applies it to the current boot. A masked unit, or one without an [Install] section, is an
// error.
func (m *Manager) Enable(ctx context.Context, names ...string) (changed []string, err error) {
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

// Queue enqueues a job for the unit and returns without waiting for it. A masked or missing unit is an error.
func (m *Manager) Queue(ctx context.Context, verb Verb, name string) error {
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

// Mask prevents any start of the unit: until the next boot if runtime is set, otherwise permanently. A running unit
// keeps running; systemd rejects an already queued start. A unit file in /etc/systemd/system overrides a runtime mask,
// which is an error here.
func (m *Manager) Mask(ctx context.Context, name string, runtime bool) error {
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

// Unmask reverts a Mask with the same runtime. It starts nothing, not even rejected jobs.
func (m *Manager) Unmask(ctx context.Context, name string, runtime bool) error {
	if _, err := m.conn.UnmaskUnitFilesContext(ctx, []string{name}, runtime); err != nil {
		return fmt.Errorf("unmasking %s: %w", name, err)
	}
	if err := m.Reload(ctx); err != nil {
		return fmt.Errorf("unmasking %s: %w", name, err)
	}
	return nil
}
