package agent

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/base/gate"
	"muster/internal/term"
)

// door records the values that are set, and when.
type door struct {
	values []string
	err    error
}

func (d *door) PutAttribute(_ context.Context, _, _, _, value string) error {
	if d.err == nil {
		d.values = append(d.values, value)
	}
	return d.err
}

func TestTheGateFollowsThePortsOnceALookWasRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		looks     []gate.State // the last one goes on
		confirmed bool
		err       error
		want      []string
		says      string
		status    string // the line of muster status
	}{
		"open, closed for one look, closed": {
			looks:     []gate.State{gate.Open, gate.Open, gate.Closed, gate.Open, gate.Undecided, gate.Closed, gate.Closed},
			confirmed: true, want: []string{"open", "closed"}, says: "set attribute muster.ports=closed of this container instance",
			status: "muster.ports=closed (set ",
		},
		"unknown": {looks: []gate.State{gate.Undecided}, confirmed: true, status: "not set since muster-agent started; the ports were undecided"},
		"another instance, or one that ECS does not confirm": {looks: []gate.State{gate.Closed}, says: "ECS has not confirmed the registration",
			status: "NOT SET to closed: ECS has not confirmed the registration"},
		"not allowed": {looks: []gate.State{gate.Closed}, confirmed: true, err: errors.New("ecs:PutAttributes is not allowed"),
			says:   "attribute muster.ports was not set to closed and is unchanged: ecs:PutAttributes is not allowed",
			status: "NOT SET to closed: ecs:PutAttributes is not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, "PORTS", "ignite2", "GATE", "muster.ports")
				d := &door{err: c.err}
				s.Gate = &gate.Gate{Name: "muster.ports", API: d}
				looks := 0
				var at []time.Time
				s.Ports = func(context.Context) (Ports, error) {
					if c.confirmed {
						s.shared.setSelf(gate.Self{Cluster: "prod", ARN: "arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/1"})
					}
					is := c.looks[min(looks, len(c.looks)-1)]
					looks++
					at = append(at, time.Now())
					return Ports{Known: true, Gate: is}, nil
				}
				s.live(t, 12*time.Hour)
				if !slices.Equal(d.values, c.want) || strings.Count(s.journal.String(), c.says) == 0 {
					t.Errorf("set %q, want %q\n%s", d.values, c.want, s.journal.String())
				}
				if c.says != "" && strings.Count(s.journal.String(), c.says) != 1 {
					t.Errorf("%q is logged more than once", c.says)
				}
				var status bytes.Buffer
				if err := s.state(time.Now()).Table(&status, term.Style{}, time.Now()); err != nil || !strings.Contains(status.String(), c.status) {
					t.Errorf("the status lacks %q (%v):\n%s", c.status, err, status.String())
				}
				if c.looks[0] != gate.Undecided && at[1].Sub(at[0]) != gateAgain {
					t.Errorf("the second look came after %s", at[1].Sub(at[0]))
				}
			})
		})
	}
}
