package check

import (
	"context"
	"sync/atomic"
)

// Learned is a value that one check produces in addition to its findings, for checks that declare with Use that they
// need it.
type Learned[T any] struct {
	from  *Kind
	value atomic.Pointer[T]
}

// Learn returns the check c with this run, and the value that run produces. If c does not run, the value is the zero
// value.
func Learn[T any](c Check, run func(context.Context) ([]Finding, T)) (Check, *Learned[T]) {
	l := &Learned[T]{from: c.Kind}
	c.Run = func(ctx context.Context) []Finding {
		found, value := run(ctx)
		l.value.Store(&value)
		return found
	}
	return c, l
}

// Use declares that c needs a value from another check, so that c runs after that check. It returns a function that
// returns the value. Only c's Run may call the function. If from is nil, the value is the zero value.
func Use[T any](c *Check, from *Learned[T]) func() T {
	if from != nil {
		c.After = append(c.After, from.from)
	}
	return func() (value T) {
		if from == nil {
			return value
		}
		if learned := from.value.Load(); learned != nil {
			return *learned
		}
		return value
	}
}
