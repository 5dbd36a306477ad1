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

var (
	full = flag.Bool("full", false, "boot the fleets of 1,000 and 10,000, and compute a whole day")
	svg  = flag.String("svg", "", "write the plot of the fleet of 1,000 to this file")
)

// fleetOf boots a fleet, prints what became of it, and fails for a count that is off. confirmed:
// ECS must confirm every registration.
func fleetOf(t *testing.T, name string, p plan, confirmed bool) *fleet {
	t.Helper()
	f := run(t, p)
	s := f.summary()
	fmt.Printf("%s\n%s\n", name, s)
	s.gate(t, p.instances, confirmed)
	return f
}

// A few instances at the rate of a thousand a minute, in every run of the tests.
func TestAFewInstances(t *testing.T) {
	if *full {
		t.Skip("the larger fleets of this run include it")
	}
	fleetOf(t, "50 instances within 3 seconds", plan{instances: 50, within: 3 * time.Second, seed: 7}, true)
}

// A thousand instances boot within a minute: every one is verified, and its registration is
// confirmed by ECS.
func TestAThousandInstancesWithinAMinute(t *testing.T) {
	big(t)
	f := fleetOf(t, "1,000 instances within a minute", plan{instances: 1000, within: time.Minute, seed: 7}, true)
	if *svg != "" {
		if err := os.WriteFile(*svg, []byte(f.plot()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// At once, most questions are throttled at first: ECS's bucket of 100 refills by 20 a second. A
// registration that ECS does not confirm in time counts as verified with a warning, so that
// the number of confirmed ones is printed only.
func TestAThousandInstancesAtOnce(t *testing.T) {
	big(t)
	fleetOf(t, "1,000 instances within 5 seconds", plan{instances: 1000, within: 5 * time.Second, seed: 8}, false)
}

// The simulation gives the same picture as the sandbox, and is quick enough for ten thousand.
func TestTenThousandInstancesWithinTenMinutes(t *testing.T) {
	big(t)
	fleetOf(t, "1,000 instances within a minute, simulated", plan{instances: 1000, within: time.Minute, seed: 7, simulated: true}, true)
	fleetOf(t, "10,000 instances within 10 minutes, simulated", plan{instances: 10_000, within: 10 * time.Minute, seed: 9, simulated: true},
		true)
}

func big(t *testing.T) {
	if !*full {
		t.Skip("it takes a minute; make herd runs it")
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
	for _, c := range f.calls() {
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
func (s summary) gate(t *testing.T, instances int, confirmed bool) {
	t.Helper()
	counts := map[string]struct{ got, want int }{
		"verified": {s.verified, instances}, "failed": {s.failed, 0}, "undelivered signals": {s.undelivered, 0},
	}
	if confirmed {
		counts["confirmed by ECS"] = struct{ got, want int }{s.confirmed, instances}
	}
	for name, is := range counts {
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
	fmt.Fprintf(&b, "verified                   %6d, %d confirmed by ECS, %d failed, %d signals not delivered\n",
		s.verified, s.confirmed, s.failed, s.undelivered)
	fmt.Fprintf(&b, "first and last verified    %6.1f s and %.1f s after the first launch\n", s.from.Seconds(), s.until.Seconds())
	fmt.Fprintf(&b, "AWS calls                  %6d, %.1f an instance on average, %d at most (limit %d)\n",
		s.calls, float64(s.calls)/float64(max(1, s.instances)), s.most, maxCalls)
	for _, action := range slices.Sorted(maps.Keys(s.byAction)) {
		fmt.Fprintf(&b, "  %-50s %6d, %d throttled\n", action, s.byAction[action], s.throttled[action])
	}
	return b.String()
}
