package query

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// compile parses the argument of a subject whose values have an order, and creates the comparison with it.
func (c *comparison) compile() error {
	switch c.subject {
	case agentVersion:
		want, ok := version(c.args[0])
		if !ok {
			return fmt.Errorf("%q is not a version such as 1.14.5", c.args[0])
		}
		c.order = func(value string) (int, error) {
			if is, ok := version(value); ok {
				return slices.Compare(is, want), nil
			}
			return 0, fmt.Errorf("the agent's version %q is not a version such as 1.14.5", value)
		}
	case registeredAt:
		if _, ok := date(c.args[0]); !ok {
			return fmt.Errorf("%q is not a date such as 2018-06-18T22:28:28Z or 2018-06-18", c.args[0])
		}
	case runningTasks:
		if _, err := strconv.Atoi(c.args[0]); err != nil {
			return fmt.Errorf("%q is not a number", c.args[0])
		}
	}
	return nil
}

func (c *comparison) match(i Instance) Answer {
	switch c.subject {
	case attribute:
		return c.attribute(i)
	case agentConnected:
		return c.text(strconv.FormatBool(i.AgentConnected))
	case ec2InstanceID:
		if i.EC2InstanceID == "" {
			return unknown("%s: the EC2 instance id is not known", c)
		}
		return c.text(i.EC2InstanceID)
	case agentVersion:
		order, err := c.order(i.AgentVersion)
		if err != nil {
			return unknown("%s: %v", c, err)
		}
		return answer(ordering(c.op, order))
	case registeredAt:
		if i.RegisteredAt.IsZero() {
			return unknown("%s: the time of the registration is not known", c)
		}
		at, _ := date(c.args[0])
		return answer(ordering(c.op, i.RegisteredAt.Compare(at)))
	}
	if i.TasksUnknown != "" {
		return unknown("%s: %s", c, i.TasksUnknown)
	}
	if c.subject == taskGroup {
		return c.groups(i.Groups)
	}
	want, _ := strconv.Atoi(c.args[0])
	return answer(ordering(c.op, cmp.Compare(i.RunningTasks, want)))
}

func (c *comparison) attribute(i Instance) Answer {
	value, there := i.Attributes[c.name]
	switch {
	case c.op == exists:
		return answer(there)
	case c.op == notExists:
		return answer(!there)
	case there && slices.Contains([]operator{greater, greaterEqual, less, lessEqual}, c.op):
		return c.ordered(value)
	case there:
		return c.text(value)
	case c.op == notIn || c.op == notMatches:
		return unknown("%s: the instance has no attribute %s, and AWS does not document what %s answers then", c, c.name, c.op)
	}
	// Source: "lists the instances with the custom attribute stack unless the attribute value is prod", the example for
	// != in the developer guide (task-placement-constraints).
	return Answer{Is: No}
}

// ordered compares an attribute both as a number and as text, because AWS does not document which one applies.
func (c *comparison) ordered(value string) Answer {
	byText := ordering(c.op, strings.Compare(value, c.args[0]))
	is, err := strconv.ParseFloat(value, 64)
	want, wrong := strconv.ParseFloat(c.args[0], 64)
	if err != nil || wrong != nil || ordering(c.op, cmp.Compare(is, want)) == byText {
		return answer(byText)
	}
	return unknown("%s: AWS does not document whether %s compares %q and %q as numbers or as text", c, c.op, value, c.args[0])
}

func (c *comparison) text(value string) Answer {
	switch c.op {
	case equals:
		return answer(value == c.args[0])
	case notEquals:
		return answer(value != c.args[0])
	case in:
		return answer(slices.Contains(c.args, value))
	case notIn:
		return answer(!slices.Contains(c.args, value))
	case matches:
		return c.matcher.match(value)
	default:
		return negation{constant(c.matcher.match(value))}.match(Instance{})
	}
}

type constant Answer

func (c constant) match(Instance) Answer { return Answer(c) }

const undocumented = "and AWS does not document what %s answers then; write not(task:group ...)"

// groups evaluates an operator for the groups of all tasks on an instance. A positive operator is true for an instance
// with one such task ("instances that are hosting tasks in the service:production group"). The meaning of a negative
// one, for an instance with several groups or without tasks, is not documented.
func (c *comparison) groups(groups []string) Answer {
	switch c.op {
	case exists:
		return answer(len(groups) > 0)
	case notExists:
		return answer(len(groups) == 0)
	case greater, greaterEqual, less, lessEqual:
		return unknown("%s: AWS does not document an order of task groups", c)
	}
	var yes, no int
	for _, g := range groups {
		switch a := c.text(g); a.Is {
		case Yes:
			yes++
		case No:
			no++
		default:
			return a
		}
	}
	negative := c.op == notEquals || c.op == notIn || c.op == notMatches
	switch {
	case !negative:
		return answer(yes > 0)
	case len(groups) == 0:
		return unknown("%s: the instance runs no task, "+undocumented, c, c.op)
	case yes > 0 && no > 0:
		return unknown("%s: the instance runs tasks of several groups, "+undocumented, c, c.op)
	}
	return answer(yes > 0)
}

func ordering(op operator, order int) bool {
	switch op {
	case equals:
		return order == 0
	case notEquals:
		return order != 0
	case greater:
		return order > 0
	case greaterEqual:
		return order >= 0
	case less:
		return order < 0
	default:
		return order <= 0
	}
}

// version parses a version such as 1.14.5 or v1.14.5. Trailing zeros do not matter.
func version(text string) ([]int, bool) {
	var parts []int
	for part := range strings.SplitSeq(strings.TrimPrefix(text, "v"), ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, false
		}
		parts = append(parts, n)
	}
	for len(parts) > 0 && parts[len(parts)-1] == 0 {
		parts = parts[:len(parts)-1]
	}
	return parts, true
}

// date parses the formats that the developer guide lists for registeredAt. A time without a zone is UTC.
func date(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// pattern is a regular expression. ECS uses Java's syntax, of which Go's is a subset. The result of a pattern that only
// Java supports is unknown.
type pattern struct {
	text        string
	whole, part *regexp.Regexp
	err         error
}

func newPattern(text string) *pattern {
	p := &pattern{text: text}
	if p.part, p.err = regexp.Compile(text); p.err != nil {
		return p
	}
	if p.whole, p.err = regexp.Compile("^(?:" + text + ")$"); p.err == nil && strings.Contains(text, "&&") {
		p.err = fmt.Errorf("muster does not evaluate the && of Java's character classes")
	}
	return p
}

func (p *pattern) match(value string) Answer {
	switch {
	case p.err != nil:
		return unknown("the regular expression %q: %v", p.text, p.err)
	case p.whole.MatchString(value):
		return Answer{Is: Yes}
	case !p.part.MatchString(value):
		return Answer{Is: No}
	}
	return unknown("the regular expression %q matches a part of %q, and AWS does not document whether it must match all of it", p.text, value)
}
