package bootstrap

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"

	"muster/bootstrap/bootreport"
	"muster/internal/awsapi"
	"muster/internal/base/cluster"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/config"
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/sandbox"
	muster "muster/systemd"
	"muster/test/observe"
)

func TestMain(m *testing.M) {
	if os.Getenv(killVariable) != "" {
		bootUntilKilled()
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "6") // the tests mostly wait
	goleak.VerifyTestMain(m)
}

const (
	region     = "eu-central-1"
	instanceID = "i-0123456789abcdef0"
	clusterARN = "arn:aws:ecs:eu-central-1:123456789012:cluster/"
)

// machine is an instance with everything that bootstrap uses: the sandbox with the real clients, and a simulated
// systemd.
type machine struct {
	*sandbox.Sandbox
	t       *testing.T
	root    string
	systemd *systemd
	host    *Host
	log     *observe.Journal
}

// boot returns a machine on which the ECS agent is installed but not started.
func boot(t *testing.T, opts sandbox.Options) *machine {
	t.Helper()
	opts.Root = t.TempDir()
	if opts.Clusters == nil {
		opts.Clusters = []string{"prod", "default"}
	}
	s, err := sandbox.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	m := &machine{Sandbox: s, t: t, root: opts.Root, log: &observe.Journal{}}
	m.put("usr/lib/systemd/system/ecs.service", "")
	m.put("usr/local/bin/muster", "the binary")
	m.put("dev/console", "")
	m.put("etc/os-release", "")
	if err := os.Chmod(m.path("usr/local/bin/muster"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.systemd = newSystemd(m.root)
	m.systemd.agent = s
	m.systemd.unit(ecsUnit).Enabled = true
	m.host = m.newHost()
	return m
}

// impatient shortens the timeouts, for tests in which something does not respond.
func (m *machine) impatient() *machine {
	m.host.pace.api, m.host.pace.signal, m.host.pace.look = 2*time.Second, 2*time.Second, 2*time.Second
	return m.set("IMDS_TIMEOUT", "2s", "TIMEOUT", "3s")
}

// hurried returns a pace that waits briefly if nothing responds, but long enough for slow responses.
func hurried() *pace {
	return &pace{
		poll: 5 * time.Millisecond, confirm: []time.Duration{time.Millisecond, time.Millisecond}, api: 20 * time.Second,
		systemd: 20 * time.Second, look: 20 * time.Second, signal: 20 * time.Second, lock: 20 * time.Second, ports: 20 * time.Second,
		deliver: time.Second, backoff: backoff{time.Millisecond, 20 * time.Millisecond},
	}
}

func (m *machine) newHost() *Host {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	m.t.Cleanup(client.CloseIdleConnections)
	return &Host{
		Settings: config.Set{
			Flags: map[string]string{"MUSTER_IMDS_TIMEOUT": "20s", "MUSTER_TIMEOUT": "20s"},
			Environ: []string{"MUSTER_ROOT=" + m.root, "MUSTER_INTROSPECTION_URL=" + m.IntrospectionURL(),
				"MUSTER_DOCKER_HOST=unix://" + m.path("run/docker.sock")},
			File: config.File{Path: config.FilePath},
		},
		Log:  slog.New(slog.NewTextHandler(m.log, nil)),
		IMDS: func(cfg *config.Config) Metadata { return imds.New(m.IMDSURL(), cfg.IMDSTimeout) },
		AWS: func(context.Context, string) (AWS, error) {
			cfg := m.AWSConfig()
			cfg.HTTPClient, cfg.Retryer = client, func() aws.Retryer { return aws.NopRetryer{} }
			return awsapi.FromConfig(cfg), nil
		},
		Units: func(context.Context, string) (Units, error) { return m.systemd, nil },
		Agent: func(cfg *config.Config) Introspection {
			return ecsagent.NewIntrospection(cfg.IntrospectionURL, ecsagent.LocalClient(2*time.Second))
		},
		UnitFiles: muster.Units(),
		Binary:    m.path("usr/local/bin/muster"),
		pace:      hurried(),
	}
}

// set sets flags, given as pairs of a VARIABLE without prefix and a value.
func (m *machine) set(pairs ...string) *machine {
	for i := 0; i+1 < len(pairs); i += 2 {
		m.host.Settings.Flags["MUSTER_"+pairs[i]] = pairs[i+1]
	}
	return m
}

func (m *machine) configure() error { return m.host.Configure(m.t.Context(), Options{}) }

// mustConfigure runs Configure, for tests of later steps. It fails the test if Configure fails.
func (m *machine) mustConfigure() *machine {
	m.t.Helper()
	if err := m.configure(); err != nil {
		m.t.Fatal(err)
	}
	return m
}

func (m *machine) verify() (bootreport.Report, error) { return m.host.Verify(m.t.Context()) }

func (m *machine) path(name string) string { return filepath.Join(m.root, name) }

func (m *machine) put(name, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.path(name)), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.path(name), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) read(name string) string {
	m.t.Helper()
	data, err := os.ReadFile(m.path(name))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(data)
}

const ecsConfig = "etc/ecs/ecs.config"

// tree returns every file below root with its content, and every link and directory.
func (m *machine) tree() map[string]string {
	m.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(m.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + string(data)
		}
		all[strings.TrimPrefix(path, m.root)] = text
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return all
}

// agentLogged writes a log of the ECS agent with one line.
func (m *machine) agentLogged(name string, at time.Time, level, msg string) {
	m.put("var/log/ecs/"+name, fmt.Sprintf("level=%s time=%s msg=%q\n", level, at.UTC().Format(time.RFC3339), msg))
}

func wantExit(t *testing.T, err error, code int) {
	t.Helper()
	if got := exitcode.Of(err); got != code {
		t.Errorf("exit code %d, want %d: %v", got, code, err)
	}
}

// whole returns all text of an error that a person sees: the error, its evidence and its fix.
func whole(err error) string {
	if err == nil {
		return ""
	}
	return strings.Join(append(append([]string{err.Error()}, fix.Why(err)...), fix.Of(err).Lines()...), "\n")
}

func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in: %s", part, text)
		}
	}
}

func wantOutcome(t *testing.T, report bootreport.Report, outcome bootreport.Outcome, cause string) {
	t.Helper()
	id := ""
	if report.Cause != nil {
		id = report.Cause.ID
	}
	if report.Outcome != outcome || id != cause {
		t.Errorf("%s by %q, want %s by %q: %s %v", report.Outcome, id, outcome, cause, report.Reason, report.Evidence)
	}
}

func wantCalls(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("systemd did %q, want %q", got, want)
	}
}

func ref(t *testing.T, text string) cluster.Ref {
	t.Helper()
	r, err := cluster.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
