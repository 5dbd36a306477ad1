package units

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	godbus "github.com/godbus/dbus/v5"
)

// The versions are the output of `systemctl --version` on each system.
func TestTooOld(t *testing.T) {
	for text, want := range map[Version]struct {
		number int
		old    bool
	}{
		"219":                  {219, true},  // Amazon Linux 2
		"239 (239-82.el8)":     {239, true},  // RHEL 8
		"247.3-7+deb11u5":      {247, true},  // Debian 11
		"248":                  {248, false}, // the oldest
		"249.11-0ubuntu3.16":   {249, false}, // Ubuntu 22.04
		"252.23-3.amzn2023":    {252, false},
		"252.38-1~deb12u1":     {252, false},
		"255.4-1ubuntu8.8":     {255, false},
		"257.7-1":              {257, false}, // Debian 13
		"v255.4-2-arch":        {255, false},
		"258~rc1":              {258, false},
		"":                     {0, false},
		"devel":                {0, false},
		"99999999999999999999": {0, false},
	} {
		if text.Number() != want.number || text.TooOld() != want.old {
			t.Errorf("%q: %d, %v", text, text.Number(), text.TooOld())
		}
	}
}

func TestVersion(t *testing.T) {
	f := newFake(t, map[string][]any{"Get": {godbus.MakeVariant("249.11-0ubuntu3.16")}})
	m, err := connect(t.Context(), f.root, true)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if v, err := m.Version(t.Context()); err != nil || v != "249.11-0ubuntu3.16" {
		t.Errorf("%q, %v", v, err)
	}
}

func TestVersionOfAnUnresponsiveSystemd(t *testing.T) {
	for name, answers := range map[string][]any{"an error": nil, "silence": {silence}} {
		t.Run(name, func(t *testing.T) {
			all := map[string][]any{}
			if answers != nil {
				all["Get"] = answers
			}
			f := newFake(t, all)
			m, err := connect(t.Context(), f.root, true)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer stop()
			v, err := m.Version(ctx)
			if err == nil || v != "" || !strings.Contains(err.Error(), "querying systemd for its version") {
				t.Errorf("%q, %v", v, err)
			}
			if name == "silence" && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
}
