package ecsagent

import (
	"net"
	"slices"
	"strings"

	"muster/internal/base/fix"
)

// Unrecognized is the cause id of an error that matches no rule. Its summary quotes the line.
const Unrecognized = "unrecognized"

// Cause explains a log line.
type Cause struct {
	ID      string // stable, kebab-case
	Summary string // one sentence of at most maxSummary bytes
	Fix     fix.Fix
	Confirm string // how to confirm an inferred cause; empty if nothing was inferred
}

// rule maps the text of a message to a cause. The first rule with a matching sign applies.
type rule struct {
	id string
	// source names the origin of the text.
	source string
	signs  []string // patterns, at least one of which must match
	not    []string // patterns, none of which may match
	// general is true if the signs also appear in lines about a task, its registry or its role. The rule then applies
	// only if the line names a step that the agent performs for the instance.
	general bool
	// info makes the rule also apply to messages that are logged at info or warn.
	info bool
	// bare is true if the message lacks a detail. If a slightly older line with the same cause has the detail, that
	// line is used instead.
	bare bool
	// same names two captured values that must be equal.
	same    [2]string
	summary string   // {name} is a captured value or one of facts
	do      string   // one imperative sentence; it ends with a colon if commands follow
	run     []string // complete commands, one a line
	confirm string   // how to confirm a summary that infers more than the line states
}

type compiledRule struct {
	rule
	signs, not []pattern
}

// matches reports whether the rule matches text, and adds the captured values.
func (r compiledRule) matches(text, low string, values map[string]string) bool {
	for _, p := range r.not {
		if p.find(text, low, map[string]string{}) {
			return false
		}
	}
	for _, p := range r.signs {
		got := make(map[string]string)
		if !p.find(text, low, got) || r.same[0] != "" && !strings.EqualFold(got[r.same[0]], got[r.same[1]]) {
			continue
		}
		for name, value := range got {
			values[name] = value
		}
		return true
	}
	return false
}

// diagnose returns the first rule that matches text (a message with its error), and the values for its summary and fix.
func diagnose(text string, step activity, info bool) (compiledRule, map[string]string, bool) {
	low := lower(text)
	values := facts(text, low, step)
	for _, r := range tables().rules {
		if info && !r.info || r.general && step.effect == UnknownEffect {
			continue
		}
		if r.matches(text, low, values) {
			if _, port, err := net.SplitHostPort(values["address"]); err == nil {
				values["port"] = port
			} else if at := values["address"]; strings.Trim(at, "0123456789") == "" {
				values["port"] = at // ":51678" is captured without its colon
			}
			return r, values, true
		}
	}
	return compiledRule{}, nil, false
}

// facts returns the values that every rule can use: the denied action, its role, and the endpoint of the connection.
func facts(text, low string, step activity) map[string]string {
	values := map[string]string{
		"action": deniedAction(text, step.action),
		"role":   first(text, low, "assumed-role/{x}/"),
		"host": first(text, low, "unable to dial {x} response", "lookup {x} on ", "lookup {x}: ", `post "https://{x}/`, "post https://{x}/",
			`get "https://{x}/`, "get https://{x}/", `post "http://{x}/`, "dial tcp {x}: "),
	}
	values["endpoint"] = values["host"]
	for name, otherwise := range map[string]string{"role": "ROLE", "host": "an AWS endpoint", "endpoint": "ecs.REGION.amazonaws.com"} {
		if values[name] == "" || strings.ContainsAny(values[name], " \"'") {
			values[name] = otherwise
		}
	}
	if host, _, err := net.SplitHostPort(values["endpoint"]); err == nil {
		values["endpoint"] = host
	}
	return values
}

// first returns the value x captured by the first matching pattern.
func first(text, low string, patterns ...string) string {
	for _, p := range patterns {
		got := make(map[string]string)
		if compile(p).find(text, low, got) && got["x"] != "" {
			return got["x"]
		}
	}
	return ""
}

// deniedAction returns the action of an IAM denial ("... is not authorized to perform: ecs:Poll on resource: ...") or of
// the SDK's preamble ("operation error ECS: RegisterContainerInstance, ..."). It falls back to the action of the failed
// step.
func deniedAction(text, step string) string {
	if _, after, ok := strings.Cut(text, "not authorized to perform: "); ok {
		action, _, _ := strings.Cut(after, " ")
		return strings.Trim(action, ".,;\"'")
	}
	if _, after, ok := strings.Cut(text, "operation error "); ok {
		operation, _, _ := strings.Cut(after, ",")
		service, name, ok := strings.Cut(operation, ": ")
		if ok {
			return strings.ToLower(service) + ":" + name
		}
	}
	if step != "" {
		return step
	}
	return "the action named in the message"
}

// maxSummary limits a summary, in bytes.
const maxSummary = 110

// cause expands the summary, fix and commands of the rule.
func (r compiledRule) cause(values map[string]string) Cause {
	safe := make(map[string]string)
	for name, value := range values {
		safe[name] = value
		if strings.Trim(value, pasteable) != "" || value == "" {
			safe[name] = "NAME" // arbitrary log text must not become part of a command
		}
	}
	to := fix.Fix{Text: expand(r.do, values)}
	for _, command := range r.run {
		to.Commands = append(to.Commands, expand(command, safe))
	}
	summary := strings.TrimRight(expand(r.summary, values), " :,")
	return Cause{ID: r.id, Summary: cut(summary, maxSummary), Fix: to, Confirm: r.confirm}
}

// pasteable lists the characters that are allowed in a value inside a command.
const pasteable = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/:@-"

// unknown returns the cause for an error that matches no rule. It quotes the error. The full message is the evidence.
func unknown(text string, values map[string]string) Cause {
	const prefix = ` logged an error: "`
	quoted := values["who"] + prefix + cut(strings.TrimRight(text, "."), maxSummary-len(values["who"]+prefix)-1) + `"`
	return Cause{ID: Unrecognized, Summary: quoted, Fix: fix.Do("Read the log before this line:", "sudo tail -n 50 "+values["file"])}
}

// Causes lists the ids of all causes that a log can show.
func Causes() []string {
	ids := []string{Unrecognized}
	for _, r := range rules() {
		if !slices.Contains(ids, r.id) {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// rules returns the table of causes, from specific to general. An id that begins with agent- has a counterpart among
// muster's own findings. Sources are files of agent v1.105.1, or ECS, the AWS SDK (v1 in agents before 1.90, now v2),
// Docker, net and crypto/x509.
func rules() []rule {
	return slices.Concat(diskRules, stateRules, settingsRules, dockerRules, supervisorRules, hostRules,
		registrationRules, clockRules, accessRules, networkRules)
}

// set returns the commands that set a key in ecs.config and restart the ECS agent.
func set(key, value string) []string {
	return append(fix.Set("/etc/ecs/ecs.config", key, value), "sudo systemctl restart ecs")
}
