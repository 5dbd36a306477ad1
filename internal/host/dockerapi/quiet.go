package dockerapi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// eventBuffer is the size in bytes of a buffer that holds a typical event. A longer event is passed on in parts.
const eventBuffer = 32 << 10

var errEndlessEvent = fmt.Errorf("an event has more than %d MiB, the most that muster reads", maxObject>>20)

// execless filters a stream of events, one JSON object per line, and drops the events of exec. Each health probe sends
// three of them. Dropping them here needs no allocation.
type execless struct {
	in   *bufio.Reader
	rest []byte // part of the current line that Read has not returned yet
	long bool   // the next slice continues a line that is passed on
	size int    // bytes of the current line so far
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

// skip discards the rest of a line if more is true. It returns false if the line exceeds maxObject.
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

// isExec checks the first Action. The event's own action comes before its actor, whose labels can have any name (moby
// api/types/events, Message).
func isExec(line []byte) bool {
	_, action, _ := bytes.Cut(line, []byte(`"Action":"`))
	return bytes.HasPrefix(action, []byte("exec_"))
}
