package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"muster/check/catalog"
	"muster/docs/checks"
	"muster/internal/base/exitcode"
	"muster/internal/manual"
	"muster/internal/report"
	"muster/internal/term"
)

func explainCommand() *cobra.Command {
	var color string
	cmd := &cobra.Command{
		Use:   "explain [ID]",
		Short: "Explain a check or finding (works offline)",
		Long: `Print the page on a check or a finding: what it means, what causes it and how to fix it.
Without an argument it lists all ids. It needs no network and no root.`,
		Example: `  muster explain registered
  muster explain                      # list all ids`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			ids, _ := manual.IDs(checks.Pages())
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().StringVar(&color, "color", "auto", "Use colors: auto (on a terminal, unless NO_COLOR is set), always or never.")
	cmd.RunE = run(func(cmd *cobra.Command) error {
		if err := oneOf("color", color, "auto", "always", "never"); err != nil {
			return err
		}
		style := term.StyleOf(cmd.OutOrStdout(), color, os.Getenv)
		if cmd.Flags().NArg() == 0 {
			return report.Index(cmd.OutOrStdout(), style, catalog.Checks(catalog.World{}))
		}
		page, err := manual.Page(checks.Pages(), cmd.Flags().Arg(0))
		if err != nil {
			return exitcode.Wrap(exitcode.Usage, err)
		}
		_, err = fmt.Fprint(cmd.OutOrStdout(), manual.Plain(page, style))
		return err
	})
	return cmd
}
