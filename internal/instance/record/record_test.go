package record

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"muster/internal/config"
)

func TestRecordRoundTrip(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077)) // of hardened images
	dir := filepath.Join(t.TempDir(), "instances", "i-1")
	want := Record{Schema: 1, InstanceID: "i-1", Cluster: "prod", ClusterOrigin: "flag --cluster",
		Settings: map[string]string{"MUSTER_TIMEOUT": "3m"}, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if err := want.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(filepath.Join(dir, "bootstrap.json"))
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v: muster-agent, a user of its own, must be able to read it", info.Mode(), err)
	}
	for _, dir := range []string{dir, filepath.Dir(dir)} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s has mode %v, %v: muster-agent must be able to enter it", dir, info.Mode(), err)
		}
	}
}

func TestNoRecordIsTheZeroRecord(t *testing.T) {
	got, err := Read(filepath.Join(t.TempDir(), "i-1"))
	if err != nil || got.InstanceID != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestInvalidRecordErrorNamesTheFile(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"of another instance": {`{"schema":1,"instance_id":"i-2"}`, `it belongs to instance "i-2"`},
		"of a later schema":   {`{"schema":7,"instance_id":"i-1"}`, "schema 7"},
		"cut off":             {`{"schema":1,"inst`, "unexpected end"},
		"empty":               {``, "unexpected end"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "i-1")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path(dir), []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Read(dir)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path(dir)) {
				t.Errorf("error %v, want %q and the path", err, c.says)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"schema":1,"instance_id":"i-1","settings":{"MUSTER_CLUSTER":"prod"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := decode(data); err == nil && r.Schema != schema {
			t.Errorf("accepted %+v", r)
		}
	})
}

func TestEnvironmentOverridesTheRecord(t *testing.T) {
	root := t.TempDir()
	set := config.Set{Flags: map[string]string{"MUSTER_ROOT": root}, Environ: []string{"MUSTER_TIMEOUT=1m"}}
	dir := filepath.Join(root, "var/lib/muster/instances/i-1")
	if err := (Record{InstanceID: "i-1", Settings: map[string]string{"MUSTER_TIMEOUT": "9m", "MUSTER_CLUSTER": "prod"}}).Write(
		dir); err != nil {
		t.Fatal(err)
	}
	cfg, r, damage, err := Recall(set, "i-1")
	if err != nil || damage != nil || r.InstanceID != "i-1" || cfg.Cluster != "prod" || cfg.Timeout != time.Minute {
		t.Errorf("%+v, %+v, %v, %v", cfg, r, damage, err)
	}
	if cfg, _, _, err := Recall(set, "i-2"); err != nil || cfg.Cluster != "" {
		t.Errorf("the record of another instance was taken: %+v, %v", cfg, err)
	}
	if err := os.WriteFile(path(dir), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if cfg, _, damage, err := Recall(set, "i-1"); err != nil || damage == nil || cfg.Cluster != "" {
		t.Errorf("a damaged record: %+v, %v, %v", cfg, damage, err)
	}
}

func TestAPipeInPlaceOfTheRecordIsDamage(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "var/lib/muster/instances/i-1")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path(dir), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, _, damage, err := Recall(config.Set{Flags: map[string]string{"MUSTER_ROOT": root}}, "i-1")
	if cfg == nil || err != nil || damage == nil ||
		!strings.Contains(damage.Error(), path(dir)+": it is not a regular file but a named pipe") {
		t.Errorf("%v, %v", damage, err)
	}
}

func TestSinceIsTheBootOrALaterBootstrap(t *testing.T) {
	boot := Record{}.Since()
	if boot.IsZero() || boot.After(time.Now()) {
		t.Errorf("booted at %v", boot)
	}
	if since := (Record{At: time.Unix(1e9, 0)}).Since(); since.Sub(boot).Abs() > time.Second {
		t.Errorf("of another boot: since %v, booted at %v", since, boot)
	}
	at := time.Now().Add(time.Minute)
	if since := (Record{At: at}).Since(); !since.Equal(at.Truncate(time.Second)) {
		t.Errorf("since %v, want %v", since, at)
	}
}
