package report

import (
	"fmt"
	"io"
	"strings"

	"muster/check"
	"muster/internal/base/exitcode"
	"muster/internal/report/junit"
)

// JUnit writes the report as JUnit XML for CI systems, with one test case for each check. A run whose exit code is not
// 0 also fails in the CI system. JUnit has no warnings, so a warning becomes output, or a failure with --strict.
func (r *Report) JUnit(out io.Writer) error {
	s := junit.Suite{Name: "muster", At: r.At}
	for _, c := range r.Checks {
		s.Cases = append(s.Cases, r.testCase(c))
	}
	return s.Write(out)
}

func (r *Report) testCase(c check.Result) junit.Case {
	one := junit.Case{Group: string(c.Group), Name: c.ID, Took: c.Took, Text: story(c)}
	unseen := r.unseen(c)
	switch {
	case c.Status == check.Fail, c.Status == check.Warn && r.ExitCode == exitcode.Warnings:
		one.Status, one.Message = junit.Failed, c.Findings[0].Summary
	case len(unseen) > 0:
		one.Status, one.Message = junit.Errored, unseen[0].Summary
	case c.Status == check.Unknown, c.Status == check.Skip:
		one.Status, one.Message = junit.Skipped, string(c.Status)+": "+c.Findings[0].Summary
	}
	return one
}

// story returns everything that a check found, as the text of a test case.
func story(c check.Result) string {
	var b strings.Builder
	for _, f := range c.Findings {
		fmt.Fprintf(&b, "%s %s: %s\n", f.Status, f.ID, f.Summary)
		for _, line := range f.Evidence {
			b.WriteString("  why: " + line + "\n")
		}
		for _, line := range f.Fix.Lines() {
			b.WriteString("  fix: " + line + "\n")
		}
	}
	return b.String()
}
