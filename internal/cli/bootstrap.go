package cli

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"

	"github.com/spf13/cobra"

	"muster/bootstrap"
	"muster/internal/exitcode"
)

func bootstrapCommand(log *slog.Logger) *cobra.Command {
	var o bootstrap.Options
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Configure this instance for its ECS cluster and queue the units; never waits for the ECS agent",
		Example: `  muster bootstrap --cluster prod
  muster bootstrap --cluster prod --ecs ECS_RESERVED_MEMORY=256 --ecs 'ECS_INSTANCE_ATTRIBUTES={"stack": "blue"}'
  muster bootstrap --cluster prod --cfn-stack "$STACK" --cfn-resource Workers --lifecycle-hook ready --on-failure abandon
  muster bootstrap --dry-run          what would be written, as a diff`,
		Args: cobra.NoArgs,
	}
	addFlags(cmd, "bootstrap")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "Print what would change in ecs.config as a diff; write, queue and signal nothing.")
	cmd.Flags().BoolVar(&o.Wait, "wait", false, "Verify before returning. Refused where it would hang the boot.")
	cmd.RunE = run(func(cmd *cobra.Command) error {
		h, err := host(cmd, log)
		if err != nil {
			return err
		}
		o.Out = cmd.OutOrStdout()
		return h.Configure(cmd.Context(), o)
	})
	return cmd
}

func verifyCommand(log *slog.Logger) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Wait until this instance has registered in its cluster, and tell all who wait for it",
		Example: `  muster verify                       as muster-verify.service does it
  muster verify --timeout 30s --output json`,
		Args: cobra.NoArgs,
	}
	addFlags(cmd, "verify")
	cmd.Flags().StringVar(&output, "output", "short", "What is printed on stdout: short (one line) or json (the report).")
	cmd.RunE = run(func(cmd *cobra.Command) error {
		if err := oneOf("output", output, "short", "json"); err != nil {
			return err
		}
		h, err := host(cmd, log)
		if err != nil {
			return err
		}
		report, err := h.Verify(cmd.Context())
		if output == "json" {
			return firstOf(err, printJSON(cmd, report))
		}
		_, failed := fmt.Fprintln(cmd.OutOrStdout(), report.Line())
		return firstOf(err, failed)
	})
	return cmd
}

// oneOf refuses a flag's value that is none of the known ones.
func oneOf(flag, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return exitcode.Wrap(exitcode.Usage, fmt.Errorf("--%s %s: it must be one of %q", flag, value, known))
}

func printJSON(cmd *cobra.Command, value any) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetIndent("", "  ")
	return e.Encode(value)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
