package metrics

import (
	"fmt"
	"slices"
	"time"
)

// A wall clock can be wrong and then be corrected, by years during a boot. A minute that is later than the clock
// therefore proves nothing about what was sent before. Minutes that CloudWatch would reject by their timestamp are kept
// for a while, because the clock may be wrong. Durations are measured on the monotonic clock.
const (
	// ahead is how much later than the clock a minute may be: the current minute, plus the corrections of a running
	// clock.
	ahead = time.Minute
	// CloudWatch accepts timestamps from two weeks ago to two hours ahead (API reference, PutMetricData). One minute is
	// subtracted to allow for the transmission.
	maxAge    = 14*24*time.Hour - time.Minute
	maxFuture = 2*time.Hour - time.Minute
	// patience is how long such minutes are kept.
	patience = time.Hour
	// maxRuns is how many jumps of the clock are remembered.
	maxRuns = 16
)

// noteLatest records that a minute was added or sent. A gap before it may mean that the clock has jumped, so it starts
// a new run.
func (s *spool) noteLatest(at int64) {
	if at <= s.latest {
		return
	}
	s.latest = at
	if n := len(s.runs); n > 0 && at-s.runs[n-1] <= int64(time.Minute/time.Second) {
		s.runs[n-1] = at
		return
	}
	s.runs = append(s.runs, at)
	s.runs = s.runs[max(0, len(s.runs)-maxRuns):]
}

// latestPlausible returns the latest minute that a correct clock can have produced.
func (s *spool) latestPlausible() int64 { return s.clock().Add(ahead).Unix() }

// last returns the latest minute that was added or sent. No minute up to it is accepted again. If that minute is later
// than the clock, the clock was ahead, and the run of minutes that ends with it is forgotten. Minutes before that run
// still count.
func (s *spool) last() int64 {
	soon := s.latestPlausible()
	if s.latest > soon {
		s.failures.log("clock", fmt.Sprintf("the minute %s was added or sent, which is later than the clock (%s): "+
			"the clock was corrected, and that minute is forgotten", stamp(s.latest), stamp(s.clock().Unix())))
		for n := len(s.runs); n > 0 && s.runs[n-1] > soon; n-- {
			s.runs = s.runs[:n-1]
		}
		s.latest = s.latestQueued(soon)
		if n := len(s.runs); n > 0 {
			s.latest = max(s.latest, s.runs[n-1])
		}
	} else if s.latest > 0 {
		s.failures.clear("clock")
	}
	return s.latest
}

// latestQueued returns the latest queued minute up to a limit.
func (s *spool) latestQueued(limit int64) (latest int64) {
	for _, f := range s.files {
		if f.at <= limit {
			latest = max(latest, f.at)
		}
	}
	for _, k := range s.memory {
		if k.at <= limit {
			latest = max(latest, k.at)
		}
	}
	return latest
}

// sendable reports whether a minute may be sent. A minute later than last was made while the clock was ahead. It waits
// until a minute with the same timestamp is added and replaces it.
func (s *spool) sendable(at, last int64) bool { return at <= last && !s.tooOld(at) }

func (s *spool) tooOld(at int64) bool { return at < s.clock().Add(-maxAge).Unix() }

// waiting returns the number of minutes that can be sent.
func (s *spool) waiting() (n int) {
	last := s.last()
	for _, f := range s.files {
		if s.sendable(f.at, last) {
			n++
		}
	}
	for _, k := range s.memory {
		if s.sendable(k.at, last) {
			n++
		}
	}
	return n
}

// replace drops a minute in memory that was made while the clock was ahead, because a minute with the same timestamp is
// being added. On disk, writing the file has that effect.
func (s *spool) replace(at int64) {
	s.memory = slices.DeleteFunc(s.memory, func(k queued) bool {
		if k.at == at {
			s.drop(Future, k.data)
		}
		return k.at == at
	})
	if s.progress.now.At == at && s.err == nil {
		_ = s.note(progress{at, 0})
	}
}

// expire drops minutes that CloudWatch would reject by their timestamp, after the clock had enough time to be
// corrected.
func (s *spool) expire() {
	limit := s.clock().Add(maxFuture).Unix()
	future := func(f file) bool { return f.at > limit && f.at != s.sendingAt }
	old := func(f file) bool { return s.tooOld(f.at) && f.at != s.sendingAt }
	either := func(f file) bool { return future(f) || old(f) }
	if !slices.ContainsFunc(s.files, either) && !slices.ContainsFunc(s.memory, func(k queued) bool { return either(k.file) }) {
		s.refused = time.Time{}
		return
	}
	if s.refused.IsZero() {
		s.refused = time.Now()
	}
	if time.Since(s.refused) < patience {
		return
	}
	s.failures.log("refused", "minutes older than two weeks or more than two hours ahead are dropped: CloudWatch rejects them")
	s.discard(Future, future)
	s.discard(TooOld, old)
}

// discard drops minutes on disk and in memory.
func (s *spool) discard(why Reason, which func(file) bool) {
	for i := len(s.files) - 1; i >= 0; i-- {
		f := s.files[i]
		if s.err != nil || !which(f) {
			continue
		}
		if err := s.remove(f); err != nil {
			s.logError(err)
			continue
		}
		s.drop(why, f.data)
	}
	s.memory = slices.DeleteFunc(s.memory, func(k queued) bool {
		if which(k.file) {
			s.drop(why, k.data)
			return true
		}
		return false
	})
}
