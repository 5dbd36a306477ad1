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
	"strings"
	"time"
)

// maxTail bounds how much of a log and its rotated predecessors is read, in bytes.
const maxTail = 1 << 20

// maxCounted bounds how much of a file is read to number a line, in bytes.
const maxCounted = 16 << 20

// tail is the end of one log file.
type tail struct {
	path  string
	start int64 // offset of data in the file
	data  []byte
}

// readTails reads the last limit bytes of a log, from the newest file to the
// oldest. The agent rotates by size to name.1, name.2, ... where the highest is
// the newest, ecs-init by hour to name.2026-01-02-15, in local time
// (seelog/writers_rollingfilewriter.go). The time of the last write orders both. A file
// that cannot be read is an error beside what the others gave; none at all is
// fs.ErrNotExist.
func readTails(dir, name string, limit int64) (tails []tail, err error) {
	paths, err := rotations(dir, name)
	var problems []error
	for _, path := range paths {
		if limit <= 0 {
			break
		}
		t, err := readTail(path, limit)
		if errors.Is(err, fs.ErrNotExist) {
			continue // rotated away since the listing
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		limit -= int64(len(t.data))
		tails = append(tails, t)
	}
	return tails, errors.Join(append(problems, err)...)
}

// rotations lists a log and its predecessors, the newest first.
func rotations(dir, name string) ([]string, error) {
	listed, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	modified := make(map[string]time.Time)
	for _, file := range listed {
		path := filepath.Join(dir, file.Name())
		if file.Name() != name && !strings.HasPrefix(file.Name(), name+".") {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			paths, modified[path] = append(paths, path), info.ModTime()
		}
	}
	if len(paths) == 0 {
		return nil, &fs.PathError{Op: "open", Path: filepath.Join(dir, name), Err: fs.ErrNotExist}
	}
	slices.SortStableFunc(paths, func(a, b string) int { return modified[b].Compare(modified[a]) })
	return paths, nil
}

func readTail(path string, limit int64) (tail, error) {
	file, err := openRegular(path)
	if err != nil {
		return tail{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return tail{}, err
	}
	t := tail{path: path, start: max(0, info.Size()-limit)}
	// The section ends where the file did: it may grow faster than it is read.
	t.data, err = io.ReadAll(io.NewSectionReader(file, t.start, limit))
	return t, err
}

// backward yields the lines from the last to the first, each with its offset in
// data. Where the file goes on before data, the first line is only its end.
func (t tail) backward() iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for end := len(t.data); end > 0; {
			start := bytes.LastIndexByte(t.data[:end-1], '\n') + 1
			if (start > 0 || t.start == 0) && !yield(start, t.data[start:end]) {
				return
			}
			end = start
		}
	}
}

// place is a line in a log.
type place struct {
	path   string
	offset int64
}

// entries yields what can be parsed of tails, from the last line to the first.
func entries(tails []tail) iter.Seq2[place, entry] {
	return func(yield func(place, entry) bool) {
		for _, t := range tails {
			for at, line := range t.backward() {
				e, ok := parseLine(line)
				if ok && !yield(place{t.path, t.start + int64(at)}, e) {
					return
				}
			}
		}
	}
}

// lineNumber counts from 1; 0 stands for too far down to count, or no longer there.
func (p place) lineNumber() int {
	if p.offset > maxCounted {
		return 0
	}
	file, err := openRegular(p.path)
	if err != nil {
		return 0
	}
	defer file.Close()
	head, err := io.ReadAll(io.NewSectionReader(file, 0, p.offset))
	if err != nil || int64(len(head)) < p.offset {
		return 0
	}
	return bytes.Count(head, []byte("\n")) + 1
}
