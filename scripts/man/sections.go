package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"muster/internal/base/exitcode"
	"muster/internal/config"
)

// file is a file that commands read or write. Its path is the default of a setting, followed by below.
type file struct {
	variable, below string
	about           string
}

var files = []file{
	{"MUSTER_ECS_CONFIG", "", "Settings of the ECS agent. bootstrap repairs and writes it."},
	{"MUSTER_ECS_DATA_DIR", "/agent.db", "Saved state of the ECS agent. bootstrap --reset-stale-state moves it aside."},
	{"MUSTER_ECS_LOG_DIR", "/", "Logs of the ECS agent and of ecs-init."},
	{"MUSTER_STATE_DIR", "/instances/INSTANCE_ID/bootstrap.json", "Record of bootstrap on this instance."},
	{"MUSTER_STATE_DIR", "/instances/INSTANCE_ID/report.json", "Report of verify. Only root can read it."},
	{"MUSTER_AGENT_STATE", "", "State of muster-agent at the end of its last cycle."},
	{"MUSTER_SPOOL_DIR", "/", "Metrics that muster-agent has not published yet."},
}

// complete adds the sections that cobra does not write.
func complete(page []byte, cmd *cobra.Command) []byte {
	page = insert(page, commands(cmd), ".SH OPTIONS", ".SH EXAMPLE", ".SH SEE ALSO")
	if !cmd.HasParent() || !cmd.HasAvailableSubCommands() {
		page = insert(page, exitStatus()+environment(cmd)+filesOf(cmd), ".SH EXAMPLE", ".SH SEE ALSO")
	}
	return page
}

// insert inserts a section before the first of the headings that the page has, or else at its end.
func insert(page []byte, section string, headings ...string) []byte {
	for _, heading := range headings {
		if at := bytes.Index(page, []byte("\n"+heading+"\n")); at >= 0 {
			return slices.Insert(page, at+1, []byte(section)...)
		}
	}
	return append(page, section...)
}

func commands(cmd *cobra.Command) string {
	var items []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			items = append(items, item(c.Name(), c.Short+"."))
		}
	}
	return section("COMMANDS", items)
}

func exitStatus() string {
	var items []string
	for _, m := range exitcode.Meanings() {
		items = append(items, item(fmt.Sprint(m.Code), strings.ReplaceAll(m.Text, "`", "")+"."))
	}
	return section("EXIT STATUS", items)
}

// environment lists the variables of the command's flags. The page of muster itself lists all variables.
func environment(cmd *cobra.Command) string {
	var items []string
	for _, s := range config.Settings() {
		switch {
		case !cmd.HasParent():
			items = append(items, item(s.Variable, s.Desc))
		case cmd.Flags().Lookup(s.Flag) != nil:
			items = append(items, item(s.Variable, "Same as --"+s.Flag+", which takes precedence."))
		}
	}
	return section("ENVIRONMENT", append(items,
		item("AWS_*", "Credentials, region and endpoints, as for the AWS CLI."),
		item("HTTP_PROXY, HTTPS_PROXY, NO_PROXY", "Proxy for calls to AWS."),
		item("NO_COLOR, TERM, COLUMNS, LC_ALL, LC_CTYPE, LANG", "Colors, width and characters of the output to a terminal.")))
}

// filesOf lists the files whose location the command's settings determine. The page of muster itself lists all files.
func filesOf(cmd *cobra.Command) string {
	var items []string
	for _, s := range config.Settings() {
		if cmd.HasParent() && cmd.Flags().Lookup(s.Flag) == nil {
			continue
		}
		for _, f := range files {
			if f.variable == s.Variable {
				items = append(items, item(s.Default+f.below, f.about))
			}
		}
	}
	return section("FILES", append([]string{item(config.FilePath, "Settings of muster: KEY=VALUE lines.")}, items...))
}

// section returns a section in roff, or "" if it has no items.
func section(title string, items []string) string {
	if len(items) == 0 {
		return ""
	}
	return ".SH " + title + "\n" + strings.Join(items, "") + "\n\n"
}

func item(term, about string) string {
	return ".TP\n\\fB" + escape(term) + "\\fP\n" + escape(about) + "\n"
}

// escape makes text literal in roff (groff_char(7)): \e is a backslash, and \- is a hyphen that can be copied.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}
