package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// progress is the position of the publisher: the first Done data points of the minute At were sent. The file of a
// minute is removed before the next minute is started.
type progress struct {
	At   int64 `json:"at"` // Unix seconds
	Done int   `json:"done"`
}

// note stores a progress in a file. The file has a fixed length and is overwritten in place, so that it also works on a
// full disk. If the kernel crashes during a write, the checksum is wrong, and the oldest minute is dropped.
type note struct {
	path string
	now  progress
}

// noteLen is the length of the JSON, padded with spaces.
const noteLen = 64

// read reads the file. It returns errDamaged if the checksum is wrong. A missing or empty file means no progress.
func (n *note) read() error {
	data, err := readFile(n.path, crcLen+noteLen)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := unseal(data)
	if err != nil {
		return err
	}
	if json.Unmarshal(text, &n.now) != nil {
		return errDamaged
	}
	return nil
}

// write writes the progress and returns when it is on disk.
func (n *note) write(p progress) error {
	text := fmt.Sprintf(`{"at":%d,"done":%d}`, p.At, p.Done)
	f, err := openRegular(n.path, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(seal(fmt.Appendf(nil, "%-*s\n", noteLen-1, text)), 0)
	if err == nil {
		err = f.Truncate(crcLen + noteLen) // the old content may have been longer
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	n.now = p
	return nil
}

// doneOf returns how many data points of a minute were sent.
func (s *spool) doneOf(at int64) int {
	if at == s.progress.now.At {
		return s.progress.now.Done
	}
	return 0
}

// beginSend records, before a request, that the first n data points of a minute are sent. It returns false if that
// cannot be recorded on disk for a minute on disk, which must then not be sent. A minute that is only in memory cannot
// be sent again after a restart.
func (s *spool) beginSend(at int64, n int, onDisk bool) bool {
	if s.err == nil && s.dropPartlySent(at) {
		_ = s.note(progress{at, n})
	}
	if s.err != nil && onDisk {
		return false
	}
	s.noteLatest(at)
	return true
}

// dropPartlySent drops the rest of a partly sent minute, before the progress of another minute overwrites its own.
func (s *spool) dropPartlySent(next int64) bool {
	was := s.progress.now
	f, there := s.fileOf(was.At)
	if was.At == next || was.Done == 0 || !there {
		return true
	}
	if err := s.remove(f); err != nil {
		s.stuck, s.err = true, err
		s.logError(err)
		return false
	}
	s.drop(Ambiguous, max(0, f.data-was.Done))
	return true
}

// undoSend undoes beginSend.
func (s *spool) undoSend(at int64, n int) {
	if s.err == nil {
		_ = s.note(progress{at, n}) // on failure they count as sent, because each is sent at most once
	}
}

// ack removes a minute that was sent.
func (s *spool) ack(at int64, onDisk bool) {
	if !onDisk {
		s.memory = slices.DeleteFunc(s.memory, func(k queued) bool { return k.at == at })
		return
	}
	f, there := s.fileOf(at)
	if !there {
		return
	}
	if err := s.remove(f); err != nil {
		s.stuck, s.err = true, err // the progress still says that it was sent
		s.logError(err)
	}
}
