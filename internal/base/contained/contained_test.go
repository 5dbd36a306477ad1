package contained_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/base/contained"
)

func TestTheValueIsReturned(t *testing.T) {
	if got, err := contained.Run(t.Context(), time.Minute, func(context.Context) int { return 7 }); got != 7 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

func TestAFunctionThatHonorsItsContextReturnsWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := contained.Run(t.Context(), time.Second, func(ctx context.Context) string {
			<-ctx.Done()
			return "half"
		})
		if got != "half" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestHangingFunctionTimesOut(t *testing.T) {
	for name, c := range map[string]struct{ own, callers, want time.Duration }{
		"by its own timeout":       {time.Second, time.Minute, time.Second},
		"by that of the caller":    {time.Minute, 2 * time.Second, 2 * time.Second},
		"by a caller that is late": {time.Minute, -time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithTimeout(t.Context(), c.callers)
				defer stop()
				freed := make(chan struct{})
				defer close(freed)
				_, err := contained.Run(ctx, c.own, func(context.Context) int { <-freed; return 0 })
				var late contained.Timeout
				if !errors.As(err, &late) || late.After != c.want {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestPanicIsAnErrorWithItsLocation(t *testing.T) {
	_, err := contained.Run(t.Context(), time.Minute, func(context.Context) int { panic("index out of range") })
	var panicked contained.Panic
	if !errors.As(err, &panicked) || err.Error() != "internal error: index out of range" ||
		!strings.Contains(strings.Join(panicked.At, "\n"), "contained_test.go") {
		t.Errorf("got %v at %q", err, panicked.At)
	}
}
