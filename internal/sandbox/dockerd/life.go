package dockerd

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Spec is a container to be.
type Spec struct {
	Name       string // default: made up
	Labels     map[string]string
	Env        []string
	Check      bool   // has a HEALTHCHECK
	StopSignal string // such as SIGQUIT; default SIGTERM
}

type container struct {
	Spec
	id                         string
	status                     string // created, running, exited
	health                     string // starting, healthy, unhealthy; empty without a check
	exitCode, restarts         int
	oomKilled                  bool
	created, started, finished time.Time
}

// image is what every container is of.
const image = "subject:latest"

// Create makes a container and returns its id.
func (e *Engine) Create(spec Spec) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.made++
	c := &container{Spec: spec, id: fmt.Sprintf("%064x", e.made), status: "created", created: e.opts.Now()}
	if c.Name == "" {
		c.Name = "made_up_" + strconv.Itoa(e.made)
	}
	e.containers[c.id], e.ids = c, append(e.ids, c.id)
	e.happen(c, "create", nil)
	return c.id
}

// Run is Create and Start.
func (e *Engine) Run(spec Spec) string {
	id := e.Create(spec)
	e.Start(id)
	return id
}

// Start lets it run, its health starting if it has a check.
func (e *Engine) Start(id string) {
	e.live(id, func(c *container) {
		c.status, c.started, c.oomKilled = "running", e.opts.Now(), false
		if c.Check {
			c.health = "starting"
		}
		e.happen(c, "start", nil)
	})
}

// Health is what a probe finds: healthy or unhealthy. Only a change is an event.
func (e *Engine) Health(id, status string) {
	e.live(id, func(c *container) {
		e.happenExec(c)
		if c.health != status {
			c.health = status
			e.happen(c, "health_status: "+status, nil)
		}
	})
}

// OOM kills some process of it, not the main one.
func (e *Engine) OOM(id string) {
	e.live(id, func(c *container) {
		c.oomKilled = true
		e.happen(c, "oom", nil)
	})
}

// Kill sends it a signal, which alone does nothing.
func (e *Engine) Kill(id string, signal int) {
	e.live(id, func(c *container) { e.happen(c, "kill", map[string]string{"signal": strconv.Itoa(signal)}) })
}

// Die ends its main process. Its health stays what it was, as Docker's does.
func (e *Engine) Die(id string, code int) {
	e.live(id, func(c *container) {
		now := e.opts.Now()
		c.status, c.exitCode, c.finished = "exited", code, now
		e.happen(
			c,
			"die",
			map[string]string{"exitCode": strconv.Itoa(code), "execDuration": strconv.Itoa(int(now.Sub(c.started).Seconds()))},
		)
	})
}

// Stop is a stop as ECS and docker stop do it, of a program that heeds SIGTERM.
func (e *Engine) Stop(id string) {
	e.Kill(id, 15)
	e.Die(id, 0)
	e.live(id, func(c *container) { e.happen(c, "stop", nil) })
}

// Respawn is Docker's restart policy at work, after Die.
func (e *Engine) Respawn(id string) {
	e.live(id, func(c *container) { c.restarts++ })
	e.Start(id)
}

// Destroy removes it.
func (e *Engine) Destroy(id string) {
	e.live(id, func(c *container) {
		delete(e.containers, id)
		e.ids = slices.DeleteFunc(e.ids, func(each string) bool { return each == id })
		e.happen(c, "destroy", nil)
	})
}

// Storm lets n probes run in it, each three events of exec; if unfiltered they
// are sent even to whom did not ask for them.
func (e *Engine) Storm(id string, n int, unfiltered bool) {
	e.live(id, func(c *container) {
		for range n {
			for _, event := range e.execs(c) {
				event.unfiltered = unfiltered
				e.send(event)
			}
		}
	})
}

func (e *Engine) live(id string, do func(*container)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.containers[id]; c != nil {
		do(c)
	}
}

func (e *Engine) happenExec(c *container) {
	for _, event := range e.execs(c) {
		e.send(event)
	}
}

func (e *Engine) execs(c *container) []Event {
	return []Event{
		e.event(c, "exec_create: /subject probe", map[string]string{"execID": "1f"}),
		e.event(c, "exec_start: /subject probe", map[string]string{"execID": "1f"}),
		e.event(c, "exec_die", map[string]string{"execID": "1f", "exitCode": "0"}),
	}
}

func (e *Engine) happen(c *container, action string, more map[string]string) {
	e.send(e.event(c, action, more))
}

// event carries the container's labels among its attributes, as Docker's do.
func (e *Engine) event(c *container, action string, more map[string]string) Event {
	attributes := map[string]string{"image": image, "name": c.Name}
	maps.Copy(attributes, c.Labels)
	maps.Copy(attributes, more)
	return Event{Action: action, ID: c.id, Attributes: attributes, Time: e.opts.Now()}
}
