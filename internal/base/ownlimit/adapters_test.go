package ownlimit_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"muster/agent/agentstate"
	"muster/internal/awsapi"
	"muster/internal/base/ownlimit"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/ecsconfig"
	"muster/internal/host/imds"
	"muster/internal/host/kernel"
	"muster/internal/host/netpath"
	"muster/internal/host/probe"
	"muster/internal/host/units"
	"muster/internal/instance/record"
	"muster/reach"
)

// blame is what an adapter says of the other end, of the way there or of a file.
var blame = regexp.MustCompile(
	`not running|nothing listens|is down|unreachable|cannot be reached|damaged|corrupt|not an EC2|does not exist|no route|NAT gateway`,
)

// Everything that muster asks is there and answers, except that this process can open
// nothing. Then each adapter says so, and nothing about what it asked.
func TestNoAdapterTakesOurOwnLimitForAFaultOfWhatItAsks(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	engine, err := dockerapi.New("tcp://"+strings.TrimPrefix(server.URL, "http://"), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	port := netip.MustParseAddrPort(strings.TrimPrefix(server.URL, "http://"))
	client := awsapi.FromConfig(
		aws.Config{
			Region:           "eu-west-1",
			HTTPClient:       &http.Client{},
			BaseEndpoint:     &server.URL,
			Credentials:      credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", ""),
			RetryMaxAttempts: 1,
		},
	)
	ask := map[string]func(context.Context) error{
		"the metadata service": func(ctx context.Context) error {
			_, err := imds.New(server.URL, 100*time.Millisecond).Identity(ctx)
			return err
		},
		"the Docker Engine": func(ctx context.Context) error { _, err := engine.Ping(ctx); return err },
		"the ECS agent": func(ctx context.Context) error {
			_, err := ecsagent.NewIntrospection(server.URL, nil).Metadata(ctx)
			return err
		},
		"AWS":     func(ctx context.Context) error { _, err := client.ClusterStatus(ctx, "prod"); return err },
		"systemd": func(ctx context.Context) error { _, err := units.Connect(ctx); return err },
		"an endpoint": func(ctx context.Context) error {
			return netpath.Prober{}.Ask(ctx, server.URL, nil).Err
		},
		"a name": func(ctx context.Context) error {
			// as muster is built: without cgo
			_, err := netpath.Prober{Resolver: &net.Resolver{PreferGo: true}}.Resolve(ctx, "muster.invalid.")
			return err
		},
		"a peer": func(ctx context.Context) error {
			r := (&probe.Prober{Timeout: time.Second}).Dial(ctx, []probe.Target{{Protocol: reach.TCP, Addr: port}})[0]
			if r.Contact != reach.NotProbed {
				t.Errorf("the contact is %v", r.Contact)
			}
			return errors.New(r.Err)
		},
		"agent.db": func(context.Context) error { _, err := ecsagent.ReadCheckpoint(file); return err },
		"a log":    func(context.Context) error { _, _, err := ecsagent.LogEnd(dir, "file", 100); return err },
		"ecs.config": func(context.Context) error {
			return ecsconfig.Gather(file, func(p string) string { return p }).User.Err
		},
		"the agent's state":    func(context.Context) error { _, err := agentstate.Read(file); return err },
		"the kernel's log":     func(context.Context) error { _, err := kernel.OOMKills(file); return err },
		"a file of the kernel": func(context.Context) error { _, err := kernel.ReadFile(file); return err },
		"the record": func(context.Context) error {
			if err := os.WriteFile(filepath.Join(dir, "bootstrap.json"), nil, 0o600); err == nil {
				t.Error("this process can still open files")
			}
			_, err := record.Read(dir)
			return err
		},
	}
	if err := os.WriteFile(filepath.Join(dir, "bootstrap.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	limit := syscall.Rlimit{}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}()
	for name, of := range ask {
		err := of(t.Context())
		known := ownlimit.Of(err) != "" || err != nil && strings.Contains(err.Error(), "this process is out of file descriptors")
		if !known || blame.MatchString(err.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
