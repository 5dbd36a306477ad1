// Package leftover removes the temporary files of killed writers. It recognizes the names of renameio:
// .state.json4611686018427387904 next to state.json.
package leftover

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// No write takes this long. A younger file may belong to a running writer.
	old = time.Hour
	// leastDigits protects names that a person may have chosen, such as .state.json1 or .state.json20260102. A random
	// 63-bit number has fewer digits once in 90 million times.
	leastDigits, mostDigits = 12, 19
)

// Remove deletes the leftovers of killed writers of path: regular files of this user, named by renameio, and unmodified
// for an hour. Call it before writing path, under the writer's lock if there is one. It ignores errors, because the
// following write reports a broken directory.
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

// temporary reports whether renameio can have created the name (v2, tempfile.go).
func temporary(name, base string) bool {
	digits, is := strings.CutPrefix(name, "."+base)
	return is && len(digits) >= leastDigits && len(digits) <= mostDigits && strings.Trim(digits, "0123456789") == ""
}

func own(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
