package expect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"muster/test/field/fieldcase"
)

// Answer returns the answer: all of stdout before the first empty line. Line 1
// names the cause, its why and fix follow.
func Answer(stdout string) string {
	var answer strings.Builder
	for line := range strings.Lines(stdout) {
		if strings.TrimSpace(line) == "" {
			break
		}
		answer.WriteString(line)
	}
	return answer.String()
}

// InAnswer checks an answer, both unchanged and with each run of white space replaced by one blank, so that line breaks
// of the layout do not matter.
func InAnswer(what, answer string, want fieldcase.Text) []string {
	return inText(what, answer, want, fieldcase.Fold(answer))
}

// InText checks any other text, unchanged.
func InText(what, text string, want fieldcase.Text) []string { return inText(what, text, want) }

func inText(what, text string, want fieldcase.Text, folded ...string) (wrong []string) {
	find := func(s string) (string, bool) {
		p, err := fieldcase.NewPattern(s)
		if err != nil { // only for a case that was not validated
			wrong = append(wrong, fmt.Sprintf("%s: %v", what, err))
			return "", false
		}
		return p.Find(text, folded...)
	}
	for _, s := range want.Says {
		if _, ok := find(s); !ok {
			wrong = append(wrong, fmt.Sprintf("%s: want %s in: %s", what, s, shorten(text)))
		}
	}
	for _, s := range want.Not {
		if found, ok := find(s); ok {
			wrong = append(wrong, fmt.Sprintf("%s: must not contain %s: %s", what, s, shorten(found)))
		}
	}
	return wrong
}

// Exit checks an exit code. Without expected codes, any code is accepted.
func Exit(command string, code int, want []int) []string {
	if len(want) == 0 || slices.Contains(want, code) {
		return nil
	}
	return []string{fmt.Sprintf("muster %s: want exit %v, got %d", command, want, code)}
}

// shorten returns the first line of a text, at most 240 characters.
func shorten(s string) string {
	s = strings.TrimSpace(s)
	if first, rest, ok := strings.Cut(s, "\n"); ok && strings.TrimSpace(rest) != "" {
		s = first + " ..."
	}
	if r := []rune(s); len(r) > 240 {
		return string(r[:240]) + "..."
	}
	return s
}

// variable lists text that differs between two runs of the same command.
var variable = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?`), "TIME"},
	{regexp.MustCompile(`\bpid \d+`), "pid N"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(ms|µs)\b`), "DURATION"},
	{regexp.MustCompile(`(RequestI[dD]: ?)[0-9a-f-]{8,}`), "${1}ID"},
}

// Stable replaces ids, times, ports and process ids, which differ from run to run.
func Stable(s string) string {
	for _, v := range variable {
		s = v.re.ReplaceAllString(s, v.to)
	}
	return s
}

var duration = regexp.MustCompile(`\b(\d+(\.\d+)?(h|ms|µs|m|s))+\b`)

// comparison is Stable without text that can also differ between the JSON and the text of a command: durations, because
// one ran later, and non-ASCII characters, which muster prints as a question mark if the locale is not UTF-8.
func comparison(s string) string {
	s = duration.ReplaceAllString(Stable(s), "DURATION")
	return strings.Map(func(c rune) rune {
		if c > unicode.MaxASCII {
			return '?'
		}
		return c
	}, s)
}
