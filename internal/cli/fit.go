package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"muster/check/portcheck"
	"muster/internal/base/exitcode"
	"muster/internal/fleet/capacity"
	report "muster/internal/report/fit"
	"muster/internal/term"
)

// fitFlags holds the flags of `muster fit`, without those of settings.
type fitFlags struct {
	service, region, output string
	count                   int
}

func fitCommand(log *slog.Logger) *cobra.Command {
	var f fitFlags
	cmd := &cobra.Command{
		Use:   "fit [TASKDEF]",
		Short: "Explain why a task does not fit in the cluster",
		Long: `Evaluate where ECS can place copies of a task. For each container instance it shows whether a
copy fits and everything that is missing: CPU, memory, ports, GPUs, network interfaces,
attributes, platform, placement constraints. It also shows how many copies fit in total and in
each zone, and the smallest change that makes them fit.

TASKDEF is a family, FAMILY:REVISION or an ARN. With --service it evaluates the service's task
definition, constraints and subnets, and explains its last event about a task that could not be
placed. It runs on any machine with credentials and changes nothing. It needs the permissions of
packaging/iam/fit.json.

It exits with 0 if the copies fit, 1 if they do not fit, and 3 if that is unknown.`,
		Example: `  muster fit web --cluster prod                # does one more copy of web fit?
  muster fit web:7 --count 12 --cluster prod   # where would 12 copies go?
  muster fit --service web --cluster prod      # why does ECS not place the service's tasks?
  muster fit web --cluster prod --output json`,
		Args: cobra.MaximumNArgs(1),
	}
	addFlags(cmd, "fit")
	cmd.Flags().StringVar(&f.service, "service", "", "Evaluate this service, instead of a task definition.")
	cmd.Flags().IntVar(&f.count, "count", 0, "Number of copies to place. Default: 1, or as many as the service lacks.")
	cmd.Flags().StringVar(&f.region, "region", "", "AWS region, if this is not an instance. Default: as the AWS CLI finds it.")
	addOutput(cmd, &f.output, "Output format: table or json.", "table", "json")
	cmd.RunE = run(func(cmd *cobra.Command) error { return runFit(cmd, log, f) })
	return cmd
}

func runFit(cmd *cobra.Command, log *slog.Logger, f fitFlags) error {
	if err := oneOf("output", f.output, "table", "json"); err != nil {
		return err
	}
	q := capacity.Question{Service: f.service, Count: f.count}
	if args := cmd.Flags().Args(); len(args) > 0 {
		q.Definition = args[0]
	}
	switch {
	case cmd.Flags().Changed("count") && f.count < 1:
		return exitcode.Wrap(exitcode.Usage, fmt.Errorf("--count %d: pass at least 1", f.count))
	case q.Definition == "" && q.Service == "":
		return exitcode.Wrap(exitcode.Usage, errors.New("nothing to evaluate: pass a task definition or --service"))
	case q.Definition != "" && q.Service != "":
		return exitcode.Wrap(exitcode.Usage, errors.New("pass either a task definition or --service, not both"))
	}
	at := portcheck.Request{WholeCluster: cmd.Flags().Changed("cluster"), OnlyCluster: true, Region: f.region}
	place, err := portcheck.Locate(cmd.Context(), thisHost(cmd), at, log)
	if err != nil {
		return err
	}
	q.Cluster = place.Cluster()
	answer, err := capacity.Evaluate(cmd.Context(), place.API().Polite(), q)
	if err != nil {
		return err
	}
	return printFit(cmd, report.New(answer), f.output)
}

func printFit(cmd *cobra.Command, r *report.Report, output string) error {
	var err error
	if output == "json" {
		err = printJSON(cmd, r)
	} else {
		out := cmd.OutOrStdout()
		err = r.Table(out, term.StyleOf(out, "auto", os.Getenv))
	}
	switch {
	case err != nil:
		return err
	case r.Unknown():
		return exitcode.Wrap(exitcode.Undetermined, errors.New(r.Summary))
	case !r.Fits():
		return exitcode.Wrap(exitcode.Failed, errors.New(r.Summary))
	}
	return nil
}
