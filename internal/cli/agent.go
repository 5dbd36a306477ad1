package cli

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"muster/agent"
	"muster/agent/announce"
	"muster/agent/containers"
	"muster/agent/metrics"
	"muster/agent/registration"
	"muster/internal/awsapi"
	"muster/internal/base/arn"
	"muster/internal/base/exitcode"
	"muster/internal/host/imds"
	"muster/internal/host/units"
	"muster/internal/instance"
	"muster/internal/portcheck"
)

func agentCommand(log *slog.Logger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Watch containers and registration, publish to CloudWatch",
		Long: `Watch the containers and the registration of this instance, publish metrics to
CloudWatch, and report transitions to the journal and, if set, to an EventBridge bus.
muster-agent.service runs it for the instance's whole life.

It reads Docker and the ECS agent, and changes nothing on the instance. It needs
cloudwatch:PutMetricData; docs/permissions.md lists what else it can use. SIGHUP makes
it read its settings again.`,
		Example: `  muster agent --cluster prod         # as muster-agent.service runs it
  muster agent --event-bus ops --dimensions container,instance
  muster agent --unhealthy-after 1h   # replace an instance that stays disconnected`,
		Args: cobra.NoArgs,
	}
	addFlags(cmd, "agent")
	cmd.RunE = coded(func(cmd *cobra.Command) error {
		hangup := make(chan os.Signal, 1) // from now on: it would end the wait for the metadata service
		signal.Notify(hangup, syscall.SIGHUP)
		defer signal.Stop(hangup)
		l, err := begin(cmd, log, hangup)
		if err != nil {
			return exitcode.Wrap(exitcode.BadConfiguration, err)
		}
		debug.SetGCPercent(gcPercent)
		runtime.GOMAXPROCS(1) // each processor has caches of its own, and one is enough
		return exitcode.Wrap(exitcode.BadConfiguration, l.live(cmd.Context()))
	})
	return cmd
}

// gcPercent: the tasks need the memory more than the agent needs the moments in
// which it collects garbage.
const gcPercent = 25

// reread reads the settings again, for an instance that is known.
func (l *life) reread(id imds.Identity) (agent.Settings, error) {
	i, err := l.host.Of(id)
	if err == nil {
		err = i.Damage
	}
	if err != nil {
		return agent.Settings{}, err
	}
	return agent.Settings{Config: i.Config, Cluster: i.Cluster()}, nil
}

// newAgent wires the agent's parts. Without an identity it is provisional: it watches,
// and leaves AWS to the one that follows.
func (l *life) newAgent(ctx context.Context) (*agent.Agent, *awsapi.Client, error) {
	cfg, log := l.Config, l.log
	docker, err := l.DockerBehindProxy()
	if err != nil {
		return nil, nil, err
	}
	api, err := l.AWS(ctx)
	if err != nil {
		return nil, nil, err
	}
	id, cluster, before := l.Identity, l.Cluster(), l.host.Calls()
	l.watch.Agent, l.watch.Expected = l.Introspection(), cluster
	l.watch.Self = registration.Self{InstanceID: id.InstanceID, Region: id.Region, Account: id.AccountID}
	a := &agent.Agent{
		Settings: agent.Settings{Config: cfg, Cluster: cluster}, Version: l.cmd.Root().Version, InstanceID: id.InstanceID, Log: log,
		Registration: l.watch, Calls: func() int { return l.host.Calls() - before }, ShuttingDown: units.ShuttingDown,
		Notify: notifySystemd, Hangup: l.hangup, Waits: l.board,
		Reload:      func() (agent.Settings, error) { return l.reread(id) },
		Provisional: l.provisional(api),
	}
	a.Watchdog, _ = daemon.SdWatchdogEnabled(false)
	tasks := l.TaskMetadata()
	var groups containers.TaskGroups // nil as long as AWS is not asked
	if !a.Provisional {
		groups = api
	}
	watcher := containers.NewWatcher(docker, containers.NewServices(tasks, groups, log), cfg.WatchPeriod, log)
	watcher.Own(arn.Owner{Region: id.Region, Account: id.AccountID})
	a.Containers = watcher
	if a.Provisional {
		a.Announcer = announce.New(announce.Options{Log: log})
		return a, api, nil
	}
	metadata := l.Metadata(instance.Glance)
	a.Metadata = metadata
	l.addAWS(a, api, metadata)
	return a, api, nil
}

// notifySystemd is sd_notify(3). Away from systemd it does nothing.
func notifySystemd(state string) error {
	_, err := daemon.SdNotify(false, state)
	return err
}

// addAWS adds what asks and tells AWS.
func (l *life) addAWS(a *agent.Agent, api *awsapi.Client, metadata *imds.Client) {
	cfg, log := l.Config, l.log
	events := announce.Options{Log: log}
	if cfg.EventBus != "" {
		events.Bus, events.BusName = api, cfg.EventBus
	}
	a.Announcer = announce.New(events)
	if cfg.Namespace != "" {
		a.Publisher = metrics.NewPublisher(metrics.Options{
			Dir: cfg.Path(cfg.SpoolDir), MaxBytes: int64(cfg.SpoolMax), Sender: api, Namespace: cfg.Namespace, InstanceID: a.InstanceID, Log: log,
		})
	}
	a.Registration.ECS = api
	if a.InstanceID != "" {
		a.Healer = &registration.Healer{
			After: cfg.UnhealthyAfter, MaxShare: cfg.UnhealthyMaxShare, InstanceID: a.InstanceID,
			Lifecycle: metadata, Group: api, Fellows: api, Log: log,
		}
		a.Registration.Hurry = a.Healer.Hurry()
	}
	if blocked := portcheck.ByRules(l.Instance, api); blocked != nil {
		a.Ports = func(ctx context.Context) (agent.Ports, error) {
			found, err := blocked(ctx)
			return agent.Ports{Known: err == nil, Blocked: found.Pairs, First: found.First, Remedy: found.Remedy}, err
		}
	}
}
