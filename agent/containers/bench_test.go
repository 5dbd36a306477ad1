package containers

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"muster/internal/host/dockerapi"
)

// crowd returns a machine with n healthy containers.
func crowd(tb testing.TB, n int) (*machine, time.Time) {
	tb.Helper()
	m, now := newMachine(), time.Now()
	list := make([]dockerapi.Summary, n)
	for i := range list {
		list[i] = listed(fmt.Sprintf("%064d", i), "running", "healthy")
	}
	m.answer(now, func(m *machine, now time.Time) { m.reconcile(now, list) })
	m.advance(now.Add(settle))
	for _, s := range list {
		m.answered(time.Now(), "arn:t-"+s.ID, TaskInfo{Service: "web"})
	}
	m.asks, m.lookups = nil, nil
	return m, now.Add(settle)
}

// probe turns a container unhealthy and healthy again.
func probe(m *machine, now time.Time) {
	id := fmt.Sprintf("%064d", 7)
	for i, h := range []string{"unhealthy", "healthy"} {
		m.event(now, dockerapi.Event{Action: dockerapi.ActionHealth, ID: id, Health: h, Time: now.Add(time.Duration(i))})
	}
	m.advance(now.Add(settle))
	m.pop()
	m.pop()
}

func BenchmarkEvent(b *testing.B) {
	for _, n := range []int{500, 5000} {
		b.Run(fmt.Sprint(n, " containers"), func(b *testing.B) {
			m, now := crowd(b, n)
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Millisecond)
				probe(m, now)
			}
		})
	}
}

func BenchmarkTotals(b *testing.B) {
	m, _ := crowd(b, 500)
	b.ReportAllocs()
	for b.Loop() {
		m.totals()
	}
}

// BenchmarkMemory reports the heap growth per container, in bytes.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{500, 5000} {
		b.Run(fmt.Sprint(n, " containers"), func(b *testing.B) {
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				m, _ := crowd(b, n)
				runtime.GC()
				runtime.ReadMemStats(&after)
				runtime.KeepAlive(m)
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/container")
		})
	}
}

// A relevant event may cost only a few allocations, regardless of the number of containers.
func TestEventsCostFewAllocations(t *testing.T) {
	m, now := crowd(t, 5000)
	if allocs := testing.AllocsPerRun(1000, func() { now = now.Add(time.Millisecond); probe(m, now) }); allocs > 12 {
		t.Errorf("%v allocations for two events", allocs)
	}
}
