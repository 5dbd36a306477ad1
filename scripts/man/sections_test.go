package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"muster/internal/config"
)

// The sections have the order of man-pages(7).
func TestThePagesHaveTheUsualSections(t *testing.T) {
	dir := t.TempDir()
	if err := write("test", dir); err != nil {
		t.Fatal(err)
	}
	order := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLE", "SEE ALSO"}
	for page, without := range map[string][]string{
		"muster":        nil,
		"muster-config": {"EXIT STATUS", "ENVIRONMENT", "FILES"}, // it has only subcommands
		"muster-debug":  {"COMMANDS"},
		"muster-status": {"COMMANDS"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, page+".1"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(text)) {
			if title, found := strings.CutPrefix(strings.TrimSpace(line), ".SH "); found {
				got = append(got, title)
			}
		}
		want := slices.DeleteFunc(slices.Clone(order), func(title string) bool { return slices.Contains(without, title) })
		if !slices.Equal(got, want) {
			t.Errorf("%s: sections %q, want %q", page, got, want)
		}
	}
}

func TestTheSectionsListWhatTheCommandUses(t *testing.T) {
	dir := t.TempDir()
	if err := write("test", dir); err != nil {
		t.Fatal(err)
	}
	for page, c := range map[string]struct{ has, not []string }{
		"muster": {has: []string{
			".TP\n\\fBdebug\\fP\nFind the root cause",
			".TP\n\\fB64\\fP\nthe command line is wrong.\n",
			".TP\n\\fBMUSTER_CLUSTER\\fP\nName or ARN of the ECS cluster.\n",
			"\\fB/etc/muster/muster.env\\fP", "\\fB/var/lib/ecs/data/agent.db\\fP",
		}, not: []string{"docker\\-proxy\\fP\n"}}, // only systemd runs it
		"muster-config": {has: []string{".TP\n\\fBshow\\fP\n"}},
		"muster-status": {
			has: []string{"\\fBMUSTER_AGENT_STATE\\fP\nSame as \\-\\-agent\\-state", "\\fB/run/muster\\-agent/state.json\\fP"},
			not: []string{"MUSTER_CLUSTER", "ecs.config"},
		},
	} {
		bytes, err := os.ReadFile(filepath.Join(dir, page+".1"))
		if err != nil {
			t.Fatal(err)
		}
		text := string(bytes)
		for _, want := range c.has {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q", page, want)
			}
		}
		for _, bad := range c.not {
			if strings.Contains(text, bad) {
				t.Errorf("%s has %q", page, bad)
			}
		}
	}
}

func TestEveryFileBelongsToASetting(t *testing.T) {
	for _, f := range files {
		if !slices.ContainsFunc(config.Settings(), func(s config.Setting) bool { return s.Variable == f.variable && s.Default != "" }) {
			t.Errorf("%s%s: no such setting", f.variable, f.below)
		}
	}
}

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"--root":    `\-\-root`,
		`C:\x`:      `C:\ex`,
		".SH NAME":  `\&.SH NAME`,
		"'quoted'.": `\&'quoted'.`,
	} {
		if got := escape(text); got != want {
			t.Errorf("escape(%q) = %q, want %q", text, got, want)
		}
	}
}
