package units

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Oldest is the first systemd version that supports every directive of muster's units. An
// older version only warns about unknown directives, and would run the units with less
// protection than the threat model states. The test of package muster/systemd computes it
// from the unit files: the newest directive is PrivateIPC=.
//
//	248 and later    Amazon Linux 2023 (252), Ubuntu 22.04 (249), Debian 12 (252)
//	older            Amazon Linux 2 (219), RHEL 8 (239), Debian 11 (247)
const Oldest = 248

// Version is the version string of systemd: "252.38-1~deb12u1".
type Version string

// Version returns the version of systemd.
func (m *Manager) Version(ctx context.Context) (Version, error) {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	// The library has no variant of this call with a context. Close ends it.
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := m.conn.GetManagerProperty("Version")
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			return "", fmt.Errorf("querying systemd for its version: %w", a.err)
		}
		return Version(strings.Trim(a.text, `"`)), nil // GVariant notation
	case <-ctx.Done():
		return "", fmt.Errorf("querying systemd for its version: %w", context.Cause(ctx))
	}
}

// Number returns 252 for "252.38-1~deb12u1" and "v252.4", and 0 for an invalid version.
func (v Version) Number() int {
	text := strings.TrimPrefix(string(v), "v")
	digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// TooOld reports whether this systemd is too old for muster's units. An unknown version is not too old.
func (v Version) TooOld() bool { return v.Number() != 0 && v.Number() < Oldest }
