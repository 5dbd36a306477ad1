package portcheck

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"muster/internal/config"
	"muster/internal/instance"
	"muster/internal/sandbox"
)

// The peers of this sandboxed instance are loopback addresses, so the test really dials them. One has a listener, the
// other has none.
func TestABootLooksAtItsHostAndDials(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	box, err := sandbox.New(sandbox.Options{Root: t.TempDir(), Clusters: []string{"prod"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	for _, entry := range box.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	flags := map[string]string{"MUSTER_ROOT": "/", "MUSTER_PORTS": fmt.Sprintf("tcp/%d", listener.Addr().(*net.TCPAddr).Port),
		"MUSTER_DOCKER_HOST": "unix:///nowhere", "MUSTER_INTROSPECTION_URL": "http://127.0.0.1:1"}
	i, err := instance.New(func() (config.Set, error) { return config.Gather(flags) }).Open(t.Context(), instance.Glance)
	if err != nil || i.NoIdentity != nil {
		t.Fatal(err, i)
	}
	id := i.Identity
	box.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-1", Rules: []sandbox.Rule{{Protocol: "-1", CIDR: "127.0.0.0/8"}, sandbox.AllEgress()}})
	box.EditInstance(id.InstanceID, func(i *sandbox.Instance) {
		i.Interfaces[0].Groups, i.Interfaces[0].Addrs = []string{"sg-1"}, []string{"127.0.0.1"}
	})
	box.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: id.InstanceID, Status: "ACTIVE"})
	for n := 2; n <= 15; n++ {
		box.AddPeer("prod", fmt.Sprintf("i-%d", n), sandbox.Interface{ID: fmt.Sprintf("eni-%d", n), Addrs: []string{fmt.Sprintf("127.0.0.%d", n)},
			Groups: []string{"sg-1"}})
	}
	report, err := AtBoot(t.Context(), i, "prod")
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Probes) != bootSample || !strings.Contains(report.Contacts(), "refused") {
		t.Errorf("%d dials: %s", len(report.Probes), report.Contacts())
	}
	for _, p := range report.Probes {
		if (p.To == "i-2") != (p.Contact == "connected") {
			t.Errorf("%+v", p)
		}
	}
	if closed, _ := report.Closed(); len(closed) > 0 || !strings.Contains(strings.Join(report.Notes, "\n"), "could not check: ") {
		t.Errorf("closed %q, notes %q", closed, report.Notes)
	}
	if n := box.CallCount(sandbox.ECS, ""); n != 2 {
		t.Errorf("%d calls of ECS", n)
	}
}
