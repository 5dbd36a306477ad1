package herd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/bootreport"
	"muster/internal/awsapi"
	"muster/internal/config"
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/instance"
	"muster/internal/sandbox"
)

const (
	cluster = "prod"
	group   = "workers"
	hook    = "ready"
	stack   = "web"
	region  = "eu-central-1"
	owner   = "123456789012"
)

// plan is how a fleet boots.
type plan struct {
	instances int
	within    time.Duration // the instances boot at random times within this
	seed      uint64
	// simulated: account answers instead of the sandbox, and only verify runs, after the call of
	// bootstrap.
	simulated bool
}

// boot is one instance.
type boot struct {
	id       string
	starts   time.Duration // after the fleet's start
	agent    time.Duration // from then until the ECS agent has registered
	connects time.Duration // from then until ECS reports the agent as connected
	root     string

	mu    sync.Mutex
	arn   string
	calls int

	report bootreport.Report
	err    error // of bootstrap or verify
	ended  time.Duration
}

// fleet is the instances and their AWS account.
type fleet struct {
	box   *sandbox.Sandbox
	clock *sandbox.ManualClock
	zero  time.Time // of clock at the fleet's start
	began time.Time // the same in the bubble's time
	boots []*boot

	mu  sync.Mutex
	sim *account // nil: the sandbox
}

// calls are those that AWS received, in order.
func (f *fleet) calls() []sandbox.Call {
	if f.sim != nil {
		return f.sim.calls
	}
	return f.box.Calls()
}

// since is the time of a call after the fleet's start.
func (f *fleet) since(c sandbox.Call) time.Duration {
	if f.sim != nil {
		return c.Time.Sub(f.began)
	}
	return c.Time.Sub(f.zero)
}

// run boots a fleet, and returns when the last instance has ended.
func run(t *testing.T, p plan) *fleet {
	t.Helper()
	r := rand.New(rand.NewPCG(p.seed, 0))
	f := &fleet{clock: sandbox.NewManualClock()}
	root := scratch(t)
	var ids []string
	for n := range p.instances {
		b := &boot{
			id: fmt.Sprintf("i-%017x", n+1), starts: time.Duration(r.Int64N(int64(p.within))), root: filepath.Join(root, fmt.Sprint(n)),
			agent: 5*time.Second + time.Duration(r.Int64N(int64(15*time.Second))), connects: time.Duration(r.Int64N(int64(2 * time.Second))),
		}
		if err := os.MkdirAll(b.root+"/etc/ecs", 0o755); err != nil {
			t.Fatal(err)
		}
		f.boots, ids = append(f.boots, b), append(ids, b.id)
	}
	var err error
	f.box, err = sandbox.New(sandbox.Options{ // outside of the bubble: its listeners would hold the clock
		Region: region, AccountID: owner, Clusters: []string{cluster}, Clock: f.clock,
		Group:  &sandbox.Group{Name: group, Others: ids, Hooks: []sandbox.Hook{{Name: hook, Timeout: 10 * time.Minute}}},
		Stacks: map[string][]string{stack: {"Workers", "Others"}}, // it keeps waiting for Others
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.box.Close)
	synctest.Test(t, func(t *testing.T) {
		f.zero, f.began = f.clock.Now(), time.Now()
		if p.simulated {
			f.sim = newAccount()
		}
		var done sync.WaitGroup
		for _, b := range f.boots {
			done.Go(func() { f.boot(t.Context(), b) })
		}
		done.Wait()
	})
	return f
}

// scratch is a directory in memory where there is one: bootstrap syncs what it writes.
func scratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "muster-herd-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// boot is what happens on one instance: user data runs bootstrap, systemd starts the ECS agent and
// muster-verify.service. It sleeps in simulated time (synctest).
func (f *fleet) boot(ctx context.Context, b *boot) {
	time.Sleep(b.starts)
	defer func() { b.ended = time.Since(f.began) }()
	if f.sim != nil {
		_, _ = client{f.sim, b}.ClusterStatus(ctx, cluster)
	} else if b.err = f.host(b).Configure(ctx, bootstrap.Options{Out: io.Discard}); b.err != nil {
		return
	}
	go f.agent(b)
	b.report, b.err = f.host(b).Verify(ctx)
}

// agent registers after its time, and is connected a little later, both in simulated time (synctest).
func (f *fleet) agent(b *boot) {
	time.Sleep(b.agent)
	arn := "arn:aws:ecs:" + region + ":" + owner + ":container-instance/" + cluster + "/" + b.id
	if f.sim != nil {
		f.sim.register(arn, b.id, false)
	} else {
		f.box.AddContainerInstance(cluster, sandbox.ContainerInstance{Arn: arn, EC2InstanceID: b.id, Status: "ACTIVE"})
	}
	b.mu.Lock()
	b.arn = arn
	b.mu.Unlock()
	time.Sleep(b.connects)
	if f.sim != nil {
		f.sim.register(arn, b.id, true)
		return
	}
	f.box.EditContainerInstance(arn, func(ci *sandbox.ContainerInstance) { ci.AgentConnected = true })
}

// host is one process of muster: it has its own clients, so that nothing is shared between
// instances but the account.
func (f *fleet) host(b *boot) *bootstrap.Host {
	return &bootstrap.Host{
		Settings: config.Set{Environ: []string{
			"MUSTER_ROOT=" + b.root, "MUSTER_CONSOLE=", "MUSTER_CLUSTER=" + cluster, "MUSTER_LIFECYCLE_HOOK=" + hook,
			"MUSTER_CFN_STACK=" + stack, "MUSTER_CFN_RESOURCE=Workers", "MUSTER_CFN_AUTH=sigv4",
		}},
		Log:  slog.New(slog.DiscardHandler),
		IMDS: func(*config.Config) bootstrap.Metadata { return metadata{b} },
		AWS: func(context.Context, string) (bootstrap.AWS, error) {
			if f.sim != nil {
				return client{f.sim, b}, nil
			}
			cfg := f.box.AWSConfig()
			cfg.HTTPClient, cfg.Retryer = transport{f, b}, awsapi.NewRetryer
			return awsapi.FromConfig(cfg), nil
		},
		Units: func(context.Context, string) (bootstrap.Units, error) { return nil, instance.ErrNoSystemd },
		Agent: func(*config.Config) bootstrap.Introspection { return introspection{b} },
	}
}

// transport answers in the caller's goroutine, at the bubble's time.
type transport struct {
	*fleet
	of *boot
}

// Do implements aws.HTTPClient.
func (t transport) Do(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	request := r.Clone(r.Context())
	request.Body, request.RequestURI = io.NopCloser(bytes.NewReader(body)), r.URL.RequestURI()
	t.of.mu.Lock()
	t.of.calls++
	t.of.mu.Unlock()
	t.mu.Lock() // one call after the other, so that none sees the clock of another
	defer t.mu.Unlock()
	t.clock.Advance(time.Since(t.began) - t.clock.Now().Sub(t.zero))
	w := httptest.NewRecorder()
	t.box.AWS().ServeHTTP(w, request)
	return w.Result(), nil
}

// metadata is the instance metadata service.
type metadata struct{ of *boot }

func (m metadata) Identity(context.Context) (imds.Identity, error) {
	return imds.Identity{InstanceID: m.of.id, Region: region, AvailabilityZone: region + "a", InstanceType: "m7i.large", AccountID: owner}, nil
}
func (metadata) Signed(context.Context) ([]byte, string, error) { return nil, "", nil }
func (metadata) Tag(_ context.Context, key string) (string, bool, error) {
	return group, key == "aws:autoscaling:groupName", nil
}
func (metadata) LifecycleState(context.Context) (string, error) { return "InService", nil }
func (metadata) UserData(context.Context) ([]byte, bool, error) { return nil, false, nil }

// introspection is the ECS agent.
type introspection struct{ of *boot }

func (introspection) Tasks(context.Context) ([]ecsagent.Task, error) { return nil, errUnused }
func (i introspection) Metadata(context.Context) (ecsagent.Metadata, error) {
	i.of.mu.Lock()
	defer i.of.mu.Unlock()
	if i.of.arn == "" {
		return ecsagent.Metadata{}, ecsagent.ErrRefused
	}
	return ecsagent.Metadata{Cluster: cluster, ContainerInstanceARN: i.of.arn, Version: "1.105.1"}, nil
}
