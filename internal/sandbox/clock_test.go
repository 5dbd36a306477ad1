package sandbox

import (
	"testing"
	"time"
)

func TestManualClockFiresOnlyDueTimers(t *testing.T) {
	m := NewManualClock()
	begin := m.Now()
	now, soon, late := m.After(0), m.After(time.Second), m.After(time.Minute)
	<-now
	if m.Waiting() != 2 {
		t.Fatalf("%d timers wait, want 2", m.Waiting())
	}
	m.Advance(time.Second)
	if at := <-soon; at.Sub(begin) != time.Second {
		t.Errorf("fired at %s", at.Sub(begin))
	}
	select {
	case <-late:
		t.Error("fired a minute early")
	default:
	}
	m.Advance(time.Hour)
	<-late
}
