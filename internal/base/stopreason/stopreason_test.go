package stopreason_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"muster/internal/base/stopreason"
)

// wording is a text of testdata/wordings.txt, with the reason that it must have.
type wording struct{ source, text, want string }

func wordings(t testing.TB) (all []wording) {
	t.Helper()
	data, err := os.ReadFile("testdata/wordings.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(data), "\n- ")[1:] {
		head, text, _ := strings.Cut(block, "\n")
		want, source, _ := strings.Cut(head, " ")
		all = append(all, wording{source, strings.TrimSpace(text), want})
	}
	if len(all) < 30 {
		t.Fatalf("%d wordings", len(all))
	}
	return all
}

func TestEachWordingHasItsReason(t *testing.T) {
	for _, c := range wordings(t) {
		got, is := stopreason.Of(stopreason.Facts{Text: c.text})
		if !is || got.ID != c.want {
			t.Errorf("%s: %q is %q, want %s", c.source, c.text, got.ID, c.want)
		}
		if got.What == "" || got.Fix.IsZero() {
			t.Errorf("%s: %s has no sentence or no fix", c.source, got.ID)
		}
	}
}

// Each reason must have been seen in a text or follow from facts.
func TestEachReasonHasAWording(t *testing.T) {
	seen := []string{"task-stop-timeout", "task-killed", "task-exited", "task-host-memory", "task-start-disk"} // of TestFacts
	for _, c := range wordings(t) {
		seen = append(seen, c.want)
	}
	for _, id := range stopreason.IDs() {
		if !slices.Contains(seen, id) {
			t.Errorf("no text has the reason %s", id)
		}
	}
}

func TestFacts(t *testing.T) {
	code := func(n int) *int { return &n }
	const essential = "Essential container in task exited"
	for name, c := range map[string]struct {
		facts stopreason.Facts
		want  string // empty: no failure
	}{
		"nothing is known":      {stopreason.Facts{}, ""},
		"exit 0":                {stopreason.Facts{Text: essential, ExitCode: code(0)}, ""},
		"exit 3":                {stopreason.Facts{Text: essential, ExitCode: code(3)}, "task-exited"},
		"exit 3 without a text": {stopreason.Facts{ExitCode: code(3)}, "task-exited"},
		"the task's text alone": {stopreason.Facts{Text: essential}, "task-exited"},
		"137 with OOMKilled":    {stopreason.Facts{ExitCode: code(137), OOMKilled: true}, "task-out-of-memory"},
		"137 by the agent's word": {
			stopreason.Facts{Text: "OutOfMemoryError: Container killed due to memory usage", ExitCode: code(137)},
			"task-out-of-memory",
		},
		"137 after a stop": {stopreason.Facts{ExitCode: code(137), Stopped: true}, "task-stop-timeout"},
		"137 of a deployment": {
			stopreason.Facts{Text: "Scaling activity initiated by (deployment ecs-svc/1)", ExitCode: code(137)},
			"task-stop-timeout",
		},
		"137 by a user": {
			stopreason.Facts{Text: "cleanup", StopCode: "UserInitiated", ExitCode: code(137)},
			"task-stop-timeout",
		},
		"137 after a stop, and OOMKilled": {
			stopreason.Facts{ExitCode: code(137), Stopped: true, OOMKilled: true},
			"task-out-of-memory",
		},
		"137 of an unknown sender":    {stopreason.Facts{Text: essential, ExitCode: code(137)}, "task-killed"},
		"143":                         {stopreason.Facts{ExitCode: code(143)}, ""},
		"143, a child was OOM killed": {stopreason.Facts{ExitCode: code(143), OOMKilled: true, Stopped: true}, ""},
		"a deployment":                {stopreason.Facts{Text: "Scaling activity initiated by (deployment ecs-svc/1)"}, ""},
		"a deployment, exit 1": {
			stopreason.Facts{Text: "Scaling activity initiated by (deployment ecs-svc/1)", ExitCode: code(1)},
			"",
		},
		"killed as unhealthy": {
			stopreason.Facts{Text: "Task failed container health checks", StopCode: "ServiceSchedulerInitiated", ExitCode: code(137)},
			"task-unhealthy",
		},
		"a terminated host": {stopreason.Facts{Text: "Host EC2 (instance i-1) terminated."}, ""},
		"no memory on the host": {
			stopreason.Facts{Text: "fork/exec /proc/self/exe: cannot allocate memory: unknown"},
			"task-host-memory",
		},
		"no disk at the start": {
			stopreason.Facts{Text: "mkdir /var/lib/docker/overlay2/x: no space left on device"},
			"task-start-disk",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, is := stopreason.Of(c.facts)
			if got.ID != c.want || is != (c.want != "") {
				t.Errorf("got %q, %v", got.ID, is)
			}
		})
	}
}

func FuzzAnyTextIsExplained(f *testing.F) {
	for _, c := range wordings(f) {
		f.Add(c.text, 137, true)
	}
	f.Fuzz(func(t *testing.T, text string, code int, stopped bool) {
		got, is := stopreason.Of(stopreason.Facts{Text: text, ExitCode: &code, Stopped: stopped})
		if is && (!slices.Contains(stopreason.IDs(), got.ID) || got.What == "" || !strings.HasPrefix(got.ID, "task-")) {
			t.Errorf("%+v", got)
		}
	})
}
