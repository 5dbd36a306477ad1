package ecsagent

import (
	"net"
	"slices"
	"strings"

	"muster/internal/base/fix"
)

// Unrecognized is the id of the cause of an error that no rule knows. Its summary
// quotes the line.
const Unrecognized = "unrecognized"

// Cause is what a line of a log means.
type Cause struct {
	ID      string // stable, kebab-case
	Summary string // one sentence of at most maxSummary bytes
	Fix     fix.Fix
	Confirm string // what would confirm an inferred cause; empty: nothing was inferred
}

// rule recognizes a cause by the text of a message. It is data. The first rule with
// a matching sign counts.
type rule struct {
	id string
	// source is where the text comes from.
	source string
	signs  []string // patterns, any of which is enough
	not    []string // patterns, none of which may fit
	// general: the signs also appear in lines about a task, its registry or its role.
	// They count only if the line names a step that was done for the instance.
	general bool
	// info: the message counts although it is logged at info or warn.
	info bool
	// bare: the message lacks a detail. A line of the same cause shortly before it,
	// which has the detail, is used instead.
	bare bool
	// same are two captured names whose values must be equal.
	same    [2]string
	summary string   // {name}: what a sign captured, or one of facts
	do      string   // one imperative sentence; with a colon at its end where commands follow
	run     []string // each complete and on one line
	confirm string   // what would confirm the sentence, where it says more than the line
}

type compiledRule struct {
	rule
	signs, not []pattern
}

// fits reports whether the rule knows text, and adds what its sign captured.
func (r compiledRule) fits(text, low string, values map[string]string) bool {
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

// diagnose returns the first rule that matches text, which is a message with its
// error, and the values for its summary and fix.
func diagnose(text string, during activity, info bool) (compiledRule, map[string]string, bool) {
	low := lower(text)
	values := facts(text, low, during)
	for _, r := range tables().rules {
		if info && !r.info || r.general && during.effect == Unclear {
			continue
		}
		if r.fits(text, low, values) {
			if _, port, err := net.SplitHostPort(values["address"]); err == nil {
				values["port"] = port
			} else if at := values["address"]; strings.Trim(at, "0123456789") == "" {
				values["port"] = at // of ":51678", whose colon was trimmed
			}
			return r, values, true
		}
	}
	return compiledRule{}, nil, false
}

// facts are the values that every rule can use: the refused action and its role,
// and the endpoint of the connection.
func facts(text, low string, during activity) map[string]string {
	values := map[string]string{
		"action": deniedAction(text, during.action),
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

// first returns what the first pattern that fits captures as x.
func first(text, low string, patterns ...string) string {
	for _, p := range patterns {
		got := make(map[string]string)
		if compile(p).find(text, low, got) && got["x"] != "" {
			return got["x"]
		}
	}
	return ""
}

// deniedAction takes the action from an IAM refusal ("... is not authorized to
// perform: ecs:Poll on resource: ..."), or from the SDK's preamble ("operation
// error ECS: RegisterContainerInstance, ..."), or else it is that of what was done.
func deniedAction(text, during string) string {
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
	if during != "" {
		return during
	}
	return "the action named in the message"
}

// maxSummary bounds a sentence, in bytes.
const maxSummary = 110

// cause fills in the sentences of the rule.
func (r compiledRule) cause(values map[string]string) Cause {
	safe := make(map[string]string)
	for name, value := range values {
		safe[name] = value
		if strings.Trim(value, pasteable) != "" || value == "" {
			safe[name] = "NAME" // never paste arbitrary text of a log into a command
		}
	}
	to := fix.Fix{Text: expand(r.do, values)}
	for _, command := range r.run {
		to.Commands = append(to.Commands, expand(command, safe))
	}
	summary := strings.TrimRight(expand(r.summary, values), " :,")
	return Cause{ID: r.id, Summary: cut(summary, maxSummary), Fix: to, Confirm: r.confirm}
}

// pasteable are the characters of a value that may stand in a command.
const pasteable = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/:@-"

// unknown quotes an error that no rule knows. The whole of it is the evidence.
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

// rules is the table of causes, from the specific to the general. What muster
// also sees for itself, under an id of its own, has one here that begins with
// agent-. Where a message stands in the source of agent v1.105.1 is said with it;
// the others are of ECS, of the AWS SDK (v1 in agents before 1.90, now v2), of Docker, net
// and crypto/x509.
func rules() []rule {
	return slices.Concat(rulesOfDisk, rulesOfState, rulesOfSettings, rulesOfDocker, rulesOfSupervisor, rulesOfHost,
		rulesOfRegistration, rulesOfClock, rulesOfAccess, rulesOfNetwork)
}

// set are the commands that set a key in ecs.config and restart the ECS agent.
func set(key, value string) []string {
	return append(fix.Set("/etc/ecs/ecs.config", key, value), "sudo systemctl restart ecs")
}
