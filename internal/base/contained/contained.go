// Package contained runs a function, such as a check or a bundle collector, so that it can neither block nor crash the
// program. It does not interpret the function's result.
package contained

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// grace is the time that a function has to return its result after its context has ended.
const grace = 100 * time.Millisecond

// Timeout is the error for a function that did not return in time. Its goroutine keeps running.
type Timeout struct{ After time.Duration }

func (t Timeout) Error() string {
	return fmt.Sprintf("timed out after %s", t.After.Round(time.Millisecond))
}

// Panic is the error for a function that panicked.
type Panic struct {
	Value any
	At    []string // locations in the source, innermost first
}

func (p Panic) Error() string { return fmt.Sprintf("internal error: %v", p.Value) }

// Run runs f in a new goroutine, with the given timeout or the time left in ctx, whichever is shorter. The error is
// always a Timeout or a Panic.
func Run[T any](ctx context.Context, timeout time.Duration, f func(context.Context) T) (T, error) {
	if deadline, bounded := ctx.Deadline(); bounded {
		timeout = min(timeout, max(0, time.Until(deadline)))
	}
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := recovered(ctx, f)
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
	}
	last := time.NewTimer(grace)
	defer last.Stop()
	select {
	case o := <-done:
		return o.value, o.err
	case <-last.C:
		var none T
		return none, Timeout{timeout}
	}
}

func recovered[T any](ctx context.Context, f func(context.Context) T) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Panic{p, places(debug.Stack())}
		}
	}()
	return f(ctx), nil
}

// places returns the lines of a stack trace that name a source file, without those in package runtime.
func places(stack []byte) []string {
	var at []string
	for line := range strings.Lines(string(stack)) {
		if line = strings.TrimSpace(line); strings.Contains(line, ".go:") && !strings.Contains(line, "/runtime/") {
			at = append(at, line)
		}
	}
	return at[:min(len(at), 6)]
}
