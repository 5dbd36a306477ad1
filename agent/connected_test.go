package agent

import (
	"context"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/registration"
	"muster/internal/awsapi"
)

// alarm is an alarm of the stack that triggers when its metric falls below a threshold.
type alarm struct {
	periods, datapoints int
	threshold           float64
}

// stackAlarm reads the alarm for a metric from the stack's template.
func stackAlarm(t *testing.T, metric string) alarm {
	t.Helper()
	text, err := os.ReadFile("../packaging/cloudformation/stack.yaml")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?s)MetricName: ` + metric + `\n.*?AlarmActions`).FindString(string(text))
	number := func(name string) int {
		found := regexp.MustCompile(name + `: (\d+)`).FindStringSubmatch(block)
		if found == nil {
			return 0
		}
		n, _ := strconv.Atoi(found[1])
		return n
	}
	a := alarm{number("EvaluationPeriods"), number("DatapointsToAlarm"), float64(number("Threshold"))}
	if a.datapoints == 0 {
		a.datapoints = a.periods
	}
	for _, want := range []string{"Statistic: Minimum", "Period: 60", "LessThanThreshold", "TreatMissingData: notBreaching"} {
		if !regexp.MustCompile(want).MatchString(block) {
			t.Fatalf("the alarm on %s has no %s", metric, want)
		}
	}
	return a
}

// firstAt returns when the alarm triggers for a metric with one value per minute from begin on. The data points of a
// minute are sent up to 45 s after its end.
func (a alarm) firstAt(begin time.Time, values []float64) (time.Time, bool) {
	for i := range values {
		n := 0
		for _, value := range values[max(0, i+1-a.periods) : i+1] {
			if value < a.threshold {
				n++
			}
		}
		if n >= a.datapoints {
			return begin.Add(time.Duration(i+1)*time.Minute + 45*time.Second), true
		}
	}
	return time.Time{}, false
}

// interrupted is an ECS API that reports the agent as disconnected during some periods.
type interrupted struct {
	size int
	off  [][2]time.Time
}

func (i interrupted) RegisteredInstances(context.Context, string) (int, error) { return i.size, nil }

func (i interrupted) ContainerInstance(context.Context, string, string) (awsapi.ContainerInstance, error) {
	now, connected := time.Now(), true
	for _, off := range i.off {
		if !now.Before(off[0]) && now.Before(off[1]) {
			connected = false
		}
	}
	return awsapi.ContainerInstance{Status: "ACTIVE", Connected: connected}, nil
}

// connectedIn returns the metric Connected for the given number of minutes, from the next full minute on. It calls the
// Watch each minute and when it is due, as the main loop does.
func connectedIn(t *testing.T, ecsAPI interrupted, minutes int) (begin time.Time, values []float64) {
	t.Helper()
	s := newStage(t)
	watch := registration.Watch{Agent: (*ecs)(s), ECS: ecsAPI, Expected: "prod", Log: s.Log, Changed: func(registration.Change) {}}
	begin = time.Now().Truncate(time.Minute).Add(time.Minute)
	<-time.After(time.Until(begin))
	for i := range minutes {
		var seen registration.Snapshot
		for end := begin.Add(time.Duration(i+1) * time.Minute); time.Now().Before(end); {
			seen = watch.Update(context.Background())
			next := end
			if due := watch.Due(); due.After(time.Now()) && due.Before(end) {
				next = due
			}
			<-time.After(time.Until(next))
		}
		value, known := minute{registration: seen}.connected()
		if !known {
			value = 1 // no data point does not breach the alarm
		}
		values = append(values, value)
	}
	return begin, values
}

func TestTheAlarmSeesALastingDisconnectWithinSevenMinutes(t *testing.T) {
	a := stackAlarm(t, "Connected")
	for _, size := range []int{1, 10, 300} {
		for seed := range uint64(50) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, uint64(size)))
				<-time.After(time.Duration(random.Int64N(int64(time.Minute))))
				off := time.Now().Add(20*time.Minute + time.Duration(random.Int64N(int64(5*time.Minute))))
				begin, values := connectedIn(t, interrupted{size, [][2]time.Time{{off, off.Add(24 * time.Hour)}}}, 40)
				at, on := a.firstAt(begin, values)
				if took := at.Sub(off); !on || took < 0 || took > 7*time.Minute {
					t.Errorf("%d instances, seed %d: alarm %v after %s", size, seed, on, took)
				}
			})
		}
	}
}

// ECS closes a connection after 30 to 35 minutes. AWS calls interruptions of a few minutes, several times an hour,
// normal.
func TestTheAlarmIsSilentThroughADayOfPlannedReconnectsAndInterruptions(t *testing.T) {
	a := stackAlarm(t, "Connected")
	for _, size := range []int{1, 300, 1_000, 10_000} {
		for seed := range uint64(10) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, uint64(size)))
				between := func(low, high time.Duration) time.Duration {
					return low + time.Duration(random.Int64N(int64(high-low)))
				}
				const day = 24 * time.Hour
				var off [][2]time.Time
				for at := time.Now(); at.Before(time.Now().Add(day)); {
					lasts, holds := between(time.Second, time.Minute), between(30*time.Minute, 35*time.Minute)
					if early := between(5*time.Minute, 40*time.Minute); early < holds { // there was an interruption before that
						lasts, holds = between(time.Second, 4*time.Minute), early
					}
					at = at.Add(holds)
					off = append(off, [2]time.Time{at, at.Add(lasts)})
					at = at.Add(lasts)
				}
				begin, values := connectedIn(t, interrupted{size, off}, int(day/time.Minute))
				if at, on := a.firstAt(begin, values); on {
					t.Errorf("%d instances, seed %d: alarm after %s", size, seed, at.Sub(begin))
				}
			})
		}
	}
}

// ECS has no result of its own check for a while after the start, and not in all regions.
func TestImpairedIsPublishedWhenECSHasAResult(t *testing.T) {
	at := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		word  registration.ECSStatus
		value float64
		known bool
	}{
		"OK": {registration.ECSStatus{At: at, Connected: true, Health: "OK"}, 0, true},
		"IMPAIRED": {registration.ECSStatus{At: at, Connected: true, Health: "IMPAIRED", Impaired: 1, ImpairedSince: at}, 1,
			true},
		"INSUFFICIENT_DATA":        {registration.ECSStatus{At: at, Connected: true, Health: "INSUFFICIENT_DATA"}, 0, false},
		"no result":                {registration.ECSStatus{At: at, Connected: true}, 0, false},
		"ECS could not be queried": {registration.ECSStatus{At: at, Health: "OK", Trouble: "denied"}, 0, false},
		"ECS was never queried":    {registration.ECSStatus{}, 0, false},
		"of another instance":      {registration.ECSStatus{Foreign: "i-2"}, 0, false},
		"impaired, then unknown":   {registration.ECSStatus{At: at, Health: "IMPAIRED", Impaired: 2, Trouble: "throttled"}, 0, false},
	} {
		m := minute{registration: registration.Snapshot{ECS: c.word}}
		if value, known := m.impaired(); known != c.known || known && value != c.value {
			t.Errorf("%s: %v, %v", name, value, known)
		}
	}
}

func TestAnImpairedInstanceIsReportedOnceAndWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.shared.changed = make(chan struct{}, 1)
		bad := registration.ECSStatus{At: time.Now(), Health: "IMPAIRED", HealthDetail: "CONTAINER_RUNTIME is IMPAIRED", Impaired: 1}
		s.reportImpaired(false, bad)
		s.reportImpaired(true, bad)
		s.reportImpaired(true, registration.ECSStatus{At: time.Now(), Trouble: "denied"})
		s.reportImpaired(true, registration.ECSStatus{At: time.Now(), Health: "OK"})
		journal := s.journal.String()
		for _, text := range []string{"ECS reports this instance as impaired: CONTAINER_RUNTIME is IMPAIRED",
			"ECS no longer reports this instance as impaired"} {
			if strings.Count(journal, text) != 1 {
				t.Errorf("%q is not once in %s", text, journal)
			}
		}
	})
}
