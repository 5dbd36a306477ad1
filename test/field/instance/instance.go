//go:build linux

package instance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
	"muster/test/field/fieldcase"
)

const (
	ownID         = "i-0123456789abcdef0"
	musterPath    = "usr/local/bin/muster"
	musterTimeout = 25 * time.Second
	stopTimeout   = 3 * time.Second
)

// Instance is a running instance. Its methods must not be called concurrently.
type Instance struct {
	// The services that muster uses. Docker is nil if it is absent or hung.
	Metadata, AWS, Docker *Front

	c          *fieldcase.Case
	disk       *disk
	box        *sandbox.Sandbox
	docker     *dockerd.Engine
	containers map[string]string // container ids by name
	systemd    *systemd
	env        []string
	background []*exec.Cmd
	cleanup    []func()
}

// New builds the instance of a case, with the program muster on it. The calling process must have its own network and
// mount namespace.
func New(c *fieldcase.Case, muster string) (*Instance, error) {
	i := &Instance{c: c, containers: map[string]string{}}
	for _, part := range []struct {
		name  string
		build func() error
	}{
		{"network", setUpNetwork},
		{"disk", func() (err error) { i.disk, err = mountDisk(muster); return err }},
		{"AWS", i.startAWS},
		{"files", i.layOut},
		{"Docker", i.startDocker},
		{"systemd", i.startSystemd},
		{"services", i.startServices},
		{"ECS agent", i.startAgent},
		{"later events", i.changeLater},
	} {
		if err := part.build(); err != nil {
			i.Close()
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return i, nil
}

// Probe returns why this process cannot build an instance, or nil.
func Probe() error {
	if err := setUpNetwork(); err != nil {
		return err
	}
	return mountTmp()
}

// Close stops muster, the ECS agent and the servers. The listeners of this
// package end with the process.
func (i *Instance) Close() {
	for _, cmd := range i.background {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
	}
	for n := len(i.cleanup) - 1; n >= 0; n-- {
		i.cleanup[n]()
	}
}

// Output holds the output and the exit code of muster.
type Output struct {
	Stdout, Stderr string
	Code           int // -1 if it was killed or did not start
}

// Muster runs muster as the instance's root user and waits for its exit.
func (i *Instance) Muster(ctx context.Context, args ...string) Output {
	ctx, stop := context.WithTimeout(ctx, musterTimeout)
	defer stop()
	cmd := i.command(ctx, args)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		return Output{Stderr: err.Error(), Code: -1}
	}
	if ctx.Err() != nil {
		fmt.Fprintf(&errs, "\n(killed after %s)\n", musterTimeout)
	}
	return Output{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// Spawn starts a muster that runs until Close.
func (i *Instance) Spawn(args ...string) error {
	cmd := i.command(context.Background(), args)
	if err := cmd.Start(); err != nil {
		return err
	}
	i.background = append(i.background, cmd)
	return nil
}

func (i *Instance) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/"+musterPath, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: i.disk.dir}
	cmd.Dir, cmd.Env = "/", i.env
	return cmd
}

// Sandbox returns the simulated AWS of the instance.
func (i *Instance) Sandbox() *sandbox.Sandbox { return i.box }

// Engine returns the simulated Engine behind Docker's socket.
func (i *Instance) Engine() *dockerd.Engine { return i.docker }

// Dir returns the instance's root directory, as a path of the calling process.
func (i *Instance) Dir() string { return i.disk.dir }

// Environ returns the environment for muster.
func (i *Instance) Environ() []string { return slices.Clone(i.env) }

// Write writes a file of the instance.
func (i *Instance) Write(path string, data []byte) error { return i.disk.write(path, data) }

// Read reads a file of the instance.
func (i *Instance) Read(path string) ([]byte, error) { return i.disk.root.ReadFile(local(path)) }

// Remove removes a file of the instance, if it exists.
func (i *Instance) Remove(path string) error {
	if err := i.disk.root.Remove(local(path)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// SystemdCalls returns the calls that changed units since the last call of SystemdCalls, such as "start ecs.service".
func (i *Instance) SystemdCalls() []string { return i.systemd.takeCalls() }
