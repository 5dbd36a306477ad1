package metrics_test

import (
	"bytes"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"muster/agent/metrics"
	"muster/test/need"
)

// On a full disk, minutes on disk are still sent. Later minutes stay in memory until there is space.
func TestAFullDisk(t *testing.T) {
	dir := need.SmallDisk(t, "")
	synctest.Test(t, func(t *testing.T) {
		w := &world{dir: dir}
		w.start()
		w.fail = func([]metrics.Datum) (bool, error) { return false, errAway }
		w.pass(5, 3)
		if err := os.WriteFile(dir+"/filler", bytes.Repeat([]byte("x"), 64<<10), 0o600); err == nil {
			t.Fatal("the disk is not full")
		}
		w.pass(5, 3)
		if n := len(w.files(t)); n != 5 || w.Stats().Minutes != 10 {
			t.Errorf("%d of %d minutes on disk", n, w.Stats().Minutes)
		}
		w.said(t, 1, "no space left on device")
		w.fail = nil
		w.pass(10, 3)
		w.want(t, 20*3)
		if s := w.Stats(); s.Minutes != 0 || s.Dropped != (metrics.Stats{}.Dropped) {
			t.Errorf("%+v", s)
		}
	})
}

// A disk that becomes read-only keeps its minutes until progress can be recorded, because otherwise they might be sent
// again after a restart. Minutes in memory are sent.
func TestADiskThatTurnsReadOnly(t *testing.T) {
	dir := need.SmallDisk(t, "")
	synctest.Test(t, func(t *testing.T) {
		w := &world{dir: dir}
		w.start()
		w.Add(minute(time.Now().Add(-time.Minute), 3))
		remount := func(flags uintptr) {
			if err := unix.Mount("", dir, "", unix.MS_REMOUNT|flags, ""); err != nil {
				t.Fatal(err)
			}
		}
		remount(unix.MS_RDONLY)
		w.pass(5, 3)
		if len(w.times) != 15 || len(w.files(t)) != 1 {
			t.Errorf("%d points arrived, want 15; %d on disk", len(w.times), len(w.files(t)))
		}
		w.said(t, 1, "read-only file system")
		remount(0)
		w.pass(5, 3)
		if len(w.times) != 33 || len(w.order) != 33 || w.Stats().Minutes != 0 {
			t.Errorf("%d points arrived as %d, want 33", len(w.times), len(w.order))
		}
		w.said(t, 1, "works again")
	})
}
