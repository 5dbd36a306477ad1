package check

import (
	"context"
	"sync/atomic"
)

// Learned is what one check learns besides its findings, for the checks that declare
// with Use that they need it.
type Learned[T any] struct {
	from  *Kind
	value atomic.Pointer[T]
}

// Learn returns the check c that runs so, and what it learns. It is known when c is
// done; until then, and if c does not run, it is the zero value.
func Learn[T any](c Check, run func(context.Context) ([]Finding, T)) (Check, *Learned[T]) {
	l := &Learned[T]{from: c.Kind}
	c.Run = func(ctx context.Context) []Finding {
		found, value := run(ctx)
		l.value.Store(&value)
		return found
	}
	return c, l
}

// Use declares that c needs what another check learns: c runs after it. The function
// that it returns is for the run of c only. Without a check to learn from it returns
// the zero value.
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
