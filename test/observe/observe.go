// Package observe lets tests and the demo watch a running process: its output so far, and whether a condition has become
// true.
package observe

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Journal collects the output of a process or a logger. It can be read while the process writes. The zero Journal is
// empty and ready to use.
type Journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *Journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *Journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// Count returns the number of occurrences of text.
func (j *Journal) Count(text string) int { return strings.Count(j.String(), text) }

// Logger returns a text logger that writes to the Journal.
func (j *Journal) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// Within calls is repeatedly until it returns true, and reports whether it did so within the limit. Tests pass a limit
// that only a real failure exceeds.
func Within(most, every time.Duration, is func() bool) bool {
	tick, late := time.NewTicker(every), time.After(most)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			return false
		}
	}
	return true
}
