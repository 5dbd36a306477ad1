package survey_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/fleet/inventory"
	"muster/internal/fleet/survey"
	"muster/internal/sandbox"
)

// The budget is issue 16's: 12 + 3 per 100 instances + 1 per 10 services + 2 per 100 tasks.
func TestTheCallsStayInTheirBudget(t *testing.T) {
	for name, c := range map[string]struct {
		size
		noTasks bool
		most    int
	}{
		"empty":                          {size: size{}, most: 12},
		"one of each":                    {size: size{1, 1, 1, 1, 1}, most: 12 + 3 + 1 + 2},
		"twelve instances":               {size: size{12, 2, 24, 2, 2}, most: 12 + 3 + 1 + 2},
		"a full page":                    {size: size{100, 10, 100, 1, 1}, most: 12 + 3 + 1 + 2},
		"one more than a page":           {size: size{101, 11, 101, 1, 1}, most: 12 + 6 + 2 + 4},
		"many groups":                    {size: size{10, 10, 10, 30, 20}, most: 12 + 3 + 1 + 2},
		"many services, few instances":   {size: size{10, 200, 200, 3, 20}, most: 12 + 3 + 20 + 4},
		"no instances":                   {size: size{0, 150, 300, 0, 2}, most: 12 + 15 + 6},
		"without tasks":                  {size: size{100, 20, 400, 2, 1}, noTasks: true, most: 12 + 3 + 2},
		"1,000 instances, 4,000 tasks":   {size: size{1000, 200, 4000, 3, 3}, most: 142},
		"the issue's limit of 150 of it": {size: size{1000, 200, 4000, 30, 20}, most: 149},
	} {
		t.Run(name, func(t *testing.T) {
			box := world(t, c.size)
			synctest.Test(t, func(t *testing.T) {
				inv, err := survey.Read(t.Context(), client(box, 0), survey.Options{Cluster: "prod", NoTasks: c.noTasks})
				if err != nil {
					t.Fatal(err)
				}
				if sent := box.CallCount("", ""); inv.Calls != sent || sent > c.most {
					t.Errorf("%d calls, %d counted, want at most %d", sent, inv.Calls, c.most)
				}
				if len(inv.Instances) != c.instances || len(inv.Services) != c.services || len(inv.Groups) != c.groups {
					t.Errorf("%d instances, %d services, %d groups", len(inv.Instances), len(inv.Services), len(inv.Groups))
				}
				tasks := 0
				for _, n := range inv.Tasks {
					tasks += n.Tasks
				}
				if !c.noTasks && tasks != c.tasks {
					t.Errorf("%d tasks", tasks)
				}
				if _, missing := inv.Missing(inventory.PartTasks); missing != c.noTasks || len(inv.Unread) > 1 {
					t.Errorf("unread: %+v", inv.Unread)
				}
			})
		})
	}
}

// 10,000 instances are twice ECS's quota of 5,000 in a cluster. A call takes 100 ms here,
// and the buckets are AWS's: a burst of 100, then 20 a second. Live heap is what a garbage
// collection leaves; the process has up to twice that (GOGC). docs/guides/fleet.md has the
// numbers.
func TestAHugeClusterIsReadWithinAMinuteAndInLittleMemory(t *testing.T) {
	for _, n := range []size{{12, 2, 24, 1, 1}, {1000, 200, 4000, 3, 3}, {10_000, 1000, 30_000, 3, 3}} {
		if testing.Short() && n.instances > 1000 {
			continue // make race: minutes with the detector, and nothing that the smaller ones do not run
		}
		box := world(t, n)
		before := live()
		synctest.Test(t, func(t *testing.T) {
			began, peak, next := time.Now(), int64(0), 100
			inv, err := survey.Read(
				t.Context(),
				client(box, 100*time.Millisecond),
				survey.Options{Cluster: "prod", Progress: func(p survey.Progress) {
					if p.Calls >= next {
						next += 100
						peak = max(peak, live())
					}
				}},
			)
			if err != nil {
				t.Fatal(err)
			}
			took, throttled := time.Since(began), refused(box)
			peak = max(peak, live())
			t.Logf("%d instances: %d calls in %s, %d throttled, %d MB live", n.instances, inv.Calls, took, throttled, (peak-before)>>20)
			if took >= time.Minute || throttled > 0 || len(inv.Unread) > 0 {
				t.Errorf("%d calls in %s, %d throttled, unread %v", inv.Calls, took, throttled, inv.Unread)
			}
			if limit := survey.Budget(n.instances, n.services, n.tasks); inv.Calls > limit {
				t.Errorf("%d calls, want at most %d", inv.Calls, limit)
			}
			if used := (peak - before) >> 20; used > 75 {
				t.Errorf("%d MB live, want at most half of 150", used)
			}
		})
	}
}

func live() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func refused(box *sandbox.Sandbox) (n int) {
	for _, c := range box.Calls() {
		if c.Code != "" {
			n++
		}
	}
	return n
}
