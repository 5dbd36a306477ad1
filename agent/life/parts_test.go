package life

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/agent"
	"muster/internal/config"
	"muster/internal/instance"
	"muster/internal/sandbox"
	"muster/test/observe"
)

// begun returns the agent of a sandboxed instance with these settings, and what it logged. change runs before the start.
func begun(t *testing.T, settings map[string]string, change func(*sandbox.Sandbox)) (*agent.Agent, string) {
	t.Helper()
	box, err := sandbox.New(sandbox.Options{Root: t.TempDir(), Clusters: []string{"prod"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	for _, entry := range box.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	if change != nil {
		change(box)
	}
	flags := map[string]string{"MUSTER_CLUSTER": "prod", "MUSTER_IMDS_TIMEOUT": "1s"}
	maps.Copy(flags, settings)
	host := instance.New(func() (config.Set, error) { return config.Gather(flags) })
	t.Cleanup(host.Close)
	log := &observe.Journal{}
	l, err := Begin(t.Context(), Options{Host: host, Version: "1.2.3", Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := l.newAgent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a, log.String()
}

// optional returns the names of the parts that depend on the settings.
func optional(a *agent.Agent) []string {
	var names []string
	for name, is := range map[string]bool{
		"attributes": a.Attributes != nil, "gate": a.Gate != nil, "healer": a.Healer != nil, "ports": a.Ports != nil,
		"publisher": a.Publisher != nil, "registration in ECS": a.Registration.ECS != nil,
	} {
		if is {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

func TestTheSettingsDecideWhichPartsTheAgentHas(t *testing.T) {
	for name, c := range map[string]struct {
		settings map[string]string
		want     []string
		logs     string
	}{
		"the defaults": {nil, []string{"healer", "publisher", "registration in ECS"}, ""},
		"no namespace": {map[string]string{"MUSTER_NAMESPACE": ""}, []string{"healer", "registration in ECS"}, ""},
		"ports":        {map[string]string{"MUSTER_PORTS": "ignite2"}, []string{"healer", "ports", "publisher", "registration in ECS"}, ""},
		"a gate": {map[string]string{"MUSTER_PORTS": "ignite2", "MUSTER_GATE": "muster.ports"},
			[]string{"gate", "healer", "ports", "publisher", "registration in ECS"}, ""},
		"a gate without ports": {map[string]string{"MUSTER_GATE": "muster.ports"}, []string{"healer", "publisher", "registration in ECS"},
			"no replication ports are set (MUSTER_PORTS), so attribute muster.ports is not set"},
		"the published version": {map[string]string{"MUSTER_PUBLISH_VERSION": "true"},
			[]string{"attributes", "healer", "publisher", "registration in ECS"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, said := begun(t, c.settings, nil)
			if diff := cmp.Diff(c.want, optional(a)); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
			if a.Provisional || a.InstanceID == "" || a.Version != "1.2.3" || a.Settings.Cluster != "prod" {
				t.Errorf("provisional %t, instance %q, version %q, cluster %q", a.Provisional, a.InstanceID, a.Version, a.Settings.Cluster)
			}
			if !strings.Contains(said, c.logs) || c.logs == "" && said != "" {
				t.Errorf("the journal says %q, want %q", said, c.logs)
			}
		})
	}
}

// Without an identity, nothing may be published: it could count for another instance.
func TestAnAgentWithoutAnIdentityOnlyWatches(t *testing.T) {
	settings := map[string]string{"MUSTER_PORTS": "ignite2", "MUSTER_PUBLISH_VERSION": "true"}
	a, said := begun(t, settings, func(s *sandbox.Sandbox) { s.IMDSDown() })
	if got := optional(a); !a.Provisional || a.InstanceID != "" || len(got) != 0 || a.Containers == nil {
		t.Errorf("provisional %t, instance %q, parts %q", a.Provisional, a.InstanceID, got)
	}
	if !strings.Contains(said, "instance metadata") {
		t.Errorf("the journal does not name what is missing: %q", said)
	}
}
