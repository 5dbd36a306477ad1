package limits_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/agent/containers"
	"muster/agent/limits"
	"muster/internal/host/cgroup"
	"muster/internal/host/kernel"
)

// groups are cgroups by container id.
type groups map[string]cgroup.Usage

func (g groups) Read(id, _ string) (cgroup.Usage, error) {
	u, ok := g[id]
	if !ok {
		return u, cgroup.ErrNotFound
	}
	return u, nil
}

func (groups) Keep(map[string]bool) {}

func container(id, service string) containers.Identity {
	return containers.Identity{ID: id, Cluster: "prod", TaskARN: "arn:aws:ecs:r:1:task/prod/" + id, Service: service, Container: "app"}
}

func meter(t *testing.T, g groups) *limits.Meter {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return &limits.Meter{CGroup: g, FileSystems: []string{"/", "/var/lib/docker"},
		FileSystem: func(path string) (kernel.FileSystem, error) {
			if path == "/" {
				return kernel.FileSystem{Size: 100, Free: 60, Available: 60, Inodes: 100, Left: 5}, nil
			}
			return kernel.FileSystem{Size: 100, Free: 20, Available: 20, Inodes: 100, Left: 90}, nil
		},
		MemInfo:  write("meminfo", "MemTotal: 1000 kB\nMemAvailable: 250 kB\n"),
		Pressure: write("memory", "some avg10=0.00 avg60=1.50 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
		Exceeded: func() (uint64, error) { return 42, nil },
	}
}

func known(percent float64) limits.Share { return limits.Share{Percent: percent, Known: true} }

func TestTheWorstContainerIsThatOfItsService(t *testing.T) {
	g := groups{"a": {Memory: 50, Limit: 100, Periods: 100, Throttled: 10}, "b": {Memory: 90, Limit: 100}, "c": {Memory: 10, Limit: 100},
		"d": {Periods: 100, Throttled: 90}}
	m := meter(t, g)
	all := []containers.Identity{container("a", "web"), container("b", "web"), container("c", "batch"), container("d", "web"),
		{ID: "x", Name: "not of ECS"}, container("gone", "web")}
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	m.Read(at, all)
	g["a"] = cgroup.Usage{Memory: 50, Limit: 100, Periods: 700, Throttled: 160}
	g["d"] = cgroup.Usage{Periods: 100, Throttled: 90} // idle since
	got := m.Read(at.Add(time.Minute), all)
	want := limits.Reading{
		At: at.Add(time.Minute),
		Services: map[containers.Key]limits.Shares{
			{Cluster: "prod", Service: "web"}:   {Memory: known(90), Throttled: known(25)},
			{Cluster: "prod", Service: "batch"}: {Memory: known(10)},
		},
		Worst: limits.Shares{Memory: known(90), Throttled: known(25)}, Disk: known(95), HostMemory: known(75), Pressure: known(1.5),
		Exceeded: 42, ExceededKnown: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeReadIsUnknown(t *testing.T) {
	m := &limits.Meter{CGroup: groups{}, FileSystems: []string{"/"},
		FileSystem: func(string) (kernel.FileSystem, error) { return kernel.FileSystem{}, errors.New("no") },
		MemInfo:    "/none", Pressure: "/none", Exceeded: func() (uint64, error) { return 0, errors.New("no") }}
	got := m.Read(time.Time{}, []containers.Identity{container("a", "web")})
	if diff := cmp.Diff(limits.Reading{Services: map[containers.Key]limits.Shares{}}, got); diff != "" {
		t.Error(diff)
	}
}

// A container that was restarted begins to count at zero.
func TestARestartIsNoThrottling(t *testing.T) {
	g := groups{"a": {Periods: 1000, Throttled: 500}}
	m := meter(t, g)
	m.Read(time.Time{}, []containers.Identity{container("a", "web")})
	g["a"] = cgroup.Usage{Periods: 10, Throttled: 1}
	if got := m.Read(time.Time{}, []containers.Identity{container("a", "web")}); got.Worst.Throttled.Known {
		t.Errorf("%+v", got.Worst)
	}
}
