// Package need provides the requirements of tests other than Go: programs, servers, a browser, a small disk. A missing
// requirement skips the test and names it; with CI=true, it fails the test. Only tests use this package.
package need

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// Missing skips or fails the test. what names the missing requirement and how to install it.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("missing: " + what)
	}
	t.Skip("missing: " + what)
}

// NoEngine is Missing for a Docker Engine. ENGINE=none skips the test in CI too, because some machines cannot run one.
func NoEngine(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("ENGINE") == "none" {
		t.Skip("missing: " + what)
	}
	Missing(t, what)
}

// Program returns the path of a program; get says how to install it.
func Program(t testing.TB, name, get string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name+": "+get)
	}
	return path
}

// SmallDisk mounts a file system of 64 KiB, with further options of tmpfs(5). It needs root.
func SmallDisk(t testing.TB, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"+options); err != nil {
		Missing(t, "root, to mount a small disk: "+err.Error())
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}
