package ecsagent_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/host/ecsagent"
)

// rotated writes logs, each with a modification time one second after the previous one.
func rotated(t *testing.T, logs ...[2]string) string {
	t.Helper()
	dir := t.TempDir()
	for i, log := range logs {
		path, at := filepath.Join(dir, log[0]), time.Unix(1767322800+int64(i), 0)
		if err := errors.Join(os.WriteFile(path, []byte(log[1]), 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLogEnd(t *testing.T) {
	for name, c := range map[string]struct {
		logs  [][2]string
		limit int64
		want  string
		cut   bool
	}{
		"all of it":                  {[][2]string{{"a.log", "1\n2\n"}}, 100, "1\n2\n", false},
		"no newline at the end":      {[][2]string{{"a.log", "1\n2"}}, 100, "1\n2", false},
		"only whole lines":           {[][2]string{{"a.log", "first\nsecond\n"}}, 9, "second\n", true},
		"oldest first":               {[][2]string{{"a.log.1", "1"}, {"a.log", "2\n"}}, 100, "1\n2\n", false},
		"the limit covers all files": {[][2]string{{"a.log.1", "old\nolder\n"}, {"a.log", "2\n"}}, 9, "older\n2\n", true},
		"a line without a newline":   {[][2]string{{"a.log", "an endless line"}}, 4, "", true},
		"an empty log":               {[][2]string{{"a.log", ""}}, 4, "", false},
		"other logs are ignored":     {[][2]string{{"b.log", "b\n"}, {"a.log", "a\n"}}, 100, "a\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			data, cut, err := ecsagent.LogEnd(rotated(t, c.logs...), "a.log", c.limit)
			if err != nil || string(data) != c.want || cut != c.cut {
				t.Errorf("got %q, %v, %v; want %q, %v", data, cut, err, c.want, c.cut)
			}
		})
	}
	if _, _, err := ecsagent.LogEnd(t.TempDir(), "a.log", 10); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "a.log") {
		t.Errorf("without a log: %v", err)
	}
}

func TestEvents(t *testing.T) {
	got := ecsagent.Events("ecs-agent.log", []byte(`no line of the agent
level=info time=2026-01-02T03:00:20Z msg="Loading configuration"
level=error time=2026-01-02T03:00:21Z msg="Error registering container instance" error="ClientException: Cluster not found."
level=info time=2026-01-02T03:00:22Z msg="Agent exited with code 1"
level=error time=2026-01-02T03:00:23Z msg="Error registering container instance" error="ClientException: Cluster not found."
level=error time=2026-01-02T03:00:24Z msg="a task's own" task="arn"
level=info time=2026-01-02T03:00:25Z msg="Registered container instance with cluster!"`))
	at := func(second int) time.Time { return time.Date(2026, 1, 2, 3, 0, second, 0, time.UTC) }
	want := []ecsagent.Event{
		{At: at(21), Text: "Error registering container instance: ClientException: Cluster not found (2 times)", Bad: true},
		{At: at(22), Text: "Agent exited with code 1", Bad: true},
		{At: at(25), Text: "Registered container instance with cluster!"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzLogEnd(f *testing.F) {
	f.Add([]byte("a\nb\n"), []byte("c"), uint16(3))
	f.Fuzz(func(t *testing.T, older, newer []byte, limit uint16) {
		data, cut, err := ecsagent.LogEnd(
			rotated(t, [2]string{"a.log.1", string(older)}, [2]string{"a.log", string(newer)}),
			"a.log",
			int64(limit),
		)
		if err != nil || len(data) > int(limit)+1 || !cut && int(limit) > len(older)+len(newer) && !bytes.HasSuffix(data, newer) {
			t.Errorf("%q and %q up to %d: %q, %v, %v", older, newer, limit, data, cut, err)
		}
		ecsagent.Events("ecs-init.log", data)
	})
}
