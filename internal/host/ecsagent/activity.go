package ecsagent

import (
	"slices"
	"strings"
	"sync"
)

// Effect names what stops working because of a problem.
type Effect string

// Effects, in the order in which an instance depends on them.
const (
	Start         Effect = "start"        // ecs-init cannot start the agent's container
	Boot          Effect = "boot"         // the agent cannot start
	Registration  Effect = "registration" // the agent cannot register the instance
	Connection    Effect = "connection"   // the agent cannot connect to ACS, which sends tasks; ECS shows it as disconnected
	Telemetry     Effect = "telemetry"    // the agent cannot connect to TCS; task metrics and health are missing
	Function      Effect = "function"     // another function of the agent fails, such as GPUs or task roles
	UnknownEffect Effect = ""             // the line does not show the effect
)

// activity is a step of the agent or of ecs-init. The start of its failure message identifies it.
type activity struct {
	effect   Effect
	action   string   // AWS API action, for errors that do not name it
	prefixes []string // patterns
}

// tables holds the compiled patterns of activities and rules.
var tables = sync.OnceValue(func() (t struct {
	activities []compiledActivity
	mentions   []compiledActivity
	rules      []compiledRule
}) {
	for _, a := range activities {
		t.activities = append(t.activities, compiledActivity{a, compileAll(a.prefixes)})
	}
	for _, a := range mentions {
		t.mentions = append(t.mentions, compiledActivity{a, compileAll(a.prefixes)})
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

// failedStep returns the step that a lower-case message reports as failed.
func failedStep(low string) (activity, bool) {
	for _, a := range tables().activities {
		for _, p := range a.patterns {
			if p.isPrefixOf(low) {
				return a.activity, true
			}
		}
	}
	return activity{}, false
}

// mentionedStep returns the step that the error in a message names.
func mentionedStep(low string) (activity, bool) {
	for _, a := range tables().mentions {
		for _, p := range a.patterns {
			if p.find(low, low, map[string]string{}) {
				return a.activity, true
			}
		}
	}
	return activity{}, false
}

// aboutTask reports whether a message is irrelevant to the instance.
func (e entry) aboutTask(low string) bool {
	has := func(words []string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(low, word) })
	}
	switch {
	case e.init:
		return has(supervisorWords)
	case e.task:
		return true
	case e.level == "critical":
		return has(criticalTaskWords)
	}
	for _, word := range []string{"container instance", "containerinstance", "ecs-agent container", "container runtime", "containerd"} {
		low = strings.ReplaceAll(low, word, "")
	}
	return has(taskWords)
}
