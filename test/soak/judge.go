//go:build linux

package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"time"
)

// judgeGrowth compares the last quarter with the second one: in the first the agent
// still warms up. A tenth more is allowed, and one descriptor or thread.
func (s *soak) judgeGrowth(peak int) error {
	var failed []error
	for _, m := range []struct {
		name  string
		of    func(sample) int
		slack int
	}{
		{"RSS (kB)", func(s sample) int { return s.rss }, 0},
		{"descriptors", func(s sample) int { return s.files }, 1},
		{"threads", func(s sample) int { return s.threads }, 1},
	} {
		q := s.agent.quarters(m.of)
		_, _ = fmt.Fprintf(s.out, "%s: medians of the quarters %d %d %d %d\n", m.name, q[0], q[1], q[2], q[3])
		if q[3] == 0 || q[3] > q[1]*11/10+m.slack {
			failed = append(failed, fmt.Errorf("%s grew from %d in the second quarter to %d in the last", m.name, q[1], q[3]))
		}
	}
	_, _ = fmt.Fprintf(s.out, "RSS at most: %d kB\n", peak)
	return errors.Join(failed...)
}

// answered reports whether each data point of the containers in that minute is in the
// sink, or was ambiguous.
func (s *soak) answered(minute time.Time) bool {
	there := map[datum]bool{}
	for _, d := range s.box.Metrics() {
		there[nameOf(d.Timestamp, d.Name, d.Dimensions)] = true
	}
	s.cloud.mu.Lock()
	defer s.cloud.mu.Unlock()
	for name := range s.due(minute.Unix()) {
		if _, ambiguous := s.cloud.ambiguous[name]; !ambiguous && !there[name] {
			return false
		}
	}
	return true
}

// judgeSink compares the truth with the sink, data point by data point.
func (s *soak) judgeSink(dropped int64) error {
	var failed []error
	sink := map[datum][]float64{}
	for _, d := range s.box.Metrics() {
		if d.Namespace == "Muster" {
			name := nameOf(d.Timestamp, d.Name, d.Dimensions)
			sink[name] = append(sink[name], d.Value)
		}
	}
	for name, values := range sink {
		if len(values) > 1 {
			failed = append(failed, fmt.Errorf("%v was taken %d times", name, len(values)))
		}
	}
	equal, lost, minutes := 0, 0, map[int64]bool{}
	for minute, want := range s.truth() {
		for name, value := range want {
			got, there := sink[name]
			taken, ambiguous := s.cloud.ambiguous[name]
			switch {
			case there && got[0] == value:
				equal++
			case there:
				failed = append(failed, fmt.Errorf("%s %s %sis %v, and was %v", stamp(minute), name.name, name.dims, got[0], value))
			case ambiguous && !taken:
				lost++
			default:
				failed = append(failed, fmt.Errorf("%s %s %sis missing, and was %v", stamp(minute), name.name, name.dims, value))
			}
			if ambiguous {
				minutes[minute] = true
			}
		}
	}
	s.report(equal, lost, len(minutes))
	if n := int64(len(s.cloud.ambiguous)); n != dropped {
		failed = append(failed, fmt.Errorf("the agent counts %d dropped data points, and %d were ambiguous", dropped, n))
	}
	if len(failed) > 20 {
		failed = append(failed[:20], fmt.Errorf("and %d more", len(failed)-20))
	}
	return errors.Join(failed...)
}

func (s *soak) report(equal, lost, minutes int) {
	c := s.churn
	_, _ = fmt.Fprintf(s.out, "ends made: %v\n", c.ends)
	why := map[string]int{}
	for _, text := range c.unsure {
		why[text]++
	}
	_, _ = fmt.Fprintf(s.out, "minutes compared: %d; left out: %v\n", len(c.minutes)-len(c.unsure), why)
	s.cloud.mu.Lock()
	defer s.cloud.mu.Unlock()
	_, _ = fmt.Fprintf(s.out, "requests: %v\n", s.cloud.puts)
	taken := 0
	for _, is := range s.cloud.ambiguous {
		if is {
			taken++
		}
	}
	_, _ = fmt.Fprintf(
		s.out,
		"data points of the containers: %d equal to the truth, %d ambiguous and not taken, in %d minutes\n",
		equal,
		lost,
		minutes,
	)
	_, _ = fmt.Fprintf(s.out, "data points of all series: %d ambiguous, %d of them taken\n", len(s.cloud.ambiguous), taken)
}

func stamp(unix int64) string { return time.Unix(unix, 0).UTC().Format("15:04") }

// truth is what has to be in the sink, by minute.
func (s *soak) truth() map[int64]map[datum]float64 {
	out := map[int64]map[datum]float64{}
	for minute := range s.churn.minutes {
		if _, unsure := s.churn.unsure[minute]; !unsure {
			out[minute] = s.due(minute)
		}
	}
	return out
}

// due is what has to be in the sink about a minute, of each service and the cluster.
func (s *soak) due(minute int64) map[datum]float64 {
	want, at, all := map[datum]float64{}, time.Unix(minute, 0), counts{}
	add := func(n counts, dims map[string]string) {
		want[nameOf(at, "RunningContainers", dims)] = float64(n.running)
		want[nameOf(at, "Crashes", dims)] = float64(n.crashes)
		want[nameOf(at, "Restarts", dims)] = float64(n.restarts)
		want[nameOf(at, "OOMKills", dims)] = 0
	}
	for i, n := range s.churn.minute(at) {
		all.running, all.crashes, all.restarts = all.running+n.running, all.crashes+n.crashes, all.restarts+n.restarts
		add(n, map[string]string{"ClusterName": "prod", "ServiceName": service(i)})
	}
	add(all, map[string]string{"ClusterName": "prod"})
	return want
}

// judgeJournal compares the crashes in the journal with those that were made. Those of
// the crash loop are not logged one by one.
func (s *soak) judgeJournal() error {
	text, err := os.ReadFile(s.agent.journal)
	if err != nil {
		return err
	}
	logged := map[string]int{}
	for _, found := range regexp.MustCompile(`(web\d+)/app: exited unexpectedly with (code \d+)`).FindAllStringSubmatch(string(text), -1) {
		logged[found[1]+" "+found[2]]++
	}
	var failed []error
	if !maps.Equal(logged, s.churn.lines) {
		failed = append(failed, fmt.Errorf("the journal has the crashes %v, and there were %v", logged, s.churn.lines))
	}
	sum := 0
	for _, n := range logged {
		sum += n
	}
	_, _ = fmt.Fprintf(
		s.out,
		"crashes in the journal: %d, each with its exit code; lines about the crash loop: %d\n",
		sum,
		strings.Count(string(text), "loop/app: "),
	)
	return errors.Join(failed...)
}
