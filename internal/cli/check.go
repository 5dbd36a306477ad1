package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/check"
	"muster/check/catalog"
	"muster/check/checkup"
	"muster/docs/checks"
	"muster/internal/base/exitcode"
	"muster/internal/bundle"
	"muster/internal/manual"
	"muster/internal/report"
	"muster/internal/term"
)

// checkFlags holds the flags of `muster check` and `muster debug`, without those of settings.
type checkFlags struct {
	only, skip            []string
	list, strict, verbose bool
	wait                  time.Duration
	output, color         string

	deep    bool // debug: run every check and show the evidence
	bundle  bundleFlags
	version string
}

func checkCommand(version string, log *slog.Logger) *cobra.Command {
	f := &checkFlags{version: version}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check this instance",
		Long: `Check this instance: metadata, network, Docker, the ECS agent, registration, ports and
health. It prints the root cause first, then what else failed, and exits with 1 if a
check failed. Use it in scripts, before deployments and in image builds.

It changes nothing. Without root, or without an IAM permission, some checks are
skipped or unknown, and the output names what is missing.`,
		Example: `  sudo muster check
  sudo muster check --wait 5m --output short       # repeat until no check fails
  sudo muster check --only network,registered -v   # one group and one check, passed checks too
  sudo muster check --strict --output junit >muster.xml`,
	}
	return f.command(cmd, log)
}

func debugCommand(version string, log *slog.Logger) *cobra.Command {
	f := &checkFlags{version: version, deep: true}
	cmd := &cobra.Command{
		Use:   "debug",
		Short: "Find the root cause of what is wrong",
		Long: `Find the root cause of what is wrong with this instance. It runs the same checks as
muster check, reads more logs, and prints the cause, the evidence, the fix, and then
every symptom. With --bundle it also collects what a colleague needs, without secrets.

It changes nothing. Run it as root: ecs.config, agent.db and the logs belong to root.`,
		Example: `  sudo muster debug
  sudo muster debug | head -1                # the root cause in one line
  sudo muster debug --bundle sick.tar.gz     # for a support case, secrets removed
  sudo muster debug --skip network --output json`,
	}
	return f.command(cmd, log)
}

func (f *checkFlags) command(cmd *cobra.Command, log *slog.Logger) *cobra.Command {
	cmd.Args = noArgs
	flags := cmd.Flags()
	flags.StringSliceVar(&f.only, "only", nil, "Run only these checks (ids or groups) and the checks that they depend on.")
	flags.StringSliceVar(&f.skip, "skip", nil, "Skip these checks (ids or groups).")
	flags.BoolVar(&f.list, "list", false, "List the checks without running them.")
	flags.DurationVar(&f.wait, "wait", 0, "Repeat until no check fails, for at most this long.")
	flags.BoolVar(&f.strict, "strict", false, "Exit with code 4 if there are warnings.")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "Print passed checks too.")
	addOutput(cmd, &f.output, "Output format: table, short, json or junit.", "table", "short", "json", "junit")
	addColor(cmd, &f.color)
	if f.deep {
		f.bundle.add(cmd)
	}
	addFlags(cmd, cmd.Name())
	cmd.MarkFlagsMutuallyExclusive("list", "wait")
	cmd.MarkFlagsMutuallyExclusive("list", "output")
	_ = cmd.RegisterFlagCompletionFunc("only", completeChecks)
	_ = cmd.RegisterFlagCompletionFunc("skip", completeChecks)
	cmd.RunE = run(func(cmd *cobra.Command) error { return f.run(cmd, log) })
	return cmd
}

func (f *checkFlags) run(cmd *cobra.Command, log *slog.Logger) error {
	if err := firstOf(oneOf("output", f.output, "table", "short", "json", "junit"), oneColor(f.color)); err != nil {
		return err
	}
	if err := f.bundle.check(cmd); err != nil {
		return err
	}
	style := term.StyleOf(cmd.OutOrStdout(), f.color, os.Getenv)
	selected, err := f.selection(catalog.World{})
	switch {
	case err != nil:
		return exitcode.Wrap(exitcode.Usage, err)
	case f.wait < 0:
		return exitcode.Wrap(exitcode.Usage, fmt.Errorf("--wait %s is below zero", f.wait))
	case f.list:
		return report.List(cmd.OutOrStdout(), style, selected)
	case f.bundle.dryRun:
		return f.bundle.plan(cmd.OutOrStdout())
	}
	host := thisHost(cmd)
	defer host.Close()
	session := checkup.NewSession(host, log)
	r, err := f.look(cmd, session, log)
	if err != nil {
		return err
	}
	return firstOf(f.print(cmd, r, style), f.bundle.write(cmd, func() bundle.Source { return f.source(r, session) }), r.Err())
}

// source returns the bundle's sources: this instance, and the report.
func (f *checkFlags) source(r *report.Report, session *checkup.Session) bundle.Source {
	s := bundle.Of(session.Instance, f.version)
	s.Engine, _ = session.World.Engine.(bundle.Engine) // the engine that the checks use
	s.Results, s.JSON, s.Ports = r.Checks, r.JSON, session.Ports.Last()
	s.Page = func(id string) string {
		page, _ := manual.Page(checks.Pages(), id) // without a page, there is no link to it
		return page
	}
	return s
}

// selection returns the selected checks for this world.
func (f *checkFlags) selection(w catalog.World) ([]check.Check, error) {
	catalog := catalog.Checks(w)
	only := f.only
	if only == nil && !f.deep {
		only = check.WithoutDeep(catalog)
	}
	return check.Select(catalog, only, f.skip)
}

// wholeLook is the timeout of all checks together, so that the output appears in less than 20 seconds.
const wholeLook = 18 * time.Second

// look runs the checks and returns the report. With --wait, it is the report of the last run.
func (f *checkFlags) look(cmd *cobra.Command, session *checkup.Session, log *slog.Logger) (_ *report.Report, bad error) {
	about := report.About{Version: f.version, Asked: f.only, Strict: f.strict}
	results := check.Wait(cmd.Context(), f.wait, func(ctx context.Context) []check.Result {
		defer term.Spin(cmd.ErrOrStderr(), "looking")()
		ctx, stop := context.WithTimeout(ctx, wholeLook)
		defer stop()
		if bad = session.Open(ctx); bad != nil {
			return nil
		}
		about.At, about.Instance = time.Now(), session.Instance.Identity.InstanceID
		selected, _ := f.selection(session.World) // selection has already succeeded with these flags
		return check.Run(ctx, selected)
	}, changes(log))
	about.Interrupted = cmd.Context().Err() != nil
	if bad == nil && about.Interrupted && results == nil {
		bad = exitcode.Wrap(exitcode.Interrupted, errors.New("interrupted before any check finished"))
	}
	return report.New(results, about), bad
}

// changes returns a function that logs the first cause, and logs again only if the first cause differs.
func changes(log *slog.Logger) func([]check.Result) {
	var shown string
	return func(last []check.Result) {
		if cause := check.Causes(last)[0].Summary; cause != shown {
			shown = cause
			log.Info("waiting: "+cause, "phase", "wait")
		}
	}
}

func (f *checkFlags) print(cmd *cobra.Command, r *report.Report, style term.Style) error {
	out := cmd.OutOrStdout()
	switch {
	case f.output == "short":
		return r.Short(out)
	case f.output == "json":
		return r.JSON(out)
	case f.output == "junit":
		return r.JUnit(out)
	case f.deep:
		return r.Diagnosis(out, style, f.verbose)
	default:
		return r.Table(out, style, f.verbose)
	}
}

// completeChecks completes the values of --only and --skip, which are lists separated by commas.
func completeChecks(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	before := typed[:strings.LastIndex(typed, ",")+1]
	all := check.Names(catalog.Checks(catalog.World{}))
	for i := range all {
		all[i] = before + all[i]
	}
	return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
