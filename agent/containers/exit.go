package containers

import (
	"strconv"
	"time"

	"muster/internal/host/dockerapi"
)

const (
	// stopLasts bounds how long after a signal an end counts as asked for. ECS waits
	// at most a stop timeout, 30 s unless configured, and then sends another.
	stopLasts = 10 * time.Minute
	// taskEnds is how long an end with 0 waits for what becomes of its task.
	taskEnds = 10 * time.Second

	killed     = 128 + 9
	terminated = 128 + 15
)

// verdict is why a container ended.
type verdict int

const (
	ended   verdict = iota // done with its work, or nobody can tell
	stopped                // somebody asked
	crashed
	oomKilled
)

// exit is an end that waits for its verdict.
type exit struct {
	code    int
	found   bool // by a list; its event was lost
	away    bool // while Docker was lost
	inspect bool // waits for an inspection; otherwise for the end of its task
}

func (m *machine) die(now time.Time, c *container, e dockerapi.Event) {
	switch {
	case c.running:
	case c.exit != nil && c.exit.found: // a list was quicker than this event
		c.exit = nil
	case c.finished.Sub(e.Time).Abs() < time.Second:
		return // judged already, by what an inspection told of it
	case c.exit != nil: // the start between was lost
		m.settleExit(now, c, crashed)
	}
	c.running, c.finished = false, e.Time
	m.exited(now, c, exit{code: e.ExitCode})
}

// exited judges an end, or finds out what it lacks for that.
func (m *machine) exited(now time.Time, c *container, x exit) {
	switch {
	case c.stopping(now):
		m.judge(now, c, x, stopped)
	case x.code == killed && !c.oomed.IsZero() && now.Sub(c.oomed) < oomExit:
		c.ooms = 0 // the kernel tells of one end more than once (seen on 20.10)
		m.judge(now, c, x, oomKilled)
	case x.found, x.code == killed, c.signal != 0:
		x.inspect, c.exit = true, &x
		m.want(c)
	default:
		m.unasked(now, c, x)
	}
}

// unasked judges an end that nobody asked for, as far as is known. With 0 it is a
// crash only where a service's task ends with it, or where it is started again:
// otherwise it is a task, or a container that others of the task wait for, that
// has done its work.
func (m *machine) unasked(now time.Time, c *container, x exit) {
	if x.code != 0 {
		m.judge(now, c, x, crashed)
		return
	}
	x.inspect, c.exit = false, &x
	m.at(now.Add(taskEnds), func(now time.Time) {
		if c.exit != &x {
			return // judged meanwhile
		}
		v := crashed
		if c.task.Service == "" || m.taskRuns(c.task) {
			v = ended
		}
		m.settleExit(now, c, v)
	})
}

// taskRuns says whether a container of the task still runs.
func (m *machine) taskRuns(t *task) bool {
	for _, c := range m.containers {
		if c.running && c.task == t {
			return true
		}
	}
	return false
}

// settleExit judges the end that waits. Of one that only a list told of, nothing is
// known but that.
func (m *machine) settleExit(now time.Time, c *container, v verdict) {
	x := *c.exit
	if x.found && v == crashed {
		v = ended
	}
	m.judge(now, c, x, v)
}

// inspectedExit judges an end by an inspection, which is nil when there is none to
// be had.
func (m *machine) inspectedExit(now time.Time, c *container, found *dockerapi.Inspection) {
	x := *c.exit
	switch {
	case found == nil || found.Running:
		m.settleExit(now, c, crashed)
		return
	case x.found:
		x.code, c.finished = found.ExitCode, found.FinishedAt
	}
	byStop := x.found && (x.away || x.code == killed || x.code == terminated)
	switch {
	case c.signal != 0 && c.signal == found.StopSignal:
		m.judge(now, c, x, stopped)
	case x.code == killed && found.OOMKilled:
		m.judge(now, c, x, oomKilled)
	case byStop:
		m.judge(now, c, x, ended)
	default:
		m.unasked(now, c, x)
	}
}

// judge counts an end, once.
func (m *machine) judge(now time.Time, c *container, x exit, v verdict) {
	m.childOOM(now, c)
	c.exit, c.failed = nil, v != stopped
	n := m.count(c)
	n.Exits++
	switch v {
	case stopped:
		n.Stops++
	case oomKilled:
		n.OOMKills++
		m.say(now, OOM, c, x.code, "its main process was killed: out of memory")
		m.failure(now, c, x.code)
	case crashed:
		n.Crashes++
		if !m.looping(c.role()) {
			m.say(now, Crash, c, x.code, "exited unexpectedly with code "+strconv.Itoa(x.code))
		}
		m.failure(now, c, x.code)
	}
}
