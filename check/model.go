// Package check looks at an instance and says what is wrong with it: the model
// of a check, the runner, the causes among what failed, and the catalog, one file
// a group. It knows neither bootstrap nor agent; what it needs of the world is
// handed in.
package check

import (
	"context"
	"slices"
	"time"

	"muster/internal/base/fix"
	"muster/internal/base/ownlimit"
)

// Status is what became of a check or a finding, from the best to the worst.
type Status string

// The statuses. Could not look is Unknown, and never Fail.
const (
	Pass    Status = "pass"
	Skip    Status = "skip" // it does not apply here, or what it needs has failed
	Unknown Status = "unknown"
	Warn    Status = "warn"
	Fail    Status = "fail"
)

// Statuses lists them from the best to the worst.
func Statuses() []Status { return []Status{Pass, Skip, Unknown, Warn, Fail} }

// worse orders statuses; one that is not in the list is the best.
func worse(a, b Status) bool {
	return slices.Index(Statuses(), a) > slices.Index(Statuses(), b)
}

// Group is a heading that checks stand under.
type Group string

// The groups, in the order of their causes: what stands first explains what
// comes after it.
const (
	Instance Group = "instance"
	Network  Group = "network"
	Docker   Group = "docker"
	ECS      Group = "ecs"
	PortsOf  Group = "ports"
	Health   Group = "health"
)

// Groups lists them in order.
func Groups() []Group { return []Group{Instance, Network, Docker, ECS, PortsOf, Health} }

// Check looks at one thing.
type Check struct {
	ID    string // stable, kebab-case; also the name of its page
	Group Group
	Title string // what is so when it passes: "The clock is right"
	// Findings are the ids of all that it may find beside its own.
	Findings []string
	// Needs are the checks without which this one cannot look. It runs after
	// them, and is skipped when one of them failed, or was itself skipped so.
	Needs []string
	// After are checks that it runs after without needing them: it looks for the
	// cause of their failure.
	After []string
	// Remote: it asks the AWS API. Such checks stand last.
	Remote bool
	// Deep: it is for a person who looks for a cause, not for every look.
	Deep    bool
	Timeout time.Duration // 0: five seconds
	// Run looks, within the timeout of its context, and says what it found. The
	// worst finding is the check's status; none at all is a pass.
	Run func(context.Context) []Finding
}

// Finding is one thing that a check found.
type Finding struct {
	ID       string   `json:"id"` // stable, kebab-case; empty from a check that can find one thing only: its own
	Status   Status   `json:"status"`
	Summary  string   `json:"summary"`            // one sentence
	Evidence []string `json:"evidence,omitempty"` // what was seen, line by line
	Fix      fix.Fix  `json:"fix,omitzero"`
	// Remedy is Fix in one text, for readers of JSON from before there was Fix.
	Remedy string `json:"remedy,omitempty"`
	// Confirm is what would confirm a cause that was inferred and not seen: a
	// command, or what to look at. Empty: it was seen.
	Confirm string `json:"confirm,omitempty"`
	// About are the names of the thing that it is about, such as a container, where
	// one check finds the same of several things.
	About []string `json:"-"`
	// SymptomOf are the ids of checks and findings that explain this one. Where
	// one of them failed, this is no cause of its own. "ID@THING" is the finding of
	// that id about that thing, and of no other.
	SymptomOf []string `json:"-"`
	// Under are the ids of those of SymptomOf that did fail.
	Under []string `json:"under,omitempty"`

	because []string // Under, each as the key of a finding
}

// Result is what became of one check.
type Result struct {
	ID       string    `json:"id"`
	Group    Group     `json:"group"`
	Title    string    `json:"title"`
	Status   Status    `json:"status"`
	Findings []Finding `json:"findings"` // the worst first; never nil
	// BlockedBy are those of its needs that failed.
	BlockedBy []string      `json:"blocked_by,omitempty"`
	Took      time.Duration `json:"took_ns"`
	Remote    bool          `json:"remote,omitempty"`
}

// Passed is the finding of a check that has nothing to complain of.
func Passed(summary string, evidence ...string) []Finding {
	return []Finding{{Status: Pass, Summary: summary, Evidence: evidence}}
}

// Skipped is the finding of a check that does not apply here.
func Skipped(why string) []Finding { return []Finding{{Status: Skip, Summary: why}} }

// ownLimit is the finding where err is about this process or this host, such as "too
// many open files", and says nothing about what was asked; nil for every other error.
func ownLimit(err error) []Finding {
	what := ownlimit.Of(err)
	if what == "" {
		return nil
	}
	return CouldNotLook(ownlimit.Wrap(err), ownlimit.Fix(what))
}

// CouldNotLook is the finding of a check that could not look. The fix says how
// to let it, such as by an IAM action; it may be zero.
func CouldNotLook(why error, to fix.Fix) []Finding {
	return []Finding{{Status: Unknown, Summary: why.Error(), Fix: to}}
}
