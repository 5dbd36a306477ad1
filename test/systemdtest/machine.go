//go:build integration || e2e

package systemdtest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/test/need"
	"muster/test/observe"
)

// Image is the image that Boot starts.
const Image = "muster-systemd:12"

// Patience limits each wait for the machine. A boot takes 2 s on an idle host, and a minute if many run at once on two
// cores.
const Patience = 4 * time.Minute

// File is a file on a machine, owned by root; its parents have mode 0755.
type File struct {
	Path    string // absolute; not below /run or /tmp before the boot
	Mode    os.FileMode
	Content string
	Link    string // target of a symlink
	Mount   string // file of the host to bind-mount here; also below /run
}

// UserData returns files that make cloud-init (data source NoCloud) run user data in cloud-final.service, once for the
// instance ID.
func UserData(instanceID, script string) []File {
	const seed = "/var/lib/cloud/seed/nocloud/"
	return []File{
		{Path: seed + "meta-data", Mode: 0o644, Content: "instance-id: " + instanceID + "\n"},
		{Path: seed + "user-data", Mode: 0o644, Content: script},
	}
}

// Machine is a booted container with no network except loopback. It is removed when the test ends; a failed test logs
// the end of its journal.
type Machine struct {
	t  testing.TB
	id string
}

// Boot starts a machine with the files, and returns once its systemd responds, long before the boot has finished: see
// Settle. Without Docker or the image, the test is skipped, or fails if CI=true.
func Boot(t testing.TB, files ...File) *Machine {
	t.Helper()
	return BootFrom(t, Image, files...)
}

// BootFrom is Boot with an image from Bake or Snapshot.
func BootFrom(t testing.TB, image string, files ...File) *Machine {
	t.Helper()
	Require(t)
	m := &Machine{t: t}
	args := []string{"create", "--network=none", "--hostname=muster-test", "--cgroupns=host",
		"--cap-add=SYS_ADMIN", "--cap-add=NET_ADMIN", "--stop-signal=SIGRTMIN+3", "--tty",
		"--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined",
		"--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw", "--tmpfs=/run:exec", "--tmpfs=/tmp:exec"}
	for _, f := range files {
		if f.Mount != "" {
			args = append(args, "--volume="+f.Mount+":"+f.Path)
		}
	}
	m.id = m.docker(nil, append(args, image)...)
	t.Cleanup(m.remove)
	m.docker(archive(t, files), "cp", "-", m.id+":/")
	m.docker(nil, "start", m.id)
	m.awaitSystemd()
	return m
}

// Bake builds an image from Image with the files, and runs the commands in it as an AMI build does: without systemd, in
// a shell that stops at the first failure. The image is removed when the test ends.
func Bake(t testing.TB, files []File, commands ...string) string {
	t.Helper()
	Require(t)
	m := &Machine{t: t}
	m.id = m.docker(nil, "create", "--network=none", Image, "sh", "-ec", strings.Join(commands, "\n"))
	defer m.docker(nil, "rm", "--force", m.id)
	m.docker(archive(t, files), "cp", "-", m.id+":/")
	if out, err := docker(nil, "start", "--attach", m.id); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return m.commit()
}

// Snapshot shuts the machine down and builds an image from its disk, like an AMI from a used instance.
func (m *Machine) Snapshot() string {
	m.t.Helper()
	m.docker(nil, "stop", "--time=30", m.id)
	return m.commit()
}

func (m *Machine) commit() string {
	m.t.Helper()
	image := m.docker(nil, "commit", "--change", `CMD ["/sbin/init"]`, m.id)
	m.t.Cleanup(func() { _, _ = docker(nil, "rmi", "--force", image) })
	return image
}

// Require skips the test without Docker or the image, or fails it if CI=true and ENGINE is not none.
func Require(t testing.TB) {
	t.Helper()
	missing := ""
	if _, err := exec.LookPath("docker"); err != nil {
		missing = "docker: apt-get install docker.io"
	} else if err := exec.Command("docker", "version").Run(); err != nil {
		missing = "a docker daemon that answers: start dockerd"
	} else if err := exec.Command("docker", "image", "inspect", Image).Run(); err != nil {
		missing = "image " + Image + ": run scripts/systemd-rootfs"
	}
	if missing != "" {
		need.NoEngine(t, missing)
	}
}

// Binary compiles a main package, statically like muster, for the given path. Each package is compiled once: the tests
// run beside each other, and machines that boot beside four compilers start too slowly.
func Binary(t testing.TB, pkg, path string) File {
	t.Helper()
	compiled, _ := binaries.LoadOrStore(pkg, sync.OnceValues(func() (string, error) { return compile(pkg) }))
	content, err := compiled.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return File{Path: path, Mode: 0o755, Content: content}
}

// binaries holds, for each package, the function that compiles it at its first call.
var binaries sync.Map // string to func() (string, error)

func compile(pkg string) (content string, err error) {
	dir, err := os.MkdirTemp("", "systemdtest-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "binary")
	cmd := exec.Command("go", "build", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	binary, err := os.ReadFile(out)
	return string(binary), err
}

// Put writes files to the running machine.
func (m *Machine) Put(files ...File) {
	m.t.Helper()
	m.docker(archive(m.t, files), "exec", "-i", m.id, "tar", "-x", "-C", "/")
}

// Run executes a command as root and returns its trimmed standard output. If the command fails, the test fails.
func (m *Machine) Run(command ...string) string {
	m.t.Helper()
	return m.docker(nil, append([]string{"exec", m.id}, command...)...)
}

// Try is Run for a command that can fail.
func (m *Machine) Try(command ...string) (string, error) {
	return docker(nil, append([]string{"exec", m.id}, command...)...)
}

// Settle waits until the boot has finished, and returns the system state: "running", or "degraded" if a unit failed.
func (m *Machine) Settle() string {
	m.t.Helper()
	state := ""
	m.Await("the end of the boot", func() bool {
		state, _ = m.Try("systemctl", "is-system-running")
		return state == "running" || state == "degraded"
	})
	return state
}

// Reboot shuts the machine down cleanly and boots it again from its disk.
func (m *Machine) Reboot() {
	m.t.Helper()
	m.docker(nil, "stop", "--time=30", m.id)
	m.docker(nil, "start", m.id)
	m.awaitSystemd()
}

// Await polls until the condition is true. After Patience, the test fails.
func (m *Machine) Await(what string, condition func() bool) {
	m.t.Helper()
	if !observe.Within(Patience, 100*time.Millisecond, condition) {
		m.t.Fatalf("waited %v for %s", Patience, what)
	}
}

// Console returns the output on the machine's console.
func (m *Machine) Console() string {
	m.t.Helper()
	return m.docker(nil, "logs", m.id)
}

func (m *Machine) awaitSystemd() {
	m.t.Helper()
	m.Await("systemd to answer", func() bool {
		_, err := m.Try("systemctl", "show-environment")
		return err == nil
	})
}

func (m *Machine) remove() {
	if m.t.Failed() {
		journal, _ := m.Try("journalctl", "--boot", "--no-pager", "--lines=150", "--output=short-monotonic")
		m.t.Logf("journal of the machine:\n%s", journal)
	}
	if _, err := docker(nil, "rm", "--force", "--volumes", m.id); err != nil {
		m.t.Error(err)
	}
}

func (m *Machine) docker(stdin []byte, args ...string) string {
	m.t.Helper()
	out, err := docker(stdin, args...)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

func docker(stdin []byte, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("docker %s: %w: %s%s", strings.Join(args, " "), err, out, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

func archive(t testing.TB, files []File) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		if f.Mount != "" {
			continue
		}
		head := &tar.Header{Name: strings.TrimPrefix(f.Path, "/"), Mode: int64(f.Mode), Size: int64(len(f.Content))}
		if f.Link != "" {
			head.Typeflag, head.Linkname = tar.TypeSymlink, f.Link
		}
		if err := w.WriteHeader(head); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.Content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
