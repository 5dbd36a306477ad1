package bootstrap

import "time"

// pace holds the timeouts and intervals of bootstrap. A zero Host uses realPace.
type pace struct {
	// poll is short because introspection is local and free, and the agent reports a registration within a second.
	poll time.Duration
	// confirm holds the waits between calls to the ECS API, whose rate limit is shared by the account. The agent
	// connects some seconds after it has registered, and a few minutes without a connection are normal (AWS, "ECS
	// container agent connection"), so the waits add up to more than five minutes.
	confirm []time.Duration
	// settle is the minimum wait before the first of these calls. Jitter adds up to half of it. The agent connects a
	// second or two after it has registered, so an immediate call would usually return "not connected".
	settle time.Duration

	api     time.Duration // one optional API call, which delays the boot
	systemd time.Duration // D-Bus calls; a daemon-reload takes seconds on a big system
	look    time.Duration // the search for the cause, which must not delay the report for long
	signal  time.Duration // one attempt to deliver a signal
	deliver time.Duration // the minimum for all attempts, because nothing may be left of --timeout
	backoff backoff       // between attempts
	stagger time.Duration // the maximum random delay before the APIs are queried for the peers
	ports   time.Duration // the port check: about eight API calls, then dials, which have their own timeout
	service time.Duration // between two looks at this instance for a task of the service; local and free
	// ask holds the waits between calls to ECS about the service and its tasks. The last one repeats.
	ask  []time.Duration
	full time.Duration // how long all tasks of a service run elsewhere before none is expected here
	lock time.Duration // waiting for another run: longer than any healthy run takes
}

func realPace() pace {
	return pace{
		poll:    500 * time.Millisecond,
		confirm: []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 4 * time.Minute},
		api:     15 * time.Second, systemd: time.Minute, look: 10 * time.Second, signal: 30 * time.Second,
		deliver: 2 * time.Minute, backoff: backoff{time.Second, 30 * time.Second},
		settle:  2 * time.Second,
		service: 2 * time.Second, full: 2 * time.Minute,
		ask:  []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute},
		lock: time.Minute, stagger: 15 * time.Second, ports: time.Minute,
	}
}
