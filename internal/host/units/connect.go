package units

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"

	"muster/internal/base/ownlimit"
)

const (
	// systemd's own socket, accessible only to root. systemctl prefers it too, because it works without the bus daemon.
	privateSocket = "/run/systemd/private"
	busSocket     = "/run/dbus/system_bus_socket"
)

// Limits on systemd's responses: 25 s for a call, as in sd-bus, and more for a reload, which runs the generators. A
// boot waits for each of them.
const (
	connectTime = 5 * time.Second
	callTime    = 25 * time.Second
	reloadTime  = 60 * time.Second
)

// Connect connects to systemd over D-Bus, within connectTime. ctx limits connecting, not the lifetime of the connection. The error names
// each socket that was tried.
func Connect(ctx context.Context) (*Manager, error) {
	return connect(ctx, "/", os.Geteuid() == 0)
}

func connect(ctx context.Context, root string, private bool) (*Manager, error) {
	var tried error
	if private {
		conn, err := open(ctx, filepath.Join(root, privateSocket), false)
		if err == nil {
			return &Manager{conn}, nil
		}
		tried = err
	}
	conn, err := open(ctx, filepath.Join(root, busSocket), true)
	switch {
	case err == nil:
		return &Manager{conn}, nil
	case tried != nil:
		return nil, fmt.Errorf("connecting to systemd: %w; %w", tried, err)
	default:
		return nil, fmt.Errorf("connecting to systemd: %w", err)
	}
}

// open connects to the socket of a bus daemon (which needs a Hello) or of systemd (which does not). The library ties a
// connection's lifetime to its context, so ctx is detached once connected.
func open(ctx context.Context, socket string, bus bool) (*dbus.Conn, error) {
	ctx, stop := context.WithTimeout(ctx, connectTime)
	defer stop()
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	letGo := context.AfterFunc(ctx, cancel)
	conn, err := dbus.NewConnection(func() (*godbus.Conn, error) {
		return dial(life, socket, bus)
	})
	if letGo() && err == nil {
		return conn, nil
	}
	cancel()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, fmt.Errorf("%s: %w", socket, ownlimit.Wrap(err))
}

func dial(ctx context.Context, socket string, bus bool) (*godbus.Conn, error) {
	conn, err := godbus.Dial("unix:path="+godbus.EscapeBusAddressValue(socket), godbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	err = conn.Auth([]godbus.Auth{godbus.AuthExternal(strconv.Itoa(os.Getuid()))})
	if err == nil && bus {
		err = conn.Hello()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// ShuttingDown reports whether the system is shutting down. It returns false if systemd cannot be queried, which some
// users may not do.
func ShuttingDown(ctx context.Context) bool {
	m, err := Connect(ctx)
	if err != nil {
		return false
	}
	defer m.Close()
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	state, err := m.conn.SystemStateContext(ctx)
	return err == nil && state.Value.Value() == "stopping"
}
