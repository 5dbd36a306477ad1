// Package schedule parses the sources of changes of an Auto Scaling group's size: the recurrence of a scheduled action,
// and the sentences in the cause of a scaling activity.
//
//	ParseCron("0 6 * * 1-5")        -> next runs
//	ParseCause("At 2026-... a scheduled action update of ... from 3 to 0.")  -> {who, 3, 0}
//
// It uses no group data and no clock. Package internal/fleet/verdict combines the parts.
//
// Auto Scaling uses traditional cron syntax. No library reads just that. robfig/cron v3.0.1 rejects 7 as Sunday, and
// runs "0 0 */2 * 1" on Mondays and on every other day instead of on Mondays that are both. adhocore/gronx v1.20.4
// accepts what Auto Scaling rejects: seconds, years, L, W and #. Both skip a run whose local time a clock change skips,
// so that a group would seem to wake a day later.
package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // recurrences name IANA time zones, and a container image may have no database of them
)

// Cron is a recurrence in Auto Scaling's Unix cron format: minute, hour, day of the month, month, day of the week (API
// reference, PutScheduledUpdateGroupAction).
type Cron struct {
	minute, hour, day, month, weekday uint64 // bit sets
	anyDay, anyWeekday                bool   // the field begins with *
}

type field struct {
	name      string
	low, high int
	names     []string // names of low, low+1, ...
}

var fields = []field{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of the month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of the week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// ParseCron parses five fields of numbers, names, lists, ranges and steps (crontab(5)).
func ParseCron(text string) (Cron, error) {
	parts := strings.Fields(text)
	if len(parts) != len(fields) {
		return Cron{}, fmt.Errorf("recurrence %q has %d fields, want 5", text, len(parts))
	}
	var bits [5]uint64
	for i, part := range parts {
		var err error
		if bits[i], err = fields[i].parse(part); err != nil {
			return Cron{}, fmt.Errorf("recurrence %q: %w", text, err)
		}
	}
	bits[4] |= bits[4] >> 7 & 1 // 7 also means Sunday
	return Cron{bits[0], bits[1], bits[2], bits[3], bits[4], parts[2][0] == '*', parts[4][0] == '*'}, nil
}

func (f field) parse(text string) (bits uint64, err error) {
	for item := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(item, "/")
		step := 1
		if stepped {
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
				return 0, fmt.Errorf("%s: %q is not a step", f.name, item)
			}
		}
		low, high, err := f.span(span, stepped)
		if err != nil {
			return 0, err
		}
		for n := low; n <= high; n += step {
			bits |= 1 << n
			if step > f.high { // so that the sum cannot overflow
				break
			}
		}
	}
	return bits, nil
}

func (f field) span(text string, stepped bool) (low, high int, err error) {
	if text == "*" {
		return f.low, f.high, nil
	}
	from, to, ranged := strings.Cut(text, "-")
	if low, err = f.number(from); err != nil {
		return 0, 0, err
	}
	high = low
	switch {
	case ranged:
		if high, err = f.number(to); err != nil {
			return 0, 0, err
		}
	case stepped:
		high = f.high // 5/15 means 5-59/15
	}
	if low > high {
		return 0, 0, fmt.Errorf("%s: %q is not a range", f.name, text)
	}
	return low, high, nil
}

func (f field) number(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.low + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.low || n > f.high {
		return 0, fmt.Errorf("%s: %q is not between %d and %d", f.name, text, f.low, f.high)
	}
	return n, nil
}

// horizon limits the search, in days. A 29 February on a given weekday occurs within 28 years, except around a century
// without a leap year.
const horizon = 41 * 366

// Next returns the first run after a time, in this time zone. It returns the zero time if there is none, as for 30
// February. If a clock change skips the local time of a run, the run happens right after the change.
func (c Cron) Next(after time.Time, zone *time.Location) time.Time {
	local := after.In(zone)
	year, month, day := local.Date()
	for n := range horizon {
		date := time.Date(year, month, day+n, 12, 0, 0, 0, time.UTC)
		if !c.onDay(date) {
			continue
		}
		for hour := range 24 {
			if c.hour>>hour&1 == 0 {
				continue
			}
			for minute := range 60 {
				if c.minute>>minute&1 == 0 {
					continue
				}
				at := time.Date(date.Year(), date.Month(), date.Day(), hour, minute, 0, 0, zone)
				if at.After(after) {
					return at.UTC()
				}
			}
		}
	}
	return time.Time{}
}

// onDay reports whether the date matches. If both day fields are restricted, one match is enough (crontab(5)).
func (c Cron) onDay(date time.Time) bool {
	if c.month>>int(date.Month())&1 == 0 {
		return false
	}
	day, weekday := c.day>>date.Day()&1 == 1, c.weekday>>int(date.Weekday())&1 == 1
	if c.anyDay || c.anyWeekday {
		return day && weekday
	}
	return day || weekday
}
