package containers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/agent/containers"
	"muster/internal/awsapi"
	"muster/internal/host/ecsagent"
)

// metadata returns responses by URI.
type metadata map[string]ecsagent.TaskMetadata

func (m metadata) Task(_ context.Context, uri string) (ecsagent.TaskMetadata, error) {
	if found, ok := m[uri]; ok {
		return found, nil
	}
	return ecsagent.TaskMetadata{}, ecsagent.ErrRefused
}

// groups returns responses by ARN, and records the requests.
type groups struct {
	by    map[string]string
	err   error
	calls []string
}

func (g *groups) TaskGroups(_ context.Context, cluster string, arns []string) (map[string]string, error) {
	g.calls = append(g.calls, fmt.Sprint(cluster, arns))
	return g.by, g.err
}

func lookups(names ...string) (out []containers.Lookup) {
	for _, name := range names {
		cluster, arn, _ := strings.Cut(name, "/")
		out = append(out, containers.Lookup{Cluster: cluster, TaskARN: arn, MetadataURI: "uri-" + arn})
	}
	return out
}

func TestServicesComeFromMetadataElseFromECSElseNotAtAll(t *testing.T) {
	known := metadata{
		"uri-local":  {TaskARN: "local", ServiceName: "web", Checked: map[string]bool{"node": true}},
		"uri-alone":  {TaskARN: "alone"},
		"uri-liar":   {TaskARN: "local", ServiceName: "web"}, // another task's response
		"uri-absent": {},
	}
	ecs := &groups{by: map[string]string{"liar": "service:db", "batch": "family:job"}}
	s := containers.NewServices(known, ecs, slog.New(slog.DiscardHandler))
	got := maps.Collect(s.Resolve(t.Context(), lookups("prod/local", "prod/alone", "prod/liar", "prod/batch", "prod/gone", "test/x")))
	want := map[string]containers.TaskInfo{"local": {Service: "web", Checked: map[string]bool{"node": true}},
		"alone": {}, "liar": {Service: "db"}, "batch": {}, "gone": {}, "x": {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"prod[liar batch gone]", "test[x]"}, ecs.calls); diff != "" {
		t.Error(diff)
	}
}

func TestDeniedIsSaidOnceAndNotAskedForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ecs := &groups{err: errors.New("ecs:DescribeTasks is not allowed")}
		s := containers.NewServices(metadata{}, ecs, slog.New(slog.NewTextHandler(&log, nil)))
		for range 300 {
			if got := maps.Collect(s.Resolve(t.Context(), lookups("prod/a"))); !cmp.Equal(got, map[string]containers.TaskInfo{"a": {Unsure: true}}) {
				t.Fatalf("got %v", got)
			}
			<-time.After(time.Minute)
		}
		if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "ecs:DescribeTasks") || len(ecs.calls) != 5 {
			t.Errorf("%d calls, logged:\n%s", len(ecs.calls), log.String())
		}
	})
}

func TestWithoutECSTheFamilyIsTheService(t *testing.T) {
	s := containers.NewServices(metadata{}, nil, slog.New(slog.DiscardHandler))
	for arn, info := range s.Resolve(t.Context(), lookups("prod/a", "prod/b")) {
		if arn != "a" || info.Service != "" {
			t.Errorf("%s is of %+v", arn, info)
		}
		break
	}
}

func TestCountsWaitForTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDocker(running(1)...)
		known := metadata{"http://169.254.170.2/v4/000": {TaskARN: "arn:000", ServiceName: "web", Checked: map[string]bool{}}}
		w := watch(t, d, containers.NewServices(known, nil, slog.New(slog.DiscardHandler)), time.Minute, true)
		after(600 * time.Millisecond) // listed and inspected, but not resolved yet
		if got := w.Totals(); len(got.Series) != 0 {
			t.Errorf("took %+v", got)
		}
		after(5 * time.Second)
		key := containers.Key{Cluster: "prod", Service: "web", Container: "node"}
		task := containers.Key{Cluster: "prod", Service: "web"}
		want := []containers.Counts{{Key: task, Gauges: containers.Gauges{TasksUnknown: 1}},
			{Key: key, Gauges: containers.Gauges{Running: 1, Healthy: 1}}}
		if diff := cmp.Diff(want, w.Totals().Series); diff != "" {
			t.Error(diff)
		}
		// The health check is its image's own, so it does not make the task healthy.
		if s := w.Snapshot(); len(s.Ignored) != 1 || s.Ignored[0].Service != "web" || w.Totals().Series[0].TasksUnknown != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// oneGone is an ECS that does not know the cluster "old".
type oneGone struct{}

func (oneGone) TaskGroups(_ context.Context, cluster string, arns []string) (map[string]string, error) {
	if cluster == "old" {
		return nil, errors.New("ecs:DescribeTasks: ClusterNotFoundException")
	}
	return map[string]string{arns[0]: "service:web"}, nil
}

func TestAForeignClusterTakesNoServiceFromTheOthers(t *testing.T) {
	s := containers.NewServices(metadata{}, oneGone{}, slog.New(slog.DiscardHandler))
	got := maps.Collect(s.Resolve(t.Context(), lookups("old/a", "prod/b")))
	if want := (map[string]containers.TaskInfo{"a": {Unsure: true}, "b": {Service: "web"}}); !cmp.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// late is an ECS API that cannot be called at first, because the role's credentials are available later than the agent.
type late struct{ from time.Time }

func (l late) TaskGroups(_ context.Context, _ string, arns []string) (map[string]string, error) {
	if time.Now().Before(l.from) {
		return nil, &awsapi.Error{Action: "ecs:DescribeTasks", Kind: awsapi.NoIdentity, Err: errors.New("no EC2 IMDS role found")}
	}
	return map[string]string{arns[0]: "service:web"}, nil
}

func TestAServiceThatCannotBeLookedUpAtFirstIsLookedUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, newDocker(running(1)...), containers.NewServices(metadata{}, late{time.Now().Add(20 * time.Minute)},
			slog.New(slog.DiscardHandler)), time.Minute, true)
		services := func() string {
			for _, c := range w.Totals().Series {
				if c.Running == 1 {
					return c.Service
				}
			}
			return "none"
		}
		after(10 * time.Minute)
		if got := services(); got == "web" || got == "none" {
			t.Errorf("before it can be known, it counts under %q", got)
		}
		after(30 * time.Minute)
		if got := services(); got != "web" {
			t.Errorf("it counts under %q for ever", got)
		}
	})
}
