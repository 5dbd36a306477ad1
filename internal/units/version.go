package units

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Oldest is the first systemd that knows every directive of muster's units. An older
// one only warns of what it does not know, and would run the units with less protection
// than the threat model states. The test of package muster/systemd computes it from the
// unit files: the newest directive is PrivateIPC=.
//
//	248 and later    Amazon Linux 2023 (252), Ubuntu 22.04 (249), Debian 12 (252)
//	older            Amazon Linux 2 (219), RHEL 8 (239), Debian 11 (247)
const Oldest = 248

// Version is the version of systemd as it writes it: "252.38-1~deb12u1".
type Version string

// Version asks systemd for its version.
func (m *Manager) Version(ctx context.Context) (Version, error) {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	// The library has no form of this call with a context. Close ends it.
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
			return "", fmt.Errorf("asking systemd for its version: %w", a.err)
		}
		return Version(strings.Trim(a.text, `"`)), nil // in the notation of GVariant
	case <-ctx.Done():
		return "", fmt.Errorf("asking systemd for its version: %w", context.Cause(ctx))
	}
}

// Number is 252 for "252.38-1~deb12u1" and for "v252.4"; 0 for what is no version.
func (v Version) Number() int {
	text := strings.TrimPrefix(string(v), "v")
	digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// TooOld reports whether muster's units must not run under this systemd. A version that
// is not known is not too old.
func (v Version) TooOld() bool { return v.Number() != 0 && v.Number() < Oldest }
