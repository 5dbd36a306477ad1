package junit

import (
	"bytes"
	"encoding/xml"
	"testing"
	"time"
)

// The elements and attributes are those of the JUnit schema that Jenkins and GitLab
// publish (junit-10.xsd): failure, error and skipped, counted on the suite.
func TestSuiteCountsEachStatusAndStaysWellFormed(t *testing.T) {
	hostile := "a\x1b[31m & <b> \x00"
	s := Suite{Name: "muster ports", At: time.Unix(0, 0).UTC(), Cases: []Case{
		{Group: "g", Name: "passed", Text: "seen"},
		{Group: "g", Name: hostile, Status: Failed, Message: hostile, Text: hostile},
		{Group: "g", Name: "errored", Status: Errored, Message: "m"},
		{Group: "g", Name: "skipped", Status: Skipped, Took: 1500 * time.Millisecond},
	}}
	var out bytes.Buffer
	if err := s.Write(&out); err != nil {
		t.Fatal(err)
	}
	var got suite
	if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in\n%s", err, &out)
	}
	if got.Tests != 4 || got.Failures != 1 || got.Errors != 1 || got.Skipped != 1 || got.At != "1970-01-01T00:00:00" {
		t.Errorf("the suite is %+v", got)
	}
	if got.Cases[0].Output != "seen" || got.Cases[1].Failure == nil || got.Cases[2].Error == nil || got.Cases[3].Seconds != "1.500" {
		t.Errorf("the cases are %+v", got.Cases)
	}
	if bytes.ContainsAny(out.Bytes(), "\x1b\x00") {
		t.Errorf("control characters are raw in %q", &out)
	}
}
