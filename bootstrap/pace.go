package bootstrap

import "time"

// pace is how long bootstrap waits for what. The zero Host has the real one.
type pace struct {
	// Introspection is local and free, and a registration is reported within a second.
	poll time.Duration
	// confirm are the waits between calls of the ECS API, which is a shared budget.
	// The agent connects some seconds after it has registered, and a few minutes
	// without a connection are normal (AWS, "ECS container agent connection"):
	// together the waits are more than five minutes.
	confirm []time.Duration
	// settle is the wait before the first of these calls, and half as long again at most: the
	// agent connects a second or two after it has registered. Asked at once, ECS mostly
	// answers "not connected", and the call is wasted.
	settle time.Duration

	api     time.Duration // one API call that bootstrap can do without: the boot waits for it
	systemd time.Duration // D-Bus; a daemon-reload of a big system takes seconds
	look    time.Duration // the search for the cause: the result is more urgent
	signal  time.Duration // one attempt of a delivery
	deliver time.Duration // all attempts, at least: what is left of --timeout may be nothing
	backoff backoff       // between attempts
	stagger time.Duration // at most, before the APIs are asked for the peers
	ports   time.Duration // the check of the ports: some eight API calls, then dials, which have a bound of their own
	lock    time.Duration // another run: longer than any takes that is not stuck
}

func realPace() pace {
	return pace{
		poll:    500 * time.Millisecond,
		confirm: []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 4 * time.Minute},
		api:     15 * time.Second, systemd: time.Minute, look: 10 * time.Second, signal: 30 * time.Second,
		deliver: 2 * time.Minute, backoff: backoff{time.Second, 30 * time.Second},
		settle: 2 * time.Second,
		lock:   time.Minute, stagger: 15 * time.Second, ports: time.Minute,
	}
}
