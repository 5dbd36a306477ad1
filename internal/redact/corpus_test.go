package redact_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"muster/internal/redact"
	"muster/test/redacttest"
)

// ways lists the functions that text passes through before a reader sees it.
var ways = map[string]func(text string) string{
	"a log":      redact.Log,
	"a terminal": func(text string) string { return redact.Log(strings.ReplaceAll(text, "\n", "\r\n")) },
	"a file": func(text string) string {
		var out bytes.Buffer
		_ = new(redact.Filter).Copy(&out, strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n")))
		return out.String()
	},
	"the journal": func(text string) string {
		const prefix = "Nov 28 01:02:03 ip-10-0-1-5 app[812]: "
		return redact.Log(prefix + strings.ReplaceAll(text, "\n", "\n"+prefix))
	},
	"JSON": func(text string) string {
		data, _ := json.Marshal(map[string]any{"evidence": strings.Split(text, "\n"), "log": text})
		return string(new(redact.Filter).JSON(data))
	},
	"JSON in a log": func(text string) string {
		data, _ := json.Marshal(map[string]string{"log": text + "\n", "stream": "stdout"})
		return redact.Log(string(data))
	},
	"logfmt": func(text string) string {
		quoted, _ := json.Marshal(text)
		return redact.Log("level=info time=2026-01-02T03:04:05Z msg=" + string(quoted) + " module=x.go")
	},
	"words before, in logfmt": func(text string) string {
		return redact.Log(fmt.Sprintf("level=error time=2026-01-02T03:00:38Z msg=%q error=%q", "Error "+text, text))
	},
	"comments": func(text string) string { return copied("# " + strings.ReplaceAll(text, "\n", "\n# ") + "\n") },
}

func TestCorpusOfSecrets(t *testing.T) {
	all := redacttest.Corpus()
	left := 0
	for _, s := range all {
		for way, mask := range ways {
			if wrapped := way == "logfmt" || way == "JSON in a log"; wrapped && strings.Contains(s.Text, "\n") {
				continue
			}
			if got := mask(s.Text); strings.Contains(got, s.Parts[0]) {
				left++
				t.Errorf("%s: %s: %q remains in %s", s.Kind, way, s.Parts[0], got)
			}
		}
	}
	t.Logf("%d of %d secrets in %d forms are left, in %d ways each", left, len(all), redacttest.Forms(), len(ways))
	if len(all) < 2000 || redacttest.Forms() < 600 {
		t.Error("the corpus is too small")
	}
}

// Ordinary logs must stay readable: almost no tokens, separated by blanks, are masked. testdata/ordinary.log holds real
// lines without secrets, including many words about secrets.
func TestCorpusOfOrdinaryLogs(t *testing.T) {
	data, err := os.ReadFile("testdata/ordinary.log")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	tokens, lost := 0, 0
	for _, line := range lines {
		tokens += len(strings.Fields(line))
		got := redact.Log(line)
		if got == line {
			continue
		}
		left := strings.Fields(got)
		for _, token := range strings.Fields(line) {
			if !slices.Contains(left, token) {
				lost++
			}
		}
		t.Logf("%s\nbecame %s", line, got)
	}
	t.Logf("%d of %d tokens in %d lines are masked: %.2f %%", lost, tokens, len(lines), 100*float64(lost)/float64(tokens))
	if lost*100 >= tokens || len(lines) < 600 {
		t.Error("too many tokens are masked, or there are too few lines")
	}
}
