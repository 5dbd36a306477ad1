// Package cli is muster's command line: commands, flags, help and exit codes. It connects the other packages and
// contains none of their logic.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/config"
	"muster/internal/term"
)

// Main runs a command line and returns the exit code.
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
		return exitcode.Usage // an error of cobra: an unknown command, flag or argument
	}
	return coded.Code
}

// printError writes each of the joined errors, followed by its evidence and its fix. Only the first line of an error
// begins with the program's name, so that a newline in quoted text cannot look like a new message.
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

// toJournal reports whether stderr is the journal. In that case systemd sets JOURNAL_STREAM (systemd.exec(5)).
func toJournal() bool { return os.Getenv("JOURNAL_STREAM") != "" }

// Command returns the root command, for Main and for the man pages.
func Command(version string, log *slog.Logger) *cobra.Command {
	root := &cobra.Command{
		Use:   "muster",
		Short: "Join EC2 instances to their ECS cluster, and prove that they joined",
		Long: `Join EC2 instances to their ECS cluster, prove that they joined, and watch them.

Run bootstrap in user data. The systemd units that it installs then run verify once
and agent for the rest of the instance's life. On an instance that does not work, run
sudo muster debug: its first line is the root cause.`,
		Example: `  muster bootstrap --cluster prod     # in user data: configure the ECS agent, start the units
  sudo muster verify                  # did this instance register?
  sudo muster debug                   # the root cause, the evidence and the fix
  muster fleet --cluster prod         # the state of the whole cluster, from a laptop
  muster ports --cluster prod         # which replication ports are closed, and by which rule
  muster config show                  # every setting, its value and its origin`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	for _, group := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"join", "Join the cluster:", []*cobra.Command{bootstrapCommand(log), verifyCommand(log)}},
		{"diagnose", "Diagnose:", []*cobra.Command{checkCommand(version, log), debugCommand(version, log), explainCommand(), portsCommand(log)}},
		{"fleet", "Diagnose a whole cluster:", []*cobra.Command{fleetCommand(log), fitCommand(log)}},
		{"watch", "Watch:", []*cobra.Command{agentCommand(log), statusCommand(), dockerProxyCommand(log)}},
	} {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, cmd := range group.commands {
			cmd.GroupID = group.id
			if !offInstance[cmd.Name()] {
				onInstance(runtime.GOOS, cmd)
			}
			root.AddCommand(cmd)
		}
	}
	root.AddCommand(configCommand(log), versionCommand())
	root.Flags().Bool("version", false, "Print the version.") // -v is --verbose
	root.AddCommand(topics()...)
	completeValues(root)
	return root
}

// offInstance lists the commands that also work outside an instance, and on macOS.
var offInstance = map[string]bool{"ports": true, "fleet": true, "fit": true, "explain": true}

// onInstance makes the command return an error on systems other than Linux.
func onInstance(goos string, cmd *cobra.Command) {
	if goos == "linux" {
		return
	}
	cmd.RunE = coded(func(cmd *cobra.Command) error {
		return exitcode.Wrap(
			exitcode.Usage,
			fix.Wrap(fmt.Errorf("muster %s needs a Linux container instance, but this is %s", cmd.Name(), goos),
				fix.Do("Run it on the instance, for example through Session Manager. On this machine you can use:",
					"muster fleet --cluster NAME", "muster ports --cluster NAME", "muster explain", "muster config show")),
		)
	})
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Print the version of muster, of Go, and the platform that it was built for.",
		Example: `  muster version`,
		Args:    cobra.NoArgs,
		RunE: run(func(cmd *cobra.Command) error {
			_, err := fmt.Fprintf(
				cmd.OutOrStdout(),
				"muster %s (%s, %s/%s)\n",
				cmd.Root().Version,
				runtime.Version(),
				runtime.GOOS,
				runtime.GOARCH,
			)
			return err
		}),
	}
}

// values lists, for shell completion, the words that are valid values of a flag.
var values = map[string][]string{
	"color":        {"auto", "always", "never"},
	"on-failure":   {string(config.OnFailureReport), string(config.OnFailureAbandon), string(config.OnFailureUnhealthy)},
	"cfn-auth":     {string(config.CFNIdentity), string(config.CFNSigV4)},
	"ports-policy": {string(config.PortsWarn), string(config.PortsFail), string(config.PortsIgnore)},
	"dimensions":   {"container", "instance", "container,instance"},
	"metrics":      {"limits", "agent", "limits,agent"},
}

// completeValues registers the completion of flag values for every command that has such a flag.
func completeValues(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		completeValues(cmd)
		for name, words := range values {
			if cmd.Flags().Lookup(name) != nil {
				_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
			}
		}
	}
}

// addOutput adds the flag --output with these values. The first one is the default.
func addOutput(cmd *cobra.Command, output *string, desc string, words ...string) {
	cmd.Flags().StringVar(output, "output", words[0], desc)
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// addColor adds the flag --color.
func addColor(cmd *cobra.Command, color *string) {
	cmd.Flags().StringVar(color, "color", "auto", "Use colors: auto (on a terminal, unless NO_COLOR is set), always or never.")
}

func oneColor(color string) error { return oneOf("color", color, "auto", "always", "never") }

// addFlags adds a flag to the command for each setting that belongs to it.
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
			case s.Variable == "MUSTER_BALANCER":
				cmd.Flags().StringSlice(s.Flag, nil, s.Desc)
			default:
				cmd.Flags().Var(&textValue{kind: s.Type}, s.Flag, s.Desc)
				cmd.Flags().Lookup(s.Flag).DefValue = s.Default
			}
		}
	}
	cmd.Flags().SortFlags = false
}

// textValue is the value of a flag for a setting. Package config parses it, so it accepts any text.
type textValue struct{ text, kind string }

func (v *textValue) String() string        { return v.text }
func (v *textValue) Set(text string) error { v.text = text; return nil }
func (v *textValue) Type() string          { return v.kind }

// run converts f to a RunE. SIGHUP, which the end of an SSH session sends, interrupts f in the same way as Ctrl-C.
func run(f func(*cobra.Command) error) func(*cobra.Command, []string) error {
	return coded(func(cmd *cobra.Command) error {
		ctx, stop := until(cmd.Context(), syscall.SIGHUP)
		defer stop()
		cmd.SetContext(ctx)
		return f(cmd)
	})
}

// coded converts f to a RunE whose errors all have an exit code, so that Main can distinguish them from usage errors.
func coded(f func(*cobra.Command) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		err := f(cmd)
		return exitcode.Wrap(exitcode.Of(err), err)
	}
}

// until returns a context that ends when one of the signals arrives. A signal that was ignored when the process started
// stays ignored. For example, nohup(1) ignores SIGHUP, and a shell without job control ignores SIGINT for a background
// command.
func until(ctx context.Context, signals ...os.Signal) (context.Context, context.CancelFunc) {
	signals = slices.DeleteFunc(signals, signal.Ignored)
	if len(signals) == 0 { // without signals, NotifyContext would handle all of them
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, signals...)
}
