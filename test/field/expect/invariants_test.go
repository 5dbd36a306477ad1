package expect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHasAnswer(t *testing.T) {
	for command, want := range map[string]bool{
		"debug":                       true,
		"check --only agent-log":      true,
		"check --output json":         false,
		"check --output=short":        false,
		"debug -o json":               false,
		"check --list":                false,
		"check --wait 5m":             false,
		"verify --timeout 3s":         false,
		"ports --cluster prod":        false,
		"explain check":               false,
		"":                            false,
		"debug --no-color --strict":   true,
		"bootstrap --cluster prod -v": false,
	} {
		if got := HasAnswer(strings.Fields(command)); got != want {
			t.Errorf("muster %s: got %v, want %v", command, got, want)
		}
	}
}

func TestLayout(t *testing.T) {
	long := strings.Repeat("ä", 121)
	for _, c := range []struct {
		name, stdout string
		why          []string
	}{
		{"short", "Healthy\n", nil},
		{"120 characters of two bytes", strings.Repeat("ä", 120) + "\n", nil},
		{"too long", long + "\n", []string{"line 1 has 121 characters, want at most 120: " + long}},
		{"empty", "\nHealthy\n", []string{"line 1 is empty"}},
		{"nothing", "", []string{"line 1 is empty"}},
	} {
		if diff := cmp.Diff(c.why, Layout(c.stdout)); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

func TestAgree(t *testing.T) {
	const (
		withFix = `{"causes": [{"id": "a", "summary": "no answer for 4s", "fix": {
			"text": "Restart it:", "commands": ["systemctl restart ecs", "muster check"]}}]}`
		noFix = `{"causes": [{"id": "a", "summary": "no answer for 4s", "remedy": "systemctl restart ecs"}]}`
	)
	for _, c := range []struct {
		name, stdout, json string
		why                []string
	}{
		{"each command on its line", "Cause: no answer for 4s\n  fix  Restart it:\n       systemctl restart ecs\n       muster check\n",
			withFix, nil},
		{"a second later", "Cause: no answer for 5s\n  fix  Restart it:\n       systemctl restart ecs\n       muster check\n",
			withFix, nil},
		{"a wrapped command", "Cause: no answer for 4s\n  fix  Restart it:\n       systemctl restart\n       ecs\n       muster check\n",
			withFix,
			[]string{"fix of a: the command is not on its own line: systemctl restart ecs"}},
		{"a command in a sentence", "Cause: no answer for 4s\n  fix  Run systemctl restart ecs\n       muster check\n", withFix,
			[]string{"fix of a: the command is not on its own line: systemctl restart ecs"}},
		{"ASCII for a locale that is not UTF-8", "Cause: 1?2\n", `{"causes": [{"id": "a", "summary": "1…2"}]}`, nil},
		{"another line 1", "Cause: the agent is down\n",
			noFix, []string{`line 1 does not name the first cause "no answer for 4s": Cause: the agent is down`}},
		{"no fix in the JSON", "Most likely cause: no answer for 4s. What to do: systemctl restart ecs\n", noFix, nil},
		{"no cause", "Healthy\n", `{"causes": []}`, nil},
	} {
		r, err := ParseReport(c.json)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.why, Agree(c.stdout, r)); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}
