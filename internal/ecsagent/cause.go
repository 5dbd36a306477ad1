package ecsagent

import "strings"

// Unrecognized is the id of the cause of an error that no sign fits.
const Unrecognized = "unrecognized"

// Cause is why the agent does not register.
type Cause struct {
	ID      string // stable, kebab-case
	Summary string // one sentence
	Remedy  string // what to do, with a command
}

// diagnosis is a Cause and the signs of it in the text of a log line, lower
// case, any of which is enough. A "*" in a sign stands for anything between.
type diagnosis struct {
	Cause
	signs []string
}

// diagnose returns the first cause that text shows; the order of the table is
// from the specific to the general. False: none does.
func diagnose(text string) (Cause, bool) {
	lower := strings.ToLower(text)
	for _, d := range diagnoses() {
		for _, sign := range d.signs {
			if !fits(lower, sign) {
				continue
			}
			action := deniedAction(text)
			d.Summary = strings.ReplaceAll(d.Summary, "{action}", action)
			d.Remedy = strings.ReplaceAll(d.Remedy, "{action}", action)
			return d.Cause, true
		}
	}
	return Cause{
		ID:      Unrecognized,
		Summary: "The agent reports an error that muster does not know.",
		Remedy:  "read around it: less +G /var/log/ecs/ecs-agent.log",
	}, false
}

func fits(text, sign string) bool {
	for part := range strings.SplitSeq(sign, "*") {
		_, rest, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = rest
	}
	return true
}

// deniedAction takes the action from an IAM refusal ("... is not authorized to
// perform: ecs:Poll on resource: ..."), or else from the SDK's preamble
// ("operation error ECS: RegisterContainerInstance, ...").
func deniedAction(text string) string {
	if _, after, ok := strings.Cut(text, "not authorized to perform: "); ok {
		action, _, _ := strings.Cut(after, " ")
		return action
	}
	if _, after, ok := strings.Cut(text, "operation error "); ok {
		operation, _, _ := strings.Cut(after, ",")
		service, name, ok := strings.Cut(operation, ": ")
		if ok {
			return strings.ToLower(service) + ":" + name
		}
	}
	return "the action named in the message"
}

// Causes lists the ids of all causes that a log can show.
func Causes() []string {
	ids := []string{Unrecognized}
	for _, d := range diagnoses() {
		ids = append(ids, d.ID)
	}
	return ids
}
