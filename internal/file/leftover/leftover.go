// Package leftover removes the temporary files of writers that were killed. It knows
// the names that renameio gives them: .state.json4611686018427387904 beside state.json.
package leftover

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// old is how long no write takes: a younger file may be that of a writer at work.
	old = time.Hour
	// leastDigits keeps what a person may have called .state.json1 or .state.json20260102.
	// A random number of 63 bits has fewer digits once in 90 million times.
	leastDigits, mostDigits = 12, 19
)

// Remove deletes what killed writers of path left beside it: regular files of this
// process' own user with a name of renameio's that were not written to for an hour. It
// is called before path is written, under the writer's lock where it has one. What
// cannot be removed stays: the write that follows reports a directory that is at fault.
func Remove(path string) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !temporary(entry.Name(), base) {
			continue
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() && own(info) && time.Since(info.ModTime()) > old {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}

// temporary reports whether renameio may have given the name (v2, tempfile.go).
func temporary(name, base string) bool {
	digits, is := strings.CutPrefix(name, "."+base)
	return is && len(digits) >= leastDigits && len(digits) <= mostDigits && strings.Trim(digits, "0123456789") == ""
}

func own(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
