package agent

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"muster/agent/agentstate"
	"muster/agent/await"
	"muster/agent/containers"
	"muster/agent/leaving"
	"muster/agent/metrics"
	"muster/agent/registration"
	"muster/internal/config"
	"muster/internal/gate"
	"muster/internal/host/ecsagent"
)

// Watcher watches the containers: a containers.Watcher.
type Watcher interface {
	Run(ctx context.Context) error
	Transitions() <-chan containers.Transition
	Reading
}

// Reading is what a Watcher knows.
type Reading interface {
	Totals() containers.Totals
	Snapshot() containers.Snapshot
	Running() ([]containers.Identity, bool)
}

// Tasks is what the ECS agent knows of its tasks: an ecsagent.Introspection.
type Tasks interface {
	Tasks(ctx context.Context) ([]ecsagent.Task, error)
}

// Publisher brings minutes to CloudWatch: a metrics.Publisher.
type Publisher interface {
	Run(ctx context.Context)
	Add(m metrics.Minute)
	Ending
}

// Ending is what a Publisher does beside publishing.
type Ending interface {
	Flush(ctx context.Context) error
	Stats() metrics.Stats
}

// Settings are the settings of the agent. SIGHUP reloads them.
type Settings struct {
	*config.Config
	Cluster string // where this instance belongs; empty: not known
}

// Parts are what the agent is wired from. They do not change.
type Parts struct {
	Log          *slog.Logger
	Containers   Watcher
	Registration *registration.Watch
	Tasks        Tasks                // may be nil
	Healer       *registration.Healer // may be nil
	Metadata     leaving.Metadata     // may be nil
	Publisher    Publisher            // may be nil
	Announcer    Announcer
	Ports        func(context.Context) (Ports, error) // may be nil
	Gate         *gate.Gate                           // may be nil; it belongs to the look at the ports
	Calls        func() int                           // to AWS, so far
	// ShuttingDown reports whether the whole system stops. It is false if that is unknown.
	ShuttingDown func(context.Context) bool

	Notify   func(state string) error // sd_notify(3)
	Watchdog time.Duration            // 0: no watchdog
	Hangup   <-chan os.Signal         // each one triggers Reload
	Reload   func() (Settings, error)

	// Waits lists what is missing since the start. Again ends Run as soon as that is
	// there; the caller makes another agent, which inherits.
	Waits *await.Board
	Again <-chan struct{} // may be nil
}

// Agent runs its parts. What they found is in loop, which only the main loop touches,
// and in shared, which all goroutines may.
type Agent struct {
	Parts
	Settings   Settings
	Version    string
	InstanceID string // empty: unknown
	// Provisional keeps what is counted and announced for the agent that inherits.
	Provisional bool

	loop   loopState
	shared shared
}

// loopState belongs to the main loop.
type loopState struct {
	started      time.Time
	ready        bool // systemd has accepted READY=1
	cycled       time.Time
	registration registration.Snapshot
	departure    leaving.Notice
	orphans      orphanState
	// departureUnknownLogged and stateFailureLogged are set once the failure has been
	// logged.
	departureUnknownLogged, stateFailureLogged bool

	tally     tally
	published usage // as of the last published minute
	builder   *metrics.Builder
}

// goodbyeTime is what there is between SIGTERM and the end; the publisher adds up to
// one second.
const goodbyeTime = 4 * time.Second

// Run runs until ctx ends, says goodbye, and returns when all has ended. It returns
// true, and says no goodbye, if Again ended it.
func (a *Agent) Run(ctx context.Context) (again bool) {
	a.prepare()
	a.Registration.Changed = a.registrationChanged
	a.settleCluster()
	// What is on its way when ctx ends still arrives: these end after the goodbye.
	lasting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer a.release()
	var parts sync.WaitGroup
	defer parts.Wait()
	defer end()
	parts.Go(func() { a.Announcer.Run(lasting) })
	if a.Publisher != nil {
		parts.Go(func() { a.Publisher.Run(lasting) })
	}
	watching, enough := context.WithCancel(ctx)
	defer enough()
	parts.Go(func() { _ = a.Containers.Run(watching) }) // its error is that of the context
	parts.Go(func() { a.reportTransitions(watching) })
	if a.Ports != nil {
		period := a.Settings.PortsPeriod
		parts.Go(func() { a.watchPorts(watching, period) })
	}
	again = a.mainLoop(ctx)
	if enough(); again {
		a.handOver(lasting)
	} else {
		a.goodbye(lasting)
	}
	return again
}

// mainLoop is the only part that answers the watchdog. It returns true if Again ended
// it.
func (a *Agent) mainLoop(ctx context.Context) (again bool) {
	next := time.NewTimer(0)
	defer next.Stop()
	var due, written time.Time
	minute := time.Now().Truncate(time.Minute)
	first, news := true, false
	for {
		now := time.Now()
		if is := now.Truncate(time.Minute); !is.Equal(minute) {
			// In the minute in which an earlier run said goodbye, what was counted since
			// waits for the next.
			if a.stats().Last.Before(minute) {
				a.publish(minute)
			}
			minute = is
		}
		if !now.Before(due) {
			due = now.Add(a.Settings.WatchPeriod)
			if first {
				due = now.Add(min(a.Settings.WatchPeriod, settling))
			}
			a.cycle(ctx, first)
			if ask := a.Registration.Due(); ask.After(now) && ask.Before(due) {
				due = ask
			}
			first, news = false, true
		}
		if news && time.Since(written) >= leastBetween {
			a.writeState()
			written, news = time.Now(), false
		}
		a.alive()
		if !a.loop.ready && ctx.Err() == nil {
			a.loop.ready = a.notify(stateReady)
		}
		next.Reset(a.pause(time.Now(), due, news || !a.loop.ready))
		select {
		case <-ctx.Done():
			return false
		case <-a.Again:
			return ctx.Err() == nil
		case <-a.Waits.News():
			news = true
		case <-a.Hangup:
			a.reload()
			due = time.Time{}
		case <-a.shared.changed:
			news = true
		case <-next.C:
		}
	}
}

const (
	// leastBetween lies between two writings of the state file in a storm.
	leastBetween = time.Second
	// settling is how soon the second cycle follows the first: by then the services
	// of the tasks are known.
	settling = 3 * time.Second
)

// The states of sd_notify(3).
const (
	stateReady    = "READY=1"
	stateAlive    = "WATCHDOG=1"
	stateStopping = "STOPPING=1"
)

func (a *Agent) alive() { a.notify(stateAlive) }

// notify reports whether systemd took it, or does not wait for it.
func (a *Agent) notify(state string) bool {
	need := await.Need{ID: agentstate.NeedSystemd, What: "systemd", Came: "answered"}
	err := a.Notify(state)
	if err != nil {
		a.Waits.Missing(need, err)
		return false
	}
	a.Waits.Came(need)
	return true
}

// pause is until the next cycle, the next minute, or half of the watchdog's
// patience.
func (a *Agent) pause(now, due time.Time, news bool) time.Duration {
	pause := min(due.Sub(now), now.Truncate(time.Minute).Add(time.Minute).Sub(now))
	if a.Watchdog > 0 {
		pause = min(pause, a.Watchdog/2)
	}
	if news {
		pause = min(pause, leastBetween)
	}
	return max(pause, time.Millisecond)
}

// cycle looks at all that does not tell by itself. No step lasts longer than the
// watchdog waits.
func (a *Agent) cycle(ctx context.Context, first bool) {
	if first {
		a.awaitContainers(ctx)
	}
	before := a.loop.registration.ECS.Impaired > 0
	a.loop.registration = a.Registration.Look(ctx)
	a.reportImpaired(before, a.loop.registration.ECS)
	if r := a.loop.registration; r.ECS.EC2 != "" && r.ECS.EC2 == a.InstanceID {
		a.shared.setSelf(gate.Self{Cluster: r.Cluster, ARN: r.ARN})
	} else {
		a.shared.setSelf(gate.Self{})
	}
	a.settleCluster()
	a.alive()
	if a.Healer != nil {
		if line := a.Healer.Consider(ctx, a.loop.registration); line != "" {
			a.shared.remember(time.Now(), "heal", line)
		}
		a.alive()
	}
	a.checkLeaving(ctx)
	a.checkOrphans(ctx)
	a.loop.cycled = time.Now()
}

// firstList bounds how long the first cycle waits for the first list.
const firstList = 10 * time.Second

// awaitContainers waits until Docker has been asked once, so that READY means
// something.
func (a *Agent) awaitContainers(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, firstList)
	defer stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if s := a.Containers.Snapshot(); !s.Listed.IsZero() || s.Why != "" {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// publish adds what happened since the last published minute to the publisher's queue.
// A provisional agent keeps it.
func (a *Agent) publish(at time.Time) {
	if a.Provisional {
		return
	}
	totals, used := a.Containers.Totals(), a.usage()
	a.build(a.minute(totals, used))
	a.loop.tally.publish(totals)
	a.loop.published = used
	if m := a.loop.builder.Minute(at); a.Publisher != nil {
		a.Publisher.Add(m)
	}
}
