package report_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"

	"muster/check"
	"muster/internal/base/fix"
	"muster/internal/report"
)

// Text from the instance's files, logs and peers must not break any output format: it must not move the cursor or look
// like another line, and the JSON and XML must parse.
func FuzzTextsOfOthers(f *testing.F) {
	f.Add("a\x1b[2J\x1b]0;title\x07b", "x\ny\r\nfail imds: forged", "\u009b2J\u202e\u2028")
	f.Add("]]></failure><testcase/>", "\"},{\"id\":\"forged", "&lt;\x00\xff\xfe")
	f.Fuzz(func(t *testing.T, summary, evidence, remedy string) {
		finding := check.Finding{Status: check.Fail, Summary: summary, Evidence: []string{evidence}, Fix: fix.Do(remedy)}
		r := made(t, []check.Check{finds("a", check.ECS, finding),
			remote(finds("b", check.ECS, check.Undetermined(errors.New(summary), fix.Do(remedy))...))}, report.About{})
		for name, show := range map[string]func(io.Writer) error{
			"table": func(w io.Writer) error { return r.Table(w, pipe, true) },
			"debug": func(w io.Writer) error { return r.Diagnosis(w, pipe, true) },
			"short": r.Short, "json": r.JSON, "junit": r.JUnit,
		} {
			text := string(shown(t, show))
			if i := strings.IndexFunc(text, func(c rune) bool { return c != '\n' && c != '\t' && !unicode.IsPrint(c) }); i >= 0 {
				t.Errorf("%s: %q moves the cursor", name, text[i:min(i+8, len(text))])
			}
			if want := map[string]int{"short": 2}[name]; want > 0 && strings.Count(text, "\n") != want {
				t.Errorf("%s has another number of lines: %q", name, text)
			}
		}
		if err := json.Unmarshal(shown(t, r.JSON), &report.Report{}); err != nil {
			t.Error(err)
		}
		var suite struct {
			Cases []struct{} `xml:"testcase"`
		}
		if err := xml.Unmarshal(shown(t, r.JUnit), &suite); err != nil || len(suite.Cases) != 2 {
			t.Errorf("%v, %d cases", err, len(suite.Cases))
		}
	})
}
