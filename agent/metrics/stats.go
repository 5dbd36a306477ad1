package metrics

import (
	"cmp"
	"errors"
	"time"

	"muster/internal/awsapi"
)

// Reason is why data points were dropped.
type Reason int

// Reasons.
const (
	Ambiguous Reason = iota // sent, but the result is unknown
	Invalid                 // CloudWatch rejected their content
	Oldest                  // the spool was full
	TooOld                  // older than CloudWatch accepts
	Late                    // their minute was already added: the agent restarted, or the clock went back
	Damaged                 // their file was changed or removed
	Future                  // their minute was never reached by the clock, or reached twice
	reasons
)

// String returns the name of the reason for metrics and messages.
func (r Reason) String() string {
	return [reasons]string{"ambiguous", "invalid", "oldest", "too-old", "late", "damaged", "future"}[r]
}

// Cause classifies the reason why data points are not sent, to select the fix.
type Cause string

// Causes.
const (
	CauseLock        Cause = "lock"        // another process publishes from this spool
	CauseSpool       Cause = "spool"       // the disk, or the files on it
	CauseExhausted   Cause = "exhausted"   // this process has no more open files or memory
	CauseClock       Cause = "clock"       // the clock of the instance is wrong
	CauseCredentials Cause = "credentials" // none, or expired
	CauseDenied      Cause = "denied"      // denied by IAM or by the policy of the VPC endpoint
	CauseUnreachable Cause = "unreachable" // CloudWatch cannot be reached
	CauseThrottled   Cause = "throttled"
	CauseOther       Cause = "other"
)

// Stats holds the counts since the publisher was created. Its times are relative to the current wall clock, even if
// that was corrected since.
type Stats struct {
	Calls   int64          // number of requests
	Failed  int64          // number of requests that were not accepted
	Sent    int64          // data points that CloudWatch accepted
	Dropped [reasons]int64 // data points, by Reason

	LastSent time.Time // when CloudWatch last accepted data
	Failing  time.Time // since when CloudWatch has accepted none
	Overdue  time.Time // since when data points have been due without any being sent
	Why      string    // why nothing was accepted or sent
	Cause    Cause

	Minutes int       // queued minutes, on disk and in memory
	Bytes   int64     // their size on disk
	Last    time.Time // the latest added minute, including earlier runs; no minute up to it is accepted again
}

// note counts the result of a request with n data points.
func (s *Stats) note(n int, err error) {
	if err == nil {
		s.Sent, s.LastSent, s.Failing, s.Why, s.Cause = s.Sent+int64(n), time.Now(), time.Time{}, "", ""
		return
	}
	s.Failed, s.Why, s.Cause = s.Failed+1, err.Error(), causeOf(err)
	if s.Failing.IsZero() {
		s.Failing = time.Now()
	}
}

// causeOf returns the cause for an error of a request or of the spool.
func causeOf(err error) Cause {
	kinds := map[awsapi.Kind]Cause{awsapi.Denied: CauseDenied, awsapi.NoIdentity: CauseCredentials, awsapi.ClockSkew: CauseClock,
		awsapi.Throttled: CauseThrottled, awsapi.Unreachable: CauseUnreachable, awsapi.Exhausted: CauseExhausted}
	switch kind := awsapi.KindOf(err); {
	case exhausted(err):
		return CauseExhausted
	case kind != "":
		return cmp.Or(kinds[kind], CauseOther)
	case errors.Is(err, errLockedElsewhere):
		return CauseLock
	}
	return CauseSpool
}

// wall converts a time to the current wall clock, so that the time since then stays correct.
func wall(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.Now().Round(0).Add(-time.Since(t))
}
