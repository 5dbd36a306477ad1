// Package report puts the results of checks into one report and shows it: as a
// table for a person, a line a check for a script, JSON and JUnit. It looks at
// nothing and judges nothing but the exit code; the causes are package check's.
package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/check"
	"muster/internal/base/exitcode"
	"muster/internal/term"
)

// Report is what --output json prints; docs/schema/check.json describes it.
// Fields are only ever added.
type Report struct {
	Schema   int       `json:"schema"`
	Version  string    `json:"version"` // of muster
	At       time.Time `json:"at"`
	Instance string    `json:"instance,omitempty"`
	ExitCode int       `json:"exit_code"`
	// Counts has every status, of checks.
	Counts map[check.Status]int `json:"counts"`
	// Causes are the failures that nothing explains, the most likely first.
	Causes []check.Cause `json:"causes"`
	// Warnings are the warnings that nothing explains, the most important first.
	Warnings []check.Cause  `json:"warnings"`
	Checks   []check.Result `json:"checks"`

	asked []string
}

// About is what a report says beside the results.
type About struct {
	Version  string
	At       time.Time
	Instance string   // its id; empty where it is not known
	Asked    []string // the ids of checks that somebody asked for by name
	Strict   bool     // warnings count
	// Interrupted: somebody did not wait for what the report might have said.
	Interrupted bool
}

const schema = 1

// New makes a report of results. All texts in it are safe to show: what a check
// quotes of others cannot break a line or move the cursor.
func New(results []check.Result, about About) *Report {
	r := &Report{Schema: schema, Version: about.Version, At: about.At.UTC().Truncate(time.Second), Instance: about.Instance,
		Counts: map[check.Status]int{}, Causes: []check.Cause{}, Warnings: []check.Cause{}, Checks: []check.Result{}, asked: about.Asked}
	for _, s := range check.Statuses() {
		r.Counts[s] = 0
	}
	for _, result := range results {
		r.Counts[result.Status]++
		r.Checks = append(r.Checks, clean(result))
	}
	r.Causes = append(r.Causes, check.Causes(r.Checks)...)
	r.Warnings = append(r.Warnings, check.Warnings(r.Checks)...)
	r.ExitCode = r.code(about)
	return r
}

func clean(r check.Result) check.Result {
	r.Findings = slices.Clone(r.Findings)
	for i, f := range r.Findings {
		f.Summary, f.Evidence = term.OneLine(f.Summary), slices.Clone(f.Evidence)
		f.Fix, f.Confirm = f.Fix.Map(term.OneLine), term.OneLine(f.Confirm)
		f.Remedy = f.Fix.String()
		for j, line := range f.Evidence {
			f.Evidence[j] = term.OneLine(line)
		}
		r.Findings[i] = f
	}
	return r
}

func (r *Report) code(about About) int {
	switch {
	case about.Interrupted:
		return exitcode.Interrupted
	case len(r.Causes) > 0:
		return exitcode.Failed
	case len(r.undetermined()) > 0:
		return exitcode.Undetermined
	case about.Strict && r.Counts[check.Warn] > 0:
		return exitcode.Warnings
	}
	return exitcode.Healthy
}

// undetermined are the findings that muster could not make, and that count.
func (r *Report) undetermined() []check.Finding {
	var out []check.Finding
	for _, c := range r.Checks {
		out = append(out, r.unseen(c)...)
	}
	return out
}

// unseen are those of one check. What only the AWS API could have told counts
// where it was asked for by name: no instance needs the permission to ask it.
func (r *Report) unseen(c check.Result) []check.Finding {
	if c.Remote && !slices.Contains(r.asked, c.ID) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Findings), func(f check.Finding) bool { return f.Status != check.Unknown })
}

// Err is nil for exit code 0, else an error that carries the exit code. Its text
// is empty where the report itself has said why.
func (r *Report) Err() error {
	switch r.ExitCode {
	case exitcode.Healthy:
		return nil
	case exitcode.Interrupted:
		return exitcode.Wrap(r.ExitCode, errors.New("interrupted"))
	}
	return exitcode.Wrap(r.ExitCode, errors.New(""))
}

// tally is "14 checks: 12 passed, 1 unknown, 1 failed".
func (r *Report) tally() string {
	names := map[check.Status]string{check.Pass: "passed", check.Skip: "skipped", check.Unknown: "unknown", check.Warn: "warned",
		check.Fail: "failed"}
	var parts []string
	for _, s := range check.Statuses() {
		if n := r.Counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, names[s]))
		}
	}
	checks := "checks"
	if len(r.Checks) == 1 {
		checks = "check"
	}
	return fmt.Sprintf("%d %s: %s", len(r.Checks), checks, strings.Join(parts, ", "))
}
