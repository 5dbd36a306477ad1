package metrics

import "time"

// Reason is why data were dropped.
type Reason int

// The reasons.
const (
	Ambiguous Reason = iota // sent, and not known to be taken
	Invalid                 // CloudWatch refused them for what they are
	Oldest                  // the spool was full
	TooOld                  // older than CloudWatch takes
	Late                    // of a minute that was handed over before: the clock went back
	Damaged                 // their file was not as it was written
	reasons
)

// String is the reason as a metric or a report names it.
func (r Reason) String() string {
	return [reasons]string{"ambiguous", "invalid", "oldest", "too-old", "late", "damaged"}[r]
}

// Stats counts since the publisher was made.
type Stats struct {
	Calls   int64          // requests that were made
	Failed  int64          // of them, those that were not accepted
	Sent    int64          // data that CloudWatch accepted
	Dropped [reasons]int64 // data, by Reason

	LastSent time.Time // when CloudWatch last accepted data
	Failing  time.Time // since when it has accepted none
	Why      string    // it did not

	Minutes int       // waiting, on disk and in memory
	Bytes   int64     // that they take on disk
	Last    time.Time // the latest minute that was added, by an earlier run maybe: none up to it is taken again
}

// note counts the answer to a request of n data.
func (s *Stats) note(n int, err error) {
	if err == nil {
		s.Sent, s.LastSent, s.Failing, s.Why = s.Sent+int64(n), time.Now(), time.Time{}, ""
		return
	}
	if s.Failed, s.Why = s.Failed+1, err.Error(); s.Failing.IsZero() {
		s.Failing = time.Now()
	}
}
