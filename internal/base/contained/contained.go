// Package contained runs a function so that it can neither block nor end the program: a
// check, or the collection of one part of a bundle. What the function returns is not
// interpreted here.
package contained

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// grace is how long a function that honors its context may take to return what it has,
// once the context has ended.
const grace = 100 * time.Millisecond

// Timeout is the error of a function that did not return. It is left behind.
type Timeout struct{ After time.Duration }

func (t Timeout) Error() string {
	return fmt.Sprintf("timed out after %s", t.After.Round(time.Millisecond))
}

// Panic is the error of a function that panicked.
type Panic struct {
	Value any
	At    []string // the places in the source, the innermost first
}

func (p Panic) Error() string { return fmt.Sprintf("internal error: %v", p.Value) }

// Run runs f in a goroutine of its own, with this timeout or what is left of that of ctx.
// The error is a Timeout or a Panic, never one of f's own.
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

// places are the lines of a stack that name a source file, without the runtime's.
func places(stack []byte) []string {
	var at []string
	for line := range strings.Lines(string(stack)) {
		if line = strings.TrimSpace(line); strings.Contains(line, ".go:") && !strings.Contains(line, "/runtime/") {
			at = append(at, line)
		}
	}
	return at[:min(len(at), 6)]
}
