package ecsagent

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"muster/internal/file/safefile"
)

// Limits for reading one log and its rotated files, in bytes.
const (
	maxLine    = 64 << 10 // kept of each line, from its start
	maxKept    = 2 << 20  // kept of the lines of all files
	maxScanned = 64 << 20 // read from all files; a line of 30 MB is skipped, a 5 GB hole stops the scan
	maxFiles   = 64
	block      = 64 << 10
)

// errRotated means that a file is no longer the one that was listed.
var errRotated = errors.New("the log was rotated while it was being read")

// logFiles opens a log and its rotated files, newest first. Open files stay valid if they are renamed while they are
// read. A file that cannot be opened is reported as an error alongside the others; if no file exists, the error is
// fs.ErrNotExist.
func logFiles(dir, name string) (files []*os.File, err error) {
	for range 3 {
		if files, err = openLogs(dir, name); !errors.Is(err, errRotated) {
			break
		}
	}
	return files, err
}

func openLogs(dir, name string) (files []*os.File, err error) {
	listed, err := rotations(dir, name)
	if err != nil {
		return nil, err
	}
	return openListed(listed)
}

func openListed(listed []rotation) (files []*os.File, err error) {
	var problems []error
	for _, path := range listed[:min(len(listed), maxFiles)] {
		file, err := safefile.OpenIn(filepath.Dir(path.path), filepath.Base(path.path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			problems = append(problems, errRotated)
		case err != nil:
			problems = append(problems, err)
		default:
			if info, err := file.Stat(); err != nil || !os.SameFile(info, path.info) {
				problems = append(problems, errRotated)
			}
			files = append(files, file)
		}
	}
	if err := errors.Join(problems...); errors.Is(err, errRotated) {
		closeAll(files)
		return nil, err
	}
	return files, errors.Join(problems...)
}

func closeAll(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}

// place is the position of a line in a log.
type place struct {
	path   string
	offset int64
}

// budget holds the remaining limits.
type budget struct{ kept, scanned int64 }

// backward yields the lines of a file from last to first, each with its offset and at most its first maxLine bytes.
// Lines end at a line feed or a NUL, because a file that was truncated while open starts with a hole.
func backward(file io.ReaderAt, size int64, left *budget) iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		var line []byte // kept bytes of the current line
		buf := make([]byte, block)
		for end := size; end > 0; {
			start := max(0, end-block)
			part := buf[:end-start]
			if left.scanned -= int64(len(part)); left.scanned < 0 {
				return // skip the rest of the line and everything before it
			}
			if n, err := file.ReadAt(part, start); n < len(part) || err != nil && !errors.Is(err, io.EOF) {
				return
			}
			if len(line) == 0 {
				part = bytes.TrimRight(part, "\x00")
			}
			for at := bytes.LastIndexAny(part, "\n\x00"); at >= 0; at = bytes.LastIndexAny(part, "\n\x00") {
				line = prepend(part[at+1:], line)
				part = part[:at]
				if len(line) > 0 {
					if left.kept -= int64(len(line)); left.kept < 0 || !yield(start+int64(at)+1, line) {
						return
					}
				}
				line = nil
			}
			line = prepend(part, line)
			end = start
		}
		if len(line) > 0 {
			yield(0, line)
		}
	}
}

// prepend returns the joined line, limited to its first maxLine bytes.
func prepend(head, line []byte) []byte {
	return slices.Concat(head, line[:max(0, min(len(line), maxLine-len(head)))])
}

// maxMore limits the continuation lines of a message in the old format.
const maxMore = 20

// entries yields the parsable entries in the files of one log, from last to first.
func entries(files []*os.File, ecsInit bool) iter.Seq2[place, entry] {
	return func(yield func(place, entry) bool) {
		left := budget{maxKept, maxScanned}
		var more []string // continuation lines, in order
		for _, file := range files {
			info, err := file.Stat()
			if err != nil {
				continue
			}
			for at, line := range backward(file, info.Size(), &left) {
				e, ok := parseLine(line)
				if !ok {
					more = append([]string{string(line[:min(len(line), maxText)])}, more[:min(len(more), maxMore)]...)
					continue
				}
				e.init = ecsInit
				if !yield(place{file.Name(), at}, e.with(more)) {
					return
				}
				more = nil
			}
		}
	}
}

// merged yields the entries of both logs, newest first. Within the same second, ecs-init counts as newer, because it
// logs the exit of the agent.
func merged(agent, ecsInit []*os.File) iter.Seq2[place, entry] {
	type step struct {
		place
		entry
		ok bool
	}
	return func(yield func(place, entry) bool) {
		nextAgent, stopAgent := iter.Pull2(entries(agent, false))
		defer stopAgent()
		nextInit, stopInit := iter.Pull2(entries(ecsInit, true))
		defer stopInit()
		advance := func(next func() (place, entry, bool)) (s step) {
			s.place, s.entry, s.ok = next()
			return s
		}
		a, i := advance(nextAgent), advance(nextInit)
		for a.ok || i.ok {
			newest := &a
			if !a.ok || i.ok && !i.time.Before(a.time) {
				newest = &i
			}
			if !yield(newest.place, newest.entry) {
				return
			}
			if newest == &i {
				i = advance(nextInit)
			} else {
				a = advance(nextAgent)
			}
		}
	}
}
