package containers

import (
	"strconv"
	"time"

	"muster/internal/host/dockerapi"
)

// Every exit gets exactly one verdict. If its events do not explain it, the verdict waits for an inspection, or for
// what happens to the task or to Docker:
//
//	die ----- requested: TERM, INT, KILL, StopSignal, or Docker's stop event ---> stopped
//	     |--- 137 after oom ----------------------------------------------------> oomKilled
//	     |--- 137, or an unknown signal: inspect --- StopSignal ----------------> stopped
//	     |                                       |-- OOMKilled -----------------> oomKilled
//	     |                                       '-- neither: as below
//	     |--- not 0 ------------------------------------------------------------> crashed
//	     '--- 0: wait 10 s --- started again, one-off task, or its task runs on -> ended
//	                        '-- it took its service's task down ----------------> crashed
//	list shows it (die was missed): inspect -- 0, 137, 143 --------------------> ended
//	                                        '-- else as above
//	  ... after Docker was away: wait 5 s ---- another container survived ------> as above
//	                                        '-- none: dockerd ended them all ---> ended
const (
	// taskEnds is how long the verdict on an exit with code 0 waits to see whether the task ends too.
	taskEnds = 10 * time.Second
	// survivorsKnown is how long the verdict on an exit during an outage of Docker waits for the inspections of the
	// other containers.
	survivorsKnown = 5 * time.Second

	killed     = 128 + 9
	terminated = 128 + 15
)

// The ECS agent's container exits with 42 to make ecs-init start an upgrade (ecs-init/engine/engine.go,
// upgradeAgentExitCode).
const (
	agentContainer = "ecs-agent"
	agentUpgrade   = 42
)

// verdict is why a container exited.
type verdict int

const (
	ended   verdict = iota // the work is done, or the reason is unknown
	stopped                // the exit was requested
	crashed
	oomKilled
)

// exit is an exit without a verdict yet.
type exit struct {
	code    int
	found   bool // a list showed the exit; its event was missed
	outage  int  // number of the Docker outage in which it happened; 0 if none
	oom     bool // OOMKilled of the inspection
	inspect bool // the verdict waits for an inspection
}

func (m *machine) die(now time.Time, c *container, e dockerapi.Event) {
	switch {
	case c.running:
	case c.exit != nil && c.exit.found: // a list showed the exit before this event arrived
		c.exit = nil
	case c.finished.Sub(e.Time).Abs() < time.Second:
		return // already evaluated with an inspection
	case c.exit != nil: // the start event in between was missed
		m.startedAgain(now, c)
	}
	m.stopped(now, c)
	c.finished = e.Time
	m.exited(now, c, exit{code: e.ExitCode})
}

// exited gives an exit its verdict, or requests the data that the verdict needs.
func (m *machine) exited(now time.Time, c *container, x exit) {
	switch {
	case !x.found && m.requested(now, c, x.code), x.found && c.stopping(now):
		m.judge(now, c, x, stopped)
	case x.code == killed && !c.oomed.IsZero() && now.Sub(c.oomed) < oomExit:
		c.ooms = 0 // the kernel can report one kill more than once (seen on 20.10)
		m.judge(now, c, x, oomKilled)
	case x.found, x.code == killed, c.signal != 0:
		x.inspect, c.exit = true, &x
		m.want(c)
	default:
		m.unexpected(now, c, x)
	}
}

// unexpected evaluates an exit that was not requested, as far as is known. Exit code 0 is a crash only if it takes down
// its service's task. Otherwise the task is done, or other containers depend on this one's completion, or the restart
// policy starts it again.
func (m *machine) unexpected(now time.Time, c *container, x exit) {
	if x.code != 0 {
		v := crashed
		if c.TaskARN == "" && c.Name == agentContainer && x.code == agentUpgrade {
			v = ended
		}
		m.judge(now, c, x, v)
		return
	}
	x.inspect, c.exit = false, &x
	m.at(now.Add(taskEnds), func(now time.Time) {
		if c.exit != &x {
			return // the verdict was given meanwhile
		}
		v := crashed
		if c.task.Service == "" || m.taskRuns(c.task) {
			v = ended
		}
		m.settleExit(now, c, v)
	})
}

// taskRuns reports whether a container of the task is running and not being stopped.
func (m *machine) taskRuns(t *task) bool {
	for _, c := range m.containers {
		if c.running && c.stop.IsZero() && c.task == t {
			return true
		}
	}
	return false
}

// settleExit gives the pending exit this verdict. If only a list showed the exit, a crash cannot be confirmed, so the
// verdict is ended.
func (m *machine) settleExit(now time.Time, c *container, v verdict) {
	x := *c.exit
	if v == crashed && x.found {
		v = ended
	}
	m.judge(now, c, x, v)
}

// startedAgain gives the pending exit its verdict after the container has started again. With exit code 0 it was not a
// crash, because a restart policy restarts a container after any exit.
func (m *machine) startedAgain(now time.Time, c *container) {
	v := crashed
	if c.exit.code == 0 {
		v = ended
	}
	m.settleExit(now, c, v)
}

// inspectedExit evaluates an exit with the result of an inspection. found is nil if the inspection failed.
func (m *machine) inspectedExit(now time.Time, c *container, found *dockerapi.Inspection) {
	x := *c.exit
	switch {
	case (found == nil || found.Running) && x.code == 0 && !x.found:
		m.unexpected(now, c, x)
		return
	case found == nil || found.Running:
		m.settleExit(now, c, crashed)
		return
	case x.found:
		x.code, c.finished = found.ExitCode, found.FinishedAt
	}
	x.oom = found.OOMKilled
	switch {
	case c.signal != 0 && c.signal == found.StopSignal:
		m.judge(now, c, x, stopped)
	case x.outage != 0:
		m.awaitSurvivors(now, c, x)
	default:
		m.explained(now, c, x)
	}
}

// explained evaluates an exit after its inspection.
func (m *machine) explained(now time.Time, c *container, x exit) {
	switch {
	case x.code == killed && x.oom:
		m.judge(now, c, x, oomKilled)
	case x.found && (x.code == killed || x.code == terminated):
		m.judge(now, c, x, ended)
	default:
		m.unexpected(now, c, x)
	}
}

// awaitSurvivors evaluates an exit while Docker did not respond. A dockerd that restarts stops all containers, so the
// exit codes prove nothing. With live-restore, other containers survive.
func (m *machine) awaitSurvivors(now time.Time, c *container, x exit) {
	x.inspect, c.exit = false, &x
	m.at(now.Add(survivorsKnown), func(now time.Time) {
		switch {
		case c.exit != &x:
		case m.survived == x.outage:
			m.explained(now, c, x)
		default:
			m.judge(now, c, x, ended)
		}
	})
}

// judge counts the exit with its verdict. It is called once per exit.
func (m *machine) judge(now time.Time, c *container, x exit, v verdict) {
	m.childOOM(now, c, "exited later")
	c.exit, c.failed = nil, v != stopped
	n := m.count(c)
	n.Exits++
	switch v {
	case stopped:
		n.Stops++
		if !c.sick.IsZero() && (c.stop.IsZero() || c.sick.Before(c.stop)) {
			m.fail(now, c, "", x.code, "was stopped while its health check failed")
		}
	case oomKilled:
		n.OOMKills++
		m.fail(now, c, OOM, x.code, "its main process was killed: out of memory")
	case crashed:
		n.Crashes++
		m.fail(now, c, Crash, x.code, "exited unexpectedly with code "+strconv.Itoa(x.code))
	}
}
