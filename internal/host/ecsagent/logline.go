package ecsagent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"muster/internal/redact"
)

// entry is a log entry of the agent or of ecs-init.
type entry struct {
	level string // debug, info, warn, error, critical
	time  time.Time
	msg   string
	err   string // field error=
	arn   string // field instanceArn= of the registration line
	url   string // field url= or URL=: the websocket endpoint
	task  bool   // the line names a task or one of its containers
	init  bool   // the line is from ecs-init.log
	old   bool   // in the format before 1.30, in which a message can continue on further lines
	// fields holds all fields of the line. It is nil for the format before 1.30.
	fields map[string]string
	tail   string // for that format: the unparsed text after the message
}

// parseLine reads all formats of the agent and ecs-init: logfmt and JSON (ECS_LOG_OUTPUT_FORMAT,
// ecs-agent/logger/log.go), and "2019-07-31T05:00:48Z [ERROR] message" before agent 1.30 and ecs-init 1.62. It returns
// false for a continuation line or a truncated line.
func parseLine(line []byte) (entry, bool) {
	line = bytes.TrimSpace(line)
	fields := make(map[string]string)
	switch {
	case len(line) == 0:
		return entry{}, false
	case line[0] == '{':
		parseJSON(line, fields)
	case line[0] >= '0' && line[0] <= '9':
		return parseOld(string(line))
	default:
		parseLogfmt(string(line), fields)
	}
	at, err := time.Parse(time.RFC3339, fields["time"])
	e := entry{level: fields["level"], time: at, msg: fields["msg"], err: fields["error"], arn: fields["instanceArn"],
		fields: fields}
	e.url = fields["url"] + fields["URL"]
	for _, key := range []string{"task", "taskARN", "taskArn", "container", "containerName"} {
		e.task = e.task || fields[key] != ""
	}
	// "Error registering attributes" lists them in a separate field (ecs-agent/api/ecs/client/ecs_client.go).
	if missing := fields["missingAttributes"]; missing != "" {
		e.err = missing
	}
	return e, err == nil && e.level != ""
}

// parseOld reads `TIME [LEVEL] message`. The message may end in fields: `Could not register module="api client"
// err="..."`. Their values can contain unescaped quotes and line breaks.
func parseOld(line string) (entry, bool) {
	stamp, rest, _ := strings.Cut(line, " [")
	at, err := time.Parse(time.RFC3339, stamp)
	level, msg, ok := strings.Cut(rest, "] ")
	e := entry{level: strings.ToLower(level), time: at, msg: msg, old: true}
	if err != nil || !ok || strings.ContainsAny(e.level, " \t[]") || e.level == "" {
		return entry{}, false
	}
	if head, tail, ok := strings.Cut(msg, ` module="`); ok {
		e.msg, e.tail = strings.TrimRight(head, " "), tail
		e.task = strings.Contains(tail, ` task="`) || strings.Contains(tail, ` container="`)
		if _, reason, ok := strings.Cut(tail, ` err="`); ok {
			e.err = reason
		}
	}
	return e, true
}

// with returns the entry with its continuation lines, which only the old format has.
func (e entry) with(more []string) entry {
	if !e.old || len(more) == 0 {
		return e
	}
	rest := "\n" + strings.Join(more, "\n")
	if e.err != "" {
		e.err += rest
	} else {
		e.msg += rest
	}
	return e
}

// parseJSON reads the fields of a line that may be truncated. The agent writes strings with %q
// (format.go:messageJsonFormatter), whose \x1b is not valid JSON.
func parseJSON(line []byte, fields map[string]string) {
	if bytes.Contains(line, []byte(`\x`)) {
		line = bytes.ReplaceAll(line, []byte(`\x`), []byte(`\u00`))
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return
	}
	for decoder.More() {
		name, err := decoder.Token()
		key, ok := name.(string)
		var value any
		if err != nil || !ok || decoder.Decode(&value) != nil {
			return
		}
		if _, seen := fields[key]; !seen && value != nil {
			fields[key] = fmt.Sprint(value)
		}
	}
}

// parseLogfmt follows ecs-agent/logger/log.go:logfmtFormatter and format.go:appendKeyValue. Level and time are bare;
// msg, strings and errors are %q; other values are %+v, unquoted even with spaces. It skips fragments of such values.
// The first of several equal keys wins, which is always the real level, time and msg.
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

// Limits of a message, in bytes: the part that is parsed, and the part that is shown.
const (
	maxLooked = 16 << 10
	maxText   = 1000
)

// text returns the message and its error as one line of valid UTF-8 without control characters, safe for a terminal.
func (e entry) text() string {
	s, err := e.msg, e.err
	if strings.Contains(s+err, "\n") { // redact does not recognize a multi-line secret once it is on one line
		s, err = redact.Log(s), redact.Log(err)
	}
	if err != "" {
		s = strings.TrimSuffix(s, ":") + ": " + err
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s[:min(len(s), maxLooked)]), " ")
	if e.old {
		s = strings.TrimSuffix(s, `"`) // the closing quote of err="..."
	}
	return strings.ToValidUTF8(s, "?")
}

// mainError returns the part of a long text to quote: the error without the preamble of the AWS SDK and of net/http.
func (e entry) mainError(text string) string {
	const enough = 80
	head := strings.TrimSuffix(entry{msg: e.msg}.text(), ":") + ": "
	reason, ok := strings.CutPrefix(text, head)
	if len(text) <= enough || !ok || e.err == "" || reason == "" {
		return text
	}
	for _, before := range []string{"api error ", "request send failed, ", "RequestID: , ", `/": `} {
		if at := strings.Index(reason, before); len(reason) > enough && at >= 0 && at+len(before) < len(reason) {
			reason = reason[at+len(before):]
		}
	}
	return reason
}

// truncate shortens a text to maxText bytes.
func truncate(text string) string {
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}

// isError reports whether the entry has the level error or critical.
func (e entry) isError() bool { return e.level == "error" || e.level == "critical" }

// exitCode parses ecs-init's line "Agent exited with code N" (ecs-init/engine/engine.go).
func (e entry) exitCode() (int, bool) {
	digits, ok := strings.CutPrefix(e.msg, "Agent exited with code ")
	code, err := strconv.Atoi(digits)
	return code, ok && err == nil
}
