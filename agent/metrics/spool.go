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
	// maxAside is how many damaged files are left for inspection.
	maxAside = 8
	// maxFile bounds what is read back; the minute of 5,000 containers is far
	// below.
	maxFile = 16 << 20
	// maxMemory is how many minutes are kept in memory when the disk takes none.
	maxMemory = 60
	// maxSkipped is how many files that cannot be read are passed over in a turn.
	maxSkipped = 8
	// block is what a file takes on disk at least.
	block = 4096
)

// file is a minute on disk. Its name says what it holds.
type file struct {
	at   int64 // Unix seconds
	data int
	size int64
}

func (f file) name() string { return fmt.Sprintf("%d-%d%s", f.at, f.data, suffix) }

// room is what the file takes of the spool, in whole blocks.
func (f file) room() int64 { return (f.size + block - 1) / block * block }

// queued is a minute in memory, as it would be on disk: it takes a tenth there.
type queued struct {
	file
	content []byte
}

func newQueued(m Minute) queued {
	content := encode(m)
	return queued{file{m.unix(), len(m.Data), int64(len(content))}, content}
}

// spool keeps minutes until they are sent: each in a file of its own, which is
// renamed into place and thus whole; in memory those that the disk does not
// take. Nothing is ever written to a file that has its name.
type spool struct {
	dir      string
	max      int64
	failures *failureLog
	drop     func(reason Reason, n int)
	clock    func() time.Time

	lock      *os.File // nil: not claimed
	loaded    bool
	err       error // why the disk cannot be used; nil: it can
	files     []file
	memory    []queued // both the earliest first
	bytes     int64    // what the files take
	progress  note
	stuck     bool      // progress cannot be written, so that no file may be sent
	unread    error     // of a file that was passed over
	latest    int64     // the last minute that was added or sent
	runs      []int64   // the last minutes of runs without a gap: where the clock may have jumped, and latest
	sendingAt int64     // the minute of which a part was sent, or is: it stays where it is
	refused   time.Time // since when there are minutes that CloudWatch would refuse
}

// ready claims and reads the spool, unless that was done. An error means that no
// file may be touched; the next call tries again.
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

// lockedElsewhere reports whether another process publishes, or may.
func (s *spool) lockedElsewhere() bool { return errors.Is(s.err, errLockedElsewhere) }

// memoryOnly reports whether minutes may be sent from memory though the disk cannot
// be used: only if no other process can have the spool. While this process lacks a
// resource it waits: the disk is most likely well.
func (s *spool) memoryOnly() bool {
	return errors.Is(s.err, errNoSpool) || s.lock != nil && !exhausted(s.err)
}

// note writes the progress down, and remembers whether that worked.
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

// why is what keeps minutes in the spool.
func (s *spool) why() (string, Cause) {
	if err := cmp.Or(s.err, s.unread); err != nil {
		return err.Error(), causeOf(err)
	}
	if !s.refused.IsZero() {
		return "CloudWatch would refuse the timestamps of the queued minutes: the clock of this instance says " +
			stamp(s.clock().Unix()), CauseClock
	}
	return "", ""
}

// kindOf is an error without the names in it.
func kindOf(err error) string {
	var path *fs.PathError
	if errors.Is(err, errLockedElsewhere) || !errors.As(err, &path) {
		return err.Error()
	}
	return path.Err.Error()
}

// add keeps a minute, and moves what is in memory to the disk if that works by now.
// It reports false for a minute that is not later than the last.
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

// oldestNotSending is the place of the oldest minute that is not being sent.
func oldestNotSending(oldest, sendingAt int64) int {
	if oldest == sendingAt {
		return 1
	}
	return 0
}

// moveToDisk moves memory to disk.
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
	if f, there := s.fileOf(k.at); there { // made while the clock was ahead
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
		_ = os.Remove(temporary) // of no use, and the disk may be full
		return err
	}
	i, _ := slices.BinarySearchFunc(s.files, k.file, func(a, b file) int { return cmp.Compare(a.at, b.at) })
	s.files, s.bytes = slices.Insert(s.files, i, k.file), s.bytes+k.room()
	return nil
}

func (s *spool) path(f file) string { return filepath.Join(s.dir, f.name()) }

// shrink drops the oldest files until there is room.
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

// remove deletes a file, so that it stays deleted if the machine loses its power: the
// progress holds for one file, and is about to be that of another.
func (s *spool) remove(f file) error {
	if err := os.Remove(s.path(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.forget(f)
	if err := s.lock.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // not every file system can
		return err
	}
	return nil
}

func (s *spool) forget(f file) {
	if i := slices.Index(s.files, f); i >= 0 {
		s.files, s.bytes = slices.Delete(s.files, i, i+1), s.bytes-f.room()
	}
}

// fileOf is the file of a minute.
func (s *spool) fileOf(at int64) (file, bool) {
	i := slices.IndexFunc(s.files, func(f file) bool { return f.at == at })
	if i < 0 {
		return file{}, false
	}
	return s.files[i], true
}
