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

// Worse orders statuses; one that is not in the list is the best.
func Worse(a, b Status) bool {
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

// Kind is what a check is, or what a finding is, whatever the instance: declared once,
// as a variable of its group. All else refers to that variable, never to the text of
// its id, so that the compiler finds a reference to nothing.
type Kind struct {
	ID string // stable, kebab-case; the name of its page or of the section on it
	// FirstWarning puts its warnings before all others: it is about the cluster that the
	// instance is registered in.
	FirstWarning bool
}

// KindOf returns the kind with this id, for the ids that come from below the checks,
// such as those of package ecsagent's causes. An id that is not among the kinds gets
// one of its own, which nothing refers to.
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
	// ID is that of Kind, for those who read results.
	ID       string   `json:"id"`
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
	// SymptomOf are the checks and findings that explain this one. If one of them
	// failed, this finding is not a cause. A finding about a thing is explained only by
	// findings about the same thing, or about no thing.
	SymptomOf []*Kind `json:"-"`
	// Under are the ids of those of SymptomOf that did fail.
	Under []string `json:"under,omitempty"`

	because []name // Under, each as the name of a finding
}

// Identified sets the ID of a finding that does not come from a check, as the runner
// does for those that do.
func (f Finding) Identified() Finding {
	if f.Kind != nil {
		f.ID = f.Kind.ID
	}
	return f
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

// OwnLimit is the finding where err is about this process or this host, such as "too
// many open files", and says nothing about what was asked; nil for every other error.
func OwnLimit(err error) []Finding {
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

// Given skips a check if what it examines is not available.
func Given(available bool, run func(context.Context) []Finding) func(context.Context) []Finding {
	if available {
		return run
	}
	return func(context.Context) []Finding { return Skipped("not available on this host") }
}
