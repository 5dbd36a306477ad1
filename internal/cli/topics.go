package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"muster/internal/base/exitcode"
	"muster/internal/config"
	"muster/internal/term"
)

// topics returns the help topics, which are commands without an action.
func topics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "environment", Short: "Environment variables", Long: environment()},
		{Use: "exit-codes", Short: "Exit codes", Long: exitCodes()},
	}
}

const environmentHead = `muster takes a setting from the first of: the flag, the environment variable, the
record of bootstrap on this instance, ` + config.FilePath + `, the default.
muster config show prints each value and its origin.
`

const environmentFoot = `
muster also honors AWS_* (credentials, endpoints, region), HTTP_PROXY, HTTPS_PROXY and
NO_PROXY, in the environment and in the settings file, and NO_COLOR, TERM, COLUMNS,
LC_ALL, LC_CTYPE and LANG for output to a terminal.`

func environment() string {
	style := term.Style{Width: 80}
	var b strings.Builder
	b.WriteString(environmentHead)
	for _, s := range config.Settings() {
		about := s.Desc
		if s.Default != "" {
			about += " Default: " + s.Default
		}
		fmt.Fprintf(&b, "\n  %s (--%s)\n      %s\n", s.Variable, s.Flag, style.Wrap(6, about))
	}
	return b.String() + environmentFoot
}

func exitCodes() string {
	var b strings.Builder
	b.WriteString("Exit codes are the same in every command and output mode.\n")
	for _, m := range exitcode.Meanings() {
		fmt.Fprintf(&b, "\n  %3d  %s", m.Code, strings.ReplaceAll(m.Text, "`", ""))
	}
	return b.String()
}
