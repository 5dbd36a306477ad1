package exitcode

import (
	"errors"
	"fmt"
	"testing"
)

func TestOf(t *testing.T) {
	plain := errors.New("plain")
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"no error is healthy":              {nil, Healthy},
		"an error without a code is 1":     {plain, Failed},
		"a code survives wrapping":         {fmt.Errorf("outer: %w", Wrap(BadConfiguration, plain)), BadConfiguration},
		"the outermost code wins":          {Wrap(Undetermined, Wrap(BadConfiguration, plain)), Undetermined},
		"wrapping no error stays no error": {Wrap(Failed, nil), Healthy},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Of(c.err); got != c.want {
				t.Errorf("Of(%v) = %d, want %d", c.err, got, c.want)
			}
		})
	}
}

func TestWrapKeepsTheCause(t *testing.T) {
	plain := errors.New("plain")
	if err := Wrap(Failed, plain); !errors.Is(err, plain) || err.Error() != "plain" {
		t.Errorf("Wrap changed the error: %v", err)
	}
}
