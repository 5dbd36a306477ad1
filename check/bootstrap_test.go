package check_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/check"
	"muster/check/catalog"
	"muster/internal/config"
	"muster/internal/host/imds"
	"muster/internal/instance/record"
)

func TestBootstrap(t *testing.T) {
	const failed = `{"cause": {"id": "bootstrap-failed", "summary": "no cluster prdo", "remedy": "correct it"}, "started_at": ` +
		`"2026-01-02T03:00:00Z"}`
	const undelivered = `{"outcome": "registered", "deliveries": [{"to": "launch hook redy", "what": "CONTINUE", "error": "no such ` +
		`hook"}], "started_at": "2026-01-02T03:00:00Z"}`
	ran := func(minute int) record.Record {
		return record.Record{InstanceID: "i-1", Cluster: "prod", ClusterOrigin: "flag --cluster",
			At: time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC)}
	}
	for name, c := range map[string]struct {
		report string
		record record.Record
		want   check.Status
		says   string
	}{
		"never run":        {"", record.Record{}, check.Skip, "muster bootstrap has not run on this instance"},
		"ran":              {"", ran(0), check.Pass, "configured for cluster prod, from flag --cluster"},
		"failed":           {failed, record.Record{}, check.Fail, "muster bootstrap failed: no cluster prdo"},
		"failed, then ran": {failed, ran(5), check.Pass, "configured for cluster prod, from flag --cluster"},
		"ran, then failed": {failed, record.Record{InstanceID: "i-1", At: ran(0).At.Add(-time.Hour)}, check.Fail,
			"muster bootstrap failed: no cluster prdo"},
		"another word of verify's": {`{"cause": {"id": "wrong-cluster"}, "started_at": "2026-01-02T03:09:00Z"}`, ran(0), check.Pass,
			"configured for cluster prod, from flag --cluster"},
		"a hook that was not notified": {undelivered, ran(0), check.Warn, "launch hook redy did not receive its signal: CONTINUE"},
		"all were notified": {strings.ReplaceAll(undelivered, "no such hook", ""), ran(0), check.Pass,
			"configured for cluster prod, from flag --cluster"},
		"a report that cannot be read": {"{", ran(0), check.Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := config.Load(config.Set{Flags: map[string]string{"MUSTER_ROOT": t.TempDir()}})
			if err != nil {
				t.Fatal(err)
			}
			path := cfg.ReportPath("i-1")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if c.report != "" {
				if err := os.WriteFile(path, []byte(c.report), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			checks, err := check.Select(
				catalog.Checks(catalog.World{Config: cfg, Record: c.record, Identity: imds.Identity{InstanceID: "i-1"}}),
				[]string{"bootstrap"},
				nil,
			)
			if err != nil {
				t.Fatal(err)
			}
			f := check.Run(t.Context(), checks)[0].Findings[0]
			if f.Status != c.want || c.says != "" && f.Summary != c.says {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestTheFixOfASignalThatDidNotArrive(t *testing.T) {
	for name, c := range map[string]struct{ delivery, want string }{
		"it is sent again": {`"error": "Throttling: Rate exceeded (40 attempts in 9m)", "temporary": true`,
			"sudo systemctl restart muster-verify.service"},
		"verify knows": {`"error": "denied", "fix": {"text": "Tag the group:", "commands": ["aws autoscaling create-or-update-tags"]}`,
			"aws autoscaling create-or-update-tags"},
		"probably a mistyped": {`"error": "no such hook"`, "sudo muster verify --lifecycle-hook HOOK"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := config.Load(config.Set{Flags: map[string]string{"MUSTER_ROOT": t.TempDir()}})
			if err != nil {
				t.Fatal(err)
			}
			path := cfg.ReportPath("i-1")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			report := `{"outcome": "registered", "deliveries": [{"to": "launch hook ready", "what": "CONTINUE", ` + c.delivery +
				`}], "started_at": "2026-01-02T03:00:00Z"}`
			if err := os.WriteFile(path, []byte(report), 0o600); err != nil {
				t.Fatal(err)
			}
			w := catalog.World{Config: cfg, Identity: imds.Identity{InstanceID: "i-1"},
				Record: record.Record{InstanceID: "i-1", Settings: map[string]string{"MUSTER_LIFECYCLE_HOOK": "ready"}}}
			checks, err := check.Select(catalog.Checks(w), []string{"bootstrap"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			f := check.Run(t.Context(), checks)[0].Findings[0]
			if f.ID != "signal-undelivered" || len(f.Fix.Commands) != 1 || f.Fix.Commands[0] != c.want {
				t.Errorf("%+v", f)
			}
		})
	}
}
