package containers

import (
	"time"

	"muster/internal/base/stopreason"
	"muster/internal/host/dockerapi"
)

const (
	// oomJudged is how long an out-of-memory event waits for the exit of the container. If the main process was killed,
	// the exit follows within 30 ms (measured on 20.10), or later on a host that is short of memory itself.
	oomJudged = 700 * time.Millisecond
	// oomExit is the maximum time between the out-of-memory kill of a main process and the container's exit.
	oomExit = 10 * time.Second
	// sameKill is the maximum time between two OOM events for one kill. The number of events is not the number of
	// kills. Under cgroup v1 the kernel notifies for each allocation that fails while the victim is still exiting
	// (mm/memcontrol.c, mem_cgroup_oom_notify). containerd's shim (pkg/oom/v1) and its cgroup monitor
	// (core/metrics/cgroups/v1) both pass on each notification. On a loaded host these arrive late.
	sameKill = time.Second
	// saidOften is the minimum time between two child-oom transitions of a container.
	saidOften = time.Minute
	// startsSoon is the delay after which a container that was created but has not started is inspected. ECS creates
	// some containers long before it starts them, so each list requests another inspection.
	startsSoon = 2 * time.Second
	// staysDown is how long an unhealthy container may stay exited before it counts as replaced.
	staysDown = time.Minute
)

// create records a container that has not started yet. A failed start sends no event.
func (m *machine) create(now time.Time, c *container) {
	c.created, c.begun = true, now
	m.at(now.Add(startsSoon), func(time.Time) {
		if c.created && m.containers[c.ID] == c {
			m.want(c)
		}
	})
}

// failedStart counts a failed start, once. Docker leaves the container in the state created, with an exit code and an
// error (moby daemon/start.go), and sends no event.
func (m *machine) failedStart(now time.Time, c *container, found *dockerapi.Inspection) {
	if !c.created || found.ExitCode == 0 || found.Error == "" {
		return
	}
	c.created, c.failed = false, true
	if c.task.failed {
		return // already counted as a task that did not start
	}
	m.count(c).Crashes++
	m.fail(now, c, StartFailed, found.ExitCode, startText(found.Error))
}

// startText returns the explanation for the error of a start.
func startText(text string) string {
	reason, known := stopreason.Of(stopreason.Facts{Text: text})
	if !known {
		return "could not be started: " + text
	}
	return reason.What + ": " + text
}

// taskFailed counts a task that did not start. Docker has no container of it, because its image, a secret or its
// network interface failed first. If Docker has a container, that was already counted as a failed start.
func (m *machine) taskFailed(now time.Time, id Identity, why string) {
	for _, c := range m.containers {
		if c.TaskARN == id.TaskARN && c.failed {
			return
		}
	}
	c := &container{Identity: id, task: m.task(id.TaskARN), health: NoCheck, begun: now, failed: true}
	c.task.failed = true
	m.count(c).Crashes++
	m.fail(now, c, StartFailed, 0, why)
	m.lookUp(c, "")
}

// start records a start. If the container was running according to the machine's state, its exit was missed.
func (m *machine) start(now time.Time, c *container) {
	if c.running {
		m.stopped(now, c)
		m.judge(now, c, exit{}, ended)
	}
	if c.exit != nil {
		m.startedAgain(now, c)
	}
	if c.failed {
		m.count(c).Restarts++
	}
	c.created, c.running, c.paused, c.failed, c.started = false, true, false, false, time.Time{}
	c.begun, c.starts = now, c.starts+1
	c.stop, c.signal, c.oomed, c.ooms = time.Time{}, 0, time.Time{}, 0
	c.health = NoCheck
	if c.checked {
		c.health = Starting
	}
	m.want(c)
}

// live applies an event of a running container.
func (m *machine) live(now time.Time, c *container, e dockerapi.Event) {
	switch e.Action {
	case dockerapi.ActionKill:
		c.signaled(now, e.Signal)
	case dockerapi.ActionPause, dockerapi.ActionUnpause:
		c.paused = e.Action == dockerapi.ActionPause
	case dockerapi.ActionOOM:
		again := !c.oomed.IsZero() && now.Sub(c.oomed) < sameKill
		if c.oomed = now; again {
			return
		}
		if c.ooms++; c.ooms == 1 {
			m.at(now.Add(oomJudged), func(now time.Time) { m.childOOM(now, c, "runs on") })
		}
	case dockerapi.ActionHealth:
		if h := Health(e.Health); h.checked() {
			m.setHealth(now, c, h)
		}
	}
}

// childOOM reports that the container survived out-of-memory kills, or exited later.
func (m *machine) childOOM(now time.Time, c *container, then string) {
	if c.ooms == 0 {
		return // already evaluated with the exit
	}
	m.count(c).ChildOOMs += c.ooms
	c.ooms = 0
	if c.saidAt.IsZero() || now.Sub(c.saidAt) >= saidOften {
		c.saidAt = now
		m.say(now, ChildOOM, c, 0, "a process in the container was killed for memory; its main process "+then)
	}
}

func (m *machine) setHealth(now time.Time, c *container, h Health) {
	if !h.checked() {
		h = NoCheck
	}
	if c.health == Unhealthy && h != Unhealthy {
		m.unhealthyEnded(c)
	}
	c.health, c.checked = h, c.checked || h != NoCheck
	switch {
	case h == Unhealthy && !c.stopping(now): // probes fail while a container is being stopped
		m.sicken(now, c, "its health check fails")
	case h == Healthy:
		m.recover(now, c, "its health check passes again")
	}
}

// awaitHealth reports a health check that still has no result after its start period and the time for all retries.
func (m *machine) awaitHealth(now time.Time, c *container, due time.Duration) {
	began := c.begun
	m.at(now.Add(due), func(now time.Time) {
		if c.running && c.health == Starting && c.begun.Equal(began) && !c.stopping(now) {
			m.sicken(now, c, "its health check has had no result for "+due.Round(time.Second).String()+
				", its start period and all retries: the probe probably hangs")
		}
	})
}

func (m *machine) sicken(now time.Time, c *container, why string) {
	if c.sick.IsZero() {
		c.sick = now
		m.say(now, TurnedUnhealthy, c, 0, why+c.note())
	}
}

func (m *machine) recover(now time.Time, c *container, why string) {
	if !c.sick.IsZero() {
		c.sick = time.Time{}
		m.say(now, Recovered, c, 0, why+c.note())
	}
}

func (c *container) note() string {
	if c.ignored() {
		return "; ECS ignores this check, which is its image's own"
	}
	return ""
}

// stopped records that the container is not running any more.
func (m *machine) stopped(now time.Time, c *container) {
	if c.health == Unhealthy {
		m.unhealthyEnded(c)
	}
	c.running, c.paused, c.health = false, false, NoCheck
	if !c.sick.IsZero() {
		m.at(now.Add(staysDown), func(now time.Time) {
			if !c.running {
				m.recover(now, c, "gone: the unhealthy container has exited")
			}
		})
	}
}

// unhealthyEnded counts an ended period of bad health of the container, and of its task. The metric of a minute is the
// number of unhealthy containers at its end plus the number of these ended periods. It ignores a container that turned
// unhealthy while it was being stopped.
func (m *machine) unhealthyEnded(c *container) {
	if c.sick.IsZero() {
		return
	}
	m.count(c).UnhealthyEnds++
	if c.TaskARN == "" || c.ignored() {
		return
	}
	for _, other := range m.containers {
		if other != c && other.task == c.task && other.running && other.health == Unhealthy && !other.ignored() {
			return // the task is still unhealthy
		}
	}
	key := c.key()
	key.Container = ""
	m.countUnder(c.task, key).TaskUnhealthyEnds++
}

// remove forgets a container. If it was running according to the machine's state, its exit was missed, and it cannot be
// inspected any more.
func (m *machine) remove(now time.Time, c *container) {
	switch {
	case c.running:
		m.stopped(now, c)
		m.judge(now, c, exit{}, ended)
	case c.exit != nil && c.exit.inspect:
		m.inspectedExit(now, c, nil)
	}
	m.recover(now, c, "gone: the unhealthy container was removed")
	delete(m.containers, c.ID)
	m.leave(c)
}
