// Package cli is muster's command line: commands, flags, help and exit codes.
// It wires the parts together and holds no logic of theirs.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"muster/internal/config"
	"muster/internal/exitcode"
	"muster/internal/fix"
	"muster/internal/term"
)

// Main runs one command line and returns the exit code.
func Main(version string, args []string, stdout, stderr io.Writer) int {
	ctx, stop := until(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	stdout, stderr = term.NewWriter(stdout), term.NewWriter(stderr)
	root := Command(version, slog.New(term.NewHandler(stderr, toJournal())))
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitcode.Healthy
	}
	printError(stderr, err)
	var coded *exitcode.Error
	if !errors.As(err, &coded) {
		return exitcode.Usage // cobra's own: an unknown command, flag or argument
	}
	return coded.Code
}

// printError writes each error of those that were joined, and below it its evidence
// and its fix. Only the first line of an error begins with the program's name: a line
// end in what it quotes begins no message of its own.
func printError(out io.Writer, err error) {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) && err.Error() == joined.(error).Error() {
		for _, one := range joined.Unwrap() {
			printError(out, one)
		}
		return
	}
	label := "muster: "
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if line != "" {
			_, _ = fmt.Fprintln(out, label+term.OneLine(line))
			label = strings.Repeat(" ", len("muster: "))
		}
	}
	printLabelled(out, "why", fix.Why(err))
	printLabelled(out, "fix", fix.Of(err).Lines())
}

func printLabelled(out io.Writer, label string, lines []string) {
	for _, line := range lines {
		_, _ = fmt.Fprintf(out, "  %-5s%s\n", label, term.OneLine(line))
		label = ""
	}
}

// toJournal: systemd sets JOURNAL_STREAM where stderr is the journal
// (systemd.exec(5)).
func toJournal() bool { return os.Getenv("JOURNAL_STREAM") != "" }

// Command is the root of all commands, for Main and for the man pages.
func Command(version string, log *slog.Logger) *cobra.Command {
	root := &cobra.Command{
		Use:   "muster",
		Short: "Make an EC2 instance report for duty in its ECS cluster, and prove that it did",
		Example: `  muster bootstrap --cluster prod     in user data: configure, queue the units, never wait
  muster verify                       did this instance register? (muster-verify.service runs it)
  sudo muster debug                   what is wrong with this instance? The root cause first
  muster config show                  every setting, its value, and where it came from`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(bootstrapCommand(log), verifyCommand(log), portsCommand(log), agentCommand(log), statusCommand(), configCommand(log),
		checkCommand(version, log), debugCommand(version, log), explainCommand(), dockerProxyCommand(log))
	root.AddCommand(topics()...)
	return root
}

// addFlags gives the command a flag for each setting that names it.
func addFlags(cmd *cobra.Command, name string) {
	for _, s := range config.Settings() {
		for _, of := range s.Commands {
			if of != name && name != "" {
				continue
			}
			switch {
			case cmd.Flags().Lookup(s.Flag) != nil:
			case s.Bool:
				cmd.Flags().Bool(s.Flag, false, s.Desc)
			case s.Variable == "MUSTER_ECS":
				cmd.Flags().StringArray(s.Flag, nil, s.Desc)
			default:
				cmd.Flags().String(s.Flag, "", s.Desc)
				cmd.Flags().Lookup(s.Flag).DefValue = s.Default
			}
		}
	}
	cmd.Flags().SortFlags = false
}

// run makes a RunE of f. SIGHUP, as at the end of an SSH session, interrupts f like
// Ctrl-C does.
func run(f func(*cobra.Command) error) func(*cobra.Command, []string) error {
	return coded(func(cmd *cobra.Command) error {
		ctx, stop := until(cmd.Context(), syscall.SIGHUP)
		defer stop()
		cmd.SetContext(ctx)
		return f(cmd)
	})
}

// coded makes a RunE of f. Every error of f carries an exit code from then on, so
// that Main can tell it from a usage error.
func coded(f func(*cobra.Command) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		err := f(cmd)
		return exitcode.Wrap(exitcode.Of(err), err)
	}
}

// until returns a context that ends at one of the signals. A signal that was ignored
// when the process started stays ignored: that is how nohup(1) keeps SIGHUP away, and
// a shell without job control SIGINT from a command in the background.
func until(ctx context.Context, signals ...os.Signal) (context.Context, context.CancelFunc) {
	signals = slices.DeleteFunc(signals, signal.Ignored)
	if len(signals) == 0 { // NotifyContext would take all there are
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, signals...)
}
