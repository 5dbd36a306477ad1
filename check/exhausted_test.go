package check_test

import (
	"context"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"muster/check"
	"muster/check/catalog"
	"muster/check/subject"
	"muster/internal/awsapi"
	"muster/internal/fleet"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/hostports"
	"muster/internal/host/kernel"
	"muster/internal/host/netpath"
	"muster/internal/host/units"
	"muster/internal/report/ports"
)

// spent simulates every service and file system that a check uses, for a process that cannot open a descriptor.
type spent struct{ subject.Net }

func (spent) Metadata(context.Context) (m ecsagent.Metadata, err error) { return m, emfile() }
func (spent) Resolve(context.Context, string) ([]netip.Addr, error)     { return nil, emfile() }
func (spent) Ask(context.Context, string, *url.URL) netpath.Answer {
	return netpath.Answer{Kind: netpath.Failed, Err: emfile()}
}
func (spent) Show(context.Context, string) (s units.State, err error) { return s, emfile() }
func (spent) Ping(context.Context) (v dockerapi.Version, err error)   { return v, emfile() }
func (spent) List(context.Context, bool) ([]dockerapi.Summary, error) { return nil, emfile() }
func (spent) ClusterStatus(context.Context, string) (string, error)   { return "", emfile() }
func (spent) ClusterNames(context.Context) ([]string, error)          { return nil, emfile() }
func (spent) DNSSupport(context.Context, string) (bool, error)        { return false, emfile() }
func (spent) Inspect(context.Context, string) (i dockerapi.Inspection, ok bool, err error) {
	return i, false, emfile()
}
func (spent) AgentContainer(context.Context) (a dockerapi.AgentContainer, ok bool, err error) {
	return a, false, emfile()
}
func (spent) ContainerInstance(context.Context, string, string) (c awsapi.ContainerInstance, err error) {
	return c, emfile()
}
func (spent) PollEndpoints(context.Context, string) (p awsapi.PollEndpoints, err error) {
	return p, emfile()
}
func (spent) RouteTables(context.Context, []string) ([]awsapi.RouteTable, error) {
	return nil, emfile()
}
func (spent) NATGateway(context.Context, string) (*awsapi.NATGateway, error) { return nil, emfile() }
func (spent) VPCEndpoints(context.Context, string) ([]awsapi.VPCEndpoint, error) {
	return nil, emfile()
}

func (spent) Version(context.Context) (units.Version, error) { return "", emfile() }

// spentIMDS simulates the metadata service for such a process.
type spentIMDS struct{}

func (spentIMDS) Metadata(context.Context, string) (string, bool, error) { return "", false, emfile() }
func (spentIMDS) UserData(context.Context) ([]byte, bool, error)         { return nil, false, emfile() }
func (spentIMDS) Date(context.Context) (t time.Time, err error)          { return t, emfile() }

// A process that cannot open a descriptor can check nothing, so every result is unknown and nothing has failed.
func TestAProcessWithoutDescriptorsBlamesNobody(t *testing.T) {
	for name, exhaust := range map[string]func(*world){
		"the ECS agent": func(w *world) { w.World.Agent = spent{} },
		"names":         func(w *world) { w.Net = spent{w.Net} },
		"systemd":       func(w *world) { w.Units = spent{} },
		"Docker":        func(w *world) { w.Engine = spent{} },
		"ECS":           func(w *world) { w.Registry = spent{} },
		"polling":       func(w *world) { w.Poll = spent{} },
		"EC2":           func(w *world) { w.VPC = spent{} },
		"metadata":      func(w *world) { w.IMDS = spentIMDS{} },
		"the guards": func(w *world) {
			w.Guards = func(context.Context, []netip.Addr) (f fleet.Fleet, err error) { return f, emfile() }
		},
		"disks": func(w *world) {
			w.FileSystem = func(string) (f kernel.FileSystem, err error) { return f, emfile() }
		},
		"ports": func(w *world) {
			w.Ports = func(context.Context) (*ports.Report, error) { return nil, emfile() }
			w.HostPorts = func(context.Context) (r hostports.Report) { return r }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy(t)
			exhaust(w)
			blamesNobody(t, w.run(t))
		})
	}
}

func blamesNobody(t *testing.T, results []check.Result) {
	t.Helper()
	for _, r := range results {
		for _, f := range r.Findings {
			if f.Status == check.Fail || f.Status == check.Warn {
				t.Errorf("%s: %s %s: %s (%s)", r.ID, f.Status, f.ID, f.Summary, strings.Join(f.Evidence, "; "))
			}
		}
	}
}

// In this test the checks use real files and sockets, and the descriptor limit is real, too.
func TestAProcessWithoutDescriptorsBlamesNoFile(t *testing.T) {
	w := healthy(t)
	w.run(t) // the instance is healthy, and its files exist
	limit := syscall.Rlimit{}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	results := check.Run(t.Context(), catalog.Checks(w.World))
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	blamesNobody(t, results)
}
