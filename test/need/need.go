// Package need gives tests what they need of the machine beside Go: programs,
// servers, a browser, a small disk. What is missing skips the test with its
// name, and fails it where CI=true: there nothing may be missing. It is for tests
// alone.
package need

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// Missing ends the test because of what is missing, and how to get it.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("missing: " + what)
	}
	t.Skip("missing: " + what)
}

// NoEngine is Missing for want of a Docker Engine. ENGINE=none allows that in CI
// too: some machines let none run.
func NoEngine(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("ENGINE") == "none" {
		t.Skip("missing: " + what)
	}
	Missing(t, what)
}

// Program is the path of a program; get says how to get it.
func Program(t testing.TB, name, get string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name+": "+get)
	}
	return path
}

// SmallDisk mounts a file system of 64 KiB, with further options of tmpfs (5),
// for which the test must be root.
func SmallDisk(t testing.TB, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"+options); err != nil {
		Missing(t, "root, to mount a small disk: "+err.Error())
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}
