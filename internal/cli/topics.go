package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"muster/internal/config"
	"muster/internal/exitcode"
	"muster/internal/term"
)

// topics are the help topics, which are commands that do nothing.
func topics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "environment", Short: "Every environment variable that muster heeds", Long: environment()},
		{Use: "exit-codes", Short: "What each exit code means", Long: exitCodes()},
	}
}

const environmentHead = `The first of these that names a value wins: the flag, the environment, what
bootstrap was told on this instance, ` + config.FilePath + `, the default.
muster config show prints each value and where it came from.
`

const environmentFoot = `
Others are heeded as everywhere: AWS_* (credentials, endpoints, region) and
HTTP_PROXY, HTTPS_PROXY, NO_PROXY, which may stand in the settings file too;
NO_COLOR, TERM, COLUMNS, LC_ALL, LC_CTYPE and LANG for what a terminal shows.`

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
	b.WriteString("The same in every command and output mode; scripts may rely on them.\n")
	for _, m := range exitcode.Meanings() {
		fmt.Fprintf(&b, "\n  %3d  %s", m.Code, strings.ReplaceAll(m.Text, "`", ""))
	}
	return b.String()
}
