package metrics_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/metrics"
)

// An error that does not prove damage loses nothing: the minute is sent once it can be read. A directory or a link at
// its path causes such an error even for root.
func TestAnErrorIsNoDamage(t *testing.T) {
	for name, fault := range map[string]func(path string) error{
		"a directory in its place": func(path string) error { return os.Mkdir(path, 0o700) },
		"a link in its place":      func(path string) error { return os.Symlink(path+".hidden", path) },
		"a pipe in its place":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		for _, at := range []int{0, 2, 4} {
			t.Run(fmt.Sprint(name, at), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.addMinutes(5)
					path := w.files(t)[at]
					if err := errors.Join(os.Rename(path, path+".hidden"), fault(path)); err != nil {
						t.Fatal(err)
					}
					w.pass(10, 0)
					w.want(t, 4*5)
					w.said(t, 1, "cannot be read")
					s := w.Stats()
					if s.Dropped != (metrics.Stats{}.Dropped) || s.Minutes != 1 || time.Since(s.Overdue) < 8*time.Minute ||
						s.Cause != metrics.CauseSpool {
						t.Errorf("%+v", s)
					}
					if err := errors.Join(os.Remove(path), os.Rename(path+".hidden", path)); err != nil {
						t.Fatal(err)
					}
					w.pass(2, 0)
					if len(w.times) != 5*5 || len(w.order) != 5*5 {
						t.Errorf("%d points arrived as %d, want 25", len(w.order), len(w.times))
					}
					w.said(t, 1, "can be read")
				})
			})
		}
	}
}

// A progress that cannot be read is not necessarily damaged.
func TestAnUnreadableProgressDropsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.addMinutes(4)
		path := w.dir + "/progress"
		if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.pass(3, 2)
		w.want(t, 3*2) // from memory
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		w.pass(3, 2)
		if len(w.times) != 4*5+6*2 || len(w.order) != len(w.times) || w.Stats().Dropped != (metrics.Stats{}.Dropped) {
			t.Errorf("%d points arrived as %d; %+v", len(w.order), len(w.times), w.Stats())
		}
	})
}

func TestDamagedFilesAreBoundedAndGoodOnesStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.away()
		w.addMinutes(40)
		for i, path := range w.files(t) {
			if i%2 == 0 {
				if err := os.WriteFile(path, []byte("no minute"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.pass(30, 0)
		w.back()
		w.pass(5, 0)
		w.want(t, 20*5)
		aside, _ := filepath.Glob(w.dir + "/*.damaged")
		if len(aside) != 8 || w.dropped(metrics.Damaged) != 20*5 {
			t.Errorf("%d set aside; %+v", len(aside), w.Stats())
		}
	})
}

// A file that another program removes is counted as dropped, and the others are sent.
func TestARemovedFileIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.addMinutes(5)
		if err := os.Remove(w.files(t)[1]); err != nil {
			t.Fatal(err)
		}
		w.pass(4, 0)
		w.want(t, 4*5)
		if s := w.Stats(); s.Dropped[metrics.Damaged] != 5 || s.Minutes != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A directory that is removed and created again is locked again.
func TestASpoolThatIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.away()
		w.pass(3, 2)
		if err := os.RemoveAll(w.dir); err != nil {
			t.Fatal(err)
		}
		w.pass(3, 2)
		w.back()
		w.pass(3, 2)
		w.want(t, 6*2)
		if s := w.Stats(); s.Dropped[metrics.Damaged] != 3*2 || s.Minutes != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// If two publishers use one spool, only one publishes. The other takes over the rest when the first one is gone. No
// minute is sent by both.
func TestASecondPublisherWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		other := &world{dir: w.dir}
		other.start()
		w.away()
		for range 15 {
			<-time.After(time.Minute)
			for _, p := range []*world{w, other} {
				p.Add(minute(time.Now().Add(-time.Minute), 2))
				_ = p.Flush(t.Context())
			}
		}
		other.said(t, 1, fmt.Sprintf("is locked by process %d", os.Getpid()))
		s := other.Stats()
		if len(other.times) != 0 || s.Dropped != (metrics.Stats{}.Dropped) || s.Cause != metrics.CauseLock ||
			time.Since(s.Overdue) < 10*time.Minute {
			t.Errorf("%+v", s)
		}
		w.Close()
		other.pass(20, 2)
		other.want(t, (15+20)*2)
		if s := other.Stats(); !s.Overdue.IsZero() || s.Why != "" {
			t.Errorf("%+v", s)
		}
	})
}

const childVariable = "METRICS_TEST_CHILD"

// child runs this test binary in another role.
func child(t *testing.T, as, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+as, "METRICS_TEST_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// beChild runs a child's role. It prints what the parent checks.
func beChild(as string) {
	w := &world{dir: os.Getenv("METRICS_TEST_DIR")}
	switch as {
	case "holder":
		w.start()
		w.away()
		w.Add(minute(time.Now().Add(-time.Minute), 2))
		_, _ = fmt.Fprintln(os.Stdout, "ready")
		select {}
	case "exhausted":
		beExhausted(w)
	}
	os.Exit(0)
}

// The kernel releases the lock of a killed process.
func TestTheLockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir() + "/spool"
	cmd := child(t, "holder", dir)
	out, err := cmd.StdoutPipe()
	if err := errors.Join(err, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	w := &world{dir: dir}
	w.start()
	w.Add(minute(time.Now().Add(-time.Minute), 2))
	_ = w.Flush(t.Context())
	w.want(t, 0)
	w.said(t, 1, fmt.Sprintf("is locked by process %d", cmd.Process.Pid))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	_ = w.Flush(t.Context())
	w.want(t, 2)
}

// beExhausted adds minutes, then adds and sends more without a free descriptor, and then again with free descriptors.
func beExhausted(w *world) {
	w.start()
	w.away()
	begin := time.Now().Add(-30 * time.Minute)
	add := func(from, to int) {
		for i := from; i < to; i++ {
			w.Add(minute(begin.Add(time.Duration(i)*time.Minute), 3))
			_ = w.Flush(ended)
		}
	}
	add(0, 10)
	w.back()
	var most syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &most)
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: most.Max})
	add(10, 20)
	s := w.Stats()
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &most)
	aside, _ := filepath.Glob(w.dir + "/*.damaged")
	_, _ = fmt.Fprintf(
		os.Stdout,
		"exhausted: %d arrived, %d minutes, %d aside, dropped %v, %s\n",
		len(w.times),
		s.Minutes,
		len(aside),
		s.Dropped,
		s.Cause,
	)
	_, _ = fmt.Fprintf(os.Stdout, "said %d times\n", w.Count("too many open files"))
	for w.Stats().Minutes > 0 {
		_ = w.Flush(ended)
	}
	_, _ = fmt.Fprintf(os.Stdout, "then: %d arrived as %d, dropped %v\n", len(w.order), len(w.times), w.Stats().Dropped)
}

// Without a free descriptor, no file is set aside and nothing is lost. Everything is sent once descriptors are free.
func TestNoDescriptorIsNoDamage(t *testing.T) {
	out, err := child(t, "exhausted", t.TempDir()+"/spool").Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := []string{
		"exhausted: 0 arrived, 20 minutes, 0 aside, dropped [0 0 0 0 0 0 0], exhausted",
		"said 1 times",
		"then: 60 arrived as 60, dropped [0 0 0 0 0 0 0]",
	}
	if got := strings.Split(strings.TrimSpace(string(bytes.TrimSpace(out))), "\n"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", out, strings.Join(want, "\n"))
	}
}

// FuzzAFileInTheSpool checks that a file with any content is sent or set aside, and that the other minute is sent.
func FuzzAFileInTheSpool(f *testing.F) {
	w := &world{dir: f.TempDir() + "/spool"}
	w.start()
	w.away()
	w.addMinutes(1)
	names, _ := filepath.Glob(w.dir + "/*.minute")
	good, err := os.ReadFile(names[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, uint32(0), 5)
	f.Add(good[:10], uint32(60), 5)
	f.Add([]byte(nil), uint32(120), 0)
	f.Fuzz(func(t *testing.T, content []byte, at uint32, n int) {
		w := &world{dir: t.TempDir() + "/spool"}
		w.start()
		w.addMinutes(1)
		now := time.Now().Truncate(time.Minute).Unix()
		name := fmt.Sprintf("%s/%d-%d.minute", w.dir, now-120-int64(at%86400/60*60), n)
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		w.start()
		for w.Stats().Minutes > 0 {
			_ = w.Flush(ended)
		}
		if s := w.Stats(); s.Sent < 5 || s.Sent == 5 && s.Dropped[metrics.Damaged] != int64(n) {
			t.Errorf("%+v", s)
		}
		w.Close()
	})
}
