package bootreport

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
)

func TestReportRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "instances", "i-1", "report.json")
	want := Report{
		Schema:     Schema,
		InstanceID: "i-1",
		Cluster:    "prod",
		Outcome:    NotRegistered,
		ExitCode:   exitcode.NotRegistered,
		Cause:      NewCause("docker-hung", "the Docker Engine does not respond", fix.Do("Restart it:", "systemctl restart docker")),
		Deliveries: []Delivery{
			{To: "launch hook ready", What: "ABANDON", Error: "denied"},
		},
		StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNoReportIsTheZeroReport(t *testing.T) {
	if got, err := Read(filepath.Join(t.TempDir(), "report.json")); err != nil || !cmp.Equal(got, Report{}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestInvalidReportErrorNamesTheFile(t *testing.T) {
	for name, c := range map[string]struct {
		make func(path string) error
		says string
	}{
		"a pipe":      {func(path string) error { return unix.Mkfifo(path, 0o600) }, "not a regular file"},
		"a directory": {func(path string) error { return os.Mkdir(path, 0o700) }, "not a regular file"},
		"cut off":     {func(path string) error { return os.WriteFile(path, []byte(`{"schema":1,"cau`), 0o600) }, "unexpected end"},
		"huge":        {func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<30)) }, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "report.json")
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			_, err := Read(path)
			if err == nil || !strings.Contains(err.Error(), path+": ") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q and the path", err, c.says)
			}
		})
	}
}

func TestUndeliveredAreTheSignalsWithAnError(t *testing.T) {
	bad := Delivery{To: "CloudFormation stack web", What: "SUCCESS for NodeGroup", Error: "no such resource"}
	r := Report{Deliveries: []Delivery{{To: "launch hook ready", What: "CONTINUE"}, bad}}
	if diff := cmp.Diff([]Delivery{bad}, r.Undelivered()); diff != "" {
		t.Error(diff)
	}
	if len(r.Deliveries) != 2 || r.Deliveries[0].Error != "" {
		t.Errorf("the report was changed: %+v", r.Deliveries)
	}
}

func TestTheErrorCarriesExitCodeAndFix(t *testing.T) {
	to := fix.Do("Restart it:", "systemctl restart docker")
	err := Report{ExitCode: 10, Reason: "the instance did not register", Evidence: []string{"docker hangs", "no answer in 5s"},
		Cause: NewCause("docker-hung", "docker hangs.", to)}.Err()
	if exitcode.Of(err) != 10 || !cmp.Equal(fix.Of(err), to) || err.Error() != "docker hangs" ||
		!cmp.Equal(fix.Why(err), []string{"the instance did not register", "no answer in 5s"}) {
		t.Errorf("%v, exit code %d, why %q, fix %v", err, exitcode.Of(err), fix.Why(err), fix.Of(err))
	}
	long := Report{ExitCode: 10, Evidence: make([]string, 100), Cause: NewCause("x", "y", to)}.Err()
	if why := fix.Why(long); len(why) != maxWhy+1 {
		t.Errorf("%d lines", len(why))
	}
	if err := (Report{}).Err(); err != nil {
		t.Error(err)
	}
}

func TestAnUndeliveredSignalIsTheEvidence(t *testing.T) {
	r := Report{
		ExitCode: exitcode.SignalUndelivered,
		Outcome:  Registered,
		Reason:   "registered in cluster prod, but 1 of 2 signals was not delivered",
		Deliveries: []Delivery{
			{To: "launch hook ready", What: "CONTINUE"},
			{To: "CloudFormation stack web", What: "SUCCESS for NodeGroup", Error: "no such resource", Fix: fix.Do("List them:", "aws")},
		},
	}
	err := r.Err()
	want := []string{"CloudFormation stack web: SUCCESS for NodeGroup not delivered: no such resource"}
	if exitcode.Of(err) != exitcode.SignalUndelivered || err.Error() != r.Reason || !cmp.Equal(fix.Why(err), want) ||
		fix.Of(err).Text != "List them:" {
		t.Errorf("%v, why %q, fix %v", err, fix.Why(err), fix.Of(err))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"schema":1,"instance_id":"i-1","deliveries":[{"to":"x","what":"y","error":"z"}],"cause":{"id":"a","fix":{"text":"b"}}}`))
	f.Add([]byte(`{"deliveries":null,"started_at":"2026-01-02T03:04:05Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decode(data)
		if err != nil {
			return
		}
		if line := r.Line(); strings.ContainsAny(line, "\n\x1b") {
			t.Errorf("line %q moves the cursor", line)
		}
		_ = r.Err()
	})
}
