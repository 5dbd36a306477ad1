package check_test

import (
	"context"
	"net/netip"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"muster/check"
	"muster/check/catalog"
	"muster/internal/awsapi"
	"muster/internal/config"
	"muster/internal/fleet"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/host/netpath"
	"muster/internal/host/units"
	"muster/internal/report/ports"
)

// void is a world that accepts every request and never responds.
type void struct{}

func (void) wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func (v void) Metadata(ctx context.Context, _ string) (string, bool, error) {
	return "", false, v.wait(ctx)
}
func (v void) UserData(ctx context.Context) ([]byte, bool, error) { return nil, false, v.wait(ctx) }
func (v void) Date(ctx context.Context) (time.Time, error)        { return time.Time{}, v.wait(ctx) }
func (void) Families() netpath.Families                           { return netpath.Families{V4: true} }

func (v void) Resolve(ctx context.Context, _ string) ([]netip.Addr, error) {
	return nil, v.wait(ctx)
}
func (v void) Ask(ctx context.Context, _ string, _ *url.URL) netpath.Answer {
	return netpath.Answer{Kind: netpath.TimedOut, Err: v.wait(ctx)}
}
func (v void) PollEndpoints(ctx context.Context, _ string) (awsapi.PollEndpoints, error) {
	return awsapi.PollEndpoints{}, v.wait(ctx)
}
func (v void) RouteTables(ctx context.Context, _ []string) ([]awsapi.RouteTable, error) {
	return nil, v.wait(ctx)
}
func (v void) NATGateway(ctx context.Context, _ string) (*awsapi.NATGateway, error) {
	return nil, v.wait(ctx)
}
func (v void) VPCEndpoints(ctx context.Context, _ string) ([]awsapi.VPCEndpoint, error) {
	return nil, v.wait(ctx)
}
func (v void) DNSSupport(ctx context.Context, _ string) (bool, error) { return false, v.wait(ctx) }
func (v void) ClusterStatus(ctx context.Context, _ string) (string, error) {
	return "", v.wait(ctx)
}
func (v void) ClusterNames(ctx context.Context) ([]string, error) { return nil, v.wait(ctx) }
func (v void) ContainerInstance(ctx context.Context, _, _ string) (awsapi.ContainerInstance, error) {
	return awsapi.ContainerInstance{}, v.wait(ctx)
}
func (v void) Show(ctx context.Context, _ string) (units.State, error) {
	return units.State{}, v.wait(ctx)
}
func (v void) Version(ctx context.Context) (units.Version, error) { return "", v.wait(ctx) }
func (v void) Ping(ctx context.Context) (dockerapi.Version, error) {
	return dockerapi.Version{}, v.wait(ctx)
}
func (v void) AgentContainer(ctx context.Context) (dockerapi.AgentContainer, bool, error) {
	return dockerapi.AgentContainer{}, false, v.wait(ctx)
}
func (v void) List(ctx context.Context, _ bool) ([]dockerapi.Summary, error) {
	return nil, v.wait(ctx)
}
func (v void) Inspect(ctx context.Context, _ string) (dockerapi.Inspection, bool, error) {
	return dockerapi.Inspection{}, false, v.wait(ctx)
}

// mute is an ECS agent that never responds.
type mute struct{ void }

func (m mute) Metadata(ctx context.Context) (ecsagent.Metadata, error) {
	return ecsagent.Metadata{}, m.wait(ctx)
}

// Even if every timeout of every check expires, a run takes well under the 20 seconds that the documentation promises.
// It needs no timeout for the whole run.
func TestALookEndsWhenNothingAnswers(t *testing.T) {
	cfg, err := config.Load(config.Set{Flags: map[string]string{"MUSTER_ROOT": t.TempDir(), "MUSTER_CLUSTER": cluster,
		"MUSTER_PORTS": "ignite2"}})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		v := void{}
		w := catalog.World{
			Config: cfg, Identity: imds.Identity{InstanceID: self, Region: "eu-west-1"}, ECSEndpoint: "https://ecs.eu-west-1.amazonaws.com",
			IMDS: v, Net: v, VPC: v, Poll: v, Registry: v, Units: v, Engine: v, Agent: mute{},
			Guards: func(ctx context.Context, _ []netip.Addr) (fleet.Fleet, error) { return fleet.Fleet{}, v.wait(ctx) },
			Ports:  func(ctx context.Context) (*ports.Report, error) { return nil, v.wait(ctx) },
		}
		began := time.Now()
		results := check.Run(t.Context(), catalog.Checks(w))
		if took := time.Since(began); took > 18*time.Second {
			t.Errorf("it took %s", took)
		}
		said := map[string]check.Status{}
		for _, r := range results {
			said[r.ID] = r.Status
			t.Logf("%-18s %-7s %s", r.ID, r.Status, r.Took)
		}
		for _, id := range []string{"dns", "cluster", "poll-endpoint", "replication-ports", "containers", "registered"} {
			if said[id] == check.Pass {
				t.Errorf("%s passes, and nobody has answered", id)
			}
		}
	})
}
