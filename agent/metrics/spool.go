package metrics

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
)

const (
	suffix    = ".minute"
	asideMark = ".damaged"
	// maxAside is how many damaged files are left for whoever wants to look.
	maxAside = 8
	// maxFile bounds what is read back; the minute of 5,000 containers is far
	// below.
	maxFile = 16 << 20
	// maxMemory is how many minutes are kept in memory when the disk takes none.
	maxMemory = 60
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

// kept is a minute in memory, as it would be on disk: it takes a tenth there.
type kept struct {
	file
	content []byte
}

func newKept(m Minute) kept {
	content := encode(m)
	return kept{file{m.unix(), len(m.Data), int64(len(content))}, content}
}

// room is what the file takes of the spool, in whole blocks.
func (f file) room() int64 { return (f.size + block - 1) / block * block }

// spool keeps minutes until they are sent: each in a file of its own, which is
// renamed into place and thus whole; in memory those that the disk does not
// take. Nothing is ever written to a file that has its name.
type spool struct {
	dir      string
	max      int64
	say      *voice
	drop     func(reason Reason, n int)
	files    []file // oldest first
	memory   []kept // oldest first, later than the files
	bytes    int64  // what the files take
	progress note
	stuck    bool  // progress cannot be written, so that no file may be sent
	latest   int64 // the last minute that was handed over
	flying   int64 // the minute of which a part was sent, or is: it stays where it is
}

// open reads what an earlier run has left.
func (s *spool) open() {
	s.progress.path = filepath.Join(s.dir, "progress")
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		s.trouble(err)
		return
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		s.trouble(err)
	}
	for _, e := range entries {
		var f file
		if n, _ := fmt.Sscanf(e.Name(), "%d-%d"+suffix, &f.at, &f.data); n != 2 || f.name() != e.Name() {
			continue
		}
		if info, err := e.Info(); err == nil {
			f.size = info.Size()
			s.files = append(s.files, f)
			s.bytes += f.room()
		}
	}
	slices.SortFunc(s.files, func(a, b file) int { return cmp.Compare(a.at, b.at) })
	s.resume()
	s.shrink(0)
}

// resume reads how far the earlier run came. If that cannot be known, the oldest
// file is the only one that may have been sent: the others are removed before
// the next one's turn comes.
func (s *spool) resume() {
	err := s.progress.read()
	if err != nil && len(s.files) > 0 {
		s.setAside(fmt.Errorf("%s: %w", s.progress.path, err))
	}
	s.latest = s.progress.now.At
	_ = s.note(s.progress.now) // a failure is remembered
}

// note writes the progress down, and remembers whether that worked.
func (s *spool) note(p progress) error {
	err := s.progress.write(p)
	if s.stuck = err != nil; s.stuck {
		s.trouble(err)
	}
	return err
}

func (s *spool) trouble(err error) {
	s.say.problem("disk", fmt.Sprintf("the spool %s does not take what is to be sent (%v): up to %d minutes are kept in memory until it does", s.dir, err, maxMemory))
}

// last is the latest minute that is known: what is not later is not taken again.
func (s *spool) last() int64 {
	last := s.latest
	if n := len(s.files); n > 0 {
		last = max(last, s.files[n-1].at)
	}
	if n := len(s.memory); n > 0 {
		last = max(last, s.memory[n-1].at)
	}
	return last
}

// add keeps a minute, and what of memory the disk takes by now.
func (s *spool) add(m Minute) {
	s.memory = append(s.memory, newKept(m))
	_ = os.MkdirAll(s.dir, 0o700) // whoever took it away may have mended the disk
	if s.memory[0].at != s.flying && (!s.stuck || s.note(s.progress.now) == nil) {
		s.settle()
	}
	for len(s.memory) > maxMemory {
		i := s.idle(s.memory[0].at)
		s.drop(Oldest, s.memory[i].data)
		s.memory = slices.Delete(s.memory, i, i+1)
	}
}

// idle is the place of the oldest minute that is not being sent, given the
// oldest.
func (s *spool) idle(oldest int64) int {
	if oldest == s.flying {
		return 1
	}
	return 0
}

// settle moves memory to disk.
func (s *spool) settle() {
	for len(s.memory) > 0 {
		if err := s.write(s.memory[0]); err != nil {
			s.trouble(err)
			return
		}
		s.memory = slices.Delete(s.memory, 0, 1)
	}
	s.say.over("disk", fmt.Sprintf("the spool %s takes minutes again", s.dir))
}

func (s *spool) write(k kept) error {
	s.shrink(k.room())
	temporary := filepath.Join(s.dir, "next")
	err := os.WriteFile(temporary, k.content, 0o600)
	if err == nil {
		err = os.Rename(temporary, s.path(k.file))
	}
	if err != nil {
		_ = os.Remove(temporary) // of no use, and the disk may be full
		return err
	}
	s.files, s.bytes = append(s.files, k.file), s.bytes+k.room()
	return nil
}

func (s *spool) path(f file) string { return filepath.Join(s.dir, f.name()) }

// shrink drops the oldest files until there is room.
func (s *spool) shrink(room int64) {
	for len(s.files) > 0 && s.bytes+room > s.max {
		i := s.idle(s.files[0].at)
		if i == len(s.files) {
			return
		}
		f := s.files[i]
		if err := s.remove(i); err != nil {
			s.trouble(err)
			return
		}
		s.drop(Oldest, f.data)
		s.say.problem("full", fmt.Sprintf("the spool %s is full with %d bytes: the oldest minutes are dropped", s.dir, s.max))
	}
}

// head is the oldest minute. Damaged files are set aside on the way.
func (s *spool) head() (m Minute, onDisk, ok bool) {
	for len(s.files) > 0 && !s.stuck {
		m, err := s.read(s.files[0])
		if err == nil {
			return m, true, true
		}
		s.setAside(fmt.Errorf("%s: %w", s.path(s.files[0]), err))
	}
	if len(s.memory) > 0 {
		m, err := decode(s.memory[0].content)
		return m, false, err == nil // always: nobody else has it
	}
	return Minute{}, false, false
}

func (s *spool) read(f file) (Minute, error) {
	if f.size > maxFile {
		return Minute{}, fmt.Errorf("it has %d bytes", f.size)
	}
	data, err := os.ReadFile(s.path(f))
	if err != nil {
		return Minute{}, err
	}
	m, err := decode(data)
	if err == nil && (m.unix() != f.at || len(m.Data) != f.data) {
		err = errDamaged
	}
	return m, err
}

// remove forgets a file, once it is gone from the disk.
func (s *spool) remove(i int) error {
	f := s.files[i]
	if err := os.Remove(s.path(f)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	s.files, s.bytes = slices.Delete(s.files, i, i+1), s.bytes-f.room()
	return nil
}

// doneOf is how many data of a minute were handed over.
func (s *spool) doneOf(at int64, onDisk bool) int {
	switch now := s.progress.now; {
	case onDisk && at < now.At:
		return math.MaxInt
	case at == now.At:
		return now.Done
	}
	return 0
}

// advance notes that the first n data of a minute are handed over. A file is
// not to be sent unless that is on disk; a minute of which the disk knows
// nothing cannot come back.
func (s *spool) advance(at int64, n int, onDisk bool) bool {
	if !s.stuck {
		if err := s.note(progress{at, n}); err != nil && onDisk {
			return false
		}
	}
	s.latest = max(s.latest, at)
	return true
}

// retreat takes back what advance noted.
func (s *spool) retreat(at int64, n int) {
	if !s.stuck {
		_ = s.note(progress{at, n}) // or they count as sent: at most once
	}
}

// done forgets the minute of head.
func (s *spool) done(onDisk bool) {
	if !onDisk {
		s.memory = slices.Delete(s.memory, 0, 1)
	} else if err := s.remove(0); err != nil {
		s.stuck = true // the note says that it was sent
		s.trouble(err)
	}
}

// setAside renames the oldest file, for a person to look at. If that fails, it is
// the disk that is in trouble, and not the file.
func (s *spool) setAside(why error) {
	f := s.files[0]
	if err := os.Rename(s.path(f), s.path(f)+asideMark); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.stuck = true
		s.trouble(err)
		return
	}
	s.say.problem("damaged", fmt.Sprintf("a minute is not sent, and is set aside as *%s: %v", asideMark, why))
	s.drop(Damaged, f.data)
	s.files, s.bytes = slices.Delete(s.files, 0, 1), s.bytes-f.room()
	aside, _ := filepath.Glob(filepath.Join(s.dir, "*"+asideMark)) // by name, and so by age
	for len(aside) > maxAside {
		_ = os.Remove(aside[0])
		aside = aside[1:]
	}
}
