// Package junit writes results in the JUnit XML format of CI systems: one suite with one test case for each result. The
// caller decides what a result means.
package junit

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"

	"muster/internal/term"
)

// Status is the result of a test case.
type Status uint8

// Statuses. JUnit has no warnings.
const (
	Passed  Status = iota
	Failed         // the result is negative
	Errored        // there is no result, and the run fails
	Skipped        // there is no result, but the run does not fail
)

// Suite is a list of test cases.
type Suite struct {
	Name  string
	At    time.Time
	Cases []Case
}

// Case is one test case.
type Case struct {
	Group, Name string // classname and name
	Took        time.Duration
	Status      Status
	Message     string // one line; not shown for a passed case
	Text        string // the details; for a passed case, the output
}

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

// Write writes the suite as one XML document. It replaces control characters and characters that XML does not allow.
func (s Suite) Write(out io.Writer) error {
	doc := suite{Name: s.Name, Tests: len(s.Cases), At: s.At.Format("2006-01-02T15:04:05")}
	for _, c := range s.Cases {
		doc.add(c)
	}
	data, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s%s\n", xml.Header, term.InertXML(data))
	return err
}

func (s *suite) add(c Case) {
	one := testCase{Group: c.Group, ID: c.Name, Seconds: fmt.Sprintf("%.3f", c.Took.Seconds())}
	switch c.Status {
	case Failed:
		s.Failures++
		one.Failure = &outcome{c.Message, c.Text}
	case Errored:
		s.Errors++
		one.Error = &outcome{c.Message, c.Text}
	case Skipped:
		s.Skipped++
		one.Skipped = &outcome{c.Message, c.Text}
	default:
		one.Output = c.Text
	}
	s.Cases = append(s.Cases, one)
}
