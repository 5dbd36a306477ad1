//go:build linux

// Package apart runs a part of a test program in its own network and mount namespaces, so that it can have the addresses
// of an EC2 instance and a temporary disk. The part is the same program, restarted with -inside.
package apart

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Missing returns what this machine lacks, or "". It runs this program in new namespaces with args, which must make the
// program call only instance.Probe.
func Missing(ctx context.Context, limit time.Duration, args ...string) string {
	if os.Geteuid() != 0 {
		return "root, for namespaces and chroot"
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return "the program ip (Debian: apt-get install iproute2)"
	}
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	if _, err := Run(ctx, args...); err != nil {
		return "namespaces to build an instance in: " + strings.Join(strings.Fields(err.Error()), " ")
	}
	return ""
}

// Run runs this program with -inside and returns its standard output. When ctx ends, it kills the program and all its
// children.
func Run(ctx context.Context, args ...string) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{"-inside"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if text := strings.TrimSpace(errs.String()); err != nil && text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return out.Bytes(), err
}
