// Package check is the engine that runs checks and finds the root causes among their findings. It contains the model,
// the runner, the cause analysis and the selection. The checks are in the group packages below it, which package
// catalog assembles. The engine knows no specific check. See the example.
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

// Statuses. The status of a check that could not be performed is Unknown, never Fail.
const (
	Pass    Status = "pass"
	Skip    Status = "skip" // not applicable here, or a check that it needs failed
	Unknown Status = "unknown"
	Warn    Status = "warn"
	Fail    Status = "fail"
)

// Statuses returns all statuses, from best to worst.
func Statuses() []Status { return []Status{Pass, Skip, Unknown, Warn, Fail} }

// Worse reports whether a is worse than b. An unrecognized status is better than every other.
func Worse(a, b Status) bool {
	return slices.Index(Statuses(), a) > slices.Index(Statuses(), b)
}

// Group is a heading under which checks are listed.
type Group string

// Groups. An earlier group can explain failures of a later one.
const (
	Instance Group = "instance"
	Network  Group = "network"
	Docker   Group = "docker"
	ECS      Group = "ecs"
	PortsOf  Group = "ports"
	Health   Group = "health"
)

// Groups returns all groups in order.
func Groups() []Group { return []Group{Instance, Network, Docker, ECS, PortsOf, Health} }

// Kind identifies a check or a finding. It is declared once, as a variable of its group. All code refers to the
// variable, never to the text of the ID. The compiler therefore rejects a reference to a kind that does not exist.
type Kind struct {
	ID string // stable, kebab-case; the name of its page or of a section on that page
	// FirstWarning sorts warnings of this kind before all others. It is for a problem with the cluster that the
	// instance is registered in.
	FirstWarning bool
}

// KindOf returns the kind with this ID. It is for IDs from packages below the checks, such as the causes of package
// ecsagent. For an unknown ID it returns a new kind.
func KindOf(kinds []*Kind, id string) *Kind {
	if i := slices.IndexFunc(kinds, func(k *Kind) bool { return k.ID == id }); i >= 0 {
		return kinds[i]
	}
	return &Kind{ID: id}
}

// Check is a check of one property of the instance.
type Check struct {
	*Kind
	Group Group
	Title string // the statement that is true if it passes: "the clock is correct"
	// Findings lists the kinds that the check can find in addition to its own.
	Findings []*Kind
	// Needs are the checks that this check depends on. It runs after them, and is skipped if one of them failed or was
	// itself skipped for that reason.
	Needs []*Kind
	// After are checks that this check runs after without depending on them, because it looks for the cause of their
	// failure.
	After []*Kind
	// Remote checks call the AWS API. They come last in the results.
	Remote bool
	// Deep checks run only for muster debug.
	Deep    bool
	Timeout time.Duration // 0 means five seconds
	// Run performs the check and returns its findings. Its context ends at the timeout. The worst finding determines
	// the check's status. No finding means that the check passed.
	Run func(context.Context) []Finding
}

// IDs returns the IDs of kinds.
func IDs(kinds []*Kind) []string {
	var ids []string
	for _, k := range kinds {
		ids = append(ids, k.ID)
	}
	return ids
}

// Finding is one result of a check.
type Finding struct {
	// Kind is the kind of the finding. A check that has only one kind of finding can leave it nil, which means the
	// check's own kind.
	Kind *Kind `json:"-"`
	// ID is the ID of Kind, for JSON.
	ID       string   `json:"id"`
	Status   Status   `json:"status"`
	Summary  string   `json:"summary"`            // one sentence
	Evidence []string `json:"evidence,omitempty"` // what was observed, one line each
	Fix      fix.Fix  `json:"fix,omitzero"`
	// Remedy is Fix as one text. It is for consumers of the JSON that predate Fix.
	Remedy string `json:"remedy,omitempty"`
	// Confirm is a command or an observation that would confirm an inferred cause. It is empty if the cause was
	// observed directly.
	Confirm string `json:"confirm,omitempty"`
	// About names the thing that the finding is about, such as a container, if a check can have the same finding about
	// several things.
	About []string `json:"-"`
	// SymptomOf lists the checks and findings that can explain this finding. If one of them failed, this finding is not
	// a cause. A finding about a thing is explained only by findings about the same thing, or about no thing in
	// particular.
	SymptomOf []*Kind `json:"-"`
	// Under lists the IDs in SymptomOf that failed.
	Under []string `json:"under,omitempty"`

	because []name // the same as Under, but as names of findings
}

// Identified returns the finding with its ID set. It is for findings outside a check. The runner sets the ID of all
// others.
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
	// BlockedBy are the IDs of the failed checks that this check needs.
	BlockedBy []string      `json:"blocked_by,omitempty"`
	Took      time.Duration `json:"took_ns"`
	Remote    bool          `json:"remote,omitempty"`
}

// Passed returns the finding of a check that found no problem.
func Passed(summary string, evidence ...string) []Finding {
	return []Finding{{Status: Pass, Summary: summary, Evidence: evidence}}
}

// Skipped returns the finding of a check that does not apply here.
func Skipped(why string) []Finding { return []Finding{{Status: Skip, Summary: why}} }

// OwnLimit returns a finding for an error that concerns only this process or this host, such as "too many open files".
// Such an error says nothing about the checked thing. OwnLimit returns nil for other errors.
func OwnLimit(err error) []Finding {
	what := ownlimit.Of(err)
	if what == "" {
		return nil
	}
	return Undetermined(ownlimit.Wrap(err), ownlimit.Fix(what))
}

// Undetermined returns the finding of a check that could not be performed. The fix says what would allow it, such as an
// IAM action. It may be zero.
func Undetermined(why error, to fix.Fix) []Finding {
	return []Finding{{Status: Unknown, Summary: why.Error(), Fix: to}}
}

// IfAvailable returns run, or a function that skips the check if its source is not available.
func IfAvailable(available bool, run func(context.Context) []Finding) func(context.Context) []Finding {
	if available {
		return run
	}
	return func(context.Context) []Finding { return Skipped("not available on this host") }
}
