package ecsagent

import (
	"slices"
	"strings"
	"sync"
)

// Effect is what does not work because of a trouble.
type Effect string

// The effects, in the order in which an instance needs what they are about.
const (
	Start        Effect = "start"        // ecs-init cannot start the agent's container
	Boot         Effect = "boot"         // the agent cannot start
	Registration Effect = "registration" // the agent cannot register the instance
	Connection   Effect = "connection"   // it cannot connect to ACS, which gives it tasks: ECS shows it as disconnected
	Telemetry    Effect = "telemetry"    // it cannot connect to TCS: metrics and health of tasks are missing
	Function     Effect = "function"     // something else that the agent does, such as GPUs or roles of tasks
	Unclear      Effect = ""             // the line does not tell
)

// activity is a step of the agent or of ecs-init, recognized by the beginning of the
// message that reports its failure.
type activity struct {
	effect Effect
	action string   // of the AWS API; not every refusal names it
	begins []string // patterns
}

// tables are the texts of activities and rules, ready to be looked for.
var tables = sync.OnceValue(func() (t struct {
	activities []compiledActivity
	mentions   []compiledActivity
	rules      []compiledRule
}) {
	for _, a := range activities {
		t.activities = append(t.activities, compiledActivity{a, compileAll(a.begins)})
	}
	for _, a := range mentions {
		t.mentions = append(t.mentions, compiledActivity{a, compileAll(a.begins)})
	}
	for _, r := range rules() {
		t.rules = append(t.rules, compiledRule{r, compileAll(r.signs), compileAll(r.not)})
	}
	return t
})

type compiledActivity struct {
	activity
	patterns []pattern
}

func compileAll(texts []string) (patterns []pattern) {
	for _, text := range texts {
		patterns = append(patterns, compile(text))
	}
	return patterns
}

// begun returns the step that a message, in lower case, reports as failed.
func begun(low string) (activity, bool) {
	for _, a := range tables().activities {
		for _, p := range a.patterns {
			if p.begins(low) {
				return a.activity, true
			}
		}
	}
	return activity{}, false
}

// mentioned returns the step that the error in a message names.
func mentioned(low string) (activity, bool) {
	for _, a := range tables().mentions {
		for _, p := range a.patterns {
			if p.find(low, low, map[string]string{}) {
				return a.activity, true
			}
		}
	}
	return activity{}, false
}

// aboutTask reports whether a message says nothing about the instance.
func (e entry) aboutTask(low string) bool {
	has := func(words []string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(low, word) })
	}
	switch {
	case e.init:
		return has(ofSupervisor)
	case e.task:
		return true
	case e.level == "critical":
		return has(ofTasksCritical)
	}
	for _, word := range []string{"container instance", "containerinstance", "ecs-agent container", "container runtime", "containerd"} {
		low = strings.ReplaceAll(low, word, "")
	}
	return has(ofTasks)
}
