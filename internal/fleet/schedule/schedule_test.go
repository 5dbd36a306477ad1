package schedule

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	out, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return out.UTC()
}

// The runs follow crontab(5), and for time zones the EC2 Auto Scaling user guide, "Scheduled
// scaling": the action follows the zone's daylight saving time.
func TestNextRun(t *testing.T) {
	for name, c := range map[string]struct{ cron, zone, after, want string }{
		"a weekday morning, winter":        {"0 6 * * 1-5", "Europe/Berlin", "2026-11-27T19:00:00Z", "2026-11-30T05:00:00Z"},
		"a weekday morning, summer":        {"0 6 * * 1-5", "Europe/Berlin", "2026-07-03T19:00:00Z", "2026-07-06T04:00:00Z"},
		"UTC":                              {"0 6 * * 1-5", "UTC", "2026-11-27T19:00:00Z", "2026-11-30T06:00:00Z"},
		"names":                            {"0 11 * * mon,tue,WED", "UTC", "2026-11-27T00:00:00Z", "2026-11-30T11:00:00Z"},
		"AWS's example":                    {"30 0 1 1,6,12 *", "UTC", "2020-11-20T00:00:00Z", "2020-12-01T00:30:00Z"},
		"the time itself is not after it":  {"0 6 * * *", "UTC", "2026-11-27T06:00:00Z", "2026-11-28T06:00:00Z"},
		"Sunday is 7 too":                  {"0 0 * * 7", "UTC", "2026-11-27T06:00:00Z", "2026-11-29T00:00:00Z"},
		"a range that ends on Sunday":      {"0 0 * * 5-7", "UTC", "2026-11-28T06:00:00Z", "2026-11-29T00:00:00Z"},
		"a step of days is no restriction": {"0 0 */2 * 1", "UTC", "2026-11-27T00:00:00Z", "2026-12-07T00:00:00Z"},
		"a step":                           {"*/20 * * * *", "UTC", "2026-11-27T06:41:00Z", "2026-11-27T07:00:00Z"},
		"a step from a start":              {"5/15 * * * *", "UTC", "2026-11-27T06:36:00Z", "2026-11-27T06:50:00Z"},
		"either day is enough":             {"30 4 1,15 * 5", "UTC", "2026-11-21T00:00:00Z", "2026-11-27T04:30:00Z"},
		"29 February":                      {"0 0 29 2 *", "UTC", "2026-11-27T00:00:00Z", "2028-02-29T00:00:00Z"},
		"never":                            {"0 0 30 2 *", "UTC", "2026-11-27T00:00:00Z", ""},
		"an hour that the clock skips":     {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			cron, err := ParseCron(c.cron)
			if err != nil {
				t.Fatal(err)
			}
			zone, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			var want time.Time
			if c.want != "" {
				want = at(t, c.want)
			}
			if got := cron.Next(at(t, c.after), zone); !got.Equal(want) {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestWhatIsNoRecurrence(t *testing.T) {
	for _, text := range []string{"", "0 6 * *", "0 6 ? * MON-FRI *", "60 0 * * *", "0 24 * * *", "0 0 0 * *", "0 0 * 13 *", "0 0 * * 8",
		"5-1 * * * *", "*/0 * * * *", "a * * * *", "1- * * * *", "rate(5 minutes)"} {
		if _, err := ParseCron(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// The sentences are those of the AWS re:Post article auto-scaling-scale-down and of answers of
// DescribeScalingActivities in public repositories.
func TestWhoChangedTheDesiredCapacity(t *testing.T) {
	for name, c := range map[string]struct {
		cause string
		want  []Change
	}{
		"a scheduled action": {"At 2016-02-12T16:01:25Z a scheduled action update of AutoScalingGroup constraints to min: 1, max: 5, desired: " +
			"2 changing the desired capacity from 3 to 2.  At 2016-02-12T16:01:30Z an instance was taken out of service in response to a " +
			"difference between desired and actual capacity, shrinking the capacity from 3 to 2.",
			[]Change{
				{at(t, "2016-02-12T16:01:25Z"), ByScheduledAction, "", 3, 2,
					"At 2016-02-12T16:01:25Z a scheduled action update of AutoScalingGroup constraints to min: 1, max: 5, desired: 2 changing the " +
						"desired capacity from 3 to 2."}},
		},
		"an update": {"At 2022-12-23T20:48:54Z a user request update of AutoScalingGroup constraints to min: 0, max: 4, desired: 0 changing " +
			"the desired capacity from 1 to 0.  At 2022-12-23T20:49:01Z an instance was taken out of service in response to a difference between " +
			"desired and actual capacity, shrinking the capacity from 1 to 0.  At 2022-12-23T20:49:01Z instance i-0bff86408fbe11f7a was selected " +
			"for termination.",
			[]Change{
				{at(t, "2022-12-23T20:48:54Z"), ByRequest, "", 1, 0,
					"At 2022-12-23T20:48:54Z a user request update of AutoScalingGroup constraints to min: 0, max: 4, desired: 0 changing the desired " +
						"capacity from 1 to 0."}},
		},
		"an explicit size": {"At 2026-06-29T22:01:42Z a user request explicitly set group desired capacity changing the desired capacity from " +
			"1 to 0.",
			[]Change{
				{at(t, "2026-06-29T22:01:42Z"), ByRequest, "", 1, 0,
					"At 2026-06-29T22:01:42Z a user request explicitly set group desired capacity changing the desired capacity from 1 to 0."}},
		},
		"a policy": {"At 2016-05-08T13:55:14Z a monitor alarm My-Scale-Down-Alarm in state ALARM triggered policy Decrease Group Size " +
			"changing the desired capacity from 4 to 3.",
			[]Change{
				{at(t, "2016-05-08T13:55:14Z"), ByPolicy, "Decrease Group Size", 4, 3,
					"At 2016-05-08T13:55:14Z a monitor alarm My-Scale-Down-Alarm in state ALARM triggered policy Decrease Group Size changing the " +
						"desired capacity from 4 to 3."}},
		},
		"an instance that was replaced": {
			"At 2026-11-26T19:00:00Z an instance was taken out of service in response to an EC2 health check indicating it has been terminated " +
				"or stopped.",
			nil,
		},
		"nothing": {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ParseCause(c.cause)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParseCron(f *testing.F) {
	for _, text := range []string{"0 6 * * 1-5", "*/20 1,2 1-31/2 jan sun", "5/15 * * * 7"} {
		f.Add(text)
	}
	after := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		cron, err := ParseCron(text)
		if err != nil {
			return
		}
		if next := cron.Next(after, time.UTC); !next.IsZero() && (!next.After(after) || next.Second() != 0) {
			t.Errorf("%q runs next at %s", text, next)
		}
	})
}

func FuzzParseCause(f *testing.F) {
	f.Add("At 2016-02-12T16:01:25Z a scheduled action update changing the desired capacity from 3 to 2.")
	f.Add(
		"At 2016-05-08T13:55:14Z a monitor alarm At 2016-05-08T13:55:14Z in state ALARM triggered policy x changing the desired capacity from " +
			"4 to 3.",
	)
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range ParseCause(text) {
			if c.At.IsZero() || c.From < 0 || c.To < 0 || c.Text == "" {
				t.Errorf("%+v", c)
			}
		}
	})
}
