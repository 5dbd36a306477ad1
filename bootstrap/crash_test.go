package bootstrap

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"muster/internal/awsapi"
	"muster/internal/config"
	"muster/internal/host/imds"
	"muster/internal/sandbox"
	muster "muster/systemd"
)

// killVariable makes this test binary run a bootstrap that kills itself before its n-th log line or call to systemd.
const killVariable = "BOOTSTRAP_TEST_KILL_AT"

// bootUntilKilled exits with 0 if bootstrap finishes before it is killed.
func bootUntilKilled() {
	at, _ := strconv.Atoi(os.Getenv(killVariable))
	var environ []string
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, config.Prefix) {
			environ = append(environ, entry)
		}
	}
	root := os.Getenv("MUSTER_ROOT")
	step := func() {
		if at--; at == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	s := newSystemd(root)
	s.path = os.Getenv("BOOTSTRAP_TEST_SYSTEMD")
	s.fail = func(string, string) error { step(); return nil }
	endpoint := os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT")
	h := &Host{
		Settings:  config.Set{Environ: environ},
		Log:       slog.New(stepping{slog.NewTextHandler(io.Discard, nil), step}),
		IMDS:      func(cfg *config.Config) Metadata { return imds.New(endpoint, cfg.IMDSTimeout) },
		AWS:       func(ctx context.Context, region string) (AWS, error) { return awsapi.New(ctx, region, endpoint) },
		Units:     func(context.Context, string) (Units, error) { return s, s.restore() },
		UnitFiles: muster.Units(), Binary: root + "/usr/local/bin/muster",
	}
	if err := h.Configure(context.Background(), Options{}); err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

type stepping struct {
	slog.Handler
	step func()
}

func (s stepping) Handle(context.Context, slog.Record) error {
	s.step()
	return nil
}

// A bootstrap that changes the cluster of a running ECS agent is killed at each step and run again. Afterwards the
// agent must be restarted and in the new cluster.
func TestRunAfterAKillAtAnyStepSucceeds(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		m := boot(t, sandbox.Options{})
		m.set("CLUSTER", "default").mustConfigure()
		if _, err := m.verify(); err != nil {
			t.Fatal(err)
		}
		m.systemd.path = t.TempDir() + "/systemd.json"
		m.systemd.save()
		run := func(at int) error {
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(m.Environ(), killVariable+"="+strconv.Itoa(at), "BOOTSTRAP_TEST_SYSTEMD="+m.systemd.path,
				"MUSTER_CLUSTER=prod", "MUSTER_ECS=ECS_RESERVED_MEMORY=256", "MUSTER_RESET_STALE_STATE=true")
			child.Stderr = os.Stderr
			return child.Run()
		}
		err := run(at)
		var died *exec.ExitError
		if err != nil && (!errors.As(err, &died) || died.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL) {
			t.Fatalf("step %d: %v", at, err)
		}
		if text := m.read(ecsConfig); text != "ECS_CLUSTER=default\n" && text != "ECS_CLUSTER=prod\nECS_RESERVED_MEMORY=256\n" {
			t.Errorf("step %d: half-written: %q", at, text)
		}
		restarted := m.restarts()
		if err != nil {
			if err := run(0); err != nil {
				t.Fatalf("after step %d: %v", at, err)
			}
		}
		if restarted += m.restarts(); restarted == 0 {
			t.Errorf("after step %d: the ECS agent goes on with what it has read", at)
		}
		if text := m.read(ecsConfig); text != "ECS_CLUSTER=prod\nECS_RESERVED_MEMORY=256\n" {
			t.Errorf("after step %d: %q", at, text)
		}
		m.Close()
		if err == nil {
			if at < 8 {
				t.Errorf("only %d steps", at)
			}
			return
		}
	}
}

// restarts returns how often systemd was asked to restart ecs.service since the last call of restarts.
func (m *machine) restarts() int {
	if err := m.systemd.restore(); err != nil {
		m.t.Fatal(err)
	}
	u := m.systemd.unit(ecsUnit)
	n := u.Restarts
	u.Restarts = 0
	m.systemd.save()
	return n
}
