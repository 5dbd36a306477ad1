package agentstate_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/agent/agentstate"
	"muster/internal/host/dockerapi"
	"muster/internal/term"
	"muster/test/golden"
)

var now = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// well returns the state of a healthy instance.
func well() agentstate.State {
	yes := true
	return agentstate.State{
		Schema:     1,
		Version:    "1.2.3",
		PID:        812,
		InstanceID: "i-0123456789abcdef0",
		Started:    ago(3*time.Hour + 12*time.Minute),
		Written:    ago(12 * time.Second),
		Period:     60,
		Registration: agentstate.Registration{
			State:     "registered",
			Since:     ago(3 * time.Hour),
			Cluster:   "prod",
			ARN:       "arn:1",
			Connected: &yes,
			Status:    "ACTIVE",
			Asked:     ago(6 * time.Minute),
		},
		Docker:     agentstate.Docker{Reachable: true, Since: ago(3 * time.Hour), Running: 12, Healthy: 10},
		Services:   []agentstate.Service{{Cluster: "prod", Name: "web", Running: 12, Healthy: 10}},
		Publishing: agentstate.Publishing{Namespace: "Muster", Sent: 4032, LastSent: ago(21 * time.Second)},
		Self:       agentstate.Self{RSS: 14_200_000, CPU: 9 * time.Second, Calls: 205},
	}
}

// sick returns the state of an instance with every problem.
func sick() agentstate.State {
	no := false
	s := well()
	s.Leaving = "the Auto Scaling group is terminating this instance"
	s.Registration = agentstate.Registration{
		State:     "disconnected",
		Since:     ago(40 * time.Minute),
		Why:       "the ECS agent is not connected to ECS",
		Cluster:   "prod",
		Connected: &no,
		Status:    "ACTIVE",
		Asked:     ago(time.Minute),
	}
	s.Registration.Health, s.Registration.HealthDetail = "IMPAIRED", "CONTAINER_RUNTIME is IMPAIRED"
	s.Docker = agentstate.Docker{Reachable: true, Running: 9, Healthy: 4, Unhealthy: 5}
	for _, name := range []string{"web/app", "web/sidecar", "batch/\x1b[2Jworker", "web/app"} {
		s.Unhealthy = append(s.Unhealthy, agentstate.Container{Name: name, ID: "3f2a1b", Why: "its health check fails"})
	}
	s.Orphans = []agentstate.Container{{Name: "shop/app", Why: "the ECS agent does not know its task"}}
	s.CrashLoops = []agentstate.Container{{Name: "mail/relay", Why: "3 unexpected exits within 30m"}}
	s.Publishing = agentstate.Publishing{
		Namespace: "Muster",
		Sent:      10,
		Failing:   ago(50 * time.Hour),
		Why:       "cloudwatch:PutMetricData is not allowed",
		Waiting:   3000,
		Bytes:     12_288_000,
		Dropped:   7,
	}
	s.Events = agentstate.Events{Bus: "ops", Sent: 3, Dropped: 1}
	s.Recent = []agentstate.Event{{At: ago(12 * time.Minute), Kind: "unhealthy", Text: "web/app: its health check fails"}}
	return s
}

func states() map[string]agentstate.State {
	gone, fresh := well(), agentstate.State{
		Schema:     1,
		PID:        1,
		Version:    "dev",
		Started:    now,
		Written:    now,
		Period:     60,
		Publishing: agentstate.Publishing{Namespace: "Muster"},
	}
	gone.Written = ago(2 * time.Hour)
	fresh.Registration.State = "unknown"
	fresh.Docker.Why = "nothing listens"
	silent := well() // written after a Docker event, one minute after the last cycle
	silent.Cycled = ago(time.Minute)
	silent.Registration.Answered, silent.Registration.Silent = ago(2*time.Minute), "connection refused"
	waiting := well()
	waiting.Docker = agentstate.Docker{Since: ago(8 * time.Second), Why: "unknown", Limit: "this process is out of file descriptors"}
	waiting.InstanceID, waiting.Waiting = "", []agentstate.Waiting{
		{ID: agentstate.NeedIdentity, What: "instance metadata", Since: ago(8 * time.Second), Why: "connection refused"},
	}
	return map[string]agentstate.State{"well": well(), "sick": sick(), "gone": gone, "fresh": fresh, "silent": silent, "waiting": waiting}
}

// quiet is an instance whose ECS agent has not responded for so long.
func quiet(d time.Duration) agentstate.State {
	s := well()
	s.Registration.Answered, s.Registration.Silent = ago(d), "connection refused"
	return s
}

func TestStatusTellsWhatIsWrongNowAndWhatWasLast(t *testing.T) {
	if got := quiet(2 * time.Minute).Verdict(now); got != agentstate.Failed { // exit 1
		t.Errorf("a silent ECS agent is %s", got)
	}
	over := well()
	over.Recent = []agentstate.Event{{At: ago(time.Minute), Kind: "recovered", Text: "web/app: its health check passes again"}}
	over.LastProblem = &agentstate.Event{At: ago(5 * time.Minute), Kind: "oom", Text: "shop/api: its main process was killed: out of memory"}
	if got := over.Verdict(now); got != agentstate.Healthy { // it is over
		t.Errorf("what is over is %s", got)
	}
	var out bytes.Buffer
	if err := over.Table(&out, term.Style{}, now); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{out.String(), over.Summary(now)} {
		if !strings.Contains(text, "shop/api: its main process was killed") {
			t.Errorf("the last problem is not in\n%s", text)
		}
	}
	if strings.Contains(over.Summary(now.Add(2*time.Hour)), "shop/api") {
		t.Error("status shows a problem of hours ago on a healthy instance")
	}
}

func TestAPersonSeesItInTenLines(t *testing.T) {
	for name, s := range states() {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := s.Table(&out, term.Style{}, now); err != nil || strings.Count(out.String(), "\n") != 10 {
				t.Fatalf("%v:\n%s", err, out.String())
			}
			golden.File(t, name+".txt", out.Bytes())
		})
	}
}

func TestEachTroubleIsAProblem(t *testing.T) {
	docker := well()
	docker.Docker = agentstate.Docker{Why: "nothing listens"}
	blind, deaf, alone, denied := well(), well(), well(), well()
	alone.Docker = agentstate.Docker{Why: "listing: no such file", Limit: dockerapi.ErrProxy.Error()}
	denied.Docker = agentstate.Docker{Why: "listing: permission denied", Limit: dockerapi.ErrDenied.Error()}
	blind.Docker = agentstate.Docker{
		Why:   "unknown: this process is out of file descriptors",
		Limit: "this process is out of file descriptors",
	}
	deaf.Docker.Events = &agentstate.Stream{Since: ago(time.Minute), Why: "EOF", Failures: 4}
	early := well()
	for _, id := range agentstate.IDs()[:5] {
		early.Waiting = append(early.Waiting, agentstate.Waiting{ID: id, What: "what it needs", Since: ago(time.Minute), Why: "refused"})
	}
	planned := sick()
	stays := sick()
	stays.Leaving = ""
	for name, c := range map[string]struct {
		state agentstate.State
		want  []string
	}{
		"healthy":              {well(), nil},
		"a silent ECS agent":   {quiet(2 * time.Minute), []string{"muster-ecs-silent"}},
		"an ECS agent updates": {quiet(119 * time.Second), nil},
		"Docker is away":       {docker, []string{"muster-docker"}},
		"Docker is unknown":    {blind, []string{"muster-docker"}},
		"no proxy":             {alone, []string{"muster-docker-proxy"}},
		"no right to ask":      {denied, []string{"muster-docker-proxy"}},
		"no events":            {deaf, []string{"muster-docker-events"}},
		"all is late":          {early, []string{"muster-identity", "muster-region", "muster-credentials", "muster-record", "muster-systemd"}},
		"all is wrong": {stays, []string{"muster-registration", "muster-impaired", "muster-unhealthy", "muster-crash-loop",
			"muster-orphan", "muster-publishing", "muster-spool", "muster-dropped"}},
		"a departure, planned": {planned, []string{"muster-impaired", "muster-unhealthy", "muster-crash-loop", "muster-orphan",
			"muster-publishing", "muster-spool", "muster-dropped"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range c.state.Problems(now) {
				got = append(got, p.ID)
				lacks := p.Fix.IsZero() && p.ID != "muster-spool"
				if !slices.Contains(agentstate.IDs(), p.ID) || p.Text == "" || lacks {
					t.Errorf("%+v", p)
				}
			}
			if got = slices.Compact(got); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestAnAgentThatMissedItsCyclesIsStale(t *testing.T) {
	for name, c := range map[string]struct {
		ago    time.Duration
		period int
		want   bool
	}{
		"a moment ago":                 {time.Second, 60, false},
		"two cycles":                   {2 * time.Minute, 60, false},
		"more than three":              {3*time.Minute + time.Second, 60, true},
		"a quick one that waits":       {time.Minute, 5, false},
		"a slow one":                   {20 * time.Minute, 600, false},
		"a slow one that is gone":      {31 * time.Minute, 600, true},
		"a clock that was turned back": {-time.Hour, 60, false},
	} {
		if got := (agentstate.State{Written: ago(c.ago), Period: c.period}).Stale(now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWhatIsWrittenIsReadAndNobodyElseMayReadIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "state.json")
	if _, err := agentstate.Read(path); !errors.Is(err, agentstate.ErrNoAgent) {
		t.Errorf("without a file: %v", err)
	}
	if err := sick().Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := agentstate.Read(path)
	if diff := cmp.Diff(sick(), got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// The directory belongs to the agent's user, and root reads the file.
func TestOnlyARegularFileIsRead(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "real.json")
	if err := well().Write(real); err != nil {
		t.Fatal(err)
	}
	for name, place := range map[string]func(path string) error{
		"a FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link":      func(path string) error { return os.Symlink(real, path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		path := filepath.Join(dir, name)
		if err := place(path); err != nil {
			t.Fatal(err)
		}
		if _, err := agentstate.Read(path); err == nil || errors.Is(err, agentstate.ErrNoAgent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzAFileIsReadOrRefused(f *testing.F) {
	f.Add([]byte(`{"schema":1,"recent":null}`))
	f.Add([]byte(`{"schema":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "state.json")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := agentstate.Read(path); err == nil {
			s.Problems(now)
			if err := s.Table(&bytes.Buffer{}, term.Style{}, now); err != nil {
				t.Error(err)
			}
		}
	})
}
