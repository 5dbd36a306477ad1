//go:build integration

package check_test

import (
	"testing"
	"time"

	"muster/check"
	"muster/internal/host/dockerapi"
	"muster/test/dockertest"
)

// wantOfEngine checks an instance that is healthy except for the Engine at host. want is the ID of the only cause, or
// empty.
func wantOfEngine(t *testing.T, host, want string) {
	t.Helper()
	client, err := dockerapi.New(host, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	w := healthy(t)
	w.Engine = client
	began := time.Now()
	causes := check.Causes(w.run(t))
	switch {
	case want == "" && len(causes) > 0, want != "" && (len(causes) != 1 || causes[0].ID != want):
		t.Errorf("causes %+v, want %q", causes, want)
	case want != "":
		t.Logf("after %s: %s", time.Since(began).Round(time.Millisecond), causes[0].Summary)
	}
}

func TestARealEngineThatIsStoppedHangsAndComesBack(t *testing.T) {
	d := dockertest.Stopped(t)
	wantOfEngine(t, d.Host, "docker-not-running")
	d.Start()
	wantOfEngine(t, d.Host, "")
	d.Hang()
	wantOfEngine(t, d.Host, "docker-hung")
	d.Resume()
	wantOfEngine(t, d.Host, "")
	d.Stop()
	wantOfEngine(t, d.Host, "docker-not-running")
	d.Start()
	wantOfEngine(t, d.Host, "")
}
