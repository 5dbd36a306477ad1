package expect

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxLine1 is the maximum length of the first line, in characters.
const maxLine1 = 120

// HasAnswer reports whether a command prints an answer as a table: muster debug or muster check, without an --output
// option.
func HasAnswer(args []string) bool {
	if len(args) == 0 || args[0] != "debug" && args[0] != "check" {
		return false
	}
	return !slices.ContainsFunc(args[1:], func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return slices.Contains([]string{"--output", "-o", "--list", "--help", "-h", "--wait"}, name)
	})
}

// Layout checks the layout that every answer must have: line 1 is not empty and not too long.
func Layout(stdout string) (wrong []string) {
	line1, _, _ := strings.Cut(stdout, "\n")
	if strings.TrimSpace(line1) == "" {
		return []string{"line 1 is empty"}
	}
	if n := utf8.RuneCountInString(line1); n > maxLine1 {
		wrong = append(wrong, fmt.Sprintf("line 1 has %d characters, want at most %d: %s", n, maxLine1, shorten(line1)))
	}
	return wrong
}

// Agree compares an answer with the JSON of the same command: line 1 names the first cause, and each command of a fix is
// complete and on its own line. If the JSON has no fix field, as in older versions of muster, that part is skipped.
func Agree(stdout string, r *Report) (wrong []string) {
	if len(r.Causes) == 0 {
		return nil
	}
	line1, _, _ := strings.Cut(stdout, "\n")
	if summary := r.Causes[0].Summary; !strings.Contains(comparison(line1), comparison(summary)) {
		wrong = append(wrong, fmt.Sprintf("line 1 does not name the first cause %q: %s", shorten(summary), shorten(line1)))
	}
	lines := map[string]bool{}
	for line := range strings.Lines(stdout) {
		lines[comparison(strings.TrimSpace(line))] = true
	}
	for _, c := range r.Causes {
		if c.Fix == nil {
			continue
		}
		for _, command := range c.Fix.Commands {
			if !lines[comparison(strings.TrimSpace(command))] {
				wrong = append(wrong, fmt.Sprintf("fix of %s: the command is not on its own line: %s", c.ID, shorten(command)))
			}
		}
	}
	return wrong
}
