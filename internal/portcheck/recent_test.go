package portcheck

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/report/ports"
)

// A wait looks each few seconds: the fleet is asked for and dialled once a minute.
func TestTheLooksOfAWaitShareTheLookAtThePorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var recent Recent
		asked, bad := 0, errors.New("denied")
		look := func(want int, err error) {
			t.Helper()
			check := recent.Keep(func(context.Context) (*ports.Report, error) {
				if asked++; err != nil {
					return nil, err
				}
				return &ports.Report{At: time.Now()}, nil
			})
			if r, got := check(t.Context()); asked != want || !errors.Is(got, err) || err == nil && r == nil {
				t.Errorf("asked %d times, want %d: %v", asked, want, got)
			}
		}
		look(1, bad) // a failure is no report
		look(2, nil)
		<-time.After(recentAge - time.Second)
		look(2, nil)
		<-time.After(time.Second)
		look(3, nil)
	})
}
