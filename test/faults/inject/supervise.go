//go:build linux

package inject

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Call is a system call that the program is about to make.
type Call struct {
	Name  string // open, write, rename, ...
	Path  string // path in the program's root; the new path for rename, link and symlink
	Write bool   // open: the file is opened for writing
}

func (c Call) String() string { return c.Name + " " + c.Path }

// Verdict is the decision about a call.
type Verdict struct {
	errno syscall.Errno
	kill  bool
}

// Go and Kill are two of the verdicts. Fail makes the others.
var (
	Go   = Verdict{}           // let the kernel execute the call
	Kill = Verdict{kill: true} // kill the program instead of executing the call
)

// Fail makes the call return an error.
func Fail(e syscall.Errno) Verdict { return Verdict{errno: e} }

// Process is a running program.
type Process struct {
	cmd    *exec.Cmd
	root   string
	decide func(Call) Verdict
	offset atomic.Int64 // difference of the wall clock from the real one, in ns

	watching sync.WaitGroup
	ended    chan struct{}
	state    *os.ProcessState
}

// Start starts the program. decide is called for one call at a time. A nil decide lets every call through.
func Start(s Spec, stdout, stderr io.Writer, decide func(Call) Verdict) (*Process, error) {
	if s.Clock && !clockable {
		return nil, errors.New("the clock of a program can be moved on amd64 only")
	}
	p := &Process{root: s.Chroot, decide: decide, ended: make(chan struct{})}
	p.SetClock(s.Offset)
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(pair[0])
	theirs := os.NewFile(uintptr(pair[1]), "socket")
	p.cmd = exec.Command("/proc/self/exe")
	p.cmd.Env = []string{marker + "=" + string(text)}
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.WaitDelay = time.Second
	err = p.cmd.Start()
	_ = theirs.Close()
	if err != nil {
		return nil, err
	}
	if len(s.Calls) > 0 || s.Clock {
		listener, err := receive(pair[0])
		if err != nil {
			_ = p.cmd.Wait()
			return nil, fmt.Errorf("no listener came: %w", err)
		}
		p.watching.Go(func() { p.watch(listener) })
	}
	go func() {
		_ = p.cmd.Wait() // the result is in cmd.ProcessState
		p.state = p.cmd.ProcessState
		p.watching.Wait()
		close(p.ended)
	}()
	return p, nil
}

// SetClock sets the difference between the program's wall clock and the real one.
func (p *Process) SetClock(offset time.Duration) { p.offset.Store(int64(offset)) }

// Pid returns the process ID.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal to the program.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Ended returns a channel that is closed once the program has exited.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Code returns the exit code once the program has exited, or -1 if a signal killed it.
func (p *Process) Code() int { return p.state.ExitCode() }

// Status describes how the program exited, in words.
func (p *Process) Status() string { return p.state.String() }

func receive(socket int) (int, error) {
	if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}); err != nil {
		return 0, err
	}
	oob := make([]byte, unix.CmsgSpace(4))
	n, err := 0, error(unix.EINTR)
	for errors.Is(err, unix.EINTR) { // with a timeout set, a signal of the Go runtime interrupts the call (signal(7))
		_, n, _, _, err = unix.Recvmsg(socket, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	}
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) == 0 {
		return 0, errors.Join(errors.New("the program could not be started"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	return fds[0], nil
}

// notification is struct seccomp_notif. response is struct seccomp_notif_resp.
type notification struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type response struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

// watch answers notifications until the program has exited.
func (p *Process) watch(listener int) {
	defer unix.Close(listener)
	for {
		ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return
		}
		if ready[0].Revents&unix.POLLIN == 0 {
			return // POLLHUP: no process uses the filter any more
		}
		var n notification
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV,
			uintptr(unsafe.Pointer(&n))); errno != 0 {
			continue // ENOENT: the caller was killed in the meantime; or EINTR
		}
		r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		switch uintptr(n.nr) {
		case firstCall:
			_ = p.removeVDSO(int(n.pid)) // on failure the program sees the real clock, and the row fails
		case unix.SYS_CLOCK_GETTIME:
			if p.writeTime(int(n.pid), n.args[1]) == nil {
				r.flags = 0
			}
		default:
			v := p.judge(n)
			switch {
			case v.kill:
				_ = p.cmd.Process.Kill()
				continue
			case v.errno != 0:
				r.flags, r.errno = 0, -int32(v.errno)
			}
		}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r)))
	}
}

func (p *Process) judge(n notification) Verdict {
	if p.decide == nil {
		return Go
	}
	c := Call{Name: names[uintptr(n.nr)]}
	switch uintptr(n.nr) {
	case unix.SYS_OPENAT:
		c.Path = p.path(n, 0, 1)
		c.Write = n.args[2]&(unix.O_WRONLY|unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC) != 0
	case unix.SYS_UNLINKAT, unix.SYS_MKDIRAT, unix.SYS_FCHMODAT, unix.SYS_FCHOWNAT, unix.SYS_UTIMENSAT:
		c.Path = p.path(n, 0, 1)
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT:
		c.Path = p.path(n, 2, 3)
	case unix.SYS_SYMLINKAT:
		c.Path = p.path(n, 1, 2)
	default:
		c.Path = p.file(n, n.args[0])
	}
	return p.decide(c)
}

// path returns the path that the call's directory and name arguments form.
func (p *Process) path(n notification, dir, name int) string {
	text := p.text(int(n.pid), n.args[name])
	if filepath.IsAbs(text) || int32(n.args[dir]) == unix.AT_FDCWD {
		return filepath.Join("/", text)
	}
	return filepath.Join(p.file(n, n.args[dir]), text)
}

// file returns the path of an open file. For a pipe or a socket it returns text like "pipe:[4711]".
func (p *Process) file(n notification, fd uint64) string {
	at, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", n.pid, int32(fd)))
	if err != nil {
		return ""
	}
	if rel, err := filepath.Rel(p.root, at); err == nil && filepath.IsLocal(rel) && filepath.IsAbs(at) {
		return "/" + rel
	}
	return at
}

// text reads a string from the program's memory.
func (p *Process) text(pid int, at uint64) string {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return ""
	}
	defer mem.Close()
	buf := make([]byte, unix.PathMax)
	n, _ := mem.ReadAt(buf, int64(at)) // reads fewer bytes at the end of the mapping
	text, _, _ := bytes.Cut(buf[:n], []byte{0})
	return string(text)
}

func (p *Process) writeTime(pid int, at uint64) error {
	now := unix.NsecToTimespec(time.Now().UnixNano() + p.offset.Load())
	data := binary.NativeEndian.AppendUint64(nil, uint64(now.Sec))
	data = binary.NativeEndian.AppendUint64(data, uint64(now.Nsec))
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer mem.Close()
	_, err = mem.WriteAt(data, int64(at))
	return err
}

// Types of the auxiliary vector (getauxval(3), linux/auxvec.h).
const (
	atNull   = 0
	atIgnore = 1
	atVDSO   = 33 // AT_SYSINFO_EHDR
)

// removeVDSO hides the vDSO from the program's runtime. It must be called while the program is at its first system
// call, when the stack is still as the kernel built it. The stack then holds the number of arguments, the arguments, 0,
// the environment, 0, and the auxiliary vector as pairs.
func (p *Process) removeVDSO(pid int) error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return err
	}
	// proc_pid_stat(5): startstack is field 28. The second field can contain spaces.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var at int64
	if _, err := fmt.Sscan(string(fields[28-3]), &at); err != nil {
		return err
	}
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer mem.Close()
	var word [8]byte
	read := func() uint64 {
		if _, err = mem.ReadAt(word[:], at); err != nil {
			return 0
		}
		at += int64(len(word))
		return binary.NativeEndian.Uint64(word[:])
	}
	args := read()
	at += int64(args+1) * 8
	for read() != 0 { // skip the environment
	}
	for err == nil {
		kind := read()
		switch kind {
		case atNull:
			return errors.New("no vDSO")
		case atVDSO:
			_, err = mem.WriteAt(binary.NativeEndian.AppendUint64(nil, atIgnore), at-8)
			return err
		}
		read()
	}
	return err
}
