package schedule

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Who is the originator of a change of a group's desired capacity.
type Who string

// Originators that Auto Scaling names (EC2 Auto Scaling user guide, "Verify a scaling activity"; AWS re:Post knowledge
// center, auto-scaling-scale-down).
const (
	ByScheduledAction Who = "scheduled action"
	ByRequest         Who = "request"        // UpdateAutoScalingGroup or SetDesiredCapacity
	ByPolicy          Who = "scaling policy" // an alarm triggered it
	ByOther           Who = "other"
)

// Change is a change of a group's desired capacity.
type Change struct {
	At       time.Time
	By       Who
	Policy   string // the scaling policy's name, if By is ByPolicy
	From, To int
	Text     string // the sentence, verbatim
}

var (
	// Each sentence begins with its time. The name of a policy can contain any character.
	sentenceStart = regexp.MustCompile(`At (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) `)
	desired       = regexp.MustCompile(`changing the desired capacity from (\d{1,6}) to (\d{1,6})`)
	policy        = regexp.MustCompile(`^a monitor alarm .* triggered policy (.+?) changing the desired capacity`)
	scheduled     = regexp.MustCompile(`^a scheduled action update `)
	request       = regexp.MustCompile(`^a user request `)
)

// ParseCause returns the changes of the desired capacity in the cause of a scaling activity, in order.
func ParseCause(cause string) []Change {
	var out []Change
	starts := sentenceStart.FindAllStringSubmatchIndex(cause, -1)
	for i, at := range starts {
		end := len(cause)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		when, err := time.Parse(time.RFC3339, cause[at[2]:at[3]])
		body := cause[at[1]:end]
		sizes := desired.FindStringSubmatch(body)
		if err != nil || sizes == nil {
			continue
		}
		c := Change{At: when.UTC(), By: ByOther, Text: trimmed(cause[at[0]:end])}
		c.From, _ = strconv.Atoi(sizes[1]) // up to six digits, so it cannot fail
		c.To, _ = strconv.Atoi(sizes[2])
		switch name := policy.FindStringSubmatch(body); {
		case name != nil:
			c.By, c.Policy = ByPolicy, name[1]
		case scheduled.MatchString(body):
			c.By = ByScheduledAction
		case request.MatchString(body):
			c.By = ByRequest
		}
		out = append(out, c)
	}
	return out
}

func trimmed(text string) string { return strings.Join(strings.Fields(text), " ") }
