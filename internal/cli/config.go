package cli

import (
	"fmt"
	"log/slog"
	"text/tabwriter"

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
	var output string
	show := &cobra.Command{
		Use:     "show",
		Short:   "Print every setting, its value and its origin",
		Example: "  muster config show\n  muster config show --output json",
		Args:    cobra.NoArgs,
	}
	addFlags(show, "")
	addOutput(show, &output, "Output format: table or json.", "table", "json")
	show.RunE = run(func(cmd *cobra.Command) error {
		if err := oneOf("output", output, "table", "json"); err != nil {
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
		return printTable(cmd, i.Config.Show())
	})
	cmd.AddCommand(show)
	return cmd
}

func printTable(cmd *cobra.Command, shown []config.Shown) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	for _, s := range shown {
		value := s.Value
		if value == "" {
			value = "-"
		}
		_, _ = fmt.Fprintln(w, term.Row(s.Variable, value, s.Origin.String()))
	}
	return w.Flush()
}
