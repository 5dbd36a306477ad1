package cli

import (
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"muster/agent/life"
	"muster/internal/base/exitcode"
)

func agentCommand(log *slog.Logger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Watch containers and registration, publish to CloudWatch",
		Long: `Watch the containers and the registration of this instance, publish metrics to
CloudWatch, and report transitions to the journal and, if set, to an EventBridge bus.
muster-agent.service runs it for the instance's whole life.

It reads Docker and the ECS agent, and changes nothing on the instance. It needs
cloudwatch:PutMetricData; docs/reference/permissions.md lists what else it can use. SIGHUP makes
it read its settings again.`,
		Example: `  muster agent --cluster prod         # as muster-agent.service runs it
  muster agent --event-bus ops --dimensions container,instance
  muster agent --unhealthy-after 1h   # replace an instance that stays disconnected`,
		Args: cobra.NoArgs,
	}
	addFlags(cmd, "agent")
	cmd.RunE = coded(func(cmd *cobra.Command) error {
		hangup := make(chan os.Signal, 1) // register early: without it, SIGHUP would end the wait for the metadata service
		signal.Notify(hangup, syscall.SIGHUP)
		defer signal.Stop(hangup)
		l, err := life.Begin(cmd.Context(), life.Options{Host: thisHost(cmd), Version: cmd.Root().Version, Log: log, Hangup: hangup})
		if err != nil {
			return exitcode.Wrap(exitcode.BadConfiguration, err)
		}
		debug.SetGCPercent(gcPercent)
		runtime.GOMAXPROCS(1) // each processor has its own caches, and one processor is enough
		return exitcode.Wrap(exitcode.BadConfiguration, l.Run(cmd.Context()))
	})
	return cmd
}

// gcPercent makes the garbage collector run more often than by default. The tasks on the instance need the memory more
// than the agent needs the CPU time.
const gcPercent = 25
