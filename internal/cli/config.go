package cli

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"muster/internal/config"
	"muster/internal/term"
)

func configCommand(log *slog.Logger) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Show the settings",
		Long:    "Show the settings of muster on this machine. It changes nothing.",
		Example: "  muster config show",
		Args:    cobra.NoArgs,
	}
	// Without a RunE, cobra would print the help and exit with 0 for a mistyped subcommand such as `shwo`.
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	var output, color string
	show := &cobra.Command{
		Use:   "show",
		Short: "Print every setting, its value and its origin",
		Long: `Print every setting, its value and its origin: a flag, the environment, the record of
bootstrap, the settings file or the default. Use it to find out why a setting has its
value. It changes nothing and masks secrets.`,
		Example: "  muster config show\n  muster config show --output json",
		Args:    cobra.NoArgs,
	}
	addFlags(show, "")
	addOutput(show, &output, "Output format: table or json.", "table", "json")
	addColor(show, &color)
	show.RunE = run(func(cmd *cobra.Command) error {
		if err := firstOf(oneOf("output", output, "table", "json"), oneColor(color)); err != nil {
			return err
		}
		i, err := thisHost(cmd).Glance(cmd.Context(), log)
		if err != nil {
			return err
		}
		if output == "json" {
			return printJSON(cmd, struct {
				Schema   int            `json:"schema"`
				Settings []config.Shown `json:"settings"`
			}{1, i.Config.Show()})
		}
		return printTable(cmd, color, i.Config.Show())
	})
	cmd.AddCommand(show)
	return cmd
}

func printTable(cmd *cobra.Command, color string, shown []config.Shown) error {
	var rows [][]term.Cell
	for _, s := range shown {
		row := []term.Cell{{Text: s.Variable}, {Text: cmp.Or(s.Value, "-")}, {Text: s.Origin.String()}}
		if s.Origin.Layer == config.LayerDefault {
			row[1].Color, row[2].Color = term.Dim, term.Dim
		}
		rows = append(rows, row)
	}
	style := term.StyleOf(cmd.OutOrStdout(), color, os.Getenv)
	_, err := fmt.Fprint(cmd.OutOrStdout(), style.Grid([]string{"setting", "value", "from"}, 1, "", rows))
	return err
}
