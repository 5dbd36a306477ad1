package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"muster/internal/agentstate"
	"muster/internal/config"
	"muster/internal/exitcode"
	"muster/internal/fix"
)

func statusCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "How things are on this instance, in ten lines, as muster-agent sees them",
		Long: `Shows what muster-agent wrote at the end of its last cycle; asks nobody. Ends with 0 when all is
well, 1 when something is wrong, 3 when nothing is known: the agent does not run, or its file may
not be read (it is root's and the agent's own).`,
		Example: "  sudo muster status\n  sudo muster status --output json",
		Args:    cobra.NoArgs,
	}
	addFlags(cmd, "status")
	cmd.Flags().StringVar(&output, "output", "table", "How it is printed: table or json.")
	cmd.RunE = run(func(cmd *cobra.Command) error {
		if err := oneOf("output", output, "table", "json"); err != nil {
			return err
		}
		set, err := settings(cmd)
		if err != nil {
			return err
		}
		cfg, err := config.Load(set)
		if err != nil {
			return exitcode.Wrap(exitcode.BadConfiguration, err)
		}
		s, err := agentstate.Read(cfg.Path(cfg.AgentState))
		if err != nil {
			return exitcode.Wrap(exitcode.Undetermined, fmt.Errorf("%w: as root, systemctl status muster-agent tells more", err))
		}
		now := time.Now()
		if output == "json" {
			err = printJSON(cmd, s)
		} else {
			err = s.Table(cmd.OutOrStdout(), now)
		}
		return firstOf(err, verdict(s, now))
	})
	return cmd
}

// verdict is nil when all is well, else an error with the exit code, a line for
// each problem.
func verdict(s agentstate.State, now time.Time) error {
	if s.Stale(now) {
		return exitcode.Wrap(exitcode.Undetermined, fmt.Errorf("muster-agent does not run: it has told nothing since %s; systemctl restart muster-agent", s.Written.UTC().Format(time.RFC3339)))
	}
	var all []error
	wrong := false
	for _, p := range s.Problems(now) {
		all, wrong = append(all, fix.Wrap(errors.New(p.Text), p.Fix)), wrong || !p.Warning
	}
	if !wrong {
		return nil
	}
	return exitcode.Wrap(exitcode.Failed, errors.Join(all...))
}
