package metrics_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"muster/agent/metrics"
)

// killVariable makes this test binary a publisher that kills itself at a step. 0 means that it does not.
const killVariable = "METRICS_TEST_KILL_AT"

// ledger is a CloudWatch and a log that outlive the publisher. It has a line for each minute that was added and for
// each that was accepted.
type ledger struct{ file *os.File }

func (l ledger) line(kind byte, at int64) {
	if _, err := fmt.Fprintf(l.file, "%c %d\n", kind, at); err != nil {
		panic(err)
	}
}

// publishUntilKilled adds and sends six minutes. Every third request certainly fails.
func publishUntilKilled() {
	at, _ := strconv.Atoi(os.Getenv(killVariable))
	step := func() {
		if at--; at == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	dir := os.Getenv("METRICS_TEST_DIR")
	file, err := os.OpenFile(dir+"/ledger", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	book := ledger{file}
	log := journal{}
	p := metrics.NewPublisher(metrics.Options{Dir: dir + "/spool", Sender: sender(func(at time.Time) error {
		step() // the progress was recorded, but the data was not accepted
		if rand.IntN(3) == 0 {
			return errAway
		}
		book.line('t', at.Unix())
		step() // the data was accepted, but the response has not been handled
		return nil
	}), Log: log.Logger()})
	first, _ := strconv.ParseInt(os.Getenv("METRICS_TEST_FIRST"), 10, 64)
	for i := range int64(6) {
		m := minute(time.Unix((first+i)*60, 0), 3)
		step()
		p.Add(m)
		book.line('a', m.At.Unix())
		step() // the file is on disk, but the progress is not recorded
		_ = p.Flush(ended)
	}
	for p.Stats().Minutes > 0 {
		_ = p.Flush(ended)
	}
	os.Exit(0)
}

type sender func(time.Time) error

func (s sender) PutMetricData(_ context.Context, _ string, at time.Time, _ []metrics.Datum) error {
	return s(at)
}

// read counts the minutes that were added and those that were accepted.
func (l ledger) read(t *testing.T) (added, taken map[int64]int) {
	t.Helper()
	added, taken = map[int64]int{}, map[int64]int{}
	if _, err := l.file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(l.file); lines.Scan(); {
		var kind string
		var at int64
		if _, err := fmt.Sscan(lines.Text(), &kind, &at); err != nil {
			t.Fatal(lines.Text())
		}
		map[string]map[int64]int{"a": added, "t": taken}[kind][at]++
	}
	return added, taken
}

// The publisher is killed at each step, and at random times. The next run must send the rest. Each kill may lose at
// most one minute, and nothing may be sent twice.
func TestKilledAtAnyMomentNothingIsDoubled(t *testing.T) {
	t.Parallel()
	dir, kills, first := t.TempDir(), 0, time.Now().Add(-48*time.Hour).Unix()/60
	run := func(at int, life time.Duration) {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), life)
		defer stop()
		child := exec.CommandContext(ctx, os.Args[0])
		child.Env = append(
			os.Environ(),
			killVariable+"="+strconv.Itoa(at),
			"METRICS_TEST_DIR="+dir,
			"METRICS_TEST_FIRST="+strconv.FormatInt(first, 10),
		)
		child.Stderr = os.Stderr
		first += 6
		err := child.Run()
		var died *exec.ExitError
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.As(err, &died) && died.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
			kills++
		case err != nil:
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/spool/next", []byte("half a min"), 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	for at := range 24 {
		run(at+1, time.Minute)
	}
	for range 30 {
		run(0, 5*time.Millisecond+rand.N(30*time.Millisecond))
	}
	run(0, time.Minute)
	audit(t, dir+"/ledger", kills)
}

// audit checks that nothing was accepted twice, and how much was lost.
func audit(t *testing.T, path string, kills int) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	added, taken := ledger{file}.read(t)
	lost := 0
	for at := range added {
		if taken[at] == 0 {
			lost++
		}
	}
	for at, times := range taken {
		if times > 1 {
			t.Errorf("minute %d was taken %d times", at, times)
		}
	}
	t.Logf("%d kills, %d minutes added, %d taken, %d lost", kills, len(added), len(taken), lost)
	if kills < 24 || len(taken) < 60 || lost > kills {
		t.Errorf("%d kills lost %d of %d minutes", kills, lost, len(added))
	}
}

// Two agents use one spool, and one of them is killed at random times. Only one of them may send a minute.
func TestTwoProcessesSendNothingTwice(t *testing.T) {
	t.Parallel()
	dir, first := t.TempDir(), time.Now().Add(-48*time.Hour).Unix()/60
	for range 12 {
		var pair [2]*exec.Cmd
		for i := range pair {
			pair[i] = exec.CommandContext(t.Context(), os.Args[0])
			pair[i].Env = append(os.Environ(), killVariable+"=0", "METRICS_TEST_DIR="+dir,
				"METRICS_TEST_FIRST="+strconv.FormatInt(first, 10))
			if err := pair[i].Start(); err != nil {
				t.Fatal(err)
			}
		}
		doomed := time.AfterFunc(5*time.Millisecond+rand.N(40*time.Millisecond), func() { _ = pair[rand.IntN(2)].Process.Kill() })
		for _, cmd := range pair {
			_ = cmd.Wait()
		}
		doomed.Stop()
		first += 6
	}
	file, err := os.Open(dir + "/ledger")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, taken := ledger{file}.read(t)
	for at, times := range taken {
		if times > 1 {
			t.Errorf("minute %d was taken %d times", at, times)
		}
	}
	if len(taken) < 24 {
		t.Errorf("only %d of 72 minutes were taken", len(taken))
	}
}
