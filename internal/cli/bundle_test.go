package cli

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"muster/check"
	"muster/check/catalog"
	"muster/check/checkup"
	"muster/internal/base/exitcode"
	"muster/internal/bundle"
	"muster/internal/config"
	"muster/internal/instance"
	"muster/internal/report"
)

// bundling returns a command with the flags of a bundle, on an instance with an ECS agent and without Docker.
func bundling(t *testing.T) *cobra.Command {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"etc/ecs/ecs.config":        "ECS_CLUSTER=prod\nECS_ENGINE_AUTH_DATA={\"r\":{\"password\":\"hunter22\"}}\n",
		"var/log/ecs/ecs-agent.log": "level=info time=2026-01-02T03:00:20Z msg=\"Registered container instance with cluster!\"\n",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755), os.WriteFile(filepath.Join(root, name), []byte(text),
			0o600)); err != nil {
			t.Fatal(err)
		}
	}
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"Cluster":"prod","ContainerInstanceArn":"arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/0a",`+
			`"Version":"v1","Tasks":[]}`)
	}))
	t.Cleanup(agent.Close)
	var f bundleFlags
	cmd := &cobra.Command{Use: "debug", SilenceErrors: true, SilenceUsage: true}
	f.add(cmd)
	cmd.RunE = run(func(cmd *cobra.Command) error {
		if err := f.check(cmd); err != nil {
			return err
		}
		if f.dryRun {
			return f.plan(cmd.OutOrStdout())
		}
		i := loaded(t, map[string]string{"MUSTER_ROOT": root, "MUSTER_INTROSPECTION_URL": agent.URL, "MUSTER_DOCKER_HOST": "unix://" + root +
			"/docker.sock"})
		i.Identity.InstanceID = "i-0123456789abcdef0"
		s := bundle.Of(i, "test")
		var err error
		if s.Engine, err = i.Docker(); err != nil {
			return err
		}
		s.Results = check.Run(cmd.Context(), nil)
		s.JSON = func(out io.Writer) error { return json.NewEncoder(out).Encode(s.Results) }
		_, _ = io.WriteString(cmd.OutOrStdout(), "what debug prints\n")
		return f.write(cmd, func() bundle.Source { return s })
	})
	return cmd
}

// loaded returns this instance with settings only from flags, by variable.
func loaded(t *testing.T, flags map[string]string) *instance.Instance {
	t.Helper()
	i, err := instance.New(func() (config.Set, error) { return config.Gather(flags) }).Read()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func runs(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := bundling(t)
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

func unzipped(t *testing.T, data []byte) string {
	t.Helper()
	in, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func TestABundleIsWrittenToAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.tar.gz")
	stdout, stderr, err := runs(t, "--bundle", path)
	if err != nil || stdout != "what debug prints\n" || !strings.Contains(stderr, "wrote "+path+": ") ||
		!strings.Contains(stderr, "not collected: containers: ") {
		t.Fatalf("%q, %q, %v", stdout, stderr, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := unzipped(t, data)
	for _, want := range []string{"ECS_CLUSTER=prod", "ECS_ENGINE_AUTH_DATA=[masked]", "Registered container instance with cluster!",
		"container-instance/prod/"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in the bundle", want)
		}
	}
	if strings.Contains(all, "hunter22") {
		t.Error("the password is in the bundle")
	}
}

func TestABundleForStandardOutputStandsThereAlone(t *testing.T) {
	stdout, stderr, err := runs(t, "--bundle", "-", "--include", "user-data")
	if err != nil || !strings.Contains(unzipped(t, []byte(stdout)), "MANIFEST.json") || !strings.Contains(stderr, "what debug prints") ||
		!strings.Contains(stderr, "wrote standard output") {
		t.Errorf("%q, %v", stderr, err)
	}
}

// A bundle of another root must not contain this host's Docker or units.
func TestABundleOfAnotherRootIsNotOfThisHost(t *testing.T) {
	i := loaded(t, map[string]string{"MUSTER_ROOT": t.TempDir()})
	if err := os.MkdirAll(i.Config.Path("/run/systemd/system"), 0o755); err != nil { // as if /run were bind-mounted there
		t.Fatal(err)
	}
	source := func(i *instance.Instance) bundle.Source {
		return (&checkFlags{}).source(report.New(nil, report.About{}), &checkup.Session{Instance: i, World: checkup.WithNetwork(t.Context(), i,
			catalog.World{})})
	}
	if s := source(i); s.Engine != nil || s.Units != nil {
		t.Errorf("Docker %v, systemd %t", s.Engine, s.Units != nil)
	}
	if s := source(loaded(t, map[string]string{"MUSTER_ROOT": "/"})); s.Engine == nil {
		t.Error("on this host there is no Docker")
	}
}

func TestADryRunListsTheBundle(t *testing.T) {
	stdout, _, err := runs(t, "--bundle", "x", "--dry-run", "--include", "user-data")
	for _, want := range []string{"user-data       yes", "cloud-init-log  no", "manifest        yes", "containers      yes"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in %s (%v)", want, stdout, err)
		}
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("a dry run wrote the bundle")
	}
}

func TestABundleThatCannotBeIsRefused(t *testing.T) {
	for want, args := range map[string][]string{
		"did you mean user-data?": {"--bundle", "x", "--include", "userdata"},
		"needs --bundle":          {"--include", "user-data"},
		"is not a regular file":   {"--bundle", t.TempDir()},
	} {
		_, _, err := runs(t, args...)
		if err == nil || !strings.Contains(err.Error(), want) || exitcode.Of(err) == exitcode.Healthy {
			t.Errorf("%s: %v", args, err)
		}
	}
}
