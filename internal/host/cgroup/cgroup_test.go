package cgroup_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"muster/internal/host/cgroup"
)

const (
	id   = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	task = "529630467358463ab6bbba4e73afe704" // of agent/taskresource/cgroup/control/cgroupv2_controller_linux.go
)

// tree writes files below a directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// second is a cgroup of v2, in the form of Documentation/admin-guide/cgroup-v2.rst.
func second(dir, current, limit, inactive, periods, throttled string) map[string]string {
	return map[string]string{
		"cgroup.controllers": "cpuset cpu io memory", dir + "/memory.current": current, dir + "/memory.max": limit,
		dir + "/memory.stat": "anon 1\nfile 2\ninactive_anon 5\ninactive_file " + inactive,
		dir + "/cpu.stat": fmt.Sprintf("usage_usec 1\nuser_usec 1\nsystem_usec 0\nnr_periods %s\nnr_throttled %s\nthrottled_usec 9", periods,
			throttled),
	}
}

// first is one of v1, in the form of Documentation/admin-guide/cgroup-v1/memory.rst.
func first(dir, use, limit, inactive, periods, throttled string) map[string]string {
	return map[string]string{
		"memory/" + dir + "/memory.usage_in_bytes": use, "memory/" + dir + "/memory.limit_in_bytes": limit,
		"memory/" + dir + "/memory.stat": "cache 7\ninactive_file 1\ntotal_inactive_file " + inactive,
		"cpu/" + dir + "/cpu.stat":       fmt.Sprintf("nr_periods %s\nnr_throttled %s\nthrottled_time 1", periods, throttled),
	}
}

func join(maps ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

func TestRead(t *testing.T) {
	const slice = "ecstasks.slice/ecstasks-" + task + ".slice"
	const scope = "/docker-" + id + ".scope"
	const none = "9223372036854771712" // v1's PAGE_COUNTER_MAX on x86
	for name, c := range map[string]struct {
		files map[string]string
		want  cgroup.Usage
	}{
		"v2, in a task": {second(slice+scope, "1000", "2000", "200", "10", "3"), cgroup.Usage{Memory: 800, Limit: 2000, Periods: 10,
			Throttled: 3}},
		"v2, the task has the limit": {join(second(slice+scope, "1000", "max", "0", "0", "0"), second(slice, "1500", "2000", "0", "40", "8")),
			cgroup.Usage{Memory: 1500, Limit: 2000, Periods: 40, Throttled: 8}},
		"v2, the container is closer": {join(second(slice+scope, "900", "1000", "0", "5", "1"), second(slice, "900", "4000", "0", "0", "0")),
			cgroup.Usage{Memory: 900, Limit: 1000, Periods: 5, Throttled: 1}},
		"v2, without a limit":  {second(slice+scope, "1000", "max", "0", "0", "0"), cgroup.Usage{}},
		"v2, systemd, no task": {second("system.slice"+scope, "1", "2", "0", "0", "0"), cgroup.Usage{Memory: 1, Limit: 2}},
		"v2, cgroupfs":         {second("docker/"+id, "1", "2", "0", "0", "0"), cgroup.Usage{Memory: 1, Limit: 2}},
		"v1, in a task": {first("ecs/"+task+"/"+id, "1000", "2000", "100", "7", "2"), cgroup.Usage{Memory: 900, Limit: 2000,
			Periods: 7, Throttled: 2}},
		"v1, without a limit":       {first("ecs/"+task+"/"+id, "1000", none, "100", "0", "0"), cgroup.Usage{}},
		"v1, not in a task":         {first("docker/"+id, "10", "20", "0", "0", "0"), cgroup.Usage{Memory: 10, Limit: 20}},
		"more cache than use, once": {second("docker/"+id, "10", "20", "30", "0", "0"), cgroup.Usage{Memory: 10, Limit: 20}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cgroup.New(tree(t, c.files)).Read(id, task)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestAContainerThatIsGoneIsNotFound(t *testing.T) {
	root := tree(t, second("docker/"+id, "10", "20", "0", "0", "0"))
	r := cgroup.New(root)
	if _, err := r.Read(id, ""); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(root, "docker")); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{id, "", "../" + id, "a/b"} {
		if _, err := r.Read(wrong, ""); !errors.Is(err, cgroup.ErrNotFound) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func FuzzTheFilesAreReadOrRefused(f *testing.F) {
	f.Add("1000", "2000", "inactive_file 5", "nr_periods 1\nnr_throttled 1")
	f.Add("max", "max", "", "")
	f.Add("18446744073709551615", "1", "inactive_file 99999999999999999999", "nr_periods -1")
	f.Fuzz(func(t *testing.T, current, limit, stat, cpu string) {
		root := tree(t, map[string]string{"cgroup.controllers": "", "docker/" + id + "/memory.current": current,
			"docker/" + id + "/memory.max": limit, "docker/" + id + "/memory.stat": stat, "docker/" + id + "/cpu.stat": cpu})
		if u, err := cgroup.New(root).Read(id, ""); err == nil && u.Limit == 0 && u.Memory != 0 {
			t.Errorf("%+v", u)
		}
	})
}

func BenchmarkTwentyContainers(b *testing.B) {
	files := map[string]string{}
	for i := range 20 {
		files = join(files, second(fmt.Sprintf("docker/%064d", i), "1000", "2000", "200", "10", "3"))
	}
	root := b.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			b.Fatal(err)
		}
	}
	r := cgroup.New(root)
	for b.Loop() {
		for i := range 20 {
			if _, err := r.Read(fmt.Sprintf("%064d", i), ""); err != nil {
				b.Fatal(err)
			}
		}
	}
}
