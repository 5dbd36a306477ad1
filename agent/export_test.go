package agent

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/containers"
	"muster/agent/export"
	"muster/agent/metrics"
)

// The files have what CloudWatch gets, and the counters as sums.
func TestTheFilesForOtherCollectorsHaveWhatIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "TEXTFILE", "/run/m/muster.prom", "INVENTORY", "/run/m/inventory.json")
		s.totals = containers.Totals{Docker: true, Series: []containers.Counts{
			{Key: web("app"), Gauges: containers.Gauges{Running: 2, Healthy: 2}, Counters: containers.Counters{Crashes: 4}}}}
		s.live(t, 150*time.Second)
		text, err := os.ReadFile(s.Settings.Path("/run/m/muster.prom"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"muster_info{instance_id=\"i-1\",version=\"test\"} 1\n", "muster_registered{cluster=\"prod\"} 1\n",
			"muster_crashes_total{cluster=\"prod\",service=\"web\"} 4\n", "muster_healthy_containers{cluster=\"prod\",service=\"web\"} 2\n",
			"muster_dropped_data_total{cluster=\"prod\"} 0\n", "muster_agent_memory_bytes{cluster=\"prod\"} ",
		} {
			if !strings.Contains(string(text), want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		inventory, err := os.ReadFile(s.Settings.Path("/run/m/inventory.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"TypeName": "Custom:Muster"`, `"Cluster": "prod"`, `"Crashes": "4"`, `"Verdict": "healthy"`} {
			if !strings.Contains(string(inventory), want) {
				t.Errorf("no %s in\n%s", want, inventory)
			}
		}
	})
}

func TestAFileThatCannotBeWrittenIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "TEXTFILE", "/dev/null/muster.prom")
		if err := os.MkdirAll(s.Settings.Path("/dev"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.Settings.Path("/dev/null"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s.live(t, 5*time.Minute)
		if n := strings.Count(s.journal.String(), "the files for other collectors are outdated: "); n != 1 {
			t.Errorf("logged %d times: %s", n, s.journal.String())
		}
	})
}

// names are those of the textfile.
func names() map[string]bool {
	all := map[string]bool{}
	for _, m := range healthMetrics() {
		all[export.Sample{Metric: m.name, Unit: metrics.UnitCount, Counter: !m.gauge}.Name()] = true
	}
	for _, m := range singleMetrics() {
		all[export.Sample{Metric: m.name, Unit: m.unit, Counter: m.total != nil}.Name()] = true
	}
	all["muster_info"], all["muster_written_timestamp_seconds"], all["muster_host_memory_pressure_ratio"] = true, true, true
	return all
}

func TestTheGrafanaDashboardAndTheGuideUseNamesThatExist(t *testing.T) {
	for _, path := range []string{"../packaging/grafana/muster.json", "../docs/guides/collectors.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		used := regexp.MustCompile(`\bmuster_[a-z_]+`).FindAllString(string(text), -1)
		if len(used) < 5 {
			t.Errorf("%s uses %v", path, used)
		}
		for _, name := range used {
			if !names()[name] {
				t.Errorf("%s: there is no %s", path, name)
			}
		}
	}
	dashboard, err := os.ReadFile("../packaging/grafana/muster.json")
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(dashboard) {
		t.Error("the dashboard is not JSON")
	}
}

// The columns are the attributes of the inventory, in lower case as Athena has them.
func TestTheAthenaQueryUsesAttributesThatExist(t *testing.T) {
	text, err := os.ReadFile("../packaging/ssm/inventory.sql")
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"resourceid", "capturetime", "schemaversion"}
	s := shop(t)
	s.prepare()
	for name := range s.facts(time.Now()) {
		known = append(known, strings.ToLower(name))
	}
	known = append(known, "problem", "problemid", "lastevent")
	for _, m := range healthMetrics() {
		known = append(known, strings.ToLower(m.name))
	}
	for _, m := range singleMetrics() {
		known = append(known, strings.ToLower(m.name))
	}
	columns := regexp.MustCompile("(?m)^  `(\\w+)` string").FindAllStringSubmatch(string(text), -1)
	if len(columns) < 10 {
		t.Errorf("%d columns", len(columns))
	}
	for _, c := range columns {
		if !slices.Contains(known, c[1]) {
			t.Errorf("the inventory has no %s", c[1])
		}
	}
}
