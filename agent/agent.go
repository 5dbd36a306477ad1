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
	"muster/agent/limits"
	"muster/agent/metrics"
	"muster/agent/registration"
	"muster/agent/starts"
	"muster/internal/base/gate"
	"muster/internal/config"
	"muster/internal/host/ecsagent"
)

// Watcher watches the containers. containers.Watcher implements it.
type Watcher interface {
	Run(ctx context.Context) error
	Transitions() <-chan containers.Transition
	Reading
}

// Reading returns the state that a Watcher has collected, and receives tasks that did not start.
type Reading interface {
	Totals() containers.Totals
	CountByFamily()
	Snapshot() containers.Snapshot
	Running() ([]containers.Identity, bool)
	TaskFailed(id containers.Identity, why string)
}

// Tasks lists the tasks that the ECS agent reports. ecsagent.Introspection implements it.
type Tasks interface {
	Tasks(ctx context.Context) ([]ecsagent.Task, error)
}

// Meter reads how close the containers and the host are to their limits. limits.Meter implements it.
type Meter interface {
	Read(now time.Time, running []containers.Identity) limits.Reading
}

// Publisher sends minutes to CloudWatch. metrics.Publisher implements it.
type Publisher interface {
	Run(ctx context.Context)
	Add(m metrics.Minute)
	Ending
}

// Ending is the part of a Publisher that is used for shutdown and status.
type Ending interface {
	Flush(ctx context.Context) error
	Stats() metrics.Stats
}

// Settings holds the agent's settings. SIGHUP reloads them.
type Settings struct {
	*config.Config
	Cluster string // the cluster that this instance belongs to; empty if unknown
}

// Parts holds the components of an agent. They do not change.
type Parts struct {
	Log          *slog.Logger
	Containers   Watcher
	Registration *registration.Watch
	Tasks        Tasks                // may be nil
	Starts       *starts.Watch        // may be nil
	Healer       *registration.Healer // may be nil
	Metadata     leaving.Metadata     // may be nil
	Publisher    Publisher            // may be nil
	Announcer    Announcer
	Ports        func(context.Context) (Ports, error) // may be nil
	Limits       Meter                                // may be nil
	Gate         *gate.Gate                           // may be nil; watchPorts uses it
	Attributes   gate.Setter                          // nil unless the version is published
	Calls        func() int                           // returns the number of AWS API calls so far
	// ShuttingDown reports whether the whole system is shutting down. It returns false if that is unknown.
	ShuttingDown func(context.Context) bool

	Notify   func(state string) error // sd_notify(3)
	Watchdog time.Duration            // 0 means no watchdog
	Hangup   <-chan os.Signal         // each signal triggers Reload
	Reload   func() (Settings, error)

	// Waits lists what has been missing since the start. A value on Again ends Run, because something that was missing
	// is now available. The caller then creates another agent that inherits the state of this one.
	Waits *await.Board
	Again <-chan struct{} // may be nil
}

// Agent runs its parts. Only the main loop uses the state in loop. All goroutines may use the state in shared.
type Agent struct {
	Parts
	Settings   Settings
	Version    string
	InstanceID string // empty if unknown
	// Provisional is true if this agent must not publish. It keeps its counts and events for the agent that inherits
	// from it.
	Provisional bool

	loop   loopState
	shared shared
}

// loopState is the state that only the main loop uses.
type loopState struct {
	started      time.Time
	ready        bool      // systemd has accepted READY=1
	minute       time.Time // the current one
	due          time.Time // when the next cycle begins
	first        bool      // that cycle is the first
	written      time.Time // when the state file was written
	news         bool      // the state has changed since then
	cycled       time.Time
	registration registration.Snapshot
	departure    leaving.Notice
	orphans      orphanState
	version      publishedVersion
	// departureUnknownLogged, stateFailureLogged and exportFailureLogged are true once the failure has been logged.
	departureUnknownLogged, stateFailureLogged, exportFailureLogged bool

	tally     tally
	published usage          // at the last published minute
	limits    limits.Reading // the last published reading
	builder   *metrics.Builder
}

// goodbyeTime limits the time between SIGTERM and the exit. The publisher adds up to one second.
const goodbyeTime = 4 * time.Second

// Run runs the agent until ctx ends or Again receives. After ctx ended, it sends what is left and returns false. After
// Again, it returns true without that.
func (a *Agent) Run(ctx context.Context) (again bool) {
	a.prepare()
	a.Registration.Changed = a.registrationChanged
	a.settleCluster()
	// These parts stop only after the goodbye, so that requests in flight when ctx ends can finish.
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
	parts.Go(func() { _ = a.Containers.Run(watching) }) // its only error is the context's
	parts.Go(func() { a.reportTransitions(watching) })
	if a.Limits != nil {
		parts.Go(func() { a.watchLimits(watching) })
	}
	if a.Ports != nil {
		period := a.Settings.PortsPeriod
		parts.Go(func() { a.watchPorts(watching, period) })
	}
	again = a.mainLoop(ctx)
	enough()
	if a.Containers.CountByFamily(); again {
		a.handOver(lasting)
	} else {
		a.goodbye(lasting)
	}
	return again
}

// mainLoop is the only part that notifies the watchdog. It returns true if Again ended it.
func (a *Agent) mainLoop(ctx context.Context) (again bool) {
	next := time.NewTimer(0)
	defer next.Stop()
	l := &a.loop
	l.minute, l.first = time.Now().Truncate(time.Minute), true
	for {
		now := time.Now()
		a.endMinute(now)
		if !now.Before(l.due) {
			a.beginCycle(ctx, now)
		}
		if l.news && time.Since(l.written) >= leastBetween {
			a.writeState()
			l.written, l.news = time.Now(), false
		}
		a.alive()
		if !l.ready && ctx.Err() == nil {
			l.ready = a.notify(stateReady)
		}
		next.Reset(a.pause(time.Now(), l.due, l.news || !l.ready))
		select {
		case <-ctx.Done():
			return false
		case <-a.Again:
			return ctx.Err() == nil
		case <-a.Waits.Changes():
			l.news = true
		case <-a.Hangup:
			a.reload()
			l.due = time.Time{}
		case <-a.shared.changed:
			l.news = true
		case <-next.C:
		}
	}
}

// endMinute publishes the minute that has ended, if any.
func (a *Agent) endMinute(now time.Time) {
	is := now.Truncate(time.Minute)
	if is.Equal(a.loop.minute) {
		return
	}
	// If an earlier run has already published this minute when it stopped, the counts since then go into the next minute.
	if a.stats().Last.Before(a.loop.minute) {
		a.publish(a.loop.minute)
	}
	a.loop.minute = is
}

// beginCycle runs a cycle and sets the time of the next one.
func (a *Agent) beginCycle(ctx context.Context, now time.Time) {
	l := &a.loop
	l.due = now.Add(a.Settings.WatchPeriod)
	if l.first {
		l.due = now.Add(min(a.Settings.WatchPeriod, settling))
	}
	a.cycle(ctx, l.first)
	if ask := a.Registration.Due(); ask.After(now) && ask.Before(l.due) {
		l.due = ask
	}
	l.first, l.news = false, true
}

const (
	// leastBetween is the minimum time between two writes of the state file.
	leastBetween = time.Second
	// settling is the time between the first and the second cycle. By then the services of the tasks are known.
	settling = 3 * time.Second
)

// States of sd_notify(3).
const (
	stateReady    = "READY=1"
	stateAlive    = "WATCHDOG=1"
	stateStopping = "STOPPING=1"
)

func (a *Agent) alive() { a.notify(stateAlive) }

// notify reports whether systemd received the state, or does not expect one.
func (a *Agent) notify(state string) bool {
	need := await.Requirement{ID: agentstate.NeedSystemd, What: "systemd", Verb: "answered"}
	err := a.Notify(state)
	if err != nil {
		a.Waits.Missing(need, err)
		return false
	}
	a.Waits.Available(need)
	return true
}

// pause returns the time until the next cycle, the next minute, or half of the watchdog timeout, whichever comes first.
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

// cycle polls everything that does not send events. No step takes longer than the watchdog timeout.
func (a *Agent) cycle(ctx context.Context, first bool) {
	if first {
		a.awaitContainers(ctx)
	}
	before := a.loop.registration.ECS.Impaired > 0
	a.loop.registration = a.Registration.Update(ctx)
	a.reportImpaired(before, a.loop.registration.ECS)
	if r := a.loop.registration; r.ECS.EC2 != "" && r.ECS.EC2 == a.InstanceID {
		a.shared.setSelf(gate.Self{Cluster: r.Cluster, ARN: r.ARN})
	} else {
		a.shared.setSelf(gate.Self{})
	}
	a.settleCluster()
	a.alive()
	a.publishVersion(ctx)
	a.alive()
	if a.Healer != nil {
		if line := a.Healer.Evaluate(ctx, a.loop.registration); line != "" {
			a.shared.remember(time.Now(), "heal", line)
		}
		a.alive()
	}
	a.checkLeaving(ctx)
	a.checkTasks(ctx)
	a.loop.cycled = time.Now()
}

// firstList limits how long the first cycle waits for the first list of containers.
const firstList = 10 * time.Second

// awaitContainers waits until the first request to Docker has succeeded or failed, so that READY=1 implies a known
// state.
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

// publish passes what was counted since the last published minute to the publisher's queue. A provisional agent keeps
// the counts.
func (a *Agent) publish(at time.Time) {
	if a.Provisional {
		return
	}
	totals, used := a.Containers.Totals(), a.usage()
	m := a.minute(totals, used)
	a.build(m)
	a.exportFiles(time.Now(), m, totals)
	if m.limits.ExceededKnown {
		a.loop.limits = m.limits
	}
	a.loop.tally.publish(totals)
	a.loop.published = used
	if m := a.loop.builder.Minute(at); a.Publisher != nil {
		a.Publisher.Add(m)
	}
}
