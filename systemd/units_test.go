package systemd_test

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"

	"muster/internal/host/units"
	"muster/systemd"
)

// settings parses a unit file and joins repeated directives by a space.
func settings(t *testing.T, u units.Unit) map[string]string {
	t.Helper()
	options, err := unit.DeserializeOptions(strings.NewReader(string(u.Content)))
	if err != nil {
		t.Fatalf("%s: %v", u.Name, err)
	}
	all := map[string]string{}
	for _, o := range options {
		all[o.Name] = strings.TrimSpace(all[o.Name] + " " + o.Value)
	}
	return all
}

// What bootstrap, verify and agent count on.
func TestUnitsSayWhatTheCodeReliesOn(t *testing.T) {
	want := map[string]map[string]string{
		"muster-agent.service": {
			"ExecStart":                "/usr/bin/muster agent",
			"Type":                     "notify",
			"Restart":                  "always",
			"RestartPreventExitStatus": "64 78",
			"TimeoutStartSec":          "infinity",
			"After":                    "network-online.target docker.service ecs.service muster-docker.socket muster-docker.service",
			"Wants":                    "network-online.target muster-docker.socket",
			"BindReadOnlyPaths":        "-/run/muster-docker/agent:/run/muster-docker",
			"Environment":              "MUSTER_DOCKER_PROXY=/run/muster-docker/docker.sock",
			"DynamicUser":              "yes",
			"StateDirectory":           "muster-agent",
			"RuntimeDirectory":         "muster-agent",
			"ExecReload":               "/bin/kill -HUP $MAINPID",
			"TimeoutStopSec":           "15",
			"WantedBy":                 "multi-user.target",
			"CapabilityBoundingSet":    "",
		},
		"muster-bootstrap.service": {
			"ExecStart": "/usr/bin/muster bootstrap", "Type": "oneshot", "RemainAfterExit": "yes", "Before": "ecs.service",
			"RequiredBy": "ecs.service", "After": "network-online.target cloud-config.service",
		},
		"muster-docker.service": {
			"ExecStart":               "/usr/bin/muster docker-proxy",
			"Type":                    "notify",
			"Restart":                 "always",
			"StartLimitIntervalSec":   "0",
			"CapabilityBoundingSet":   "",
			"PrivateNetwork":          "yes",
			"RestrictAddressFamilies": "AF_UNIX",
			"Requires":                "muster-docker.socket",
			"After":                   "muster-docker.socket",
			"PartOf":                  "muster-agent.service",
		},
		"muster-docker.socket": {
			"ListenStream":  "/run/muster-docker/agent/docker.sock",
			"SocketMode":    "0666",
			"DirectoryMode": "0755",
			"ExecStartPre":  "/bin/mkdir -p -m 0700 /run/muster-docker",
		},
		"muster-verify.service": {
			"ExecStart":                "/usr/bin/muster verify",
			"Type":                     "oneshot",
			"TimeoutStartSec":          "infinity",
			"RemainAfterExit":          "yes",
			"Restart":                  "on-failure",
			"RestartSec":               "60",
			"RestartPreventExitStatus": "64 78",
			"StartLimitIntervalSec":    "0",
			"StateDirectory":           "muster",
			"RuntimeDirectory":         "muster",
			"After":                    "network-online.target ecs.service sysinit.target basic.target",
			"WantedBy":                 "multi-user.target",
			"CapabilityBoundingSet":    "",
		},
	}
	all := systemd.Units()
	if len(all) != len(want) {
		t.Errorf("%d units, want %d", len(all), len(want))
	}
	for _, u := range all {
		got := settings(t, u)
		for key, value := range want[u.Name] {
			if v, set := got[key]; v != value || !set {
				t.Errorf("%s: %s=%q, want %q", u.Name, key, got[key], value)
			}
		}
		if _, set := got["SupplementaryGroups"]; set { // one that does not exist is 216/GROUP
			t.Errorf("%s: has SupplementaryGroups", u.Name)
		}
		// muster reads /etc/muster/muster.env by its own parser.
		if _, set := got["EnvironmentFile"]; set {
			t.Errorf("%s: has an EnvironmentFile", u.Name)
		}
		if strings.Contains(got["After"]+got["Requires"], "cloud-final") {
			t.Errorf("%s: waits for cloud-final itself", u.Name)
		}
	}
}

func TestUnitsInstall(t *testing.T) {
	root := t.TempDir()
	all := systemd.Units()
	written, err := units.Install(root, "/opt/muster", all)
	if err != nil || len(written) != len(all) {
		t.Fatalf("%v, %v", written, err)
	}
	for _, path := range written {
		file, err := os.Open(root + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(file)
		file.Close()
		if strings.HasSuffix(path, ".service") != strings.Contains(string(text), "\nExecStart=/opt/muster ") ||
			strings.Contains(string(text), "/usr/bin/muster") {
			t.Errorf("%s: does not run the binary", path)
		}
	}
}

func TestUnitsByName(t *testing.T) {
	got := systemd.Units("muster-verify.service", "muster-agent.service")
	names := slices.Collect(func(yield func(string) bool) {
		for _, u := range got {
			yield(u.Name)
		}
	})
	if !slices.Equal(names, []string{"muster-verify.service", "muster-agent.service"}) {
		t.Errorf("%v", names)
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown name is no panic")
		}
	}()
	systemd.Units("nowhere.service")
}
