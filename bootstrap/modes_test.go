package bootstrap

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"muster/internal/sandbox"
)

// The files that bootstrap and verify write must have the most restrictive mode that works. The agent, which has its
// own user, reads the record and runs the program, and systemd reads the units. Only root needs the rest. The umask
// must not matter: it is 022 in cloud-init, 077 in hardened images, and can be 000 in a shell. It applies to the whole
// process, so this test is not parallel.
func TestWrittenFilesHaveTheNarrowestModeForAnyUmask(t *testing.T) {
	const instance = "/var/lib/muster/instances/" + instanceID
	want := map[string]fs.FileMode{
		"/etc/ecs/ecs.config":        0o600, // may contain registry credentials
		instance + "/bootstrap.json": 0o644, // the agent reads it; it contains no secret
		instance + "/report.json":    0o600, // quotes ecs.config and the logs
		"/run/muster/bootstrap.lock": 0o600,
		"/usr/local/bin/muster":      0o755,
		"/var/lib/muster":            fs.ModeDir | 0o755,
		"/var/lib/muster/instances":  fs.ModeDir | 0o755,
		instance:                     fs.ModeDir | 0o755,
	}
	for _, umask := range []int{0, 0o022, 0o077} {
		m := boot(t, sandbox.Options{}).set("CLUSTER", "prod").download()
		if err := os.Remove(m.path("usr/local/bin/muster")); err != nil {
			t.Fatal(err)
		}
		before := m.tree()
		if err := m.bootUnder(umask); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for path := range m.tree() {
			if _, there := before[path]; there || byOthers(path) || rootsDirectory(path) {
				continue
			}
			mode, listed := want[path]
			if listed {
				seen++
			}
			if strings.HasPrefix(path, "/etc/systemd/system/muster-") {
				mode, listed = 0o644, true
			}
			info, err := os.Lstat(m.root + path)
			if err != nil {
				t.Fatal(err)
			}
			if !listed || info.Mode() != mode {
				t.Errorf("umask %03o: %s has mode %v, want %v; listed: %v", umask, path, info.Mode(), mode, listed)
			}
			if uid := info.Sys().(*syscall.Stat_t).Uid; int(uid) != os.Geteuid() {
				t.Errorf("%s belongs to %d", path, uid)
			}
		}
		if seen != len(want) {
			t.Errorf("umask %03o: %d of %d files were written", umask, seen, len(want))
		}
		m.Close()
	}
}

// bootUnder runs bootstrap and verify with this umask.
func (m *machine) bootUnder(umask int) error {
	old := syscall.Umask(umask)
	defer syscall.Umask(old)
	if err := m.configure(); err != nil {
		return err
	}
	_, err := m.verify()
	return err
}

// rootsDirectory reports whether a path is a directory of which only root reads the files.
func rootsDirectory(path string) bool {
	isUnit := strings.HasPrefix(path, "/etc/systemd/system/muster-")
	return strings.HasPrefix(path, "/etc/systemd") && !isUnit || path == "/run/muster" || path == "/etc/ecs"
}

// byOthers reports whether the sandbox's ECS agent wrote the file.
func byOthers(path string) bool {
	for _, dir := range []string{"/var/lib/ecs", "/var/log", "/proc"} {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return path == "/var" || path == "/var/lib" || path == "/run"
}
