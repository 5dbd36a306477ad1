package bootstrap

import "time"

// pace is how long bootstrap waits for whom. The zero Host has the real one.
type pace struct {
	// Introspection is local and free, and a person reads "within a second".
	poll time.Duration
	// confirm are the waits between questions to the ECS API, which is a shared
	// budget. The agent connects some seconds after it registered, and to be
	// disconnected for a few minutes is normal (AWS, "ECS container agent
	// connection"): together they are more than five.
	confirm []time.Duration

	api     time.Duration // each question to the APIs that bootstrap can go on without: it stands in the way of the boot
	systemd time.Duration // D-Bus; a daemon-reload of a big system takes seconds
	look    time.Duration // the search for the cause: the verdict is more urgent
	tell    time.Duration // one delivery: whoever waits has waited long already
	stagger time.Duration // at most, before the APIs are asked for the peers
	ports   time.Duration // the check of the ports: some eight API calls, then dials, which have a bound of their own
	lock    time.Duration // a first run: longer than any takes that is not stuck
}

func realPace() pace {
	return pace{
		poll:    500 * time.Millisecond,
		confirm: []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 4 * time.Minute},
		api:     15 * time.Second, systemd: time.Minute, look: 10 * time.Second, tell: 30 * time.Second, lock: time.Minute, stagger: 15 * time.Second, ports: time.Minute,
	}
}
