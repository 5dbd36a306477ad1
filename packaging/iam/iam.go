// Package iam embeds the IAM policies of muster's features, one per file. Only tests import it. They deny each action
// in turn.
package iam

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed *.json
var files embed.FS

// Statement is a statement of a policy. As in the file, Action is a string or a list of strings.
type Statement struct {
	Sid, Effect, Resource string
	Action                any
	Condition             map[string]map[string]string
}

// Policies returns the sorted names of all policies.
func Policies() []string {
	entries, _ := files.ReadDir(".") // of an embedded directory: it is there
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// Statements returns the statements of a policy.
func Statements(policy string) ([]Statement, error) {
	text, err := files.ReadFile(policy + ".json")
	if err != nil {
		return nil, fmt.Errorf("reading policy %s: %w", policy, err)
	}
	var document struct{ Statement []Statement }
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("policy %s: %w", policy, err)
	}
	return document.Statement, nil
}

// Actions returns the actions that the policies allow together, sorted and without duplicates.
func Actions(policies ...string) ([]string, error) {
	var all []string
	for _, p := range policies {
		statements, err := Statements(p)
		if err != nil {
			return nil, err
		}
		for _, s := range statements {
			all = append(all, s.actions()...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func (s Statement) actions() []string {
	if one, is := s.Action.(string); is {
		return []string{one}
	}
	var all []string
	list, _ := s.Action.([]any)
	for _, a := range list {
		if action, is := a.(string); is {
			all = append(all, action)
		}
	}
	return all
}
