package ecsconfig

import (
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"muster/internal/base/lazyregexp"
	"muster/internal/redact"
)

// assignment splits a line that sets a variable into the text before the value, the variable name, and the value. It also
// matches misread and commented-out lines.
var assignment = lazyregexp.New(`(?s)^([\s\x{FEFF}#;]*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=)(.*)$`)

// Diff returns the change from old to new as a unified diff, or "" if there is none. It masks possible secrets: values
// of variables or fields with the name of a secret, credentials in URLs, and lines whose meaning is unclear. Lines are
// compared before masking, so a changed secret shows as changed.
func Diff(path string, old, new []byte) string {
	continued := map[string]bool{}
	addContinued(continued, old)
	addContinued(continued, new)
	var out strings.Builder
	for line := range strings.Lines(string(diff.Diff(path, old, path, new))) {
		text := strings.TrimSuffix(line, "\n")
		if text != "" && strings.IndexByte(" +-", text[0]) >= 0 && !isHeader(text, path) {
			text = text[:1] + conceal(text[1:], continued)
		}
		out.WriteString(text + "\n")
	}
	return out.String()
}

func isHeader(text, path string) bool { return text == "--- "+path || text == "+++ "+path }

// addContinued adds the lines after a trailing backslash, because each may continue a secret.
func addContinued(lines map[string]bool, data []byte) {
	after := false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if after {
			lines[line] = true
		}
		after = continues(strings.TrimSuffix(line, "\r"))
	}
}

// conceal returns line with possible secrets masked.
func conceal(line string, continued map[string]bool) string {
	parts := assignment.Get().FindStringSubmatch(line)
	switch {
	case strings.TrimSpace(line) == "":
		return line
	case continued[line], parts == nil && !isCommentOrBlank(line):
		return redact.Mask
	case parts == nil:
		return redact.Text(line)
	case strings.TrimSpace(parts[3]) == "":
		return line
	}
	return parts[1] + redact.Value(parts[2], parts[3])
}
