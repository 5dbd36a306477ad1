package metrics

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"slices"
)

// progress is how far publishing has come: the first Done data of the minute At were
// handed to CloudWatch. The file of that minute is removed before another is begun.
type progress struct {
	At   int64 // Unix seconds
	Done int
}

// note keeps a progress in a file of two slots, which are written in turn and in
// place: whatever is interrupted, the other slot is whole, and a disk that is
// full has room. (A file that is renamed into place would need some, and without a
// progress no minute may be sent.) A slot is a serial number, the progress and their
// checksum.
type note struct {
	path   string
	serial uint32
	now    progress
}

const (
	slotLen = 4 + 8 + 4 + crcLen
	maxNote = 1 << 16 // what is longer was not written here
)

// read returns errDamaged if no slot is whole. A file that is not there, or in
// which nothing was written yet, is no progress.
func (n *note) read() error {
	data, err := readFile(n.path, maxNote)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	found := false
	for ; len(data) >= slotLen; data = data[slotLen:] {
		sum := slotLen - crcLen
		serial := binary.LittleEndian.Uint32(data)
		if checksum(data[:sum]) != binary.LittleEndian.Uint32(data[sum:]) || found && serial < n.serial {
			continue
		}
		found, n.serial = true, serial
		n.now = progress{int64(binary.LittleEndian.Uint64(data[4:])), int(binary.LittleEndian.Uint32(data[12:]))}
	}
	if !found {
		return errDamaged
	}
	return nil
}

// write has the progress on disk when it returns.
func (n *note) write(p progress) error {
	serial := n.serial + 1
	slot := binary.LittleEndian.AppendUint32(nil, serial)
	slot = binary.LittleEndian.AppendUint64(slot, uint64(p.At))
	slot = binary.LittleEndian.AppendUint32(slot, uint32(p.Done))
	slot = binary.LittleEndian.AppendUint32(slot, checksum(slot))
	f, err := openRegular(n.path, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(slot, int64(serial%2)*slotLen)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	n.serial, n.now = serial, p
	return nil
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
	s.reach(at)
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
