package ecsagent

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/internal/redact"
)

// LogEnd returns the end of a log in dir, such as ecs-agent.log, including rotated files. It returns whole lines, oldest
// first, at most limit bytes. cut reports whether older lines were left out. Unreadable files are reported as an error
// alongside the data.
func LogEnd(dir, name string, limit int64) (data []byte, cut bool, err error) {
	tails, err := readTails(dir, name, limit)
	if err != nil {
		err = fmt.Errorf("reading %s in %s: %w", name, dir, err)
	}
	for _, t := range slices.Backward(tails) {
		part := t.data
		if t.start > 0 { // skip the first line, which is incomplete
			_, part, _ = bytes.Cut(part, []byte("\n"))
			cut = true
		}
		if len(data) > 0 && data[len(data)-1] != '\n' {
			data = append(data, '\n')
		}
		data = append(data, part...)
	}
	return data, cut, err
}

// Event is a log line for the timeline of a boot.
type Event struct {
	At   time.Time
	Text string
	Bad  bool
}

// Events selects registrations, exits and failures of the instance from the log called name. A repeated message is
// listed once, with its count.
func Events(name string, log []byte) []Event {
	var events []Event
	times := map[string]int{}
	for line := range bytes.Lines(log) {
		e, ok := parseLine(line)
		if !ok {
			continue
		}
		e.init = strings.HasPrefix(name, "ecs-init")
		_, exited := e.exitCode()
		c, bad := e.failure()
		if bad {
			_, bad = e.meaning(c)
		}
		if !e.provesRegistration() && !exited && !bad {
			continue
		}
		e.msg, e.err = redact.Log(e.msg), redact.Log(e.err) // redact before the two are joined
		text := truncate(e.text())
		if times[text]++; times[text] == 1 {
			events = append(events, Event{e.time, text, bad || exited})
		}
	}
	for i, e := range events {
		if n := times[e.Text]; n > 1 {
			events[i].Text = fmt.Sprintf("%s (%d times)", strings.TrimSuffix(e.Text, "."), n)
		}
	}
	return events
}
