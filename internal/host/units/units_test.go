package units

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	godbus "github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	change struct{ Type, File, Destination string }
	job    struct {
		ID                uint32
		Unit, Type, State string
		Path, UnitPath    godbus.ObjectPath
	}
	jobRef struct {
		ID   uint32
		Path godbus.ObjectPath
	}
)

func props(kv ...any) []any {
	m := map[string]godbus.Variant{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i].(string)] = godbus.MakeVariant(kv[i+1])
	}
	return []any{m}
}

func TestBooted(t *testing.T) {
	for name, tc := range map[string]struct {
		dir  string
		want bool
	}{
		"systemd is the init":            {"run/systemd/system", true},
		"systemd is installed only":      {"usr/lib/systemd/system", false},
		"a service of systemd runs only": {"run/systemd", false},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if err := os.MkdirAll(filepath.Join(root, tc.dir), 0o755); err != nil {
				t.Fatal(err)
			}
			if got := Booted(root); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestConnectWithoutDBusNamesEverySocketTried(t *testing.T) {
	root := t.TempDir()
	_, err := connect(t.Context(), root, true)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), privateSocket) || !strings.Contains(err.Error(), busSocket) {
		t.Errorf("as root: %v", err)
	}
	_, err = connect(t.Context(), root, false)
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), privateSocket) || !strings.Contains(err.Error(), busSocket) {
		t.Errorf("as another user: %v", err)
	}
}

func TestConnectIsBoundedByItsContext(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"no response": func(c net.Conn) { bufio.NewReader(c).WriteTo(nowhere{}) },
		"no response after the handshake": func(c net.Conn) {
			in := bufio.NewReader(c)
			authenticate(in, c)
			in.WriteTo(nowhere{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := shortDir(t)
			listen(t, filepath.Join(root, busSocket), serve)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := connect(ctx, root, false)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), busSocket) {
				t.Errorf("error %v", err)
			}
		})
	}
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

func TestConnectToSomethingElse(t *testing.T) {
	for name, text := range map[string]string{
		"closes at once": "", "speaks HTTP": "HTTP/1.1 400 Bad Request\r\n\r\n", "rejects us": "REJECTED\r\n", "sends an empty line": "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			root := shortDir(t)
			listen(t, filepath.Join(root, busSocket), func(c net.Conn) { c.Write([]byte(text)) })
			if _, err := connect(t.Context(), root, false); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestConnectFallsBackToTheBus(t *testing.T) {
	f := newFake(t, map[string][]any{"Hello": {":1.1"}, "AddMatch": {}, "Reload": {}})
	if err := os.MkdirAll(filepath.Join(f.root, "run/dbus"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(f.root, privateSocket), filepath.Join(f.root, busSocket)); err != nil {
		t.Fatal(err)
	}
	if err := f.connect(t).Reload(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestConnectionOutlivesTheContextItWasMadeWith(t *testing.T) {
	f := newFake(t, map[string][]any{"Reload": {}})
	ctx, cancel := context.WithCancel(t.Context())
	m, err := connect(ctx, f.root, true)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	cancel()
	if err := m.Reload(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	m := newFake(t, map[string][]any{"Reload": {silence}, "GetAll": {silence}, "StartUnit": {silence}}).connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, showErr := m.Show(ctx, "ecs.service")
	for _, err := range []error{m.Reload(ctx), m.Queue(ctx, Start, "ecs.service"), showErr} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	}
}

func TestQueueEnqueuesInReplaceMode(t *testing.T) {
	path := []any{godbus.ObjectPath("/org/freedesktop/systemd1/job/7")}
	f := newFake(t, map[string][]any{"StartUnit": path, "RestartUnit": path, "StopUnit": path})
	m := f.connect(t)
	for _, verb := range []Verb{Start, Restart, Stop} {
		if err := m.Queue(t.Context(), verb, "ecs.service"); err != nil {
			t.Error(err)
		}
	}
	want := []string{"StartUnit ecs.service replace", "RestartUnit ecs.service replace", "StopUnit ecs.service replace"}
	if diff := cmp.Diff(want, f.called()); diff != "" {
		t.Error(diff)
	}
	if err := m.Queue(t.Context(), "reload", "ecs.service"); err == nil || !strings.Contains(err.Error(), `"reload"`) {
		t.Errorf("an unknown verb: %v", err)
	}
}

func TestEnable(t *testing.T) {
	const link = "/etc/systemd/system/multi-user.target.wants/muster-agent.service"
	for name, tc := range map[string]struct {
		answer []any
		want   []string
		err    string
	}{
		"creates the links":    {answer: []any{true, []change{{"symlink", link, "x"}}}, want: []string{link}},
		"is idempotent":        {answer: []any{true, []change{}}},
		"no [Install] section": {answer: []any{false, []change{}}, err: "[Install]"},
		"systemd refuses":      {err: "EnableUnitFiles is refused"},
		"an invalid answer":    {answer: []any{"yes"}, err: "muster-agent.service"},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string][]any{}
			if tc.answer != nil {
				answers["EnableUnitFiles"] = tc.answer
			}
			got, err := newFake(t, answers).connect(t).Enable(t.Context(), "muster-agent.service")
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestMaskVerifiesTheState(t *testing.T) {
	masked := map[string][]any{"MaskUnitFiles": {[]change{}}, "Reload": {}, "GetAll": props("LoadState", "masked")}
	f := newFake(t, masked)
	if err := f.connect(t).Mask(t.Context(), "ecs.service", true); err != nil {
		t.Error(err)
	}
	want := []string{"MaskUnitFiles [ecs.service] true false", "Reload", "GetAll "}
	if diff := cmp.Diff(want, f.called(), cmp.Transformer("trim", strings.TrimSpace)); diff != "" {
		t.Error(diff)
	}
	for name, tc := range map[string]struct {
		answers map[string][]any
		err     string
	}{
		"it cannot be masked":  {map[string][]any{}, "MaskUnitFiles is refused"},
		"no reload":            {map[string][]any{"MaskUnitFiles": {[]change{}}}, "Reload is refused"},
		"state cannot be read": {map[string][]any{"MaskUnitFiles": {[]change{}}, "Reload": {}}, "GetAll is refused"},
		"a unit file overrides it": {map[string][]any{"MaskUnitFiles": {[]change{}}, "Reload": {}, "GetAll": props("LoadState", "loaded")},
			"outranks"},
	} {
		t.Run(name, func(t *testing.T) {
			err := newFake(t, tc.answers).connect(t).Mask(t.Context(), "ecs.service", true)
			if err == nil || !strings.Contains(err.Error(), "masking ecs.service: ") || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestUnmask(t *testing.T) {
	f := newFake(t, map[string][]any{"UnmaskUnitFiles": {[]change{}}, "Reload": {}})
	if err := f.connect(t).Unmask(t.Context(), "ecs.service", true); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"UnmaskUnitFiles [ecs.service] true", "Reload"}, f.called()); diff != "" {
		t.Error(diff)
	}
	if err := newFake(t, nil).connect(t).Unmask(t.Context(), "ecs.service", true); err == nil {
		t.Error("no error when refused")
	}
	if err := newFake(
		t,
		map[string][]any{"UnmaskUnitFiles": {[]change{}}},
	).connect(t).
		Unmask(t.Context(), "ecs.service", true); err == nil {
		t.Error("no error without a reload")
	}
}

func TestShow(t *testing.T) {
	const jobPath, unitPath = godbus.ObjectPath("/job/7"), godbus.ObjectPath("/unit/ecs_2eservice")
	jobs := []any{[]job{
		{6, "a.service", "stop", "running", "/job/6", "/unit/a"},
		{7, "ecs.service", "start", "waiting", jobPath, unitPath},
	}}
	for name, tc := range map[string]struct {
		props, jobs []any
		want        State
		err         string
	}{
		"failed": {
			props: props("LoadState", "loaded", "ActiveState", "failed", "SubState", "failed", "UnitFileState", "enabled", "Result", "exit-code",
				"ExecMainCode", int32(1), "ExecMainStatus", int32(5), "NRestarts", uint32(3), "Job", jobRef{0, "/"}),
			want: State{Name: "ecs.service", LoadState: "loaded", ActiveState: "failed", SubState: "failed", UnitFileState: "enabled",
				Result:       "exit-code",
				ExecMainCode: 1, ExecMainStatus: 5, NRestarts: 3},
		},
		"with the times of its last run": {
			props: props("InactiveExitTimestamp", uint64(1767322818000001), "ActiveEnterTimestamp", uint64(1767322819000000),
				"InactiveEnterTimestamp", uint64(0)),
			want: State{Name: "ecs.service", Begun: time.Date(2026, 1, 2, 3, 0, 18, 1000, time.UTC), Active: time.Date(2026, 1, 2, 3, 0, 19, 0,
				time.UTC)},
		},
		"missing": {
			props: props("LoadState", "not-found", "ActiveState", "inactive"),
			want:  State{Name: "ecs.service", LoadState: NotFound, ActiveState: "inactive"},
		},
		"queued": {
			props: props("ActiveState", "inactive", "Job", jobRef{7, jobPath}), jobs: jobs,
			want: State{Name: "ecs.service", ActiveState: "inactive", Job: &Job{7, "start", "waiting"}},
		},
		"job has just ended": {
			props: props("ActiveState", "active", "Job", jobRef{8, "/job/8"}), jobs: jobs,
			want: State{Name: "ecs.service", ActiveState: "active"},
		},
		"properties of the wrong type": {
			props: props("LoadState", uint32(1), "NRestarts", "many", "Job", "none"),
			want:  State{Name: "ecs.service"},
		},
		"the jobs cannot be listed": {props: props("Job", jobRef{7, jobPath}), err: "ListJobs is refused"},
		"systemd refuses":           {err: "GetAll is refused"},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string][]any{}
			if tc.props != nil {
				answers["GetAll"] = tc.props
			}
			if tc.jobs != nil {
				answers["ListJobs"] = tc.jobs
			}
			got, err := newFake(t, answers).connect(t).Show(t.Context(), "ecs.service")
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v", err)
			}
		})
	}
}
