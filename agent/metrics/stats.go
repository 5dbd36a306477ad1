package metrics

import (
	"cmp"
	"errors"
	"time"

	"muster/internal/awsapi"
)

// Reason is why data were dropped.
type Reason int

// The reasons.
const (
	Ambiguous Reason = iota // sent, but the result is unknown
	Invalid                 // CloudWatch refused them for what they are
	Oldest                  // the spool was full
	TooOld                  // older than CloudWatch takes
	Late                    // of a minute that was added before: the agent was restarted, or the clock went back
	Damaged                 // their file was not as it was written, or is gone
	Future                  // of a minute that the clock never reached, or reached a second time
	reasons
)

// String is the reason as a metric or a report names it.
func (r Reason) String() string {
	return [reasons]string{"ambiguous", "invalid", "oldest", "too-old", "late", "damaged", "future"}[r]
}

// Cause is what keeps data from being sent, as far as it decides on the fix.
type Cause string

// The causes.
const (
	CauseLock        Cause = "lock"        // another process publishes from this spool
	CauseSpool       Cause = "spool"       // the disk, or what is on it
	CauseExhausted   Cause = "exhausted"   // this process has no more open files or memory
	CauseClock       Cause = "clock"       // the clock of the instance is wrong
	CauseCredentials Cause = "credentials" // none, or expired
	CauseDenied      Cause = "denied"      // by IAM or the policy of the VPC endpoint
	CauseUnreachable Cause = "unreachable" // no way to CloudWatch
	CauseThrottled   Cause = "throttled"
	CauseOther       Cause = "other"
)

// Stats counts since the publisher was made. Its times are by the wall clock as it is
// now, however often it was corrected since.
type Stats struct {
	Calls   int64          // requests that were made
	Failed  int64          // of them, those that were not accepted
	Sent    int64          // data that CloudWatch accepted
	Dropped [reasons]int64 // data, by Reason

	LastSent time.Time // when CloudWatch last accepted data
	Failing  time.Time // since when it has accepted none
	Overdue  time.Time // since when there have been data to send and none was sent
	Why      string    // it did not, or they were not
	Cause    Cause

	Minutes int       // waiting, on disk and in memory
	Bytes   int64     // that they take on disk
	Last    time.Time // the latest minute that was added, by an earlier run maybe: none up to it is taken again
}

// note counts the answer to a request of n data.
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

// causeOf is the cause that an error of a request or of the spool names.
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

// wall is a time by the wall clock as it is now: the same period ago.
func wall(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.Now().Round(0).Add(-time.Since(t))
}
