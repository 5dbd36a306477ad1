// The tests execute their own binary in an empty root directory. The race detector needs cgo, and with it a dynamic
// linker, which does not exist there.

//go:build !race && linux

package inject

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// subject is the environment variable that makes the test binary act as the program under test.
const subject = "MUSTER_FAULTS_SUBJECT"

func TestMain(m *testing.M) {
	Main()
	switch os.Getenv(subject) {
	case "":
		os.Exit(m.Run())
	case "clock":
		before := time.Now()
		fmt.Fprintln(os.Stdout, before.Year())
		for time.Since(before) < 50*time.Millisecond { // the monotonic clock, which is not changed
		}
		fmt.Fprintln(os.Stdout, time.Now().Year())
	case "write":
		err := os.WriteFile("/file", []byte("x"), 0o600)
		fmt.Fprintln(os.Stdout, err)
		err = os.Rename("/file", "/new")
		fmt.Fprintln(os.Stdout, err)
	}
}

// missing copies need.Missing. Package need imports net, which would make this program need a dynamic linker.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("missing: " + what)
	}
	t.Skip("missing: " + what)
}

// start runs this program in its own root directory.
func start(t *testing.T, s Spec, mode string, decide func(Call) Verdict) (*Process, *bytes.Buffer) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "root, for chroot")
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	s.Chroot, s.Path, s.Env = t.TempDir(), "/subject", []string{subject + "=" + mode}
	if err := os.WriteFile(filepath.Join(s.Chroot, "subject"), self, 0o700); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p, err := Start(s, &out, &out, decide)
	if err != nil {
		missing(t, "seccomp notifications: "+err.Error())
	}
	<-p.Ended()
	return p, &out
}

func TestWallClockIsMovedAndMonotonicClockIsNot(t *testing.T) {
	if !clockable {
		t.Skip("the first system call of a Go program, where the clock is intercepted, is known only for amd64")
	}
	const years = 10
	_, out := start(t, Spec{Clock: true, Offset: years * 365 * 24 * time.Hour}, "clock", nil)
	want := fmt.Sprintf("%d\n%[1]d\n", time.Now().Add(years*365*24*time.Hour).Year())
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestCallsAreNamedAndFail(t *testing.T) {
	var calls []string
	p, out := start(t, Spec{Calls: []string{"open", "write", "rename"}}, "write", func(c Call) Verdict {
		if strings.HasPrefix(c.Path, "/file") || c.Path == "/new" {
			calls = append(calls, c.String())
		}
		if c.Name == "rename" {
			return Fail(syscall.EIO)
		}
		return Go
	})
	if want := "<nil>\nrename /file /new: input/output error\n"; out.String() != want || p.Code() != 0 {
		t.Errorf("%s: got %q", p.Status(), out.String())
	}
	if got, want := strings.Join(calls, ", "), "open /file, write /file, rename /new"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKilledAtACallTheProgramDoesNotMakeIt(t *testing.T) {
	p, out := start(t, Spec{Calls: []string{"rename"}}, "write", func(Call) Verdict { return Kill })
	if p.Code() != -1 || out.String() != "<nil>\n" {
		t.Errorf("%s: %q", p.Status(), out.String())
	}
}

func TestLimitsHold(t *testing.T) {
	p, out := start(t, Spec{Limits: map[int]uint64{unix.RLIMIT_FSIZE: 0}}, "write", nil)
	if !strings.Contains(out.String()+p.Status(), "file too large") && !strings.Contains(p.Status(), "file size limit") {
		t.Errorf("%s: %q", p.Status(), out.String())
	}
}
