package verdict

import (
	"strings"
	"testing"
	"time"

	"muster/internal/fleet/inventory"
)

// A group that went dark, with the sentences of TestWhoChangedTheDesiredCapacity.
func TestASleepingGroupSaysSinceWhenByWhatAndWhenItWakes(t *testing.T) {
	asleep := func(edit func(*inventory.Inventory, *inventory.Group)) *inventory.Inventory {
		inv := healthy()
		inv.Instances, inv.Tasks, inv.Services[0].Running = nil, nil, 0
		g := &inv.Groups[0]
		g.Members, g.Desired = nil, 0
		g.Scheduled = []inventory.ScheduledAction{
			{
				Name:       "sleep",
				Recurrence: "0 20 * * 1-5",
				TimeZone:   "Europe/Berlin",
				Start:      now.Add(70 * time.Hour),
				Min:        number(0),
				Desired:    number(0),
			},
			{
				Name:       "wake",
				Recurrence: "0 6 * * 1-5",
				TimeZone:   "Europe/Berlin",
				Start:      time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC),
				Min:        number(0),
				Desired:    number(3),
			},
		}
		g.Activities = []inventory.Activity{
			{
				Status: "Successful",
				Start:  now.Add(-2 * time.Hour),
				Cause: "At 2026-11-27T19:00:05Z a scheduled action update of AutoScalingGroup constraints to min: 0, max: 9, desired: 0 changing " +
					"the desired capacity from 6 to 0.  At 2026-11-27T19:00:15Z an instance was taken out of service in response to a difference " +
					"between desired and actual capacity, shrinking the capacity from 6 to 5.",
			},
		}
		if edit != nil {
			edit(inv, g)
		}
		return inv
	}
	for name, c := range map[string]struct {
		edit   func(*inventory.Inventory, *inventory.Group)
		status Status
		by     string
		since  string
		wake   string
		noWake string
	}{
		"by a scheduled action": {nil, Pass, "a scheduled action, probably sleep", "2026-11-27T19:00:05Z", "2026-11-30T05:00:00Z", ""},
		"for the holidays": {func(_ *inventory.Inventory, g *inventory.Group) {
			g.Scheduled[1].Start = time.Date(2027, 1, 4, 5, 0, 0, 0, time.UTC)
		}, Pass,
			"a scheduled action, probably sleep", "2026-11-27T19:00:05Z", "2027-01-04T05:00:00Z", ""},
		"an old start time": {func(_ *inventory.Inventory, g *inventory.Group) { g.Scheduled[1].Start = now.Add(-100 * time.Hour) }, Pass,
			"a scheduled action, probably sleep", "2026-11-27T19:00:05Z", "2026-11-30T05:00:00Z", ""},
		"by a person": {func(_ *inventory.Inventory, g *inventory.Group) {
			g.Scheduled = nil
			g.Activities[0].Cause = "At 2026-11-27T19:00:05Z a user request explicitly set group desired capacity changing the desired capacity " +
				"from 1 to 0."
		}, Pass, "a request (", "2026-11-27T19:00:05Z", "", "EventBridge Scheduler"},
		"by managed scaling": {func(inv *inventory.Inventory, g *inventory.Group) {
			inv.Providers[0].Scaling, g.Scheduled = true, nil
			g.Activities[0].Cause = "At 2026-11-27T19:00:05Z a monitor alarm TargetTracking-workers-AlarmLow in state ALARM triggered policy " +
				"ECSManagedAutoScalingPolicy changing the desired capacity from 1 to 0."
		}, Pass, "the scaling policy ECSManagedAutoScalingPolicy", "2026-11-27T19:00:05Z", "", "scales it out when a task needs an instance"},
		"by a tag": {func(_ *inventory.Inventory, g *inventory.Group) {
			g.Scheduled, g.Tags = nil, map[string]string{"StartAfter": "2027-01-04T06:00"}
			g.Activities[0].Cause = "At 2026-11-27T19:00:05Z a user request explicitly set group desired capacity changing the desired capacity " +
				"from 1 to 0."
		}, Pass, "a request (", "2026-11-27T19:00:05Z", "", "automations by tag; its tag StartAfter says 2027-01-04T06:00"},
		"nothing wakes it": {func(_ *inventory.Inventory, g *inventory.Group) { g.Scheduled = g.Scheduled[:1] }, Warn,
			"a scheduled action, probably sleep", "2026-11-27T19:00:05Z", "", "no scheduled action of this group"},
		"scheduled actions are suspended": {func(_ *inventory.Inventory, g *inventory.Group) { g.Suspended = []string{"ScheduledActions"} }, Warn,
			"a scheduled action, probably sleep", "2026-11-27T19:00:05Z", "2026-11-30T05:00:00Z", "is suspended"},
		"max stays 0": {
			func(_ *inventory.Inventory, g *inventory.Group) { g.Max = 0 },
			Warn,
			"a scheduled action, probably sleep",
			"2026-11-27T19:00:05Z",
			"",
			"max is 0",
		},
		"longer than six weeks": {
			func(_ *inventory.Inventory, g *inventory.Group) { g.Activities = nil },
			Pass,
			"",
			"",
			"2026-11-30T05:00:00Z",
			"",
		},
		"no permission": {func(inv *inventory.Inventory, g *inventory.Group) {
			g.Activities, g.ActivitiesRead, g.Scheduled = nil, false, nil
			inv.Unread = []inventory.Unread{{Part: inventory.PartActivities, Action: "autoscaling:DescribeScalingActivities", Denied: true},
				{Part: inventory.PartScheduled, Action: "autoscaling:DescribeScheduledActions", Denied: true}}
		}, Unknown, "", "", "", "unknown: autoscaling:DescribeScheduledActions is not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			v := Evaluate(asleep(c.edit), now)
			s := v.Groups[0].Sleep
			if s == nil || !v.Asleep {
				t.Fatalf("it does not sleep: %q", v.Line)
			}
			since, wake := stamps(s)
			if v.Status != c.status || !strings.HasPrefix(s.By, c.by) || since != c.since || wake != c.wake ||
				!strings.Contains(s.NoWake, c.noWake) ||
				s.Cause == "" {
				t.Errorf("%s: %+v\n%s, problems %+v", v.Status, s, v.Line, v.Problems)
			}
			if c.status == Pass && (!strings.HasPrefix(v.Line, "Asleep: group workers ") || v.Services[0].Wrong != "asleep") {
				t.Errorf("%q, service %q", v.Line, v.Services[0].Wrong)
			}
		})
	}
}

// stamps returns when a group fell asleep and when it wakes, empty if unknown.
func stamps(s *Sleep) (since, wake string) {
	if !s.Since.IsZero() {
		since = Stamp(s.Since)
	}
	if s.Wake != nil {
		wake = Stamp(s.Wake.At)
	}
	return since, wake
}
