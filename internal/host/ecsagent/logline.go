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

// entry is one entry of a log of the agent or of ecs-init.
type entry struct {
	level string // debug, info, warn, error, critical
	time  time.Time
	msg   string
	err   string // field error=
	arn   string // field instanceArn= of the line that announces a registration
	url   string // field url= or URL=: the endpoint of a websocket
	task  bool   // the line names a task or a container of one
	init  bool   // it is from ecs-init.log
	old   bool   // it is in the format before 1.30, in which a message can have further lines
}

// parseLine reads the formats that the agent and ecs-init have had: logfmt and
// json (ECS_LOG_OUTPUT_FORMAT, ecs-agent/logger/log.go), and before agent 1.30
// and ecs-init 1.62 "2019-07-31T05:00:48Z [ERROR] message". What is not ok
// continues the line before it, or was cut in two.
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
	e := entry{level: fields["level"], time: at, msg: fields["msg"], err: fields["error"], arn: fields["instanceArn"]}
	e.url = fields["url"] + fields["URL"]
	for _, key := range []string{"task", "taskARN", "taskArn", "container", "containerName"} {
		e.task = e.task || fields[key] != ""
	}
	// "Error registering attributes" names them apart (ecs-agent/api/ecs/client/ecs_client.go).
	if missing := fields["missingAttributes"]; missing != "" {
		e.err = missing
	}
	return e, err == nil && e.level != ""
}

// parseOld reads `TIME [LEVEL] message`. The message may end in fields of its
// own: `Could not register module="api client" err="..."`, with quotes that are
// not escaped and line ends that are none.
func parseOld(line string) (entry, bool) {
	stamp, rest, _ := strings.Cut(line, " [")
	at, err := time.Parse(time.RFC3339, stamp)
	level, msg, ok := strings.Cut(rest, "] ")
	e := entry{level: strings.ToLower(level), time: at, msg: msg, old: true}
	if err != nil || !ok || strings.ContainsAny(e.level, " \t[]") || e.level == "" {
		return entry{}, false
	}
	if head, tail, ok := strings.Cut(msg, ` module="`); ok {
		e.msg = strings.TrimRight(head, " ")
		e.task = strings.Contains(tail, ` task="`) || strings.Contains(tail, ` container="`)
		if _, reason, ok := strings.Cut(tail, ` err="`); ok {
			e.err = reason
		}
	}
	return e, true
}

// with adds to an entry in the old format the lines that followed it.
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

// parseJSON takes what it can of a line, which may be cut off. The agent writes
// strings with %q (format.go:messageJsonFormatter), whose \x1b is no JSON.
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

// The bounds of a message, in bytes: of what is looked at, and of what is shown.
const (
	maxLooked = 16 << 10
	maxText   = 1000
)

// text is the message together with its error, fit for a terminal: one line,
// without control characters, valid UTF-8.
func (e entry) text() string {
	s, err := e.msg, e.err
	if strings.Contains(s+err, "\n") { // a secret over several lines is not recognized on one
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
		s = strings.TrimSuffix(s, `"`) // of err="..."
	}
	return strings.ToValidUTF8(s, "?")
}

// decisive is the part of the entry's text to quote where the whole is too long:
// the error, without the preamble of the AWS SDK and of net/http.
func (e entry) decisive(text string) string {
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

// shown is as much of a text as is shown.
func shown(text string) string {
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}

// complains tells errors from the rest.
func (e entry) complains() bool { return e.level == "error" || e.level == "critical" }

// exitCode reads ecs-init's "Agent exited with code N" (ecs-init/engine/engine.go).
func (e entry) exitCode() (int, bool) {
	digits, ok := strings.CutPrefix(e.msg, "Agent exited with code ")
	code, err := strconv.Atoi(digits)
	return code, ok && err == nil
}
