package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"muster/check"
	"muster/internal/base/exitcode"
	"muster/internal/term"
)

// suite and testCase have the XML format that the JUnit plugins of CI systems read.
type suite struct {
	XMLName  xml.Name   `xml:"testsuite"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Skipped  int        `xml:"skipped,attr"`
	At       string     `xml:"timestamp,attr"`
	Cases    []testCase `xml:"testcase"`
}

type testCase struct {
	Group   string   `xml:"classname,attr"`
	ID      string   `xml:"name,attr"`
	Seconds string   `xml:"time,attr"`
	Failure *outcome `xml:"failure"`
	Error   *outcome `xml:"error"`
	Skipped *outcome `xml:"skipped"`
	Output  string   `xml:"system-out,omitempty"`
}

type outcome struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the report as JUnit XML for CI systems, with one test case for each check. A run whose exit code is not
// 0 also fails in the CI system. JUnit has no warnings, so a warning becomes output, or a failure with --strict.
func (r *Report) JUnit(out io.Writer) error {
	s := suite{Name: "muster", Tests: len(r.Checks), At: r.At.Format("2006-01-02T15:04:05")}
	for _, c := range r.Checks {
		s.add(r, c)
	}
	data, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s%s\n", xml.Header, term.InertXML(data))
	return err
}

func (s *suite) add(r *Report, c check.Result) {
	one := testCase{Group: string(c.Group), ID: c.ID, Seconds: fmt.Sprintf("%.3f", c.Took.Seconds())}
	text, unseen := story(c), r.unseen(c)
	switch {
	case c.Status == check.Fail, c.Status == check.Warn && r.ExitCode == exitcode.Warnings:
		s.Failures++
		one.Failure = &outcome{c.Findings[0].Summary, text}
	case len(unseen) > 0:
		s.Errors++
		one.Error = &outcome{unseen[0].Summary, text}
	case c.Status == check.Unknown, c.Status == check.Skip:
		s.Skipped++
		one.Skipped = &outcome{string(c.Status) + ": " + c.Findings[0].Summary, text}
	default:
		one.Output = text
	}
	s.Cases = append(s.Cases, one)
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
