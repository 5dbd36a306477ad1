package fix

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
	for name, c := range map[string]struct {
		fix  Fix
		want string
	}{
		"nothing":                {Fix{}, ""},
		"only a step":            {Do("Replace the instance."), "Replace the instance."},
		"a step and its command": {Do("Restart the agent:", "systemctl restart ecs"), "Restart the agent:\nsystemctl restart ecs"},
		"only commands":          {Do("", "a", "b"), "a\nb"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.fix.String(); got != c.want || c.fix.IsZero() != (c.want == "") {
				t.Errorf("got %q, zero %v", got, c.fix.IsZero())
			}
		})
	}
}

func TestMapReturnsACopy(t *testing.T) {
	was := Do("a:", "b", "c")
	got := was.Map(strings.ToUpper)
	if diff := cmp.Diff(Do("A:", "B", "C"), got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Do("a:", "b", "c"), was); diff != "" {
		t.Errorf("the original changed: %s", diff)
	}
}

func TestErrorHoldsEvidenceAndFix(t *testing.T) {
	plain, to := errors.New("docker hangs"), Do("Restart it:", "systemctl restart docker")
	err := fmt.Errorf("verifying: %w", Because(plain, []string{"no answer in 5s"}, to))
	if !errors.Is(err, plain) || err.Error() != "verifying: docker hangs" {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff(to, Of(err)) + cmp.Diff([]string{"no answer in 5s"}, Why(err)); diff != "" {
		t.Error(diff)
	}
	if Because(nil, []string{"x"}, to) != nil || Wrap(nil, to) != nil || Why(plain) != nil || !Of(plain).IsZero() {
		t.Error("nil became an error, or a plain error got evidence")
	}
}
