package ecsagent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// loggedLine is one block of testdata/lines.txt.
type loggedLine struct{ id, effect, file, source, text string }

func loggedLines(t testing.TB) (lines []loggedLine) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "lines.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(string(data), "\n\n") {
		head, text, ok := strings.Cut(strings.TrimLeft(block, "\n"), "\n")
		fields := strings.SplitN(head, " ", 4)
		if strings.HasPrefix(head, "#") {
			continue
		}
		if !ok || len(fields) < 4 {
			t.Fatalf("not a block: %q", block)
		}
		lines = append(lines, loggedLine{fields[0], fields[1], fields[2], fields[3], strings.TrimSuffix(text, "\n") + "\n"})
	}
	if len(lines) < 100 {
		t.Fatalf("%d lines", len(lines))
	}
	return lines
}

func TestLinesOfPublicReports(t *testing.T) {
	for _, line := range loggedLines(t) {
		first, _, _ := strings.Cut(line.text, "\n")
		t.Run(line.source+" "+cut(first, 100), func(t *testing.T) {
			got := read(t, logDir(t, line.file, line.text))
			id, effect := got.Cause.ID, string(got.Effect)
			if id == "" {
				id = "-"
			}
			if effect == "" {
				effect = "-"
			}
			if id != line.id || effect != line.effect || len(got.Minor) > 0 {
				t.Errorf("got %s %s, want %s %s, for %q", id, effect, line.id, line.effect, got.Message)
			}
			if id != "-" && (filepath.Base(got.File) != line.file || got.Line != 1) {
				t.Errorf("got %s", got.Where())
			}
			checkCause(t, got.Cause, line)
		})
	}
}

// checkCause verifies the form of a cause: a short sentence, a fix with pasteable commands, and only the log file that
// contains the line.
func checkCause(t *testing.T, c Cause, line loggedLine) {
	t.Helper()
	if c.ID == "" {
		return
	}
	if c.Summary == "" || len(c.Summary) > maxSummary || strings.HasSuffix(c.Summary, ".") && !strings.HasSuffix(c.Summary, "...") ||
		strings.ContainsAny(c.Summary, "\n{") {
		t.Errorf("summary %q", c.Summary)
	}
	end := "."
	if len(c.Fix.Commands) > 0 {
		end = ":"
	}
	if !strings.HasSuffix(c.Fix.Text, end) {
		t.Errorf("fix %q %q", c.Fix.Text, c.Fix.Commands)
	}
	for _, command := range c.Fix.Commands {
		if strings.ContainsAny(command, "\n;{") {
			t.Errorf("command %q", command)
		}
	}
	if line.file == "ecs-init.log" && strings.Contains(c.Summary+c.Fix.String(), "ecs-agent.log") {
		t.Errorf("the fix for a line in %s names another file: %q", line.file, c.Fix)
	}
}

// For every rule, testdata has a line that matches this rule first.
func TestEveryRuleMatchesALine(t *testing.T) {
	used := make(map[string]bool)
	for _, line := range loggedLines(t) {
		used[line.id] = true
	}
	for _, id := range Causes() {
		if !used[id] && id != "region-not-enabled" {
			t.Errorf("no line has cause %s", id)
		}
	}
}

func TestRulesAreValid(t *testing.T) {
	fact := []string{"action", "role", "host", "endpoint", "who", "by", "file", "port"}
	for _, r := range rules() {
		if r.id == "" || r.summary == "" || r.do == "" || len(r.signs) == 0 {
			t.Errorf("%q has an empty field: %+v", r.id, r)
		}
		captured := slices.Clone(fact)
		for _, sign := range r.signs {
			if sign != lower(sign) || strings.HasPrefix(sign, "*") || strings.Trim(sign, "*{} ") == "" {
				t.Errorf("%s: sign %q matches never or always", r.id, sign)
			}
			captured = append(captured, placeholders(sign)...)
		}
		typical := expand(
			r.summary,
			map[string]string{
				"action":     "ecs:RegisterContainerInstance",
				"host":       "ecs-a-1.ap-southeast-1.amazonaws.com",
				"who":        "The ECS agent",
				"by":         "the ECS agent",
				"policy":     "service control policy",
				"saved":      "production",
				"configured": "production",
			},
		)
		if len(typical) > maxSummary {
			t.Errorf("%s: %d bytes: %s", r.id, len(typical), typical)
		}
		for _, text := range append([]string{r.summary, r.do, r.confirm}, r.run...) {
			for _, name := range placeholders(text) {
				if !slices.Contains(captured, name) && !strings.HasPrefix(name, "{") {
					t.Errorf("%s: nothing captures {%s}", r.id, name)
				}
			}
		}
	}
}

func TestTableWordsAreLowerCase(t *testing.T) {
	var words []string
	for _, a := range slices.Concat(activities, mentions) {
		words = append(words, a.prefixes...)
	}
	for _, word := range slices.Concat(words, taskWords, criticalTaskWords, supervisorWords, fullDisks) {
		if word != lower(word) || word == "" {
			t.Errorf("%q can never match", word)
		}
	}
}

// Go's net package prints a listener on all addresses as ":51678".
func TestTheCommandForAPortInUseNamesThePort(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:51679": "sudo ss -ltnp 'sport = :51679'",
		":51678":          "sudo ss -ltnp 'sport = :51678'",
		"[::]:51678":      "sudo ss -ltnp 'sport = :51678'",
	} {
		text := "Error running introspection endpoint: listen tcp " + address + ": bind: address already in use"
		step, _ := failedStep(lower(text))
		r, values, ok := diagnose(text, step, false)
		if !ok || r.cause(values).Fix.Commands[0] != want {
			t.Errorf("%s: %v", address, r.cause(values).Fix.Commands)
		}
	}
}
