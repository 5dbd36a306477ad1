package metrics_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/metrics"
)

// files returns the minutes on disk, the oldest first.
func (w *world) files(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(w.dir + "/*.minute")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// addMinutes adds n minutes. The last one has just ended.
func (w *world) addMinutes(n int) {
	for i := range n {
		w.Add(minute(w.now().Add(time.Duration(i-n)*time.Minute), 5))
	}
}

func TestDamagedFilesAreSetAsideAndTheOthersSent(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut off":   func(b []byte) []byte { return b[:len(b)/2] },
		"empty":     func([]byte) []byte { return nil },
		"a bit off": func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"longer":    func(b []byte) []byte { return append(b, 0) },
		"another's": func(b []byte) []byte { return bytes.Repeat([]byte("x"), 17<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.addMinutes(5)
				for _, i := range []int{1, 3} {
					path := w.files(t)[i]
					data, _ := os.ReadFile(path)
					if err := os.WriteFile(path, damage(data), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				w.start()
				_ = w.Flush(t.Context())
				w.want(t, 3*5)
				aside, _ := filepath.Glob(w.dir + "/*.damaged")
				if w.dropped(metrics.Damaged) != 2*5 || len(aside) != 2 || len(w.files(t)) != 0 {
					t.Errorf("%+v, set aside %v", w.Stats(), aside)
				}
				w.said(t, 1, "is set aside as")
			})
		})
	}
}

// The next run must know the latest minute, even if that minute was sent or dropped.
func TestTheLatestMinuteIsKnownAfterARestart(t *testing.T) {
	for name, before := range map[string]func(*world, metrics.Minute){
		"none was added":   nil,
		"it waits on disk": func(w *world, m metrics.Minute) { w.Add(m) },
		"it was sent":      func(w *world, m metrics.Minute) { w.Add(m); _ = w.Flush(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				m := minute(time.Now(), 3)
				if before != nil {
					before(w, m)
				}
				w.start()
				if known := w.Stats().Last.Equal(m.At); known != (before != nil) {
					t.Errorf("the latest minute is %s, added was %s", w.Stats().Last, m.At)
				}
				w.Add(m)
				if late := w.dropped(metrics.Late) == 3; late != (before != nil) {
					t.Errorf("added again: %+v", w.Stats())
				}
			})
		})
	}
}

func TestAFullSpoolDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dir: t.TempDir() + "/spool"}
		w.Publisher = metrics.NewPublisher(metrics.Options{Dir: w.dir, MaxBytes: 10 * 4096, Sender: &w.cloud, Log: w.Logger()})
		defer w.Close()
		start := time.Now()
		w.addMinutes(25)
		if s := w.Stats(); s.Minutes != 10 || s.Bytes > 10*4096 || s.Dropped[metrics.Oldest] != 15*5 {
			t.Errorf("%+v", s)
		}
		w.said(t, 1, "the oldest minutes are dropped")
		_ = w.Flush(t.Context())
		w.want(t, 10*5)
		if w.order[0].at != start.Unix()/60-10 {
			t.Errorf("the first that arrived is %v", w.order[0])
		}
	})
}

// With a damaged progress, it is only unknown whether the oldest file was sent.
func TestADamagedProgressCostsTheOldestMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.addMinutes(4)
		if err := os.WriteFile(w.dir+"/progress", bytes.Repeat([]byte{7}, 40), 0o600); err != nil {
			t.Fatal(err)
		}
		w.start()
		_ = w.Flush(t.Context())
		w.want(t, 3*5)
	})
}

// If the spool path is not a directory, minutes are sent from memory. When it is fixed, they are written to disk again.
func TestWithoutADiskMinutesAreKeptInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dir: t.TempDir() + "/spool"}
		if err := os.WriteFile(w.dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.pass(5, 3)
		w.want(t, 15)
		w.fail = func([]metrics.Datum) (bool, error) { return false, errAway }
		w.pass(100, 3)
		if s := w.Stats(); s.Minutes != 60 || s.Bytes != 0 || s.Dropped[metrics.Oldest] != 40*3 {
			t.Errorf("%+v", s)
		}
		w.said(t, 1, "are kept in memory")
		if err := os.Remove(w.dir); err != nil {
			t.Fatal(err)
		}
		w.pass(1, 3)
		w.said(t, 1, "works again")
		if len(w.files(t)) != 61 {
			t.Errorf("%d minutes on disk", len(w.files(t)))
		}
		w.start()
		w.fail = nil
		w.pass(5, 0)
		w.want(t, 15+61*3)
	})
}

// A file is not sent while its progress cannot be recorded. Minutes in memory are sent. The file is sent once the
// progress can be written.
func TestAFileIsNotSentWithoutTheNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Add(minute(time.Now().Add(-time.Minute), 3))
		hidden := w.dir + ".away"
		if err := os.Rename(w.dir, hidden); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(w.dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w.pass(3, 3)
		if len(w.times) != 9 {
			t.Errorf("%d points arrived, want 9", len(w.times))
		}
		_ = os.Remove(w.dir)
		if err := os.Rename(hidden, w.dir); err != nil {
			t.Fatal(err)
		}
		w.pass(2, 3)
		if len(w.times) != 18 || len(w.order) != 18 || w.Stats().Minutes != 0 {
			t.Errorf("%d points arrived as %d, want 18; %+v", len(w.order), len(w.times), w.Stats())
		}
	})
}

// Only the agent's own user and root may read the published data.
func TestTheSpoolIsTheAgentsAloneWhateverTheUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0)) // the umask applies to the whole process, so the test is not parallel
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fail = unanswered
		w.addMinutes(2)
		_ = w.Flush(ended)
		if info, err := os.Stat(w.dir); err != nil || info.Mode() != os.ModeDir|0o700 {
			t.Errorf("%v, %v", info, err)
		}
		entries, err := os.ReadDir(w.dir)
		if err != nil || len(entries) < 3 {
			t.Fatalf("%v, %v", entries, err)
		}
		for _, entry := range entries {
			if info, err := entry.Info(); err != nil || info.Mode() != 0o600 {
				t.Errorf("%s: %v, %v", entry.Name(), info, err)
			}
		}
		w.Close()
	})
}
