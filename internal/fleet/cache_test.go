package fleet_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/fleet"
)

func TestTheCacheAsksOnceInATTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		var fail error
		c := fleet.NewCache(time.Minute, func(context.Context) (fleet.Fleet, error) {
			asked++
			return fleet.Fleet{Calls: asked}, fail
		})
		get := func(want int, wantErr error) {
			t.Helper()
			f, err := c.Get(t.Context())
			if f.Calls != want || !errors.Is(err, wantErr) {
				t.Errorf("got fleet %d and error %v, want %d and %v", f.Calls, err, want, wantErr)
			}
		}
		get(1, nil)
		get(1, nil)
		<-time.After(time.Minute)
		denied := errors.New("denied")
		fail = denied
		get(2, denied)
		fail = nil
		get(2, denied) // a failure is kept as long
		<-time.After(time.Minute)
		fail = context.Canceled
		get(3, context.Canceled) // but who gave up says nothing about the fleet
		fail = nil
		get(4, nil)
	})
}
