package kernel_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/host/kernel"
)

func TestFileSystemAt(t *testing.T) {
	dir := t.TempDir()
	got, err := kernel.FileSystemAt(dir)
	if err != nil || got.Size == 0 || got.Free > got.Size || got.Available > got.Free || got.ReadOnly {
		t.Errorf("got %+v, %v", got, err)
	}
	if other, err := kernel.FileSystemAt(filepath.Join(dir, "..")); err != nil || other.Device != got.Device {
		t.Errorf("its parent has device %d, not %d; %v", other.Device, got.Device, err)
	}
	if _, err := kernel.FileSystemAt(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestUsedMatchesDf(t *testing.T) {
	f := kernel.FileSystem{Size: 100, Free: 10, Available: 5, Inodes: 10, Left: 1}
	if f.InodesUsed() != 90 || int(f.Used()*100) != 9473 {
		t.Errorf("%.2f %% and %.2f %% of the inodes", f.Used(), f.InodesUsed())
	}
	if none := (kernel.FileSystem{}); none.Used() != 0 || none.InodesUsed() != 0 {
		t.Error("a file system of size 0 is reported as full")
	}
}

func TestParsePressure(t *testing.T) {
	got, err := kernel.ParsePressure("some avg10=1.00 avg60=12.34 avg300=0.00 total=5\nfull avg10=0.00 avg60=5.60 avg300=0.00 total=2\n")
	if err != nil || got != (kernel.Pressure{Some: 12.34, Full: 5.6}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{"", "some", "some avg60=x", "full avg60=1.00", "some avg60=NaN"} {
		if got, err := kernel.ParsePressure(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestParseMemory(t *testing.T) {
	got, err := kernel.ParseMemory("MemTotal:        8000000 kB\nMemFree: 1 kB\nMemAvailable:    2000000 kB\n")
	if err != nil || got != (kernel.Memory{Total: 8000000 << 10, Available: 2000000 << 10}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{"", "MemTotal: x kB", "MemAvailable: 1 kB", "MemTotal: 99999999999999999999 kB"} {
		if got, err := kernel.ParseMemory(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestParseUptime(t *testing.T) {
	if got, err := kernel.ParseUptime("123.45 900.00\n"); err != nil || got != 123450*time.Millisecond {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := kernel.ParseUptime("\n"); err == nil {
		t.Errorf("got %s", got)
	}
}

func TestReadFileLimitsTheSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "endless")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := kernel.ReadFile(path); err != nil || len(text) != 64<<10 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func oomKills(t testing.TB, log string) ([]kernel.OOMKill, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kmsg")
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	return kernel.OOMKills(path)
}

func TestOOMKills(t *testing.T) {
	got, err := oomKills(t, `6,900,1000000,-;Linux version 6.1
3,901,400000000,-;Out of memory: Killed process 4242 (java) total-vm:1kB, anon-rss:1kB
3,902,500000000,-,caller=T1;Memory cgroup out of memory: Killed process 7 (my prog) total-vm:1kB
 SUBSYSTEM=x
6,903,600000000,-;somebody said Killed process 1
x;Out of memory: Killed process 1 (a)
`)
	want := []kernel.OOMKill{
		{SinceBoot: 400 * time.Second, Process: "java"},
		{SinceBoot: 500 * time.Second, Process: "my prog", Cgroup: true},
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := kernel.OOMKills(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// The real log returns one record a read, and a read at its end would block.
func TestRealKernelLogDoesNotBlock(t *testing.T) {
	if _, err := kernel.OOMKills("/dev/kmsg"); err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func FuzzOOMKills(f *testing.F) {
	f.Add("3,901,400000000,-;Out of memory: Killed process 4242 (java) total-vm:1kB\n")
	f.Fuzz(func(t *testing.T, log string) {
		kills, err := oomKills(t, log)
		if err != nil || len(kills) > strings.Count(log, "Killed process ") {
			t.Errorf("%+v, %v of %q", kills, err, log)
		}
	})
}

func FuzzProc(f *testing.F) {
	f.Add("some avg60=1.00\n")
	f.Add("MemTotal: 1 kB\n")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := kernel.ParsePressure(text); err == nil && p.Some != p.Some {
			t.Errorf("%q is %+v", text, p)
		}
		if m, err := kernel.ParseMemory(text); err == nil && m.Total == 0 {
			t.Errorf("%q is %+v", text, m)
		}
		_, _ = kernel.ParseUptime(text)
	})
}
