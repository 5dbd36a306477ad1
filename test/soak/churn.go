//go:build linux

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

const (
	services = 24 // one container each; the last one is the crash loop
	// One action in each slot: a service has one every six minutes, so it never reaches the three crashes in ten minutes
	// of a crash loop.
	firstSlot, lastSlot = 6, 42 // seconds of the minute
	slotLength          = 12
	// quiet is the second of a minute by which every action must be counted. A longer action makes its minute
	// undecided.
	quiet = 56
	away  = 10 * time.Second // downtime of Docker in a restart
)

// counts holds the metrics of a service in one minute.
type counts struct{ running, crashes, restarts int }

// churn starts and stops the containers, and records the expected metrics.
type churn struct {
	engine engine
	ids    [services]string
	made   int

	minutes map[int64]*[services]counts
	unsure  map[int64]string // minutes whose counts are undecided: an action crossed the end of the minute, or Docker was down
	ends    map[string]int   // number of exits by kind
	lines   map[string]int   // expected crashes in the journal: service and exit code
	actions int
}

func newChurn(e engine) *churn {
	return &churn{
		engine:  e,
		minutes: map[int64]*[services]counts{},
		unsure:  map[int64]string{},
		ends:    map[string]int{},
		lines:   map[string]int{},
	}
}

const loop = services - 1

func service(i int) string {
	if i == loop {
		return "loop"
	}
	return fmt.Sprintf("web%02d", i)
}

// runTask runs a container of a new task.
func (c *churn) runTask(ctx context.Context, i int) error {
	c.made++
	id, err := c.engine.run(ctx, map[string]string{
		"com.amazonaws.ecs.cluster":                 "prod",
		"com.amazonaws.ecs.task-arn":                "arn:aws:ecs:eu-central-1:123456789012:task/prod/" + strconv.Itoa(c.made),
		"com.amazonaws.ecs.container-name":          "app",
		"com.amazonaws.ecs.task-definition-family":  service(i),
		"com.amazonaws.ecs.task-definition-version": "1",
	})
	c.ids[i] = id
	return err
}

func (c *churn) fill(ctx context.Context) error {
	for i := range services {
		if err := c.runTask(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// minute returns the expected counts of the minute that contains now.
func (c *churn) minute(now time.Time) *[services]counts {
	at := now.Truncate(time.Minute).Unix()
	if c.minutes[at] == nil {
		c.minutes[at] = &[services]counts{}
		for i := range services {
			c.minutes[at][i].running = 1
		}
	}
	return c.minutes[at]
}

// runMinute runs the actions of a minute, or restarts Docker in it.
func (c *churn) runMinute(ctx context.Context, minute time.Time, restart bool) error {
	c.minute(minute)
	if restart {
		return c.restart(ctx, minute)
	}
	for second := firstSlot; second <= lastSlot; second += slotLength {
		until(ctx, minute.Add(time.Duration(second)*time.Second))
		if time.Now().After(minute.Add((lastSlot + slotLength/2) * time.Second)) {
			return nil // the machine is slow
		}
		if err := c.act(ctx, minute, second == lastSlot); err != nil {
			return err
		}
	}
	return nil
}

// act makes one container exit and replaces it.
func (c *churn) act(ctx context.Context, minute time.Time, looping bool) error {
	i, kind := c.actions%loop, c.actions%5 // both change with each round: 23 and 5 have no common divisor
	if looping {
		i, kind = loop, 1
	} else {
		c.actions++
	}
	defer func() {
		if time.Now().After(minute.Add(quiet * time.Second)) {
			c.undecided(minute, "the machine was slow")
		}
	}()
	truth, id := &c.minute(minute)[i], c.ids[i]
	code := []int{1, 3, 137, 0, 1}[kind]
	if code == 0 {
		c.ends["stopped"]++
		if err := c.engine.stop(ctx, id); err != nil {
			return err
		}
	} else {
		c.ends["exit code "+strconv.Itoa(code)]++
		truth.crashes++
		if i != loop {
			c.lines[fmt.Sprintf("%s code %d", service(i), code)]++
		}
		if err := c.engine.crash(ctx, id, code); err != nil {
			return err
		}
	}
	wait(ctx, 2*time.Second)
	if kind == 1 { // restarted by Docker's restart policy, or by a user
		truth.restarts++
		return c.engine.start(ctx, id)
	}
	if err := c.runTask(ctx, i); err != nil {
		return err
	}
	return c.engine.remove(ctx, id)
}

// restart restarts Docker. Its containers may exit with it: these exits are not crashes, and the number of running
// containers is undecided in these minutes.
func (c *churn) restart(ctx context.Context, minute time.Time) error {
	until(ctx, minute.Add(firstSlot*time.Second))
	old := c.ids
	lives, err := c.engine.restart(ctx, away)
	if err == nil && !lives {
		for _, id := range old {
			if err := c.engine.remove(ctx, id); err != nil {
				return err
			}
		}
		err = c.fill(ctx)
	}
	c.undecided(minute, "Docker was away")
	return err
}

// undecided excludes the minutes from this one until now from the comparison.
func (c *churn) undecided(from time.Time, why string) {
	for at := from.Truncate(time.Minute); !at.After(time.Now()); at = at.Add(time.Minute) {
		c.minute(at)
		c.unsure[at.Unix()] = why
	}
}
