package sandbox

import "time"

// rate is the size of a token bucket and its refill per second. ECS documents them per account and region; actions with
// the same name share one bucket.
type rate struct {
	name          string
	burst, refill float64
}

type bucket struct {
	tokens float64
	last   time.Time
}

// allow takes a token from the bucket, or reports false if it is empty.
func (s *Sandbox) allow(service string, r rate) bool {
	if r.name == "" {
		return true
	}
	now, key := s.clock.Now(), service+"/"+r.name
	b, ok := s.buckets[key]
	if !ok {
		b = &bucket{tokens: r.burst, last: now}
		s.buckets[key] = b
	}
	b.tokens = min(r.burst, b.tokens+now.Sub(b.last).Seconds()*r.refill)
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
