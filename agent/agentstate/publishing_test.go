package agentstate_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"muster/agent/agentstate"
	"muster/agent/metrics"
	"muster/internal/term"
)

// published returns a state in which only the publishing part matters.
func published(p agentstate.Publishing) agentstate.State {
	s := well()
	p.Namespace = "Muster"
	s.Publishing = p
	return s
}

func TestNothingSentForTenMinutesIsAProblem(t *testing.T) {
	for name, c := range map[string]struct {
		is   agentstate.Publishing
		want string // part of the problem's text; empty if there is no problem
	}{
		"nothing is due":           {agentstate.Publishing{LastSent: ago(time.Hour)}, ""},
		"due for nine minutes":     {agentstate.Publishing{Overdue: ago(9 * time.Minute), Why: "no"}, ""},
		"due for eleven":           {agentstate.Publishing{Overdue: ago(11 * time.Minute), Why: "locked"}, "no metrics for 11m: [locked]"},
		"without a reason":         {agentstate.Publishing{Overdue: ago(11 * time.Minute)}, "unknown reason"},
		"failing, by an old agent": {agentstate.Publishing{Failing: ago(time.Hour), Why: "denied"}, "no metrics for 60m: [denied]"},
		// The clock was corrected by hours after the first failure.
		"due for less than it fails": {agentstate.Publishing{Failing: ago(5 * time.Hour), Overdue: ago(time.Minute), Why: "no"}, ""},
	} {
		problems := published(c.is).Problems(now)
		if got := len(problems) == 1; got != (c.want != "") {
			t.Errorf("%s: %+v", name, problems)
			continue
		}
		if c.want == "" {
			continue
		}
		if p := problems[0]; p.ID != "muster-publishing" || !p.Warning || !strings.Contains(fmt.Sprint(p.Text, ": ", p.Why), c.want) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestEachCauseHasAFixOfItsOwn(t *testing.T) {
	seen := map[string]metrics.Cause{}
	for _, cause := range []metrics.Cause{
		metrics.CauseLock, metrics.CauseSpool, metrics.CauseExhausted, metrics.CauseClock, metrics.CauseCredentials,
		metrics.CauseDenied, metrics.CauseUnreachable, metrics.CauseThrottled, metrics.CauseOther,
	} {
		problems := published(agentstate.Publishing{Overdue: ago(time.Hour), Why: "no", Cause: string(cause)}).Problems(now)
		if len(problems) != 1 {
			t.Fatalf("%s: %+v", cause, problems)
		}
		text := problems[0].Fix.Text
		if other, known := seen[text]; known || text == "" {
			t.Errorf("%s has the fix of %q: %q", cause, other, text)
		}
		seen[text] = cause
	}
}

func TestAPersonSeesThatNothingIsSent(t *testing.T) {
	var out bytes.Buffer
	if err := published(agentstate.Publishing{Overdue: ago(12 * time.Minute), Why: "locked by process 812"}).Table(&out, term.Style{},
		now); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "NOTHING SENT for 12m: locked by process 812") {
		t.Error(out.String())
	}
}
