package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/agent/containers"
	"muster/agent/metrics"
	"muster/agent/registration"
	"muster/internal/awsapi"
)

// series formats a data point's series as Name{ClusterName=prod,...}.
func series(d metrics.Datum) string {
	var dims []string
	for _, dim := range d.Dimensions {
		dims = append(dims, dim.Name+"="+dim.Value)
	}
	return d.Name + "{" + strings.Join(dims, ",") + "}"
}

func valueOf(m metrics.Minute, name, dims string) (float64, bool) {
	for _, d := range m.Data {
		if series(d) == name+"{"+dims+"}" {
			return d.Value, true
		}
	}
	return 0, false
}

// counted returns what the agent publishes for a minute, without the metrics about the agent itself.
func counted(t *testing.T, now containers.Totals, looping []containers.Identity, variables ...string) []string {
	t.Helper()
	s := newStage(t, variables...)
	s.seen.Looping = looping
	s.loop.builder = metrics.NewBuilder(s.Log)
	s.settleCluster()
	s.build(s.minute(now, s.usage()))
	var out []string
	for _, d := range s.loop.builder.Minute(time.Now()).Data {
		if !strings.HasPrefix(d.Name, "Agent") && d.Name != "APICalls" {
			out = append(out, fmt.Sprintf("%s %v", series(d), d.Value))
		}
	}
	slices.Sort(out)
	return out
}

const arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod"

func web(container string) containers.Key {
	return containers.Key{Cluster: arn, Service: "web", Container: container}
}

// few returns the lines that contain one of the texts.
func few(lines []string, texts ...string) []string {
	return slices.DeleteFunc(lines, func(line string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return strings.HasPrefix(line, text) })
	})
}

func TestServicesAddUpToTheirCluster(t *testing.T) {
	m := containers.Totals{Docker: true, Series: []containers.Counts{
		{Key: web(""), Gauges: containers.Gauges{Running: 4, Unhealthy: 1, TasksUnhealthy: 1}, Counters: containers.Counters{OOMKills: 1,
			ChildOOMs: 2}},
		{Key: containers.Key{Cluster: "prod", Service: "batch"}, Gauges: containers.Gauges{Running: 2},
			Counters: containers.Counters{Crashes: 3}},
		{Key: containers.Key{}, Gauges: containers.Gauges{Running: 7}},
	}}
	got := few(counted(t, m, []containers.Identity{{TaskARN: "arn:task/1", Cluster: "prod", Family: "batch", Container: "job"}}),
		"RunningContainers", "UnhealthyTasks", "OOMKills", "Crashes", "CrashLoops")
	want := []string{
		"CrashLoops{ClusterName=prod,ServiceName=batch} 1", "CrashLoops{ClusterName=prod,ServiceName=web} 0", "CrashLoops{ClusterName=prod} 1",
		"Crashes{ClusterName=prod,ServiceName=batch} 3", "Crashes{ClusterName=prod,ServiceName=web} 0", "Crashes{ClusterName=prod} 3",
		"OOMKills{ClusterName=prod,ServiceName=batch} 0", "OOMKills{ClusterName=prod,ServiceName=web} 3", "OOMKills{ClusterName=prod} 3",
		"RunningContainers{ClusterName=prod,ServiceName=batch} 2", "RunningContainers{ClusterName=prod,ServiceName=web} 4",
		"RunningContainers{ClusterName=prod} 6",
		"UnhealthyTasks{ClusterName=prod,ServiceName=batch} 0", "UnhealthyTasks{ClusterName=prod,ServiceName=web} 1",
		"UnhealthyTasks{ClusterName=prod} 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestContainersAndInstancesAreToldApartOnRequest(t *testing.T) {
	m := containers.Totals{Docker: true, Series: []containers.Counts{
		{Key: web(""), Gauges: containers.Gauges{TasksUnhealthy: 1}},
		{Key: web("app"), Gauges: containers.Gauges{Running: 2}}, {Key: web("sidecar"), Gauges: containers.Gauges{Running: 1}},
	}}
	got := few(counted(t, m, nil, "DIMENSIONS", "container,instance"), "RunningContainers", "UnhealthyTasks", "DockerReachable")
	want := []string{
		"DockerReachable{ClusterName=prod,InstanceId=i-1} 1", "DockerReachable{ClusterName=prod} 1",
		"RunningContainers{ClusterName=prod,ContainerName=app,ServiceName=web} 2",
		"RunningContainers{ClusterName=prod,ContainerName=sidecar,ServiceName=web} 1",
		"RunningContainers{ClusterName=prod,ServiceName=web} 3", "RunningContainers{ClusterName=prod} 3",
		"UnhealthyTasks{ClusterName=prod,ServiceName=web} 1", "UnhealthyTasks{ClusterName=prod} 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutDockerNobodyKnowsHowThingsAre(t *testing.T) {
	m := containers.Totals{Series: []containers.Counts{{Key: web(""), Gauges: containers.Gauges{Running: 4},
		Counters: containers.Counters{Crashes: 1}}}}
	got := counted(t, m, nil)
	if len(few(slices.Clone(got), "RunningContainers", "HealthyContainers", "Unhealthy", "CrashLoops")) != 0 {
		t.Errorf("gauges without Docker: %v", got)
	}
	if diff := cmp.Diff([]string{"Crashes{ClusterName=prod,ServiceName=web} 1", "Crashes{ClusterName=prod} 1",
		"DockerReachable{ClusterName=prod} 0"}, few(got, "Crashes", "Docker")); diff != "" {
		t.Error(diff)
	}
}

func TestAnEmptyInstancePublishesZeros(t *testing.T) {
	got := few(counted(t, containers.Totals{Docker: true}, nil), "RunningContainers", "Crashes")
	if diff := cmp.Diff([]string{"Crashes{ClusterName=prod} 0", "RunningContainers{ClusterName=prod} 0"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAMinuteIsTheDifferenceOfTwoTotals(t *testing.T) {
	at := func(running, crashes int) containers.Totals {
		return containers.Totals{Docker: true, Series: []containers.Counts{
			{Key: web(""), Gauges: containers.Gauges{Running: running}, Counters: containers.Counters{Crashes: crashes}}}}
	}
	var tally tally
	for range 3 { // reading repeatedly changes nothing
		if r := tally.since(at(4, 1))[web("")]; r.Running != 4 || r.Crashes != 1 {
			t.Errorf("%+v", r)
		}
	}
	tally.publish(at(4, 1))
	if r := tally.since(at(4, 3))[web("")]; r.Running != 4 || r.Crashes != 2 {
		t.Errorf("in the next minute: %+v", r)
	}
	tally.publish(at(4, 3))
	if rows := tally.since(at(0, 3)); len(rows) != 0 {
		t.Errorf("a service that is gone stays: %v", rows)
	}
}

// If ECS replaces a container within seconds after it turned unhealthy, no gauge at the end of a minute shows it.
func TestWhatWasUnhealthyWithinTheMinuteIsPublished(t *testing.T) {
	m := containers.Totals{Docker: true, Series: []containers.Counts{{Key: web("app"),
		Gauges: containers.Gauges{Running: 1, Healthy: 1}, Counters: containers.Counters{UnhealthyEnds: 2, TaskUnhealthyEnds: 1}}}}
	got := few(counted(t, m, nil), "Unhealthy")
	want := []string{"UnhealthyContainers{ClusterName=prod,ServiceName=web} 2", "UnhealthyContainers{ClusterName=prod} 2",
		"UnhealthyTasks{ClusterName=prod,ServiceName=web} 1", "UnhealthyTasks{ClusterName=prod} 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatWasNotPublishedIsInherited(t *testing.T) {
	at := func(crashes int) containers.Totals {
		return containers.Totals{Docker: true, Series: []containers.Counts{{Key: web(""), Counters: containers.Counters{Crashes: crashes}}}}
	}
	var first, second, third tally
	first.publish(at(1))
	second.inherit(first, at(3))
	third.inherit(second, at(4)) // a new watcher counts from 0
	for i, want := range []int{7, 1} {
		if r := third.since(at(1 + i))[web("")]; r.Crashes != want {
			t.Errorf("minute %d has %d crashes, want %d", i, r.Crashes, want)
		}
		third.publish(at(1 + i))
	}
}

func TestThereAreAtMostEightMetricsOfHealth(t *testing.T) {
	if n := len(healthMetrics()); n > 8 {
		t.Errorf("%d metrics for each service", n)
	}
}

// published returns the values of a metric of the cluster, one per minute.
func (s *stage) published(t *testing.T, name string) []float64 {
	t.Helper()
	var all []float64
	for _, m := range s.minutes {
		value, there := valueOf(m, name, "ClusterName=prod")
		if !there {
			t.Errorf("at %s there is no %s", m.At, name)
		}
		all = append(all, value)
	}
	return all
}

// The agent's resource usage adds up over the minutes. The number of queued minutes does not.
func TestTheAgentPublishesItsOwnCostOfEachMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, before := newStage(t, "METRICS", "agent"), cpu()
		time.AfterFunc(90*time.Second, func() { // in the second minute
			s.mu.Lock()
			defer s.mu.Unlock()
			s.calls = 12
			s.spool = metrics.Stats{Calls: 40, Failed: 4, Minutes: 4, Bytes: 900}
			s.spool.Dropped[metrics.Oldest], s.spool.Dropped[metrics.Late] = 2, 1
		})
		s.live(t, 150*time.Second)
		got := map[string][]float64{}
		for _, name := range []string{"APICalls", "SpooledMinutes"} {
			got[name] = s.published(t, name)
		}
		want := map[string][]float64{"APICalls": {7, 5, 0}, "SpooledMinutes": {0, 4, 4}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		var dropped []float64
		for _, m := range s.minutes {
			if value, is := valueOf(m, "DroppedData", "ClusterName=prod"); is {
				dropped = append(dropped, value)
			}
		}
		if !slices.Equal(dropped, []float64{3}) {
			t.Errorf("DroppedData is %v", dropped)
		}
		for i, resident := range s.published(t, "AgentMemory") {
			if resident < 1<<20 || resident > 1<<40 {
				t.Errorf("in minute %d the agent takes %v bytes", i, resident)
			}
		}
		spent, slack := 0.0, 0.01 // ms: the rounding error of a sum of three
		for _, of := range s.published(t, "AgentCPU") {
			spent += of
		}
		if low, high := float64(before.Microseconds())/1000, float64(cpu().Microseconds())/1000; spent < low-slack || spent > high+slack ||
			spent == 0 {
			t.Errorf("%v ms on processors, of a process that took between %v and %v", spent, low, high)
		}
	})
}

// blinks is an ECS API of whose many responses one falls into a moment without a connection.
type blinks struct{ asked *int }

func (b blinks) ContainerInstance(context.Context, string, string) (awsapi.ContainerInstance, error) {
	*b.asked++
	return awsapi.ContainerInstance{Status: "ACTIVE", Connected: *b.asked != 2}, nil
}

func (blinks) RegisteredInstances(context.Context, string) (int, error) { return 3, nil }

func TestOneLostConnectionIsNoAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, asked := newStage(t), 0
		s.Registration = &registration.Watch{Agent: (*ecs)(s), Expected: "prod", ECS: blinks{&asked}, Log: s.Log}
		s.live(t, 90*time.Minute)
		for _, m := range s.minutes {
			if is, there := valueOf(m, "Connected", "ClusterName=prod"); there && is != 1 {
				t.Errorf("at %s Connected is %v", m.At, is)
			}
		}
		if asked < 4 {
			t.Errorf("ECS was asked %d times", asked)
		}
	})
}
