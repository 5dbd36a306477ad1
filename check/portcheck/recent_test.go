package portcheck

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/report/ports"
)

// --wait runs the checks every few seconds, but evaluates and dials the fleet only once a minute.
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
		look(1, bad) // an error is not kept
		look(2, nil)
		<-time.After(recentAge - time.Second)
		look(2, nil)
		<-time.After(time.Second)
		look(3, nil)
	})
}
