package herd

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/bootstrap/bootreport"
)

const maxCalls = 10 // of one instance in a boot (design: at most ten calls a boot)

var svg = flag.String("svg", "", "write the plot of the fleet of 1,000 to this file")

// A thousand instances boot within a minute: every one is verified, and its registration is
// confirmed by ECS.
func TestAThousandInstancesWithinAMinute(t *testing.T) {
	f := run(t, plan{instances: 1000, within: time.Minute, seed: 7})
	s := f.summary()
	t.Log("\n" + s.String())
	s.gate(t, 1000)
	if *svg != "" {
		if err := os.WriteFile(*svg, []byte(f.plot()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// summary is the counts of one run.
type summary struct {
	instances, verified, confirmed, undelivered, failed int

	calls       int
	most        int            // calls of one instance
	byAction    map[string]int // calls
	throttled   map[string]int // of those
	from, until time.Duration  // of the first and the last verification
	errs        []string
}

func (f *fleet) summary() summary {
	s := summary{instances: len(f.boots), byAction: map[string]int{}, throttled: map[string]int{}, from: time.Hour}
	for _, b := range f.boots {
		if b.err != nil {
			s.failed++
			s.errs = append(s.errs, b.id+": "+b.err.Error())
		}
		if b.report.Outcome == bootreport.Registered {
			s.verified++
			s.from, s.until = min(s.from, b.ended), max(s.until, b.ended)
		}
		if b.report.Confirmed {
			s.confirmed++
		}
		s.undelivered += len(b.report.Undelivered())
		s.calls, s.most = s.calls+b.calls, max(s.most, b.calls)
	}
	for _, c := range f.box.Calls() {
		s.byAction[c.Service+":"+c.Action]++
		if throttled(c.Code) {
			s.throttled[c.Service+":"+c.Action]++
		}
	}
	return s
}

func throttled(code string) bool {
	return slices.Contains([]string{"ThrottlingException", "Throttling", "RequestLimitExceeded"}, code)
}

// gate fails the test for a count that is off. Times are only printed.
func (s summary) gate(t *testing.T, instances int) {
	t.Helper()
	for name, is := range map[string]struct{ got, want int }{
		"verified": {s.verified, instances}, "confirmed by ECS": {s.confirmed, instances},
		"failed": {s.failed, 0}, "undelivered signals": {s.undelivered, 0},
	} {
		if is.got != is.want {
			t.Errorf("%s: %d instead of %d", name, is.got, is.want)
		}
	}
	if s.most > maxCalls {
		t.Errorf("an instance made %d calls, more than %d", s.most, maxCalls)
	}
	for _, err := range s.errs[:min(len(s.errs), 3)] {
		t.Log(err)
	}
}

func (s summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "instances                  %6d\n", s.instances)
	fmt.Fprintf(&b, "verified                   %6d, %d confirmed by ECS, %d failed, %d signals not delivered\n", s.verified, s.confirmed, s.failed, s.undelivered)
	fmt.Fprintf(&b, "first and last verified    %6.1f s and %.1f s after the first launch\n", s.from.Seconds(), s.until.Seconds())
	fmt.Fprintf(&b, "AWS calls                  %6d, %.1f an instance on average, %d at most (limit %d)\n",
		s.calls, float64(s.calls)/float64(max(1, s.instances)), s.most, maxCalls)
	for _, action := range slices.Sorted(maps.Keys(s.byAction)) {
		fmt.Fprintf(&b, "  %-50s %6d, %d throttled\n", action, s.byAction[action], s.throttled[action])
	}
	return b.String()
}
