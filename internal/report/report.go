// Package report combines the results of checks into one report. It writes it as a table, as one line per check for
// scripts, as JSON and as JUnit XML. It performs no checks. It determines the exit code, while package check determines
// the causes.
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

// Report is the output of --output json, described in docs/schema/check.json. Fields may be added but never removed or
// renamed.
type Report struct {
	Schema   int       `json:"schema"`
	Version  string    `json:"version"` // muster's version
	At       time.Time `json:"at"`
	Instance string    `json:"instance,omitempty"`
	ExitCode int       `json:"exit_code"`
	// Counts holds the number of checks by status. Every status is present.
	Counts map[check.Status]int `json:"counts"`
	// Causes are the failed findings that no other finding explains, the most likely first.
	Causes []check.Cause `json:"causes"`
	// Warnings are the warnings that no other finding explains, the most important first.
	Warnings []check.Cause  `json:"warnings"`
	Checks   []check.Result `json:"checks"`

	asked []string
}

// About holds what a report contains in addition to the results.
type About struct {
	Version  string
	At       time.Time
	Instance string   // instance ID; empty if unknown
	Asked    []string // IDs of the checks that were selected by name
	Strict   bool     // warnings change the exit code
	// Interrupted is true if the user interrupted the command before all checks were done.
	Interrupted bool
}

const schema = 1

// New creates a report from results. It removes control characters and newlines from all texts, so that text quoted
// from other programs cannot break a line or move the cursor.
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

// undetermined returns the findings that could not be checked and affect the exit code.
func (r *Report) undetermined() []check.Finding {
	var out []check.Finding
	for _, c := range r.Checks {
		out = append(out, r.unseen(c)...)
	}
	return out
}

// unseen returns the undetermined findings of one check. A check that calls the AWS API counts only if it was selected
// by name, because no instance needs that permission.
func (r *Report) unseen(c check.Result) []check.Finding {
	if c.Remote && !slices.Contains(r.asked, c.ID) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Findings), func(f check.Finding) bool { return f.Status != check.Unknown })
}

// Err returns nil for exit code 0, otherwise an error with the exit code. The error's text is empty if the report
// already explains the failure.
func (r *Report) Err() error {
	switch r.ExitCode {
	case exitcode.Healthy:
		return nil
	case exitcode.Interrupted:
		return exitcode.Wrap(r.ExitCode, errors.New("interrupted"))
	}
	return exitcode.Wrap(r.ExitCode, errors.New(""))
}

// tally returns text such as "14 checks: 12 passed, 1 unknown, 1 failed".
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
