package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// oldest returns the oldest minute that can be sent. It sets damaged files aside. It skips a file that cannot be read,
// which is retried later.
func (s *spool) oldest() (m Minute, onDisk, ok bool) {
	last := s.last()
	if s.err == nil {
		m, ok, ends := s.oldestOnDisk(last)
		if ok || ends {
			return m, true, ok
		}
	} else if !s.memoryOnly() {
		return Minute{}, false, false
	}
	for _, k := range s.memory {
		if s.sendable(k.at, last) {
			m, err := decode(k.content)
			return m, false, err == nil // always nil, because this process wrote it
		}
	}
	return Minute{}, false, false
}

// oldestOnDisk returns the oldest minute on disk that can be sent. If there may be one that cannot be read now, ends is
// true, and this turn must end.
func (s *spool) oldestOnDisk(last int64) (m Minute, ok, ends bool) {
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
			if s.setDamagedAside(f, err) != nil {
				return Minute{}, false, true
			}
		case exhausted(err), errors.Is(err, fs.ErrNotExist):
			s.loaded = s.loaded && exhausted(err) // if a file is gone, the next turn reads the whole directory again
			s.err = err
			s.logError(err)
			return Minute{}, false, true
		default:
			s.unread = err
			s.failures.log("file "+kindOf(err), fmt.Sprintf("a minute cannot be read; retrying: %v", err))
			skipped++
			i++
		}
	}
	if skipped == 0 && s.unread != nil {
		s.unread = nil
		s.failures.resolved("file", "all minutes of the spool can be read")
	}
	return Minute{}, false, skipped == maxSkipped
}

// read reads a minute. It returns errDamaged only if the bytes prove damage.
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

// setDamagedAside renames a damaged file, so that a user can inspect it. If that fails, the disk has a problem, not the
// file.
func (s *spool) setDamagedAside(f file, why error) error {
	if err := os.Rename(s.path(f), s.path(f)+asideMark); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.stuck, s.err = true, err
		s.logError(err)
		return err
	}
	s.failures.log("damaged", fmt.Sprintf("a minute is not sent, and is set aside as *%s: %s: %v", asideMark, s.path(f), why))
	s.drop(Damaged, f.data)
	s.forget(f)
	aside, _ := filepath.Glob(filepath.Join(s.dir, "*"+asideMark)) // sorted by name, and therefore by age
	for len(aside) > maxAside {
		_ = os.Remove(aside[0])
		aside = aside[1:]
	}
	return nil
}
