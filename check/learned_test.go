package check_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"muster/check"
)

// learning returns a check that produces the value 7 after one second.
func learning() (check.Check, *check.Learned[int]) {
	return check.Learn(check.Check{Kind: kind("source")}, func(context.Context) ([]check.Finding, int) {
		<-time.After(time.Second)
		return nil, 7
	})
}

func TestWhatACheckLearnsReachesTheOneThatUsesIt(t *testing.T) {
	for name, c := range map[string]struct {
		selected bool // the check that produces the value
		want     int
	}{
		"after it has run":      {true, 7},
		"zero if it is not run": {false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, learned := learning()
				got := -1
				user := check.Check{Kind: kind("user")}
				value := check.Use(&user, learned)
				user.Run = func(context.Context) []check.Finding { got = value(); return nil }
				checks := []check.Check{user}
				if c.selected {
					checks = []check.Check{source, user}
				}
				if check.Run(t.Context(), checks); got != c.want {
					t.Errorf("got %d, want %d", got, c.want)
				}
			})
		})
	}
}

func TestWithoutACheckToLearnFromTheValueIsZero(t *testing.T) {
	var user check.Check
	if got := check.Use[string](&user, nil)(); got != "" || user.After != nil {
		t.Errorf("%q after %v", got, user.After)
	}
}
