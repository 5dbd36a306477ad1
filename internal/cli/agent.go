package cli

import (
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"muster/agent"
	"muster/internal/config"
	"muster/internal/exitcode"
	"muster/internal/imds"
	"muster/internal/record"
)

func agentCommand(log *slog.Logger) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "agent",
		Short:   "Watch, for the instance's whole life, that it stays registered in its cluster",
		Example: "  muster agent --cluster prod         as muster-agent.service does it",
		Args:    cobra.NoArgs,
	}
	addFlags(cmd, "agent")
	cmd.RunE = run(func(cmd *cobra.Command) error {
		cfg, rec, _, err := recalled(cmd, log, 0)
		if err != nil {
			return err
		}
		w := agent.Watch{
			Agent: introspection(cfg), Expected: cfg.Cluster, Period: cfg.WatchPeriod, Log: log,
			Alive: func() { notify(daemon.SdNotifyWatchdog) },
			Ready: func() { notify(daemon.SdNotifyReady) },
		}
		if w.Expected == "" {
			w.Expected = rec.Cluster
		}
		w.Watchdog, _ = daemon.SdWatchdogEnabled(false)
		w.Run(cmd.Context())
		notify(daemon.SdNotifyStopping)
		return nil
	})
	return cmd
}

// notify tells systemd; without it there is nobody to tell.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }

// recalled loads the settings with what bootstrap recorded on this instance,
// if the metadata service says within patience (0: the setting's) which one it
// is; without it, the settings as they are, and the zero Identity.
func recalled(cmd *cobra.Command, log *slog.Logger, patience time.Duration) (*config.Config, record.Record, imds.Identity, error) {
	set, err := settings(cmd)
	if err != nil {
		return nil, record.Record{}, imds.Identity{}, err
	}
	cfg, err := config.Load(set)
	if err != nil {
		return nil, record.Record{}, imds.Identity{}, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	if patience == 0 {
		patience = cfg.IMDSTimeout
	}
	id, err := imds.New(imdsEndpoint(), patience).Identity(cmd.Context())
	if err != nil {
		log.Warn("without what bootstrap recorded on this instance: "+err.Error(), "phase", "record")
		return cfg, record.Record{}, imds.Identity{}, nil
	}
	cfg, rec, damage, err := record.Recall(set, id.InstanceID)
	if damage != nil {
		log.Warn(damage.Error(), "phase", "record")
	}
	return cfg, rec, id, exitcode.Wrap(exitcode.BadConfiguration, err)
}
