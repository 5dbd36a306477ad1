// Package query parses and evaluates expressions of the ECS cluster query language. Placement constraints of type
// memberOf use it.
//
//	e, err := query.Parse("attribute:ecs.instance-type =~ m7.* and not(task:group == service:db)")
//	a := e.Match(query.Instance{Attributes: ..., Groups: ...}) // a.Is: Yes, No or Unknown
//
// The ECS developer guide describes the language in "Create expressions to define container instances for Amazon ECS
// tasks" (cluster-query-language). If that page does not define the meaning of an expression, and the possible meanings
// differ for an instance, the result is Unknown with the reason. It is never No.
package query

import (
	"fmt"
	"strings"
	"time"
)

// Truth is the result for one instance.
type Truth int

// Results. The zero Truth makes no claim either way.
const (
	Unknown Truth = iota
	No
	Yes
)

// String implements fmt.Stringer.
func (t Truth) String() string { return [...]string{"unknown", "no", "yes"}[t] }

// Answer is a result. If it is Unknown, it includes the reason.
type Answer struct {
	Is  Truth
	Why string // reason of an Unknown, otherwise empty
}

func unknown(format string, args ...any) Answer { return Answer{Unknown, fmt.Sprintf(format, args...)} }

func answer(is bool) Answer {
	if is {
		return Answer{Is: Yes}
	}
	return Answer{Is: No}
}

// Instance holds the properties of a container instance that an expression can use.
type Instance struct {
	EC2InstanceID  string // empty if unknown
	AgentConnected bool
	AgentVersion   string    // such as 1.105.1; empty if unknown
	RegisteredAt   time.Time // zero if unknown
	RunningTasks   int
	Attributes     map[string]string // by name; a value can be empty
	Groups         []string          // the groups of its tasks, such as service:web
	// TasksUnknown is the reason why RunningTasks and Groups are unknown. It is empty if they are known.
	TasksUnknown string
}

// Expr is a parsed expression.
type Expr struct {
	text string
	root node
	// dynamic is true if the result can change when a task is placed.
	dynamic bool
}

// String returns the text that was parsed.
func (e *Expr) String() string { return e.text }

// DependsOnTasks reports whether the result can change when a task starts on the instance.
func (e *Expr) DependsOnTasks() bool { return e.dynamic }

// Match evaluates the expression for an instance.
func (e *Expr) Match(i Instance) Answer { return e.root.match(i) }

// node is a part of an expression.
type node interface{ match(i Instance) Answer }

type negation struct{ of node }

func (n negation) match(i Instance) Answer {
	a := n.of.match(i)
	switch a.Is {
	case Yes:
		a.Is = No
	case No:
		a.Is = Yes
	}
	return a
}

// chain holds operands that "and" and "or" join on one level: and[k] joins operands k and k+1.
type chain struct {
	operands []node
	and      []bool
}

// match evaluates a chain with both operators in two ways: with precedence of "and", and from left to right. The
// developer guide defines no precedence between them.
func (c chain) match(i Instance) Answer {
	answers := make([]Answer, len(c.operands))
	for k, o := range c.operands {
		answers[k] = o.match(i)
	}
	first := c.andFirst(answers)
	left := answers[0]
	for k, and := range c.and {
		left = join(and, left, answers[k+1])
	}
	if first.Is != left.Is && first.Is != Unknown && left.Is != Unknown {
		return unknown("it mixes and with or without parentheses, and AWS documents no precedence between them")
	}
	if first.Is == Unknown {
		return first
	}
	return left
}

func (c chain) andFirst(answers []Answer) Answer {
	term, out, started := answers[0], Answer{}, false
	flush := func() {
		if started {
			out = join(false, out, term)
		} else {
			out, started = term, true
		}
	}
	for k, and := range c.and {
		if and {
			term = join(true, term, answers[k+1])
			continue
		}
		flush()
		term = answers[k+1]
	}
	flush()
	return out
}

// join returns the "and" or "or" of three-valued logic: one operand can determine the result although the other is
// unknown.
func join(and bool, a, b Answer) Answer {
	decides := Yes
	if and {
		decides = No
	}
	switch {
	case a.Is == decides || b.Is == decides:
		return Answer{Is: decides}
	case a.Is == Unknown:
		return a
	default:
		return b
	}
}

// comparison is one expression: subject operator [argument].
type comparison struct {
	subject string // agentVersion, attribute, ...
	name    string // of an attribute
	op      operator
	args    []string // one argument; none for exists, and the list for in
	order   func(value string) (int, error)
	matcher *pattern // for matches
}

func (c *comparison) String() string {
	subject := c.subject
	if c.name != "" {
		subject += ":" + c.name
	}
	return strings.TrimSpace(subject + " " + string(c.op) + " " + strings.Join(c.args, ", "))
}
