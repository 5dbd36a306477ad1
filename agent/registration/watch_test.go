package registration_test

import (
	"bytes"
	stdcmp "cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/agent/registration"
	"muster/internal/awsapi"
	"muster/internal/host/ecsagent"
	"muster/internal/term"
)

// world is an ECS agent and an ECS API whose responses depend on the minute since the start. With a nil ecs, ECS always
// reports a connection.
type world struct {
	begin time.Time
	local func(minute int) (ecsagent.Metadata, error)
	ecs   func(minute int) (awsapi.ContainerInstance, error)
	asked []time.Duration
	size  int // number of instances in the cluster; 0 means 10,000
	// sizeErr, if set, is the error of the request for that number.
	sizeErr error
}

func (w *world) RegisteredInstances(context.Context, string) (int, error) {
	return stdcmp.Or(w.size, 10_000), w.sizeErr
}

func (w *world) minute() int { return int(time.Since(w.begin) / time.Minute) }

func (w *world) Metadata(context.Context) (ecsagent.Metadata, error) { return w.local(w.minute()) }

func (w *world) ContainerInstance(context.Context, string, string) (awsapi.ContainerInstance, error) {
	w.asked = append(w.asked, time.Since(w.begin))
	if w.ecs == nil {
		return awsapi.ContainerInstance{Status: "ACTIVE", Connected: true}, nil
	}
	return w.ecs(w.minute())
}

// live calls Update each minute for the given number of minutes, and returns the changes and the journal.
func live(w *world, minutes int, expected string, hurry time.Duration) (changes []string, journal string) {
	var out bytes.Buffer
	w.begin = time.Now()
	watch := registration.Watch{Agent: w, ECS: w, Expected: expected, MaxInterval: hurry, Log: slog.New(term.NewHandler(&out, true)),
		Changed: func(c registration.Change) {
			changes = append(changes, fmt.Sprintf("%s -> %s: %.40s", c.Was, c.Is, c.Why))
		}}
	for range minutes {
		watch.Update(context.Background())
		for end := time.Now().Add(time.Minute); ; watch.Update(context.Background()) { // as the agent does
			due := watch.Due()
			if !due.Before(end) || !due.After(time.Now()) {
				<-time.After(time.Until(end))
				break
			}
			<-time.After(time.Until(due))
		}
	}
	return changes, out.String()
}

var (
	in      = ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: "arn:1"}
	byARN   = ecsagent.Metadata{Cluster: "arn:aws:ecs:eu-west-1:123456789012:cluster/prod", ContainerInstanceARN: "arn:1"}
	other   = ecsagent.Metadata{Cluster: "default", ContainerInstanceARN: "arn:2"}
	errDown = errors.New("nothing listens")
	denied  = &awsapi.Error{
		Action: "ecs:DescribeContainerInstances",
		Kind:   awsapi.Denied,
		Code:   "AccessDeniedException",
		Err:    errors.New("no"),
	}
)

func always(m ecsagent.Metadata) func(int) (ecsagent.Metadata, error) {
	return func(int) (ecsagent.Metadata, error) { return m, nil }
}

func away(from, to int) func(int) (ecsagent.Metadata, error) {
	return func(m int) (ecsagent.Metadata, error) {
		if m >= from && m < to {
			return ecsagent.Metadata{}, errDown
		}
		return in, nil
	}
}

func TestAChangeIsToldOnce(t *testing.T) {
	off := func(from, to int) func(int) (awsapi.ContainerInstance, error) {
		return func(m int) (awsapi.ContainerInstance, error) {
			return awsapi.ContainerInstance{Status: "ACTIVE", Connected: m < from || m >= to}, nil
		}
	}
	const registered = "unknown -> registered: arn:1"
	for name, c := range map[string]struct {
		expected string
		world    world
		want     []string
	}{
		"registered all the time":           {"prod", world{local: always(in)}, []string{registered}},
		"the cluster as an ARN is the same": {"prod", world{local: always(byARN)}, []string{registered}},
		"an absence of four minutes is none": {"prod", world{local: away(10, 14)},
			[]string{registered}},
		"an absence of twenty minutes is lost, then regained": {"prod", world{local: away(10, 30)},
			[]string{registered, "registered -> lost: nothing listens", "lost -> registered: arn:1"}},
		"never registered": {"prod", world{local: always(ecsagent.Metadata{})},
			[]string{"unknown -> lost: the ECS agent has no container instance "}},
		"another cluster is reported at once": {"prod", world{local: always(other)},
			[]string{"unknown -> in another cluster: the ECS agent is in cluster default, not"}},
		"any cluster will do when none is expected": {"", world{local: always(other)}, []string{"unknown -> registered: arn:2"}},
		"ECS hears nothing for hours": {"prod", world{local: always(in), ecs: off(60, 200)},
			[]string{registered, "registered -> disconnected: the ECS agent is not connected to ECS: c", "disconnected -> registered: arn:1"}},
		"ECS heard nothing for a moment": {"prod", world{local: always(in), ecs: off(60, 64)}, []string{registered}},
		"deregistered in ECS alone": {"prod", world{local: always(in), ecs: func(int) (awsapi.ContainerInstance, error) {
			return awsapi.ContainerInstance{}, awsapi.ErrNoSuchInstance
		}}, []string{registered, "registered -> lost: ECS has deregistered arn:1: restart the "}},
		"what may not be asked is no loss": {"prod", world{local: always(in), ecs: func(int) (awsapi.ContainerInstance, error) {
			return awsapi.ContainerInstance{}, denied
		}}, []string{registered}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, _ := live(&c.world, 300, c.expected, 0)
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestADeniedQuestionIsSaidOnceAndAskedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{local: always(in), ecs: func(m int) (awsapi.ContainerInstance, error) {
			if m < 24*60 {
				return awsapi.ContainerInstance{}, denied
			}
			return awsapi.ContainerInstance{Status: "ACTIVE", Connected: true}, nil
		}}
		_, journal := live(&w, 30*60, "prod", 0)
		if strings.Count(journal, "ecs:DescribeContainerInstances is not allowed") != 1 || strings.Count(journal, "asked again") != 1 {
			t.Errorf("the journal says %q", journal)
		}
		if n := len(w.asked); n > 50 {
			t.Errorf("asked %d times", n)
		}
	})
}

// The figures come from docs/reference/metrics.md: the instances of a cluster share 20 requests a second.
func TestAFleetAsksWithinItsBudget(t *testing.T) {
	for size, want := range map[int]float64{10: 0.17, 300: 5, 1_000: 5, 6_000: 5, 10_000: 8.3} {
		synctest.Test(t, func(t *testing.T) {
			var asked, first int
			const instances, hours = 100, 10
			for range instances {
				w := world{local: always(in), size: size}
				live(&w, hours*60, "prod", 0)
				asked += len(w.asked)
				if w.asked[0] < 5*time.Minute {
					first++
				}
			}
			perSecond := float64(asked) / instances / (hours * 3600) * float64(size)
			if perSecond < want*0.7 || perSecond > want*1.1 {
				t.Errorf("%d instances ask %.2f times a second, want %.2f", size, perSecond, want)
			}
			if size == 10_000 && first > instances/2 {
				t.Errorf("%d of %d asked in the first quarter of the spread", first, instances)
			}
		})
	}
}

func TestWhatIsWrongIsAskedSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{local: always(in), ecs: func(int) (awsapi.ContainerInstance, error) {
			return awsapi.ContainerInstance{Status: "ACTIVE"}, nil
		}}
		live(&w, 60, "prod", 2*time.Minute)
		if n := len(w.asked); n < 10 {
			t.Errorf("asked %d times in an hour", n)
		}
	})
}

// The number is requested every six hours, about four times a day.
func TestADeniedNumberOfInstancesIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{local: always(in), sizeErr: &awsapi.Error{
			Action: "ecs:DescribeClusters", Kind: awsapi.Denied, Code: "AccessDeniedException", Err: errors.New("no"),
		}}
		_, journal := live(&w, 24*60, "prod", 0)
		if n := strings.Count(journal, "ecs:DescribeClusters"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, journal)
		}
		if n := len(w.asked); n < 60 { // a day has 72 of the longest pauses, 20 minutes
			t.Errorf("asked for the connection %d times in a day", n)
		}
	})
}

// Answers that say IMPAIRED count in a row; any other answer ends the row, and a failed question does not.
func TestImpairedAnswersCountInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{local: always(in), size: 1, begin: time.Now()}
		answers := []string{"OK", "IMPAIRED", "IMPAIRED", "", "IMPAIRED", "INSUFFICIENT_DATA", "IMPAIRED", "OK"}
		want := []int{0, 1, 2, 2, 3, 0, 1, 0}
		n := 0
		w.ecs = func(int) (awsapi.ContainerInstance, error) {
			is := answers[min(n, len(answers)-1)]
			n++
			if is == "" {
				return awsapi.ContainerInstance{}, denied
			}
			return awsapi.ContainerInstance{Status: "ACTIVE", Connected: true, Health: is, HealthDetail: "CONTAINER_RUNTIME is " + is}, nil
		}
		watch := registration.Watch{Agent: w, ECS: w, Expected: "prod", Log: slog.New(slog.DiscardHandler), Changed: func(registration.Change) {}}
		var got []int
		for seen := 0; len(got) < len(want); {
			s := watch.Update(context.Background())
			if n > seen {
				seen = n
				got = append(got, s.ECS.Impaired)
				if s.ECS.Impaired > 0 && s.ECS.ImpairedSince.IsZero() {
					t.Error("since when is not known")
				}
			}
			<-time.After(10 * time.Second)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
