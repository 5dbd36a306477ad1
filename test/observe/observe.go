// Package observe is how tests, and the demo, watch something that runs: what it
// has said so far, and whether something has come about.
package observe

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Journal is what a process or a logger has said so far. It may be read while it
// is written; the zero value is empty.
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

// Count is how often it was said.
func (j *Journal) Count(text string) int { return strings.Count(j.String(), text) }

// Logger logs into it, for people.
func (j *Journal) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// Within asks every so often until it is so, and says whether it came to be in
// the most time there is. A test gives so much that only what never comes is late.
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
