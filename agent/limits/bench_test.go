package limits_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"muster/agent/containers"
	"muster/agent/limits"
	"muster/internal/host/cgroup"
	"muster/internal/host/ena"
	"muster/internal/host/kernel"
)

// BenchmarkAMinute is what a reading of 20 containers costs of a processor, a minute, as ms/s: at most 0.2 (issue 15).
func BenchmarkAMinute(b *testing.B) {
	root := b.TempDir()
	var running []containers.Identity
	for i := range 20 {
		id := fmt.Sprintf("%064d", i)
		dir := filepath.Join(root, "ecstasks.slice", fmt.Sprintf("ecstasks-%d.slice", i), "docker-"+id+".scope")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		for name, text := range map[string]string{"memory.current": "1000", "memory.max": "2000", "memory.stat": "anon 1\ninactive_file 3\n",
			"cpu.stat": "nr_periods 10\nnr_throttled 3\n"} {
			for _, at := range []string{dir, filepath.Dir(dir)} {
				if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o600); err != nil {
					b.Fatal(err)
				}
			}
		}
		running = append(running, containers.Identity{ID: id, Cluster: "prod", TaskARN: fmt.Sprintf("arn:aws:ecs:r:1:task/prod/%d", i),
			Service: fmt.Sprint("s", i%5), Container: "app"})
	}
	if err := os.WriteFile(filepath.Join(root, "cgroup.controllers"), nil, 0o600); err != nil {
		b.Fatal(err)
	}
	m := &limits.Meter{CGroup: cgroup.New(root), FileSystems: []string{"/", root}, FileSystem: kernel.FileSystemAt,
		MemInfo: "/proc/meminfo", Pressure: "/proc/pressure/memory", Exceeded: ena.Exceeded}
	before := spent(b)
	for b.Loop() {
		if r := m.Read(time.Now(), running); len(r.Services) != 5 {
			b.Fatal(errors.New("not all containers were read"))
		}
	}
	b.ReportMetric(float64((spent(b)-before).Microseconds())/1000/float64(b.N)/60, "ms/s")
}

func spent(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
