//go:build integration

package dockertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"muster/test/need"
	"muster/test/observe"
)

// Docker is the command line of a Docker Engine.
type Docker struct {
	t    testing.TB
	Host string // in the form of DOCKER_HOST
}

// Host returns the Engine of this machine. Without one, it skips the test as described in need.NoEngine.
func Host(t testing.TB) Docker {
	t.Helper()
	d := Docker{t, os.Getenv("DOCKER_HOST")}
	if d.Host == "" {
		d.Host = "unix:///var/run/docker.sock"
	}
	if out, err := d.Try("version", "--format", "{{.Server.Version}}"); err != nil {
		need.NoEngine(t, "a Docker Engine that answers: "+out)
	}
	return d
}

// Try runs a docker command and returns its output.
func (d Docker) Try(args ...string) (string, error) {
	cmd := exec.Command("docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+d.Host, "DOCKER_BUILDKIT=0")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// Do is Try for a command that must succeed.
func (d Docker) Do(args ...string) string {
	d.t.Helper()
	out, err := d.Try(args...)
	if err != nil {
		d.t.Fatalf("docker %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// Subject builds the image of the test program (test/integration/testdata) from scratch, because sealed environments
// cannot pull images. lines are appended to its Dockerfile. The image is removed at the end.
func (d Docker) Subject(lines ...string) (tag string) {
	d.t.Helper()
	dir := d.t.TempDir()
	dockerfile := "FROM scratch\nCOPY subject /subject\nENTRYPOINT [\"/subject\"]\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		d.t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "subject"), "muster/test/integration/testdata/subject")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		d.t.Fatalf("building the test program: %v: %s", err, out)
	}
	tag = "muster-" + strings.ToLower(strings.ReplaceAll(filepath.Base(filepath.Dir(dir))+"-"+filepath.Base(dir), "/", "-")) + ":test"
	d.Do("build", "--quiet", "--tag", tag, dir)
	d.t.Cleanup(func() { _, _ = d.Try("image", "rm", "--force", tag) })
	return tag
}

// Run runs a container in the background, without a network, and returns its id. It is removed at the end. args are the
// arguments of docker run, including the image.
func (d Docker) Run(args ...string) (id string) {
	d.t.Helper()
	id = d.Do(append([]string{"run", "--detach", "--network", "none"}, args...)...)
	d.t.Cleanup(func() { _, _ = d.Try("rm", "--force", id) })
	return id
}

// Ready waits until the program in a container handles signals, and returns the id.
func (d Docker) Ready(id string) string {
	d.t.Helper()
	if !observe.Within(time.Minute, 50*time.Millisecond, func() bool { return strings.Contains(d.Do("logs", id), "ready") }) {
		d.t.Fatalf("container %s is not ready after a minute", id)
	}
	return id
}

// Daemon is an Engine of the test, with its own data root and socket.
type Daemon struct {
	Docker
	dir  string
	cmd  *exec.Cmd
	done chan struct{}
}

// Own starts an Engine that the test can stop. It needs root.
func Own(t testing.TB) *Daemon {
	t.Helper()
	d := Stopped(t)
	d.Start()
	return d
}

// Stopped returns an Engine of the test that is not running.
func Stopped(t testing.TB) *Daemon {
	t.Helper()
	if _, err := exec.LookPath("dockerd"); err != nil || os.Getuid() != 0 {
		need.NoEngine(t, "dockerd, and root to start another one")
	}
	dir, err := os.MkdirTemp("/tmp", "dockerd") // short enough for a socket path
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{Docker: Docker{t, "unix://" + dir + "/docker.sock"}, dir: dir}
	t.Cleanup(func() { d.Stop(); os.RemoveAll(dir) })
	if err := os.WriteFile(dir+"/daemon.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

// Start starts the Engine, and returns once it responds.
func (d *Daemon) Start() {
	d.t.Helper()
	d.cmd = exec.Command(
		"dockerd",
		"--config-file",
		d.dir+"/daemon.json",
		"--data-root",
		d.dir+"/data",
		"--exec-root",
		d.dir+"/run",
		"--host",
		d.Host,
		"--pidfile",
		d.dir+"/pid",
		"--bridge",
		"none",
		"--iptables=false",
		"--ip-forward=false",
		"--ip-masq=false",
		"--storage-driver",
		"vfs",
	)
	// A daemon without a bridge removes docker0 of its network namespace, which must not be the host's.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	var log strings.Builder
	d.cmd.Stdout, d.cmd.Stderr = &log, &log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.done = make(chan struct{})
	go func() { _ = d.cmd.Wait(); close(d.done) }()
	if !d.answers() {
		d.Stop()
		d.t.Fatalf("dockerd does not respond: %.4000s", log.String())
	}
}

func (d *Daemon) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := d.Try("version"); err == nil {
			return true
		}
		select {
		case <-tick.C:
		case <-d.done:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// Hang stops the Engine from responding until Resume.
func (d *Daemon) Hang() { d.signal(syscall.SIGSTOP) }

// Resume ends a Hang.
func (d *Daemon) Resume() { d.signal(syscall.SIGCONT) }

func (d *Daemon) signal(s syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

// Stop stops the Engine and its containers.
func (d *Daemon) Stop() {
	if d.done == nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGCONT) // it may be stopped by Hang
	_ = d.cmd.Process.Signal(os.Interrupt)
	<-d.done
	d.done = nil
}
