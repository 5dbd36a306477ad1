package check_test

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/check"
	"muster/check/catalog"
	"muster/internal/awsapi"
	"muster/internal/fleet"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/hostports"
	"muster/internal/host/netpath"
	"muster/internal/host/units"
	"muster/internal/report/ports"
)

// slow wraps the world. With after = 0 it records the result of each call. Otherwise it returns the recorded results
// after that delay. The clock of a synctest bubble stands still while a socket is read, so the bubble uses no socket.
type slow struct {
	was   catalog.World
	after time.Duration // 0 means record
	*notes
}

type notes struct {
	mu    sync.Mutex
	known map[string]any
	asked map[string]bool // adapters whose recorded results were used
}

// reply is a result of up to two values and an error.
type reply[A, B any] struct {
	a   A
	b   B
	err error
}

func ask[A, B any](ctx context.Context, s slow, question string, real func() (A, B, error)) (A, B, error) {
	if s.after == 0 {
		a, b, err := real()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.known[question] = reply[A, B]{a, b, err}
		return a, b, err
	}
	var none reply[A, B]
	select {
	case <-time.After(s.after):
	case <-ctx.Done():
		return none.a, none.b, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	adapter, _, _ := strings.Cut(question, " ")
	s.asked[adapter] = true
	r, there := s.known[question].(reply[A, B])
	if !there {
		return none.a, none.b, fmt.Errorf("nobody asked before: %s", question)
	}
	return r.a, r.b, r.err
}

// ask1 is ask for results with one value.
func ask1[A any](ctx context.Context, s slow, question string, real func() (A, error)) (A, error) {
	a, _, err := ask(ctx, s, question, func() (A, struct{}, error) {
		a, err := real()
		return a, struct{}{}, err
	})
	return a, err
}

func (s slow) Metadata(ctx context.Context, path string) (string, bool, error) {
	return ask(ctx, s, "imds "+path, func() (string, bool, error) { return s.was.IMDS.Metadata(ctx, path) })
}
func (s slow) UserData(ctx context.Context) ([]byte, bool, error) {
	return ask(ctx, s, "imds user data", func() ([]byte, bool, error) { return s.was.IMDS.UserData(ctx) })
}
func (s slow) Date(ctx context.Context) (time.Time, error) {
	_, err := ask1(ctx, s, "imds date", func() (time.Time, error) { return s.was.IMDS.Date(ctx) })
	return time.Now(), err // the bubble's time
}

// Families makes no call.
func (s slow) Families() netpath.Families { return s.was.Net.Families() }

func (s slow) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return ask1(ctx, s, "dns "+host, func() ([]netip.Addr, error) { return s.was.Net.Resolve(ctx, host) })
}
func (s slow) Ask(ctx context.Context, endpoint string, proxy *url.URL) netpath.Answer {
	answer, err := ask1(ctx, s, fmt.Sprint("net ", endpoint, proxy),
		func() (netpath.Answer, error) { return s.was.Net.Ask(ctx, endpoint, proxy), nil })
	if err != nil {
		return netpath.Answer{Kind: netpath.TimedOut, Err: err}
	}
	answer.Date = time.Now().UTC().Truncate(time.Second)
	return answer
}
func (s slow) PollEndpoints(ctx context.Context, cluster string) (awsapi.PollEndpoints, error) {
	return ask1(ctx, s, "poll "+cluster, func() (awsapi.PollEndpoints, error) { return s.was.Poll.PollEndpoints(ctx, cluster) })
}
func (s slow) ClusterStatus(ctx context.Context, cluster string) (string, error) {
	return ask1(ctx, s, "registry status "+cluster, func() (string, error) { return s.was.Registry.ClusterStatus(ctx, cluster) })
}
func (s slow) ClusterNames(ctx context.Context) ([]string, error) {
	return ask1(ctx, s, "registry names", func() ([]string, error) { return s.was.Registry.ClusterNames(ctx) })
}
func (s slow) ContainerInstance(ctx context.Context, cluster, arn string) (awsapi.ContainerInstance, error) {
	return ask1(ctx, s, "registry instance "+cluster+arn,
		func() (awsapi.ContainerInstance, error) { return s.was.Registry.ContainerInstance(ctx, cluster, arn) })
}
func (s slow) Show(ctx context.Context, name string) (units.State, error) {
	return ask1(ctx, s, "systemd "+name, func() (units.State, error) { return s.was.Units.Show(ctx, name) })
}
func (s slow) Version(ctx context.Context) (units.Version, error) {
	return ask1(ctx, s, "systemd version", func() (units.Version, error) { return s.was.Units.Version(ctx) })
}
func (s slow) Ping(ctx context.Context) (dockerapi.Version, error) {
	return ask1(ctx, s, "docker ping", func() (dockerapi.Version, error) { return s.was.Engine.Ping(ctx) })
}
func (s slow) AgentContainer(ctx context.Context) (dockerapi.AgentContainer, bool, error) {
	return ask(ctx, s, "docker agent", func() (dockerapi.AgentContainer, bool, error) { return s.was.Engine.AgentContainer(ctx) })
}
func (s slow) List(ctx context.Context, all bool) ([]dockerapi.Summary, error) {
	return ask1(ctx, s, fmt.Sprint("docker list ", all), func() ([]dockerapi.Summary, error) { return s.was.Engine.List(ctx, all) })
}
func (s slow) Inspect(ctx context.Context, id string) (dockerapi.Inspection, bool, error) {
	return ask(ctx, s, "docker inspect "+id, func() (dockerapi.Inspection, bool, error) { return s.was.Engine.Inspect(ctx, id) })
}

// introspected is the ECS agent of a slow world.
type introspected struct{ slow }

func (i introspected) Metadata(ctx context.Context) (ecsagent.Metadata, error) {
	return ask1(ctx, i.slow, "introspection", func() (ecsagent.Metadata, error) { return i.was.Agent.Metadata(ctx) })
}

// world returns the world with slow adapters, except those that are only used if something is wrong.
func (s slow) world() catalog.World {
	w := s.was
	w.IMDS, w.Net, w.Poll, w.Registry, w.Units, w.Engine, w.Agent = s, s, s, s, s, s, introspected{s}
	w.VPC = void{}
	w.Guards = func(ctx context.Context, _ []netip.Addr) (fleet.Fleet, error) { return fleet.Fleet{}, void{}.wait(ctx) }
	w.Ports = func(ctx context.Context) (*ports.Report, error) {
		return ask1(ctx, s, "ports", func() (*ports.Report, error) { return s.was.Ports(ctx) })
	}
	w.HostPorts = func(ctx context.Context) hostports.Report {
		r, _ := ask1(ctx, s, "host", func() (hostports.Report, error) { return s.was.HostPorts(ctx), nil })
		return r
	}
	return w
}

// The checks of a healthy instance take less than five seconds, even if each response is slow.
func TestALookAtAHealthyInstanceIsShort(t *testing.T) {
	w := healthy(t)
	judged(&ports.Report{Blocks: []ports.Block{{Outcomes: []ports.Outcome{{Status: "OPEN", Sentence: "tcp 47500 is open"}}}}}, nil,
		hostports.Report{})(t, w)
	s := slow{was: w.World, notes: &notes{known: map[string]any{}, asked: map[string]bool{}}}
	w.World = s.world()
	said := func(results []check.Result) map[string]check.Status {
		by := map[string]check.Status{}
		for _, r := range results {
			by[r.ID] = r.Status
			t.Logf("%-18s %-7s %s", r.ID, r.Status, r.Took)
		}
		return by
	}
	before := said(w.run(t))
	s.was = w.World // including its identity
	s.after = 300 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		results := check.Run(t.Context(), catalog.Checks(s.world()))
		if took := time.Since(began); took < s.after || took >= 5*time.Second {
			t.Errorf("it took %s", took)
		}
		for _, r := range results {
			if r.Status != check.Pass && r.Status != check.Skip {
				t.Errorf("%s: %+v", r.ID, r.Findings)
			}
		}
		if diff := cmp.Diff(before, said(results)); diff != "" {
			t.Error(diff)
		}
	})
	for _, adapter := range strings.Fields("imds dns net poll registry systemd docker introspection ports host") {
		if !s.asked[adapter] {
			t.Errorf("nobody waited for an answer of %s", adapter)
		}
	}
}
