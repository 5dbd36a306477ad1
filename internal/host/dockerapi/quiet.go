package dockerapi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// eventBuffer holds one event as it is sent, in bytes; a longer one is passed on
// in parts.
const eventBuffer = 32 << 10

var errEndlessEvent = fmt.Errorf("an event has more than %d MiB, the most that muster reads", maxObject>>20)

// execless is a stream of events, a JSON object a line, without those of exec.
// Each health probe is three of them; dropped here they cost no allocation.
type execless struct {
	in   *bufio.Reader
	rest []byte // of the line that is being read
	long bool   // the next slice goes on with a line that passed
	size int    // of that line so far
}

func withoutExecs(stream io.Reader) io.Reader {
	return &execless{in: bufio.NewReaderSize(stream, eventBuffer)}
}

// Read implements io.Reader.
func (x *execless) Read(p []byte) (int, error) {
	for len(x.rest) == 0 {
		line, err := x.in.ReadSlice('\n')
		part := errors.Is(err, bufio.ErrBufferFull)
		if x.long || !isExec(line) {
			if !x.long {
				x.size = 0
			}
			if x.size += len(line); x.size > maxObject {
				return 0, errEndlessEvent
			}
			x.rest, x.long = line, part
		} else if !x.skip(part) {
			return 0, errEndlessEvent
		}
		if err != nil && !part && len(x.rest) == 0 {
			return 0, err
		}
	}
	n := copy(p, x.rest)
	x.rest = x.rest[n:]
	return n, nil
}

// skip drops what is left of a line, if there is more of it. It reports whether the
// line has an end within the bound.
func (x *execless) skip(more bool) bool {
	for size := eventBuffer; more; {
		part, err := x.in.ReadSlice('\n')
		if size += len(part); size > maxObject {
			return false
		}
		more = errors.Is(err, bufio.ErrBufferFull)
	}
	return true
}

// isExec looks at the first Action: the event's own stands before its actor, whose
// labels may have any name (moby api/types/events, Message).
func isExec(line []byte) bool {
	_, action, _ := bytes.Cut(line, []byte(`"Action":"`))
	return bytes.HasPrefix(action, []byte("exec_"))
}
