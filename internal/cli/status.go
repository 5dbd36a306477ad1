package cli

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/agent/agentstate"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/report"
	"muster/internal/term"
)

func statusCommand() *cobra.Command {
	var output, color string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show this instance as muster-agent sees it",
		Long: `Show what muster-agent wrote at the end of its last cycle: the verdict in the first line, each
problem with its evidence and its fix, then the state line by line. It needs root and no network.
Exits with 0 if there is no problem (warnings allowed), 1 if there is one, and 3 if the state is
unknown: muster-agent is not running, its file cannot be read, or the ECS agent has not responded yet.`,
		Example: `  sudo muster status
  sudo muster status --output json    # the state, the verdict and the problems`,
		Args: cobra.NoArgs,
	}
	addFlags(cmd, "status")
	addOutput(cmd, &output, "Output format: table or json.", "table", "json")
	addColor(cmd, &color)
	cmd.RunE = run(func(cmd *cobra.Command) error {
		if err := firstOf(oneOf("output", output, "table", "json"), oneColor(color)); err != nil {
			return err
		}
		i, err := thisHost(cmd).Read()
		if err != nil {
			return err
		}
		s, err := agentstate.Read(i.Config.Path(i.Config.AgentState))
		if err != nil {
			return exitcode.Wrap(exitcode.Undetermined, unreadable(err))
		}
		now := time.Now()
		out := cmd.OutOrStdout()
		if output == "json" {
			err = printJSON(cmd, statusOf(s, now))
		} else {
			err = report.Status(out, term.StyleOf(out, color, os.Getenv), s, now)
		}
		return firstOf(err, verdict(s, now))
	})
	return cmd
}

// unreadable adds a fix to the error about a state file that is missing or unreadable.
func unreadable(err error) error {
	switch {
	case errors.Is(err, agentstate.ErrNoAgent):
		why := strings.TrimPrefix(err.Error(), agentstate.ErrNoAgent.Error()+": ")
		return fix.Because(agentstate.ErrNoAgent, []string{why}, fix.Do("Find out whether it runs, and start it:",
			"systemctl status muster-agent", "sudo systemctl start muster-agent"))
	case errors.Is(err, fs.ErrPermission):
		return fix.Wrap(err, fix.Do("Run it as root:", "sudo muster status"))
	}
	return fix.Wrap(err, fix.Do("Restart muster-agent, which writes the file again:", "sudo systemctl restart muster-agent"))
}

// status is the output of --output json: the agent's state, and its evaluation at this time.
type status struct {
	agentstate.State
	Verdict  agentstate.Verdict `json:"verdict"`
	Unknown  string             `json:"unknown,omitempty"` // why the verdict is unknown
	Problems []problem          `json:"problems"`
}

type problem struct {
	ID      string   `json:"id"`
	Warning bool     `json:"warning"`
	Text    string   `json:"text"`
	Why     []string `json:"why,omitempty"`
	Fix     fix.Fix  `json:"fix,omitzero"`
}

func statusOf(s agentstate.State, now time.Time) status {
	out := status{State: s, Verdict: s.Verdict(now), Problems: []problem{}}
	out.Unknown, _ = s.UnknownReason(now)
	if s.Stale(now) {
		return out // the state is too old to report problems from it
	}
	for _, p := range s.Problems(now) {
		out.Problems = append(out.Problems, problem{p.ID, p.Warning, p.Text, p.Why, p.Fix})
	}
	return out
}

// verdict returns nil if there is no problem, otherwise an error with the exit code. The error has no text, because the
// output already explains the problem.
func verdict(s agentstate.State, now time.Time) error {
	switch s.Verdict(now) {
	case agentstate.Failed:
		return exitcode.Wrap(exitcode.Failed, errors.New(""))
	case agentstate.Unknown:
		return exitcode.Wrap(exitcode.Undetermined, errors.New(""))
	}
	return nil
}
