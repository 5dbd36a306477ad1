package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/check"
	"muster/internal/base/fix"
	"muster/internal/bundle"
	"muster/internal/config"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/units"
)

const instanceID = "i-0123456789abcdef0"

var at = time.Date(2026, 1, 2, 3, 10, 0, 0, time.UTC)

type introspection struct {
	metadata ecsagent.Metadata
	tasks    []ecsagent.Task
}

func (i introspection) Metadata(context.Context) (ecsagent.Metadata, error) { return i.metadata, nil }
func (i introspection) Tasks(context.Context) ([]ecsagent.Task, error)      { return i.tasks, nil }

type engine struct{ containers []dockerapi.Container }

func (engine) Ping(context.Context) (dockerapi.Version, error) {
	return dockerapi.Version{API: "1.44", OS: "linux"}, nil
}
func (e engine) Containers(context.Context) ([]dockerapi.Container, error) { return e.containers, nil }
func (engine) AgentContainer(context.Context) (dockerapi.AgentContainer, bool, error) {
	return dockerapi.AgentContainer{Status: "exited", ExitCode: 5}, true, nil
}

type systemd struct{ states map[string]units.State }

func (s systemd) Show(_ context.Context, name string) (units.State, error) {
	state, ok := s.states[name]
	if !ok {
		state = units.State{LoadState: units.NotFound}
	}
	state.Name = name
	return state, nil
}
func (systemd) Close() {}

// write writes files below root, given as a map of path to text.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func settings(t *testing.T, root string, file ...string) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Set{Flags: map[string]string{"MUSTER_ROOT": root}, Environ: file})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// sick returns an instance whose cluster name has a typo.
func sick(t *testing.T) bundle.Source {
	t.Helper()
	root := t.TempDir()
	write(t, root, map[string]string{
		"etc/ecs/ecs.config": "ECS_CLUSTER=prd\nECS_ENGINE_AUTH_DATA={\"r\":{\"auth\":\"eDp5\"}}\n#ECS_X=1\nexport MY_VALUE=plain\n\n",
		"etc/os-release":     "NAME=\"Amazon Linux\"\nVERSION=\"2023\"\n",
		"etc/resolv.conf":    "nameserver 10.0.0.2\n",
		"proc/stat":          "cpu 1 2 3\nbtime 1767322800\n", // 03:00:00
		"proc/net/route": "Iface\tDestination\tGateway " +
			"\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\neth0\t00000000\t0101000A\t0003\t0\t0\t512\t00000000\t0\t0\t0\n",
		"run/cloud-init/status.json": `{"v1":{"datasource":"DataSourceEc2Local","init-local":{"errors":[],"start":1767322804.1,` +
			`"finished":1767322805.9},` +
			`"modules-final":{"errors":[],"start":1767322812.5,"finished":1767322816.1}}}`,
		"var/lib/muster/instances/" + instanceID + "/bootstrap.json": `{"schema":1,"instance_id":"` + instanceID +
			`","cluster":"prd","settings":{"MUSTER_CLUSTER":"prd"},"at":"2026-01-02T03:00:14Z"}`,
		"var/lib/muster/instances/" + instanceID +
			"/report.json": `{"schema":1,"outcome":"not-registered","reason":"the instance did not register in cluster ` +
			`prd","started_at":"2026-01-02T03:00:17Z","waited_seconds":28}`,
		"var/log/ecs/ecs-init.log": "level=info time=2026-01-02T03:00:20Z msg=\"Starting Amazon Elastic Container Service Agent\"\nlevel=info " +
			"time=2026-01-02T03:00:41Z msg=\"Agent exited with code 5\"\n",
		"var/log/ecs/ecs-agent.log": strings.Repeat(
			"level=error time=2026-01-02T03:00:38Z msg=\"Error registering container instance\" error=\"ClientException: Cluster not found.\"\n",
			3,
		) +
			"level=info time=2025-12-01T00:00:00Z msg=\"Registered container instance with cluster!\"\n",
		"var/log/cloud-init.log":                  "cloud-init ran\n",
		"var/lib/cloud/instance/user-data.txt":    "#!/bin/sh\nmuster bootstrap --cluster prd\n",
		"var/log/cloud-init-output.log":           "out\n",
		"etc/systemd/system/ecs.service.d/a.conf": "[Service]\nEnvironment=FOO=bar\n",
	})
	began := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	return bundle.Source{
		Version: "v1.2.3", InstanceID: instanceID, At: at, Config: settings(t, root),
		Results: results(), JSON: func(w io.Writer) error { return json.NewEncoder(w).Encode(results()) },
		Page:  func(id string) string { return "# " + id + "\n\nWhat it looks at, and <why>.\n" },
		Agent: introspection{ecsagent.Metadata{Cluster: "prd", Version: "v1.105.1"}, nil},
		Engine: engine{[]dockerapi.Container{{ID: strings.Repeat("4f5e", 16), Name: "ecs-web-1-app-a0b1c2", NetworkMode: "bridge",
			Labels:   map[string]string{"com.amazonaws.ecs.cluster": "prd"},
			Bindings: []dockerapi.Binding{{ContainerPort: 8080, Protocol: "tcp", Host: netip.MustParseAddrPort("0.0.0.0:32768")}}}}},
		Units: func(context.Context) (bundle.Units, error) {
			return systemd{
				map[string]units.State{
					"ecs.service": {LoadState: "loaded", ActiveState: "failed", Result: "exit-code", Begun: began.Add(18 * time.Second),
						Active: began.Add(19 * time.Second), Ended: began.Add(42 * time.Second)},
					"docker.service": {
						LoadState:   "loaded",
						ActiveState: "active",
						Begun:       began.Add(6 * time.Second),
						Active:      began.Add(9 * time.Second),
					},
				},
			}, nil
		},
	}
}

func results() []check.Result {
	does := func(id string, group check.Group, title string, found ...check.Finding) check.Check {
		return check.Check{
			Kind:  &check.Kind{ID: id},
			Group: group,
			Title: title,
			Run:   func(context.Context) []check.Finding { return found },
		}
	}
	return check.Run(context.Background(), []check.Check{
		does(
			"imds",
			check.Instance,
			"the instance metadata service responds",
			check.Passed("this is "+instanceID+" (m5.large) in eu-west-1a")...),
		does("clock", check.Instance, "the clock is correct",
			check.Finding{Status: check.Warn, Summary: "the clock is 4 s behind", Evidence: []string{"Date: Fri, 02 Jan 2026 03:10:04 GMT"},
				Fix: fix.Do("systemctl restart chronyd")}),
		does("dns", check.Network, "the names of ECS resolve", check.Passed("ecs.eu-west-1.amazonaws.com is 10.0.3.14, private")...),
		does("docker", check.Docker, "the Docker Engine answers", check.Passed("API 1.44")...),
		does("cluster", check.ECS, "the cluster is there",
			check.Finding{Kind: &check.Kind{ID: "cluster-not-found"}, Status: check.Fail,
				Summary:  "there is no cluster prd in eu-west-1; did you mean prod?",
				Evidence: []string{"/etc/ecs/ecs.config:1: ECS_CLUSTER=prd", "ClientException: Cluster not found."},
				Fix:      fix.Do("muster bootstrap --cluster prod && systemctl restart ecs")}),
		does("registered", check.ECS, "the ECS agent has registered this instance",
			check.Finding{Status: check.Fail, Summary: "the ECS agent does not listen", SymptomOf: []*check.Kind{{ID: "cluster"}}}),
		does("balancer", check.PortsOf, "the load balancer reaches the tasks",
			check.Finding{Status: check.Unknown, Summary: "could not look: elasticloadbalancing:DescribeTargetHealth is not allowed",
				Fix: fix.Do("allow it to the instance role")}),
	})
}

// unpacked collects a bundle, and returns its files by name without the directory.
func unpacked(t *testing.T, s bundle.Source, include ...string) (bundle.Manifest, map[string]string) {
	t.Helper()
	var out bytes.Buffer
	m, err := bundle.Collect(t.Context(), s, &out, bundle.Options{Include: include})
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for archive := tar.NewReader(zipped); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return m, files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(head.Name, "/")
		if head.Mode != 0o600 || !strings.HasPrefix(head.Name, "muster-") {
			t.Errorf("%s has mode %o", head.Name, head.Mode)
		}
		files[name] = string(data)
	}
}
