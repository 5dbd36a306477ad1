// Package junit writes results as the JUnit plugins of CI systems read them: one suite,
// one test case a result. What a result means is up to the caller.
package junit

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"

	"muster/internal/term"
)

// Status is what a test case shows.
type Status uint8

// The statuses. JUnit knows no warnings.
const (
	Passed  Status = iota
	Failed         // the answer is no
	Errored        // there is no answer, and that fails the run
	Skipped        // there is no answer, and that does not fail the run
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
	Message     string // one line; not shown if the case passed
	Text        string // the details; of a passed case its output
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

// Write writes the suite as one XML document. Control characters and what XML cannot
// hold are replaced.
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
