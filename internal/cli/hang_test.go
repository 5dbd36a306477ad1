package cli

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"muster/check/catalog"
	"muster/check/checkup"
	"muster/internal/sandbox"
)

// deaf returns a socket that accepts connections and never responds.
func deaf(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// The real adapters must cancel their requests to services that hang as soon as wholeLook has passed. wholeLook must be
// shorter than the 20 seconds that the documentation promises.
func TestTheRealAdaptersHeedTheEndOfTheLook(t *testing.T) {
	if wholeLook+time.Second > 20*time.Second {
		t.Errorf("a look of %s may be over after 20s", wholeLook)
	}
	root, s := sandboxed(t)
	socket := filepath.Join(root, "d")
	deaf(t, "unix", socket)
	t.Setenv("MUSTER_DOCKER_HOST", "unix://"+socket)
	t.Setenv("MUSTER_INTROSPECTION_URL", "http://"+deaf(t, "tcp4", "127.0.0.1:0").Addr().String())
	t.Setenv("MUSTER_CLUSTER", "prod")
	t.Setenv("MUSTER_PORTS", "ignite2")
	for name, faults := range map[string][]sandbox.Fault{
		"AWS alone hangs":              {{Hang: true}},
		"the metadata service as well": {{Hang: true}, sandbox.HopLimit()},
	} {
		t.Run(name, func(t *testing.T) {
			s.ClearFaults()
			for _, f := range faults {
				s.Inject(f)
			}
			log := slog.New(slog.DiscardHandler)
			session := checkup.NewSession(thisHost(debugCommand("test", log)), log)
			if err := session.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, c := range catalog.Checks(session.World) {
				ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
				found := c.Run(ctx) // a check that ignores the end of its context would block here
				stop()
				t.Logf("%-18s %s", c.ID, found[0].Summary)
			}
		})
	}
}
