// Package cgroup reads how close a container is to its limits, from the files of cgroup v1 and v2. That takes
// microseconds, while docker stats takes one or two seconds per container.
//
//	                     v2                                                   v1, below each controller
//	in a task            ecstasks.slice/ecstasks-TASK.slice/docker-ID.scope   ecs/TASK/ID
//	ECS_ENABLE_TASK_CPU_MEM_LIMIT=false, or not of ECS
//	                     system.slice/docker-ID.scope, docker/ID              docker/ID, system.slice/docker-ID.scope
//
// The paths are those of the ECS agent (agent/api/task/task_linux.go, agent/config/config_unix.go) and of Docker's two
// cgroup drivers. A container below another parent is not found, so its values are unknown.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"muster/internal/file/safefile"
)

// maxFile limits the bytes read from a file. memory.stat has about 1.5 KB.
const maxFile = 64 << 10

// ErrNotFound means that the container has no cgroup at the known paths.
var ErrNotFound = errors.New("no cgroup of the container")

// Usage is the resource usage of a container, or of its task if that is closer to a limit.
type Usage struct {
	// Memory is the memory in bytes that the kernel cannot reclaim immediately. Limit is the limit in bytes. Both are 0
	// without a limit.
	Memory, Limit uint64
	// Periods is the number of CPU quota periods so far. Throttled is the number of those in which the container had to
	// wait. Both are 0 without a quota.
	Periods, Throttled uint64
}

// MemoryShare returns the memory usage in percent of the limit. It returns false without a limit.
func (u Usage) MemoryShare() (float64, bool) {
	return 100 * float64(u.Memory) / float64(max(u.Limit, 1)), u.Limit > 0
}

// Reader reads the cgroups below a directory. It is not safe for concurrent use.
type Reader struct {
	root  string
	v2    bool
	found map[string]dirs // by container ID
}

// dirs holds the cgroup directories of a container and of its task, for the memory and the CPU controller.
type dirs struct{ memory, cpu []string }

// New returns a Reader of the hierarchy at root, usually /sys/fs/cgroup.
func New(root string) *Reader {
	_, err := os.Stat(filepath.Join(root, "cgroup.controllers")) // exists only in the root of v2 (Documentation/admin-guide/cgroup-v2.rst)
	return &Reader{root: root, v2: err == nil, found: map[string]dirs{}}
}

// Read returns the usage of a container. It takes Docker's ID and the task's ID, which may be empty. The error is
// ErrNotFound if the container has no cgroup.
func (r *Reader) Read(id, task string) (Usage, error) {
	if !plain(id) || task != "" && !plain(task) {
		return Usage{}, fmt.Errorf("%w: %.80q of task %.80q", ErrNotFound, id, task)
	}
	at, known := r.found[id]
	if !known {
		at = r.find(id, task)
	}
	if len(at.memory) == 0 && len(at.cpu) == 0 {
		return Usage{}, fmt.Errorf("%w %s in %s", ErrNotFound, id, r.root)
	}
	r.found[id] = at
	u, err := r.read(at)
	if errors.Is(err, fs.ErrNotExist) { // the container has exited
		delete(r.found, id)
		err = fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return u, err
}

// Keep forgets all containers except these.
func (r *Reader) Keep(ids map[string]bool) {
	for id := range r.found {
		if !ids[id] {
			delete(r.found, id)
		}
	}
}

// plain reports whether an ID, which comes from a label, is safe as a part of a path.
func plain(id string) bool {
	return id != "" && len(id) <= 128 && strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == ""
}

func (r *Reader) find(id, task string) dirs {
	if r.v2 {
		at := r.first("", "memory.current", id, task)
		return dirs{at, at}
	}
	return dirs{r.first("memory", "memory.usage_in_bytes", id, task), r.first("cpu", "cpu.stat", id, task)}
}

// first returns the container's cgroup for a controller, and its task's.
func (r *Reader) first(controller, file, id, task string) []string {
	base := filepath.Join(r.root, controller)
	scope := "docker-" + id + ".scope"
	var parents []string
	if task != "" {
		slice := "ecstasks-" + task + ".slice"
		parents = []string{filepath.Join("ecstasks.slice", slice), slice, filepath.Join("ecs", task)}
	}
	for _, parent := range parents {
		for _, name := range []string{scope, id} {
			own := filepath.Join(base, parent, name)
			if exists(filepath.Join(own, file)) {
				return []string{own, filepath.Join(base, parent)}
			}
		}
	}
	for _, own := range []string{filepath.Join("system.slice", scope), filepath.Join("docker", id)} {
		if own = filepath.Join(base, own); exists(filepath.Join(own, file)) {
			return []string{own}
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// read returns the usage of the container or its task, whichever is closer to its limit.
func (r *Reader) read(at dirs) (u Usage, err error) {
	for i, dir := range at.memory {
		memory, limit, err := r.memory(dir)
		if err != nil && i == 0 {
			return u, err
		}
		if share := float64(memory) / float64(max(limit, 1)); err == nil && limit > 0 && share >= float64(u.Memory)/float64(max(u.Limit, 1)) {
			u.Memory, u.Limit = memory, limit
		}
	}
	for _, dir := range at.cpu {
		text, err := text(dir, "cpu.stat")
		if err != nil {
			continue // the root of v2, or the controller is off
		}
		periods, _ := field(text, "nr_periods")
		throttled, _ := field(text, "nr_throttled")
		if periods > 0 && (u.Periods == 0 || throttled > u.Throttled) {
			u.Periods, u.Throttled = periods, throttled
		}
	}
	return u, nil
}

// memory returns the usage without the file pages that the kernel drops first, as docker stats does (docker/cli
// cli/command/container/stats_helpers.go, calculateMemUsageUnixNoCache). It also returns the limit, or 0 if there is
// none.
func (r *Reader) memory(dir string) (use, limit uint64, err error) {
	names := [...]string{"memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file"}
	if r.v2 {
		names = [...]string{"memory.current", "memory.max", "inactive_file"}
	}
	if limit, err = bytesIn(dir, names[1]); err != nil || limit == 0 {
		return 0, 0, err
	}
	if use, err = bytesIn(dir, names[0]); err != nil {
		return 0, 0, err
	}
	stat, err := text(dir, "memory.stat")
	if err != nil {
		return 0, 0, err
	}
	if cached, ok := field(stat, names[2]); ok && cached < use {
		use -= cached
	}
	return use, limit, nil
}

// unlimited is the value from which a v1 limit means "no limit": PAGE_COUNTER_MAX is 2^63 rounded down to a page. v2
// uses the word max.
const unlimited = 1 << 60

func bytesIn(dir, name string) (uint64, error) {
	value, err := text(dir, name)
	if err != nil {
		return 0, err
	}
	if value = strings.TrimSpace(value); value == "max" {
		return 0, nil
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", filepath.Join(dir, name), err)
	}
	if n >= unlimited {
		return 0, nil
	}
	return n, nil
}

func text(dir, name string) (string, error) {
	data, err := safefile.Read(filepath.Join(dir, name), maxFile)
	return string(data), err
}

// field returns a number from a file in which each line has a name and a number.
func field(text, name string) (uint64, bool) {
	for line := range strings.Lines(text) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), " "); key == name {
			n, err := strconv.ParseUint(value, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
