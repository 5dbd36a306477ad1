package ecsagent

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/internal/redact"
)

// LogEnd returns the end of a log in dir, such as ecs-agent.log, and of its
// predecessors: the oldest line first, whole lines only, and at most limit bytes
// of them. cut: there is more before it. What could not be read is an error
// beside the rest.
func LogEnd(dir, name string, limit int64) (data []byte, cut bool, err error) {
	tails, err := readTails(dir, name, limit)
	if err != nil {
		err = fmt.Errorf("reading %s in %s: %w", name, dir, err)
	}
	for _, t := range slices.Backward(tails) {
		part := t.data
		if t.start > 0 { // its first line is only an end
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

// Event is a line of a log by which the story of a boot is told.
type Event struct {
	At   time.Time
	Text string
	Bad  bool
}

// Events picks from the log called name the registrations, the exits and what
// went wrong with the instance. A repeated message is listed once, with its count.
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
		c, bad := e.complaint()
		if bad {
			_, bad = e.meaning(c)
		}
		if !e.registers() && !exited && !bad {
			continue
		}
		e.msg, e.err = redact.Log(e.msg), redact.Log(e.err) // before they are joined
		text := shown(e.text())
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
