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

// kept is a minute in memory, as it would be on disk: it takes a tenth there.
type kept struct {
	file
	content []byte
}

func newKept(m Minute) kept {
	content := encode(m)
	return kept{file{m.unix(), len(m.Data), int64(len(content))}, content}
}

// spool keeps minutes until they are sent: each in a file of its own, which is
// renamed into place and thus whole; in memory those that the disk does not
// take. Nothing is ever written to a file that has its name.
type spool struct {
	dir   string
	max   int64
	say   *voice
	drop  func(reason Reason, n int)
	clock func() time.Time

	lock     *os.File // nil: not claimed
	loaded   bool
	err      error // why the disk cannot be used; nil: it can
	files    []file
	memory   []kept // both the earliest first
	bytes    int64  // what the files take
	progress note
	stuck    bool      // progress cannot be written, so that no file may be sent
	unread   error     // of a file that was passed over
	latest   int64     // the last minute that was added or sent
	flying   int64     // the minute of which a part was sent, or is: it stays where it is
	refused  time.Time // since when there are minutes that CloudWatch would refuse
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
		s.trouble(s.err)
	} else {
		s.expire()
	}
	return s.err
}

// foreign reports whether another process publishes, or may.
func (s *spool) foreign() bool { return errors.Is(s.err, errForeign) }

// memoryOnly reports whether minutes may be sent from memory though the disk cannot
// be used: only if no other process can have the spool. While this process lacks a
// resource it waits: the disk is most likely well.
func (s *spool) memoryOnly() bool {
	return errors.Is(s.err, errNoSpool) || s.lock != nil && !exhausted(s.err)
}

// load reads what is on disk. It fails as a whole: a listing that lacks a file, or
// minutes without the progress, would lose or repeat data.
func (s *spool) load() error {
	s.progress = note{path: filepath.Join(s.dir, "progress")}
	doubt := s.progress.read()
	if doubt != nil && !errors.Is(doubt, errDamaged) {
		return doubt
	}
	files, err := list(s.dir)
	if err != nil {
		return err
	}
	gone := 0
	for _, f := range s.files {
		if !slices.Contains(files, f) {
			gone += f.data
		}
	}
	if gone > 0 {
		s.drop(Damaged, gone)
		s.say.problem("gone", fmt.Sprintf("minutes were removed from the spool %s by something else", s.dir))
	}
	s.files, s.bytes = files, 0
	for _, f := range files {
		s.bytes += f.room()
	}
	s.loaded = true
	s.latest = max(s.latest, s.progress.now.At, s.latestKept(s.soon()))
	if doubt != nil && len(files) > 0 {
		s.doubted(fmt.Errorf("%s: %w", s.progress.path, doubt))
	}
	s.shrink(0)
	return s.note(s.progress.now)
}

// list is the minutes in a directory, the earliest first.
func list(dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, e := range entries {
		var f file
		if n, _ := fmt.Sscanf(e.Name(), "%d-%d"+suffix, &f.at, &f.data); n != 2 || f.name() != e.Name() || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f.size = info.Size()
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.at, b.at) })
	return files, nil
}

// doubted drops the oldest file: without a progress it is the only one that may have
// been sent, as each is removed before the next one's turn comes.
func (s *spool) doubted(why error) {
	f := s.files[0]
	if err := s.remove(f); err != nil {
		return // the next turn finds it done, and removes it
	}
	s.drop(Ambiguous, f.data)
	s.say.problem("doubt", fmt.Sprintf("the minute %s is dropped, since it is unknown whether it was sent: %v", stamp(f.at), why))
}

// note writes the progress down, and remembers whether that worked.
func (s *spool) note(p progress) error {
	err := s.progress.write(p)
	s.stuck = err != nil
	if err != nil {
		s.err = err
		s.trouble(err)
	}
	return err
}

// trouble logs an error of the disk once, until the spool works again.
func (s *spool) trouble(err error) {
	text := fmt.Sprintf("cannot use the spool %s: %v; up to %d minutes are kept in memory until it works", s.dir, err, maxMemory)
	if errors.Is(err, errForeign) {
		text = fmt.Sprintf("%v; this process discards its metrics until it gets the spool", err)
	}
	s.say.problem("disk "+kindOf(err), text)
}

// why is what keeps minutes in the spool.
func (s *spool) why() (string, Cause) {
	if err := cmp.Or(s.err, s.unread); err != nil {
		return err.Error(), causeOf(err)
	}
	if !s.refused.IsZero() {
		return "CloudWatch would refuse the timestamps of the queued minutes: the clock of this instance says " + stamp(s.clock().Unix()), CauseClock
	}
	return "", ""
}

// kindOf is an error without the names in it.
func kindOf(err error) string {
	var path *fs.PathError
	if errors.Is(err, errForeign) || !errors.As(err, &path) {
		return err.Error()
	}
	return path.Err.Error()
}

// add keeps a minute, and moves what is in memory to the disk if that works by now.
// It reports false for a minute that is not later than the last.
func (s *spool) add(m Minute) bool {
	usable := s.ready() == nil
	if s.foreign() {
		return true
	}
	at := m.unix()
	if at <= s.last() || at == s.flying {
		return false
	}
	s.replace(at)
	s.latest = at
	k := newKept(m)
	i, _ := slices.BinarySearchFunc(s.memory, k, func(a, b kept) int { return cmp.Compare(a.at, b.at) })
	s.memory = slices.Insert(s.memory, i, k)
	if usable {
		s.settle()
	}
	for len(s.memory) > maxMemory {
		i := idle(s.memory[0].at, s.flying)
		s.drop(Oldest, s.memory[i].data)
		s.memory = slices.Delete(s.memory, i, i+1)
	}
	return true
}

// idle is the place of the oldest minute that is not being sent.
func idle(oldest, flying int64) int {
	if oldest == flying {
		return 1
	}
	return 0
}

// settle moves memory to disk.
func (s *spool) settle() {
	for len(s.memory) > 0 {
		if s.memory[0].at == s.flying {
			return
		}
		if err := s.write(s.memory[0]); err != nil {
			s.trouble(err)
			return
		}
		s.memory = slices.Delete(s.memory, 0, 1)
	}
	s.say.over("disk", fmt.Sprintf("the spool %s works again", s.dir))
}

func (s *spool) write(k kept) error {
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
		i := idle(s.files[0].at, s.flying)
		if i == len(s.files) {
			return
		}
		f := s.files[i]
		if err := s.remove(f); err != nil {
			s.trouble(err)
			return
		}
		s.drop(Oldest, f.data)
		s.say.problem("full", fmt.Sprintf("the spool %s is full with %d bytes: the oldest minutes are dropped", s.dir, s.max))
	}
}

// head is the oldest minute that can be sent. Damaged files are set aside on the
// way; one that cannot be read stays, and is tried again.
func (s *spool) head() (m Minute, onDisk, ok bool) {
	last := s.last()
	if s.err == nil {
		m, ok, ends := s.headOnDisk(last)
		if ok || ends {
			return m, true, ok
		}
	} else if !s.memoryOnly() {
		return Minute{}, false, false
	}
	for _, k := range s.memory {
		if s.sendable(k.at, last) {
			m, err := decode(k.content)
			return m, false, err == nil // always: this process wrote it
		}
	}
	return Minute{}, false, false
}

// headOnDisk is the oldest minute on disk that can be sent. It ends the turn if there
// may be one and it cannot be read for now.
func (s *spool) headOnDisk(last int64) (m Minute, ok, ends bool) {
	skipped := 0
	for i := 0; i < len(s.files) && skipped < maxSkipped; {
		f := s.files[i]
		if !s.sendable(f.at, last) {
			i++
			continue
		}
		m, err := s.read(f)
		switch {
		case err == nil:
			return m, true, false
		case errors.Is(err, errDamaged):
			if s.setAside(f, err) != nil {
				return Minute{}, false, true
			}
		case exhausted(err), errors.Is(err, fs.ErrNotExist):
			s.loaded = s.loaded && exhausted(err) // the next turn finds out what else is gone
			s.err = err
			s.trouble(err)
			return Minute{}, false, true
		default:
			s.unread = err
			s.say.problem("file "+kindOf(err), fmt.Sprintf("a minute cannot be read, and is tried again: %v", err))
			skipped++
			i++
		}
	}
	if skipped == 0 && s.unread != nil {
		s.unread = nil
		s.say.over("file", "all minutes of the spool can be read")
	}
	return Minute{}, false, skipped == maxSkipped
}

// read returns errDamaged only if the bytes prove it.
func (s *spool) read(f file) (Minute, error) {
	data, err := readFile(s.path(f), maxFile)
	if err != nil {
		return Minute{}, err
	}
	m, err := decode(data)
	if err == nil && (m.unix() != f.at || len(m.Data) != f.data) {
		err = errDamaged
	}
	return m, err
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

// doneOf is how many data of a minute were handed over.
func (s *spool) doneOf(at int64) int {
	if at == s.progress.now.At {
		return s.progress.now.Done
	}
	return 0
}

// advance notes that the first n data of a minute are handed over. A file is not to
// be sent unless that is on disk; a minute of which the disk knows nothing cannot
// come back.
func (s *spool) advance(at int64, n int, onDisk bool) bool {
	if s.err == nil && s.abandon(at) {
		_ = s.note(progress{at, n})
	}
	if s.err != nil && onDisk {
		return false
	}
	s.latest = max(s.latest, at)
	return true
}

// abandon drops the rest of a minute that was sent in part, before the progress of
// another replaces its own.
func (s *spool) abandon(next int64) bool {
	was := s.progress.now
	f, there := s.fileOf(was.At)
	if was.At == next || was.Done == 0 || !there {
		return true
	}
	if err := s.remove(f); err != nil {
		s.stuck, s.err = true, err
		s.trouble(err)
		return false
	}
	s.drop(Ambiguous, max(0, f.data-was.Done))
	return true
}

// retreat takes back what advance noted.
func (s *spool) retreat(at int64, n int) {
	if s.err == nil {
		_ = s.note(progress{at, n}) // or they count as sent: at most once
	}
}

// done removes a minute that was handed over.
func (s *spool) done(at int64, onDisk bool) {
	if !onDisk {
		s.memory = slices.DeleteFunc(s.memory, func(k kept) bool { return k.at == at })
		return
	}
	f, there := s.fileOf(at)
	if !there {
		return
	}
	if err := s.remove(f); err != nil {
		s.stuck, s.err = true, err // the progress says that it was sent
		s.trouble(err)
	}
}

// setAside renames a damaged file, for a person to inspect. If that fails, the disk
// is in trouble, and not the file.
func (s *spool) setAside(f file, why error) error {
	if err := os.Rename(s.path(f), s.path(f)+asideMark); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.stuck, s.err = true, err
		s.trouble(err)
		return err
	}
	s.say.problem("damaged", fmt.Sprintf("a minute is not sent, and is set aside as *%s: %s: %v", asideMark, s.path(f), why))
	s.drop(Damaged, f.data)
	s.forget(f)
	aside, _ := filepath.Glob(filepath.Join(s.dir, "*"+asideMark)) // by name, and so by age
	for len(aside) > maxAside {
		_ = os.Remove(aside[0])
		aside = aside[1:]
	}
	return nil
}
