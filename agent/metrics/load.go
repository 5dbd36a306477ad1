package metrics

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// load reads the spool from disk. It fails as a whole, because an incomplete list of files, or files without the
// progress, would lose or repeat data.
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
		s.failures.log("gone", fmt.Sprintf("minutes were removed from the spool %s by something else", s.dir))
	}
	s.files, s.bytes = files, 0
	for _, f := range files {
		s.bytes += f.room()
	}
	s.loaded = true
	s.noteLatest(s.latestQueued(s.latestPlausible()))
	s.noteLatest(s.progress.now.At)
	if doubt != nil && len(files) > 0 {
		s.dropDoubtful(fmt.Errorf("%s: %w", s.progress.path, doubt))
	}
	s.shrink(0)
	return s.note(s.progress.now)
}

// list returns the minutes in a directory, the earliest first.
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

// dropDoubtful drops the oldest file. If the progress is unknown, only the oldest file may have been sent, because each
// file is removed before the next one is sent.
func (s *spool) dropDoubtful(why error) {
	f := s.files[0]
	if err := s.remove(f); err != nil {
		return // the file remains marked as sent, and the next turn removes it
	}
	s.drop(Ambiguous, f.data)
	s.failures.log("doubt", fmt.Sprintf("the minute %s is dropped, since it is unknown whether it was sent: %v", stamp(f.at), why))
}
