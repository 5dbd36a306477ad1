package fieldcase

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"
)

var timestamp = regexp.MustCompile(`@T(-\d+[smh])?`)

// lastLineAge is the age of the last line in a file with @T.
const lastLineAge = 5 * time.Second

// Dated replaces each @T with a time in RFC 3339, UTC: the last line is five seconds old, each line above it one second
// older. @T-20m is 20 minutes before now.
func Dated(data []byte, now time.Time) []byte {
	if !bytes.Contains(data, []byte("@T")) {
		return data
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(data), "\n"), "\n")
	for i, line := range lines {
		age := lastLineAge + time.Duration(len(lines)-1-i)*time.Second
		lines[i] = timestamp.ReplaceAllStringFunc(line, func(s string) string {
			at := now.Add(-age)
			if back, err := time.ParseDuration(strings.TrimPrefix(s, "@T")); err == nil {
				at = now.Add(back)
			}
			return at.UTC().Format(time.RFC3339)
		})
	}
	dated := strings.Join(lines, "")
	if bytes.HasSuffix(data, []byte("\n")) {
		dated += "\n"
	}
	return []byte(dated)
}

// Bytes returns the line as in the log, including the line break. It does not replace @T.
func (l Line) Bytes() []byte {
	if l.Raw != "" {
		return []byte(l.Raw + "\n")
	}
	return fmt.Appendf(nil, "level=%s time=@T msg=%q\n", l.Level, l.Msg)
}
