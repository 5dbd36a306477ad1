//go:build linux

package instance

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

func TestUnitNameUnescapes(t *testing.T) {
	const prefix = "/org/freedesktop/systemd1/unit/"
	for path, want := range map[string]string{
		"ecs_2eservice":             "ecs.service",
		"muster_2dverify_2eservice": "muster-verify.service",
		"a_":                        "a_",
		"a_zz":                      "a_zz",
	} {
		if got := unitName(dbus.ObjectPath(prefix + path)); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	// The escaping is go-systemd's, which muster uses.
	for _, name := range []string{"ecs.service", "muster-verify.service", "a_b@1.service"} {
		if got := unitName(dbus.ObjectPath(prefix + sd.PathBusEscape(name))); got != name {
			t.Errorf("got %q, want %q", got, name)
		}
	}
}

func TestAuthenticate(t *testing.T) {
	const accepted, rejected = "OK 0123456789abcdef0123456789abcdef\r\n", "REJECTED EXTERNAL\r\n"
	for _, c := range []struct {
		name, in, out string
		ok            bool
	}{
		{"an identity", "\x00AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", accepted + "ERROR\r\n", true},
		{"asking for mechanisms", "\x00AUTH\r\nAUTH EXTERNAL 30\r\nBEGIN\r\n", rejected + accepted, true},
		{"hanging up", "\x00AUTH EXTERNAL 30\r\n", accepted, false},
		{"an empty line", "\r\n", "ERROR\r\n", false},
	} {
		var out bytes.Buffer
		if ok := authenticate(bufio.NewReader(strings.NewReader(c.in)), &out); ok != c.ok || out.String() != c.out {
			t.Errorf("%s: got %v, %q", c.name, ok, out.String())
		}
	}
}
