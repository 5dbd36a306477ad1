package cli

import (
	"fmt"
	"log/slog"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"muster/bootstrap"
	"muster/internal/base/exitcode"
	"muster/internal/file/jsonfile"
)

func bootstrapCommand(log *slog.Logger) *cobra.Command {
	var o bootstrap.Options
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Configure this instance for its ECS cluster",
		Long: `Configure this instance for its ECS cluster and queue the units. Run it in user data
or by hand, as root.

It finds and confirms the cluster, repairs and writes /etc/ecs/ecs.config, moves a
stale agent.db aside if --reset-stale-state is given, and queues ecs.service and
muster's units. It never waits for the ECS agent. If it fails, an ECS agent that has
not started yet is held back, so that it does not join the cluster "default". A
running ECS agent is not changed.`,
		Example: `  muster bootstrap --cluster prod
  muster bootstrap --cluster prod --ecs ECS_RESERVED_MEMORY=256 --ecs 'ECS_INSTANCE_ATTRIBUTES={"stack": "blue"}'
  muster bootstrap --cluster prod --cfn-stack "$STACK" --cfn-resource Workers --lifecycle-hook ready --on-failure abandon
  muster bootstrap --dry-run          # print a diff of ecs.config, change nothing`,
		Args: noArgs,
	}
	addFlags(cmd, "bootstrap")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "Print the change to ecs.config as a diff. Write, queue and signal nothing.")
	cmd.Flags().BoolVar(&o.Wait, "wait", false, "Verify before returning. Rejected if it would hang the boot.")
	cmd.RunE = run(func(cmd *cobra.Command) error {
		survivePipe()
		this := thisHost(cmd)
		defer this.Close()
		h, err := bootstrap.New(this, log)
		if err != nil {
			return err
		}
		o.Out = cmd.OutOrStdout()
		return h.Configure(cmd.Context(), o)
	})
	return cmd
}

// survivePipe keeps a broken standard output or error from ending the process. User data often pipes its output to tee or
// logger, and the instance must join its cluster even if that program exits.
func survivePipe() { signal.Ignore(syscall.SIGPIPE) }

func verifyCommand(log *slog.Logger) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Wait for registration, then signal the result",
		Long: `Wait until the ECS agent has registered this instance in its cluster, confirm it with
the ECS API, and signal the result to CloudFormation and the launch hook. With
--await-service it also waits for a healthy task before it signals success.
muster-verify.service runs it at every boot. It changes nothing on the instance but
its own report.`,
		Example: `  sudo muster verify                  # as muster-verify.service runs it
  sudo muster verify --timeout 30s --output json`,
		Args: noArgs,
	}
	addFlags(cmd, "verify")
	addOutput(cmd, &output, "Output format: short (one line) or json (the report).", "short", "json")
	cmd.RunE = run(func(cmd *cobra.Command) error {
		if err := oneOf("output", output, "short", "json"); err != nil {
			return err
		}
		survivePipe()
		this := thisHost(cmd)
		defer this.Close()
		h, err := bootstrap.New(this, log)
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

// oneOf returns an error if a flag's value is not one of the known ones.
func oneOf(flag, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return exitcode.Wrap(exitcode.Usage, fmt.Errorf("--%s %s: it must be one of %q", flag, value, known))
}

func printJSON(cmd *cobra.Command, value any) error {
	return jsonfile.Print(cmd.OutOrStdout(), value)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
