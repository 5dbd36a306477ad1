package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/ecsagent"
	"muster/internal/term"
)

// story is an ECS agent whose answer depends on the minute since the start.
type story func(minute int) (ecsagent.Metadata, error)

type teller struct {
	begin time.Time
	tell  story
	looks int
}

func (s *teller) Metadata(context.Context) (ecsagent.Metadata, error) {
	s.looks++
	return s.tell(int(time.Since(s.begin) / time.Minute))
}

var (
	in      = ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: "arn:1"}
	byARN   = ecsagent.Metadata{Cluster: "arn:aws:ecs:eu-west-1:123456789012:cluster/prod", ContainerInstanceARN: "arn:1"}
	other   = ecsagent.Metadata{Cluster: "default", ContainerInstanceARN: "arn:2"}
	errDown = errors.New("nothing listens")
)

func TestTransitionsAreSaidOnceEach(t *testing.T) {
	for name, c := range map[string]struct {
		expected string
		tell     story
		want     []string
	}{
		"registered all the time": {"prod", func(int) (ecsagent.Metadata, error) { return in, nil },
			[]string{"arn:1 was=unknown is=registered"}},
		"the cluster as an ARN is the same": {"prod", func(int) (ecsagent.Metadata, error) { return byARN, nil },
			[]string{"arn:1 was=unknown is=registered"}},
		"an absence of four minutes is none": {"prod", func(m int) (ecsagent.Metadata, error) {
			if m >= 10 && m < 14 {
				return ecsagent.Metadata{}, errDown
			}
			return in, nil
		}, []string{"arn:1 was=unknown is=registered"}},
		"an absence of twenty minutes is lost, then regained": {"prod", func(m int) (ecsagent.Metadata, error) {
			if m >= 10 && m < 30 {
				return ecsagent.Metadata{}, errDown
			}
			return in, nil
		}, []string{"arn:1 was=unknown is=registered", "nothing listens was=registered is=lost", "arn:1 was=lost is=registered"}},
		"never registered": {"prod", func(int) (ecsagent.Metadata, error) { return ecsagent.Metadata{}, nil },
			[]string{"the ECS agent has no container instance ARN was=unknown is=lost"}},
		"another cluster is said at once": {"prod", func(int) (ecsagent.Metadata, error) { return other, nil },
			[]string{`the ECS agent is in cluster default, not in prod was=unknown is="in another cluster"`}},
		"any cluster will do when none is expected": {"", func(int) (ecsagent.Metadata, error) { return other, nil },
			[]string{"arn:2 was=unknown is=registered"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				ctx, stop := context.WithTimeout(t.Context(), time.Hour)
				defer stop()
				w := Watch{Agent: &teller{begin: time.Now(), tell: c.tell}, Expected: c.expected, Period: time.Minute,
					Log: slog.New(term.NewHandler(&out, true)), Alive: func() {}, Ready: func() {}}
				w.Run(ctx)
				lines := strings.Split(strings.TrimSpace(out.String()), "\n")
				if len(lines) != len(c.want) {
					t.Fatalf("said %q, want %q", lines, c.want)
				}
				for i, want := range c.want {
					if !strings.HasSuffix(lines[i], want) {
						t.Errorf("line %d is %q, want %q", i, lines[i], want)
					}
				}
			})
		})
	}
}

func TestTheWatchdogHearsFromTheLoopAndLooksStayRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		who := &teller{begin: time.Now(), tell: func(int) (ecsagent.Metadata, error) { return in, nil }}
		var longest time.Duration
		last, ready := time.Now(), 0
		w := Watch{Agent: who, Period: time.Minute, Watchdog: 60 * time.Second, Log: slog.New(slog.DiscardHandler),
			Alive: func() { longest, last = max(longest, time.Since(last)), time.Now() }, Ready: func() { ready++ }}
		w.Run(ctx)
		if longest > 30*time.Second || ready != 1 {
			t.Errorf("longest silence %s, ready %d times", longest, ready)
		}
		if who.looks < 59 || who.looks > 61 {
			t.Errorf("%d looks in an hour, want one a minute", who.looks)
		}
	})
}
