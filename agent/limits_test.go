package agent

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"muster/agent/containers"
	"muster/agent/limits"
	"muster/agent/metrics"
	"muster/agent/registration"
)

// shop is 20 containers of five services, each with a health check, and an instance of which all is known.
func shop(t *testing.T, variables ...string) *stage {
	t.Helper()
	s := newStage(t, variables...)
	read := limits.Reading{At: time.Now(), Services: map[containers.Key]limits.Shares{},
		Disk: percent(70), HostMemory: percent(50), Pressure: percent(1), ExceededKnown: true}
	read.Worst = limits.Shares{Memory: percent(95), Throttled: percent(30)}
	s.totals.Docker = true
	for i := range 5 {
		key := containers.Key{Cluster: "prod", Service: fmt.Sprint("service-", i)}
		read.Services[key] = limits.Shares{Memory: percent(float64(90 + i)), Throttled: percent(10)}
		for _, name := range []string{"app", "sidecar"} {
			key.Container = name
			s.totals.Series = append(s.totals.Series, containers.Counts{Key: key, Gauges: containers.Gauges{Running: 2, Healthy: 2}})
		}
	}
	s.shared.setLimits(read)
	s.shared.setPorts(Ports{Known: true})
	s.loop.registration = registration.Snapshot{State: registration.Registered,
		ECS: registration.ECSStatus{At: time.Now(), Connected: true, Status: "ACTIVE", Health: "OK"}}
	s.loop.orphans.known = true
	return s
}

func percent(p float64) limits.Share { return limits.Share{Percent: p, Known: true} }

// minuteOf builds a minute and returns its series, sorted.
func (s *stage) minuteOf() (all []string) {
	s.loop.builder = metrics.NewBuilder(s.Log)
	s.settleCluster()
	s.build(s.minute(s.totals, s.usage()))
	for _, d := range s.loop.builder.Minute(time.Now()).Data {
		all = append(all, series(d))
	}
	slices.Sort(all)
	return all
}

// CloudWatch bills each series: issue 15 sets the limit.
func TestTwentyContainersOfFiveServicesTakeSixtySeries(t *testing.T) {
	for name, c := range map[string]struct {
		variables []string
		want      int
	}{
		"by default":               {nil, 60},
		"the agent's own cost":     {[]string{"METRICS", "agent"}, 63},
		"the limits of services":   {[]string{"METRICS", "limits"}, 70},
		"each container name, too": {[]string{"DIMENSIONS", "container"}, 60 + 10*7},
	} {
		t.Run(name, func(t *testing.T) {
			got := shop(t, c.variables...).minuteOf()
			if len(slices.Compact(slices.Clone(got))) != len(got) || len(got) != c.want {
				t.Errorf("%d series, want %d: %v", len(got), c.want, got)
			}
		})
	}
}

func TestAllowancesArePublishedInTheMinuteInWhichTheyWereExceeded(t *testing.T) {
	s := shop(t)
	for _, c := range []struct {
		before, now uint64
		known       bool
		want        float64 // 0: not published
	}{{5, 5, true, 0}, {5, 9, true, 4}, {9, 3, true, 0}, {0, 7, false, 0}} {
		s.loop.limits = limits.Reading{Exceeded: c.before, ExceededKnown: c.known}
		s.shared.setLimits(limits.Reading{At: time.Now(), Exceeded: c.now, ExceededKnown: true})
		m := s.minute(s.totals, s.usage())
		if got, is := m.exceeded(); got != c.want || is != (c.want != 0) {
			t.Errorf("from %d to %d: %v, %v", c.before, c.now, got, is)
		}
	}
}

func TestAnOldReadingIsUnknown(t *testing.T) {
	s := shop(t)
	s.shared.setLimits(limits.Reading{At: time.Now().Add(-2 * time.Minute), Disk: percent(99)})
	if got := few(s.minuteOf(), "DiskUsed"); len(got) != 0 {
		t.Errorf("published %v", got)
	}
}
