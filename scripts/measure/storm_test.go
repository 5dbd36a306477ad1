package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Log lines of the agent about the last two of 500 containers.
const (
	unhealthy = `<3>event       its health check fails kind=unhealthy family=web49 ` +
		`task=arn:aws:ecs:eu-central-1:123456789012:task/prod/249 container=app`
	recovered = `<6>event       its health check passes again kind=recovered family=web49 ` +
		`task=arn:aws:ecs:eu-central-1:123456789012:task/prod/249 container=app`
	other = `<4>record      without what bootstrap recorded`
)

func TestJournalEvaluation(t *testing.T) {
	const task = "arn:aws:ecs:eu-central-1:123456789012:task/prod/249"
	for name, c := range map[string]struct {
		lines string
		want  string // part of the error; empty for none
	}{
		"all are announced": {other + "\n" + unhealthy + "\n" + recovered, ""},
		"one is lost":       {unhealthy, "transitions were lost: 1 of 2"},
		"all are lost":      {other, "transitions were lost: 2 of 2"},
		"one comes twice":   {unhealthy + "\n" + recovered + "\n" + unhealthy, "1 transitions that did not happen"},
		"one is made up": {unhealthy + "\n" + recovered + "\n" + strings.ReplaceAll(recovered, "249", "1"),
			"1 transitions that did not happen"},
		"one stands for it": {unhealthy + "\n" + recovered + " repeated=1", "transitions were lost: 1 of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newJournalReader()
			h.sends("unhealthy", task, "app")
			h.sends("recovered", task, "app")
			h.read(strings.NewReader(c.lines))
			h.waitForAll(0)
			err := h.evaluate()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			if got := h.others(); (got == other) != strings.Contains(c.lines, other) {
				t.Errorf("the other lines are %q", got)
			}
		})
	}
	if err := newJournalReader().evaluate(); !errors.Is(err, errLost) {
		t.Errorf("a storm without transitions: %v", err)
	}
}

func TestStormRate(t *testing.T) {
	if rate := perTick * int(time.Second/stormTick); rate != stormRate {
		t.Errorf("%d events a second", rate)
	}
}
