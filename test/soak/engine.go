//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox/dockerd"
)

// engine is the Docker Engine of the containers.
type engine interface {
	host() string
	run(ctx context.Context, labels map[string]string) (id string, err error)
	// crash makes a container exit with code 1, 3 or 137, without a request to Docker.
	crash(ctx context.Context, id string, code int) error
	start(ctx context.Context, id string) error // starts an exited container
	stop(ctx context.Context, id string) error  // stops a container as ECS does
	remove(ctx context.Context, id string) error
	// restart stops the Engine for away, and starts it again. It reports whether the containers kept running.
	restart(ctx context.Context, away time.Duration) (lives bool, err error)
	close()
	String() string
}

// simulated is the simulated Engine of the sandbox.
type simulated struct{ e *dockerd.Engine }

func newPlayed() (engine, error) {
	e, err := dockerd.New(dockerd.Options{})
	return simulated{e}, err
}

func (p simulated) String() string { return "the sandbox's Engine" }
func (p simulated) host() string   { return p.e.Host() }
func (p simulated) close()         { p.e.Close() }

func (p simulated) run(_ context.Context, labels map[string]string) (string, error) {
	return p.e.Run(dockerd.Spec{Labels: labels}), nil
}
func (p simulated) crash(_ context.Context, id string, code int) error { p.e.Die(id, code); return nil }
func (p simulated) start(_ context.Context, id string) error           { p.e.Start(id); return nil }
func (p simulated) stop(_ context.Context, id string) error            { p.e.Stop(id); return nil }
func (p simulated) remove(_ context.Context, id string) error          { p.e.Destroy(id); return nil }

func (p simulated) restart(ctx context.Context, away time.Duration) (bool, error) {
	p.e.Vanish()
	wait(ctx, away)
	return true, p.e.Return(dockerd.Options{})
}

// daemon is a separate dockerd for the soak test.
type daemon struct {
	dir   string
	image string
	cmd   *exec.Cmd
	ended chan struct{}
	log   *os.File
}

// newDaemon starts dockerd and loads an image with only the subject, because images cannot be pulled without a network.
func newDaemon(ctx context.Context) (engine, error) {
	if _, err := exec.LookPath("dockerd"); err != nil || os.Getuid() != 0 {
		return nil, errors.New("no dockerd, or not root")
	}
	dir, err := os.MkdirTemp("/tmp", "soak-docker") // short enough for a socket path
	if err != nil {
		return nil, err
	}
	d := &daemon{dir: dir, image: "subject:soak"}
	if err := d.prepare(ctx); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *daemon) prepare(ctx context.Context) error {
	var err error
	if d.log, err = os.Create(filepath.Join(d.dir, "dockerd.log")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "daemon.json"), []byte("{}"), 0o600); err != nil {
		return err
	}
	if err := d.up(ctx); err != nil {
		return err
	}
	root := filepath.Join(d.dir, "image")
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(root, "subject"), "./test/soak/testdata/subject")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the subject: %w: %s", err, out)
	}
	tar, err := exec.CommandContext(ctx, "tar", "-C", root, "-c", "subject").Output()
	if err != nil {
		return fmt.Errorf("packing the subject: %w", err)
	}
	load := d.docker(ctx, "import", "-", d.image)
	load.Stdin = bytes.NewReader(tar)
	if out, err := load.CombinedOutput(); err != nil {
		return fmt.Errorf("docker import: %w: %s", err, out)
	}
	return nil
}

func (d *daemon) host() string { return "unix://" + filepath.Join(d.dir, "docker.sock") }

func (d *daemon) docker(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+d.host())
	return cmd
}

func (d *daemon) do(ctx context.Context, args ...string) (string, error) {
	out, err := d.docker(ctx, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// up starts dockerd and returns once it responds.
func (d *daemon) up(ctx context.Context) error {
	in := func(name string) string { return filepath.Join(d.dir, name) }
	d.cmd = exec.CommandContext(
		context.WithoutCancel(ctx),
		"dockerd",
		"--config-file",
		in("daemon.json"),
		"--data-root",
		in("data"),
		"--exec-root",
		in("run"),
		"--host",
		d.host(),
		"--pidfile",
		in("pid"),
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
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		return err
	}
	cmd, ended := d.cmd, make(chan struct{})
	d.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }()
	for began := time.Now(); time.Since(began) < time.Minute && ctx.Err() == nil; wait(ctx, 200*time.Millisecond) {
		if _, err := d.do(ctx, "version"); err == nil {
			return nil
		}
	}
	return fmt.Errorf("dockerd does not respond; its log is %s", d.log.Name())
}

func (d *daemon) down() {
	if d.cmd == nil || d.cmd.Process == nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.ended:
	case <-time.After(time.Minute):
		_ = d.cmd.Process.Kill()
		<-d.ended
	}
}

func (d *daemon) String() string {
	version, _ := d.do(context.Background(), "version", "--format", "{{.Server.Version}}")
	return "dockerd " + version
}

func (d *daemon) run(ctx context.Context, labels map[string]string) (string, error) {
	args := []string{"run", "--detach", "--network", "none", "--entrypoint", "/subject"}
	for key, value := range labels {
		args = append(args, "--label", key+"="+value)
	}
	id, err := d.do(ctx, append(args, d.image)...)
	if err != nil {
		return "", err
	}
	return id, d.until(
		ctx,
		func() bool { logs, err := d.do(ctx, "logs", id); return err == nil && strings.Contains(logs, "ready") },
		"is not ready",
	)
}

func (d *daemon) until(ctx context.Context, is func() bool, what string) error {
	for range 50 {
		if is() {
			return nil
		}
		wait(ctx, 100*time.Millisecond)
	}
	return errors.New("the container " + what)
}

// crash signals the process directly, because a signal through Docker counts as a requested stop.
func (d *daemon) crash(ctx context.Context, id string, code int) error {
	text, err := d.do(ctx, "inspect", "--format", "{{.State.Pid}}", id)
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(text)
	if err != nil || pid <= 1 {
		return fmt.Errorf("container %s has the PID %q", id, text)
	}
	signal := map[int]syscall.Signal{1: syscall.SIGUSR1, 3: syscall.SIGUSR2, 137: syscall.SIGKILL}[code]
	if err := syscall.Kill(pid, signal); err != nil {
		return err
	}
	return d.until(ctx, func() bool {
		status, err := d.do(ctx, "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", id)
		return err == nil && status == "exited "+strconv.Itoa(code)
	}, fmt.Sprintf("did not exit with %d", code))
}

// start waits until the program reports that it has started again.
func (d *daemon) start(ctx context.Context, id string) error {
	if _, err := d.do(ctx, "start", id); err != nil {
		return err
	}
	return d.until(
		ctx,
		func() bool { logs, err := d.do(ctx, "logs", id); return err == nil && strings.Count(logs, "ready") > 1 },
		"is not ready again",
	)
}

func (d *daemon) stop(ctx context.Context, id string) error {
	_, err := d.do(ctx, "stop", id)
	return err
}

func (d *daemon) remove(ctx context.Context, id string) error {
	_, err := d.do(ctx, "rm", "--force", id)
	return err
}

func (d *daemon) restart(ctx context.Context, away time.Duration) (bool, error) {
	d.down()
	wait(ctx, away)
	return false, d.up(ctx)
}

func (d *daemon) close() {
	ctx := context.Background()
	if ids, err := d.do(ctx, "ps", "--all", "--quiet"); err == nil && ids != "" {
		_, _ = d.do(ctx, slices.Concat([]string{"rm", "--force"}, strings.Fields(ids))...)
	}
	d.down()
	_ = os.RemoveAll(d.dir)
}
