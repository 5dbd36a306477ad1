// Package check is the engine that runs checks and finds the root causes among what they
// found: the model, the runner, the causes and the selection. The checks themselves are
// in the groups below it, which package catalog puts together; the engine knows none of
// them. See the example.
package check

import (
	"context"
	"slices"
	"time"

	"muster/internal/base/fix"
	"muster/internal/base/ownlimit"
)

// Status is the outcome of a check or a finding.
type Status string

// The statuses. A check that could not be made is Unknown, never Fail.
const (
	Pass    Status = "pass"
	Skip    Status = "skip" // not applicable here, or a check that it needs failed
	Unknown Status = "unknown"
	Warn    Status = "warn"
	Fail    Status = "fail"
)

// Statuses lists them from the best to the worst.
func Statuses() []Status { return []Status{Pass, Skip, Unknown, Warn, Fail} }

// Worse reports whether a is worse than b. An unknown text is better than all.
func Worse(a, b Status) bool {
	return slices.Index(Statuses(), a) > slices.Index(Statuses(), b)
}

// Group is a heading for checks.
type Group string

// The groups. An earlier group explains failures of a later one.
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

// Kind identifies a check or a finding. It is declared once, as a variable of its group.
// Everything else refers to that variable and never to the text of its id, so that the
// compiler rejects a reference to something that does not exist.
type Kind struct {
	ID string // stable, kebab-case; the name of its page or of the section on it
	// FirstWarning puts its warnings before all others: it is about the cluster that the
	// instance is registered in.
	FirstWarning bool
}

// KindOf returns the kind with this id. It is for ids that come from packages below the
// checks, such as the causes of package ecsagent. An unknown id gets a kind of its own.
func KindOf(kinds []*Kind, id string) *Kind {
	if i := slices.IndexFunc(kinds, func(k *Kind) bool { return k.ID == id }); i >= 0 {
		return kinds[i]
	}
	return &Kind{ID: id}
}

// Check examines one thing.
type Check struct {
	*Kind
	Group Group
	Title string // what is true when it passes: "the clock is correct"
	// Findings are all kinds that it may find besides its own.
	Findings []*Kind
	// Needs are the checks that this one depends on. It runs after them, and is
	// skipped if one of them failed or was itself skipped for that reason.
	Needs []*Kind
	// After are checks that it runs after without depending on them: it looks for the
	// cause of their failure.
	After []*Kind
	// Remote checks call the AWS API. They come last in the results.
	Remote bool
	// Deep checks run only for muster debug.
	Deep    bool
	Timeout time.Duration // 0: five seconds
	// Run returns what it found, within the timeout of its context. The worst finding
	// is the check's status; no finding is a pass.
	Run func(context.Context) []Finding
}

// IDs are those of kinds.
func IDs(kinds []*Kind) []string {
	var ids []string
	for _, k := range kinds {
		ids = append(ids, k.ID)
	}
	return ids
}

// Finding is one thing that a check found.
type Finding struct {
	// Kind is what was found; nil from a check that can find only one thing: its own.
	Kind *Kind `json:"-"`
	// ID is the id of Kind, for readers of results.
	ID       string   `json:"id"`
	Status   Status   `json:"status"`
	Summary  string   `json:"summary"`            // one sentence
	Evidence []string `json:"evidence,omitempty"` // what was seen, line by line
	Fix      fix.Fix  `json:"fix,omitzero"`
	// Remedy is Fix in one text, for readers of JSON from before there was Fix.
	Remedy string `json:"remedy,omitempty"`
	// Confirm is a command, or an observation, that would confirm an inferred cause. Empty
	// if the cause was observed.
	Confirm string `json:"confirm,omitempty"`
	// About are the names of the thing that the finding is about, such as a container, if
	// one check can find the same about several things.
	About []string `json:"-"`
	// SymptomOf are the checks and findings that explain this one. If one of them
	// failed, this finding is not a cause. A finding about a thing is explained only by
	// findings about the same thing, or about no thing.
	SymptomOf []*Kind `json:"-"`
	// Under are the ids in SymptomOf that failed.
	Under []string `json:"under,omitempty"`

	because []name // Under, each as the name of a finding
}

// Identified sets the ID of a finding that was not made by a check. The runner sets it for
// all others.
func (f Finding) Identified() Finding {
	if f.Kind != nil {
		f.ID = f.Kind.ID
	}
	return f
}

// Result is the outcome of one check.
type Result struct {
	ID       string    `json:"id"`
	Group    Group     `json:"group"`
	Title    string    `json:"title"`
	Status   Status    `json:"status"`
	Findings []Finding `json:"findings"` // the worst first; never nil
	// BlockedBy are the ids of the checks that it needs and that failed.
	BlockedBy []string      `json:"blocked_by,omitempty"`
	Took      time.Duration `json:"took_ns"`
	Remote    bool          `json:"remote,omitempty"`
}

// Passed is the finding of a check that found no problem.
func Passed(summary string, evidence ...string) []Finding {
	return []Finding{{Status: Pass, Summary: summary, Evidence: evidence}}
}

// Skipped is the finding of a check that does not apply here.
func Skipped(why string) []Finding { return []Finding{{Status: Skip, Summary: why}} }

// OwnLimit is the finding for an error about this process or this host, such as "too many
// open files", which says nothing about what was examined. It is nil for other errors.
func OwnLimit(err error) []Finding {
	what := ownlimit.Of(err)
	if what == "" {
		return nil
	}
	return CouldNotLook(ownlimit.Wrap(err), ownlimit.Fix(what))
}

// CouldNotLook is the finding of a check that could not be made. The fix says what would
// allow it, such as an IAM action; it may be zero.
func CouldNotLook(why error, to fix.Fix) []Finding {
	return []Finding{{Status: Unknown, Summary: why.Error(), Fix: to}}
}

// Given skips a check if what it examines is not available.
func Given(available bool, run func(context.Context) []Finding) func(context.Context) []Finding {
	if available {
		return run
	}
	return func(context.Context) []Finding { return Skipped("not available on this host") }
}
