package metrics

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	suffix    = ".minute"
	asideMark = ".damaged"
	// maxAside is how many damaged files are kept for inspection.
	maxAside = 8
	// maxFile limits the bytes read from a file. A minute of 5,000 containers is far smaller.
	maxFile = 16 << 20
	// maxMemory is how many minutes are kept in memory if the disk cannot be used.
	maxMemory = 60
	// maxSkipped is how many unreadable files are skipped in a turn.
	maxSkipped = 8
	// block is the minimum size of a file on disk.
	block = 4096
)

// file is a minute on disk. Its name contains the time and the number of data points.
type file struct {
	at   int64 // Unix seconds
	data int
	size int64
}

func (f file) name() string { return fmt.Sprintf("%d-%d%s", f.at, f.data, suffix) }

// room returns the size of the file in the spool, in whole blocks.
func (f file) room() int64 { return (f.size + block - 1) / block * block }

// queued is a minute in memory, in the encoded form, which takes a tenth of the memory.
type queued struct {
	file
	content []byte
}

func newQueued(m Minute) queued {
	content := encode(m)
	return queued{file{m.unix(), len(m.Data), int64(len(content))}, content}
}

// spool keeps minutes until they are sent. Each is in its own file, which is renamed into place and therefore complete.
// Minutes that cannot be written to disk are in memory. A file with its final name is never written to.
type spool struct {
	dir      string
	max      int64
	failures *failureLog
	drop     func(reason Reason, n int)
	clock    func() time.Time

	lock      *os.File // nil if the lock is not held
	loaded    bool
	err       error // why the disk cannot be used; nil if it can
	files     []file
	memory    []queued // both sorted, the earliest first
	bytes     int64    // total size of the files
	progress  note
	stuck     bool      // the progress cannot be written, so no file may be sent
	unread    error     // the error of a skipped file
	latest    int64     // the latest minute that was added or sent
	runs      []int64   // the last minute of each run without a gap; a gap may mean that the clock has jumped
	sendingAt int64     // the minute that is being sent or was partly sent; it must not be moved or dropped
	refused   time.Time // since when there are minutes that CloudWatch would reject
}

// ready locks and reads the spool, unless that is done. After an error no file may be changed, and the next call tries
// again.
func (s *spool) ready() error {
	s.err = s.claim()
	if s.err == nil && !s.loaded {
		s.err = s.load()
	}
	if s.err == nil && s.stuck {
		s.err = s.note(s.progress.now)
	}
	if s.err != nil {
		s.logError(s.err)
	} else {
		s.expire()
	}
	return s.err
}

// lockedElsewhere reports whether another process publishes from this spool, or may do so.
func (s *spool) lockedElsewhere() bool { return errors.Is(s.err, errLockedElsewhere) }

// memoryOnly reports whether minutes may be sent from memory although the disk cannot be used. That is allowed only if
// no other process can use the spool. If this process lacks a resource, it waits, because the disk is most likely fine.
func (s *spool) memoryOnly() bool {
	return errors.Is(s.err, errNoSpool) || s.lock != nil && !exhausted(s.err)
}

// note writes the progress to disk, and records whether that succeeded.
func (s *spool) note(p progress) error {
	err := s.progress.write(p)
	s.stuck = err != nil
	if err != nil {
		s.err = err
		s.logError(err)
	}
	return err
}

// logError logs an error of the disk once, until the spool works again.
func (s *spool) logError(err error) {
	text := fmt.Sprintf("cannot use the spool %s: %v; up to %d minutes are kept in memory until it works",
		s.dir, err, maxMemory)
	if errors.Is(err, errLockedElsewhere) {
		text = fmt.Sprintf("%v; this process discards its metrics until it gets the spool", err)
	}
	s.failures.log("disk "+kindOf(err), text)
}

// why returns the reason why minutes remain in the spool.
func (s *spool) why() (string, Cause) {
	if err := cmp.Or(s.err, s.unread); err != nil {
		return err.Error(), causeOf(err)
	}
	if !s.refused.IsZero() {
		return "CloudWatch would reject the timestamps of the queued minutes: the clock of this instance says " +
			stamp(s.clock().Unix()), CauseClock
	}
	return "", ""
}

// kindOf returns the text of an error without file names.
func kindOf(err error) string {
	var path *fs.PathError
	if errors.Is(err, errLockedElsewhere) || !errors.As(err, &path) {
		return err.Error()
	}
	return path.Err.Error()
}

// add queues a minute. It also moves minutes from memory to disk, if that is possible by now. It returns false for a
// minute that is not later than the last.
func (s *spool) add(m Minute) bool {
	usable := s.ready() == nil
	if s.lockedElsewhere() {
		return true
	}
	at := m.unix()
	if at <= s.last() || at == s.sendingAt {
		return false
	}
	s.replace(at)
	s.noteLatest(at)
	k := newQueued(m)
	i, _ := slices.BinarySearchFunc(s.memory, k, func(a, b queued) int { return cmp.Compare(a.at, b.at) })
	s.memory = slices.Insert(s.memory, i, k)
	if usable {
		s.moveToDisk()
	}
	for len(s.memory) > maxMemory {
		i := oldestNotSending(s.memory[0].at, s.sendingAt)
		s.drop(Oldest, s.memory[i].data)
		s.memory = slices.Delete(s.memory, i, i+1)
	}
	return true
}

// oldestNotSending returns the index of the oldest minute that is not being sent.
func oldestNotSending(oldest, sendingAt int64) int {
	if oldest == sendingAt {
		return 1
	}
	return 0
}

// moveToDisk moves the minutes in memory to disk.
func (s *spool) moveToDisk() {
	for len(s.memory) > 0 {
		if s.memory[0].at == s.sendingAt {
			return
		}
		if err := s.write(s.memory[0]); err != nil {
			s.logError(err)
			return
		}
		s.memory = slices.Delete(s.memory, 0, 1)
	}
	s.failures.resolved("disk", fmt.Sprintf("the spool %s works again", s.dir))
}

func (s *spool) write(k queued) error {
	if f, there := s.fileOf(k.at); there { // it was made while the clock was ahead
		if err := s.remove(f); err != nil {
			return err
		}
		s.drop(Future, f.data)
	}
	s.shrink(k.room())
	temporary := filepath.Join(s.dir, "next")
	err := writeFile(temporary, k.content)
	if err == nil {
		err = os.Rename(temporary, s.path(k.file))
	}
	if err != nil {
		_ = os.Remove(temporary) // it is not needed, and the disk may be full
		return err
	}
	i, _ := slices.BinarySearchFunc(s.files, k.file, func(a, b file) int { return cmp.Compare(a.at, b.at) })
	s.files, s.bytes = slices.Insert(s.files, i, k.file), s.bytes+k.room()
	return nil
}

func (s *spool) path(f file) string { return filepath.Join(s.dir, f.name()) }

// shrink drops the oldest files until there is enough space.
func (s *spool) shrink(room int64) {
	for len(s.files) > 0 && s.bytes+room > s.max {
		i := oldestNotSending(s.files[0].at, s.sendingAt)
		if i == len(s.files) {
			return
		}
		f := s.files[i]
		if err := s.remove(f); err != nil {
			s.logError(err)
			return
		}
		s.drop(Oldest, f.data)
		s.failures.log("full", fmt.Sprintf("the spool %s is full with %d bytes: the oldest minutes are dropped", s.dir, s.max))
	}
}

// remove deletes a file durably, even if the machine loses power. This is necessary because the progress holds the
// position of one file only, and will be overwritten for the next.
func (s *spool) remove(f file) error {
	if err := os.Remove(s.path(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.forget(f)
	if err := s.lock.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // some file systems do not support it
		return err
	}
	return nil
}

func (s *spool) forget(f file) {
	if i := slices.Index(s.files, f); i >= 0 {
		s.files, s.bytes = slices.Delete(s.files, i, i+1), s.bytes-f.room()
	}
}

// fileOf returns the file of a minute.
func (s *spool) fileOf(at int64) (file, bool) {
	i := slices.IndexFunc(s.files, func(f file) bool { return f.at == at })
	if i < 0 {
		return file{}, false
	}
	return s.files[i], true
}
