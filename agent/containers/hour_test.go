package containers_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/host/dockerapi"
)

// The test simulates an hour in which one of 500 containers fails and is replaced each second.
func TestAnHourOfChurnKeepsNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &truthful{newDocker(running(500)...), map[string]time.Time{}}
		w := watch(t, d, byFamily{}, time.Minute, true)
		after(5 * time.Second)
		ended, before := 0, uint64(0)
		for second := range 3600 {
			d.replace(second)
			after(time.Second)
			if second == 900 {
				w.said, before = nil, heap()
			}
		}
		w.said = nil
		for _, c := range w.Totals().Series {
			ended += c.Exits
		}
		if grown := int64(heap()) - int64(before); grown > 1<<20 {
			t.Errorf("grew by %d bytes", grown)
		}
		if is := w.Snapshot(); is.Running != 500 || ended != 3600 {
			t.Errorf("%d run, %d ended", is.Running, ended)
		}
	})
}

// truthful is an Engine that finds no removed container, and returns the real start times of the others.
type truthful struct {
	*docker
	began map[string]time.Time
}

func (d *truthful) Inspect(ctx context.Context, id string) (dockerapi.Inspection, bool, error) {
	is, _, err := d.docker.Inspect(ctx, id)
	d.mu.Lock()
	defer d.mu.Unlock()
	if began, ok := d.began[id]; ok {
		is.StartedAt = began
	}
	return is, slices.ContainsFunc(d.list, func(s dockerapi.Summary) bool { return s.ID == id }), err
}

// replace ends the oldest container and starts a new one.
func (d *truthful) replace(n int) {
	d.mu.Lock()
	old := d.list[0]
	fresh := running(1)[0]
	fresh.ID = fmt.Sprintf("new%d", n)
	fresh.Name = fresh.ID
	fresh.Labels["com.amazonaws.ecs.task-arn"] = "arn:" + fresh.ID
	d.list = append(d.list[1:len(d.list):len(d.list)], fresh)
	now := time.Now()
	d.began[fresh.ID] = now
	delete(d.began, old.ID)
	d.mu.Unlock()
	d.stream <- dockerapi.Event{Action: "die", ID: old.ID, ExitCode: 1, Time: now}
	d.stream <- dockerapi.Event{Action: "destroy", ID: old.ID, Time: now}
	d.stream <- dockerapi.Event{Action: "start", ID: fresh.ID, Labels: fresh.Labels, Time: now}
}
