package ecsagent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// entry is one line of a log of the agent or of ecs-init.
type entry struct {
	level string // debug, info, warn, error, critical
	time  time.Time
	msg   string
	err   string // field error=
	arn   string // field instanceArn= of the line that announces a registration
	task  bool   // the line is about one task or container, not about the agent
}

// parseLine reads the two formats of ECS_LOG_OUTPUT_FORMAT, logfmt (which is
// also the only one of ecs-init) and json. Anything else is not ok: the older
// "2019-07-31T05:00:48Z [ERROR] ..." of agents before 1.30, a line cut in two.
func parseLine(line []byte) (entry, bool) {
	line = bytes.TrimSpace(line)
	fields := make(map[string]string)
	if bytes.HasPrefix(line, []byte("{")) {
		var values map[string]any
		if json.Unmarshal(line, &values) != nil {
			return entry{}, false
		}
		for key, value := range values {
			fields[key] = fmt.Sprint(value)
		}
	} else {
		parseLogfmt(string(line), fields)
	}
	at, err := time.Parse(time.RFC3339, fields["time"])
	e := entry{level: fields["level"], time: at, msg: fields["msg"], err: fields["error"], arn: fields["instanceArn"]}
	for _, key := range []string{"task", "taskARN", "taskArn", "container", "containerName"} {
		e.task = e.task || fields[key] != ""
	}
	return e, err == nil && e.level != ""
}

// parseLogfmt follows ecs-agent/logger/log.go:logfmtFormatter and
// format.go:appendKeyValue: level and time bare, msg, strings and errors as %q,
// everything else as %+v, unquoted even where it holds spaces. Pieces of such a
// value are skipped over, and the first of several equal keys counts, which for
// level, time and msg is always the real one.
func parseLogfmt(line string, fields map[string]string) {
	for line != "" {
		key, rest, ok := strings.Cut(line, "=")
		if !ok {
			return
		}
		key = key[strings.LastIndexByte(key, ' ')+1:]
		var value string
		if quoted, err := strconv.QuotedPrefix(rest); err == nil {
			value, _ = strconv.Unquote(quoted)
			rest = rest[len(quoted):]
		} else {
			value, rest, _ = strings.Cut(rest, " ")
		}
		if _, seen := fields[key]; !seen {
			fields[key] = value
		}
		line = rest
	}
}

// maxText bounds what is shown of a message, in bytes.
const maxText = 1000

// text is the message together with its error, fit for a terminal: one line,
// without control characters, valid UTF-8.
func (e entry) text() string {
	s := e.msg
	if e.err != "" {
		s = strings.TrimSuffix(s, ":") + ": " + e.err
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxText {
		s = s[:maxText] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
