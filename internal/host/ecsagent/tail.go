package ecsagent

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"muster/internal/file/safefile"
)

// maxCounted limits the bytes read to determine a line number.
const maxCounted = 16 << 20

// tail is the end of one log file.
type tail struct {
	path  string
	start int64 // offset of data in the file
	data  []byte
}

// readTails reads the last limit bytes of a log, from the newest file to the oldest. An unreadable file is reported as
// an error alongside the data of the others; if no file exists, the error is fs.ErrNotExist.
func readTails(dir, name string, limit int64) (tails []tail, err error) {
	files, err := logFiles(dir, name)
	defer closeAll(files)
	problems := []error{err}
	for _, file := range files {
		if limit <= 0 {
			break
		}
		t, err := readTail(file, limit)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		limit -= int64(len(t.data))
		tails = append(tails, t)
	}
	return tails, errors.Join(problems...)
}

func readTail(file *os.File, limit int64) (tail, error) {
	info, err := file.Stat()
	if err != nil {
		return tail{}, err
	}
	t := tail{path: file.Name(), start: max(0, info.Size()-limit)}
	// Limit the read, because the file may grow faster than it is read.
	t.data, err = io.ReadAll(io.NewSectionReader(file, t.start, limit))
	return t, err
}

// rotation is one file of a log.
type rotation struct {
	path string
	info fs.FileInfo
	rank int // among files of the same time, higher is newer
}

// rotations lists a log and its rotated files, newest first. The agent and ecs-init rotate by hour to
// name.2026-01-02-15, in local time, or by size (the default since agent 1.100) to name.1, name.2, ..., where the
// highest is the newest (seelog/writers_rollingfilewriter.go). Old agents also append the hour to the current file. The
// modification time orders them all.
func rotations(dir, name string) ([]rotation, error) {
	listed, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []rotation
	for _, file := range listed {
		suffix, ok := strings.CutPrefix(file.Name(), name)
		if !ok || suffix != "" && suffix[0] != '.' || strings.HasSuffix(suffix, ".gz") {
			continue
		}
		path := filepath.Join(dir, file.Name())
		if info, err := os.Stat(path); err == nil {
			files = append(files, rotation{path, info, rank(suffix)})
		}
	}
	if len(files) == 0 {
		return nil, &fs.PathError{Op: "open", Path: filepath.Join(dir, name), Err: fs.ErrNotExist}
	}
	slices.SortFunc(files, func(a, b rotation) int {
		return cmp.Or(b.info.ModTime().Compare(a.info.ModTime()), cmp.Compare(b.rank, a.rank), strings.Compare(b.path, a.path))
	})
	return files, nil
}

// rank orders files with the same modification time, such as copies.
func rank(suffix string) int {
	if suffix == "" {
		return int(^uint(0) >> 1)
	}
	n, _ := strconv.Atoi(suffix[1:])
	return n
}

// lineNumber returns the line number, counted from 1. It returns 0 if the line is too far down to count, or no longer
// exists.
func (p place) lineNumber() int {
	if p.offset > maxCounted {
		return 0
	}
	file, err := safefile.OpenIn(filepath.Dir(p.path), filepath.Base(p.path))
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
