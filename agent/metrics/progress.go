package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// progress is how far publishing has come: the first Done data points of the minute At
// were handed to CloudWatch. The file of that minute is removed before another is begun.
type progress struct {
	At   int64 `json:"at"` // Unix seconds
	Done int   `json:"done"`
}

// note keeps a progress in a file that is always of the same length and is written in
// place, so that a full disk has room for it. A kernel that crashes in the middle leaves
// a wrong checksum, which costs the oldest minute.
type note struct {
	path string
	now  progress
}

// noteLen is the length of the JSON, padded with spaces.
const noteLen = 64

// read returns errDamaged if the checksum is wrong. A file that is missing or empty is no
// progress.
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

// write has the progress on disk when it returns.
func (n *note) write(p progress) error {
	text := fmt.Sprintf(`{"at":%d,"done":%d}`, p.At, p.Done)
	f, err := openRegular(n.path, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(seal(fmt.Appendf(nil, "%-*s\n", noteLen-1, text)), 0)
	if err == nil {
		err = f.Truncate(crcLen + noteLen) // what was there may have been longer
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	n.now = p
	return nil
}

// doneOf is how many data of a minute were handed over.
func (s *spool) doneOf(at int64) int {
	if at == s.progress.now.At {
		return s.progress.now.Done
	}
	return 0
}

// beginSend notes that the first n data of a minute are handed over. A file is not to
// be sent unless that is on disk; a minute of which the disk knows nothing cannot
// come back.
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

// dropPartlySent drops the rest of a minute that was sent in part, before the progress of
// another replaces its own.
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

// undoSend takes back what beginSend noted.
func (s *spool) undoSend(at int64, n int) {
	if s.err == nil {
		_ = s.note(progress{at, n}) // or they count as sent: at most once
	}
}

// ack removes a minute that was handed over.
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
		s.stuck, s.err = true, err // the progress says that it was sent
		s.logError(err)
	}
}
