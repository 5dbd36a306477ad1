package export_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/agent/export"
)

var at = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

func samples() []export.Sample {
	return []export.Sample{
		{Metric: "OOMKills", Unit: "Count", Counter: true, Cluster: "prod", Service: "web", Value: 3},
		{Metric: "MemoryUsed", Unit: "Percent", Cluster: "prod", Value: 87.5},
		{Metric: "OOMKills", Unit: "Count", Counter: true, Cluster: "prod", Value: 3},
		{Metric: "AgentCPU", Unit: "Milliseconds", Counter: true, Cluster: "prod", Value: 1500},
		{Metric: "AgentMemory", Unit: "Bytes", Cluster: "prod", Value: 12e6},
		{Metric: "APICalls", Unit: "Count", Counter: true, Cluster: "prod", Value: 7},
		{Metric: "DiskUsed", Unit: "Percent", Cluster: "prod", Value: math.NaN()},
		{Metric: "RunningContainers", Unit: "Count", Cluster: "prod", Service: "a \"b\"\\\n\xff", Value: 2},
	}
}

// The names and the format are those of prometheus.io, "Metric and label naming" and "Exposition formats".
func TestTheTextfile(t *testing.T) {
	got := string(export.Text(at, map[string]string{"version": "1.0", "instance_id": "i-1"}, samples()))
	want := `# HELP muster_info Version of muster and its instance.
# TYPE muster_info gauge
muster_info{instance_id="i-1",version="1.0"} 1
# HELP muster_written_timestamp_seconds Time at which muster-agent wrote this file.
# TYPE muster_written_timestamp_seconds gauge
muster_written_timestamp_seconds 1772359200
# HELP muster_agent_cpu_seconds_total The metric AgentCPU of docs/reference/metrics.md.
# TYPE muster_agent_cpu_seconds_total counter
muster_agent_cpu_seconds_total{cluster="prod"} 1.5
# HELP muster_agent_memory_bytes The metric AgentMemory of docs/reference/metrics.md.
# TYPE muster_agent_memory_bytes gauge
muster_agent_memory_bytes{cluster="prod"} 1.2e+07
# HELP muster_api_calls_total The metric APICalls of docs/reference/metrics.md.
# TYPE muster_api_calls_total counter
muster_api_calls_total{cluster="prod"} 7
# HELP muster_memory_used_ratio The metric MemoryUsed of docs/reference/metrics.md.
# TYPE muster_memory_used_ratio gauge
muster_memory_used_ratio{cluster="prod"} 0.875
# HELP muster_oom_kills_total The metric OOMKills of docs/reference/metrics.md.
# TYPE muster_oom_kills_total counter
muster_oom_kills_total{cluster="prod"} 3
muster_oom_kills_total{cluster="prod",service="web"} 3
# HELP muster_running_containers The metric RunningContainers of docs/reference/metrics.md.
# TYPE muster_running_containers gauge
muster_running_containers{cluster="prod",service="a \"b\"\\\n` + "\uFFFD" + `"} 2
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An agent that dies while it writes leaves the file of before, and node_exporter reads *.prom alone.
func TestTheFilesAreReplacedAndEveryoneMayReadThem(t *testing.T) {
	dir := t.TempDir()
	prom, inventory := filepath.Join(dir, "new", "muster.prom"), filepath.Join(dir, "new", "inventory.json")
	for range 2 {
		if err := export.Textfile(prom, at, nil, samples()); err != nil {
			t.Fatal(err)
		}
		if err := export.Inventory(inventory, map[string]string{"Verdict": "healthy", "LastProblem": strings.Repeat("x", 9999)},
			samples()); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(filepath.Dir(prom))
	if err != nil || len(files) != 2 {
		t.Errorf("%v, %v", files, err)
	}
	for _, path := range []string{prom, inventory} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

func TestTheInventoryHasTextsOfKnownValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inventory.json")
	if err := export.Inventory(path, map[string]string{"Verdict": "healthy", "LastProblem": strings.Repeat("x", 9999)},
		samples()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		SchemaVersion, TypeName string
		Content                 map[string]string // texts alone: Systems Manager takes no others
	}
	if err := json.Unmarshal(data, &got); err != nil || got.SchemaVersion != "1.0" || got.TypeName != "Custom:Muster" {
		t.Errorf("%v in %s", err, data)
	}
	if got.Content["Verdict"] != "healthy" || got.Content["MemoryUsed"] != "87.5" || got.Content["OOMKills"] != "3" ||
		len(got.Content["LastProblem"]) > 4096 {
		t.Errorf("%v", got.Content)
	}
	if _, is := got.Content["DiskUsed"]; is {
		t.Error("an unknown value is in the inventory")
	}
}

var line = regexp.MustCompile(`^[a-z_]+(\{[a-z_]+="([^"\\\n]|\\["\\n])*"(,[a-z_]+="([^"\\\n]|\\["\\n])*")*\})? [-+.0-9e]+$`)

func FuzzEachLineIsOne(f *testing.F) {
	f.Add("web", "prod", 1.5)
	f.Add("a\"\\\n", "\x00\xff", -1e300)
	f.Fuzz(func(t *testing.T, service, cluster string, value float64) {
		text := export.Text(at, nil, []export.Sample{{Metric: "MemoryUsed", Unit: "Count", Service: service, Cluster: cluster, Value: value}})
		for l := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n") {
			if !strings.HasPrefix(l, "# ") && !strings.HasPrefix(l, "muster_info{}") && !line.MatchString(l) {
				t.Errorf("%q", l)
			}
		}
	})
}
