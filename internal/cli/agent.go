package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"muster/agent"
	"muster/agent/announce"
	"muster/agent/containers"
	"muster/agent/metrics"
	"muster/agent/registration"
	checkports "muster/check/ports"
	"muster/internal/awsapi"
	"muster/internal/base/arn"
	"muster/internal/base/exitcode"
	"muster/internal/config"
	"muster/internal/fleet"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/host/units"
	"muster/internal/instance/record"
	"muster/reach"
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

// reread loads the settings as they are now, for an instance that is known.
func reread(cmd *cobra.Command, id imds.Identity) (agent.Settings, error) {
	set, err := settings(cmd)
	if err != nil {
		return agent.Settings{}, err
	}
	cfg, rec, damage, err := record.Recall(set, id.InstanceID)
	if err == nil {
		err = damage
	}
	if err != nil {
		return agent.Settings{}, err
	}
	return agent.Settings{Config: cfg, Cluster: cmp.Or(cfg.Cluster, rec.Cluster)}, nil
}

// newAgent wires the agent's parts. Without an identity it is provisional: it watches,
// and leaves AWS to the one that follows.
func (l *life) newAgent(ctx context.Context) (*agent.Agent, *awsapi.Client, error) {
	cfg, log := l.cfg, l.log
	docker, err := agentDocker(cfg)
	if err != nil {
		return nil, nil, err
	}
	api, err := awsapi.New(ctx, l.id.Region, imdsEndpoint())
	if err != nil {
		return nil, nil, err
	}
	id, cluster := l.id, cmp.Or(cfg.Cluster, l.rec.Cluster)
	l.watch.Agent, l.watch.Expected = introspection(cfg), cluster
	l.watch.Self = registration.Self{InstanceID: id.InstanceID, Region: id.Region, Account: id.AccountID}
	a := &agent.Agent{
		Settings: agent.Settings{Config: cfg, Cluster: cluster}, Version: l.cmd.Root().Version, InstanceID: id.InstanceID, Log: log,
		Registration: l.watch, Calls: api.Calls, ShuttingDown: units.ShuttingDown,
		Notify: notifySystemd, Hangup: l.hangup, Waits: l.board,
		Reload:      func() (agent.Settings, error) { return reread(l.cmd, id) },
		Provisional: l.provisional(api),
	}
	a.Watchdog, _ = daemon.SdWatchdogEnabled(false)
	tasks := ecsagent.NewTaskMetadataEndpoint("", ecsagent.LocalClient(localTimeout))
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
	metadata := imds.New(imdsEndpoint(), glance)
	a.Metadata = metadata
	addAWS(a, cfg, api, metadata, log)
	return a, api, nil
}

// agentDocker asks the Engine through the proxy that the agent's unit names. The proxy
// serves the default Engine alone.
func agentDocker(cfg *config.Config) (*dockerapi.Client, error) {
	if cfg.DockerProxy != "" && cfg.DockerHost == dockerapi.DefaultHost {
		return dockerapi.NewBehindProxy(cfg.DockerProxy, localTimeout)
	}
	return dockerapi.New(cfg.DockerHost, localTimeout)
}

// notifySystemd is sd_notify(3). Away from systemd it does nothing.
func notifySystemd(state string) error {
	_, err := daemon.SdNotify(false, state)
	return err
}

// addAWS adds what asks and tells AWS.
func addAWS(a *agent.Agent, cfg *config.Config, api *awsapi.Client, metadata *imds.Client, log *slog.Logger) {
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
	if needs, _, err := reach.ParsePorts(cfg.Ports); cfg.Ports != "" && err == nil { // the configuration was checked
		p := place{cfg: cfg, api: api, selector: fleet.Selector{Cluster: a.Settings.Cluster, Self: a.InstanceID}}
		a.Ports = judgePorts(p.discover, a.Settings.Cluster, api.Region(), needs)
	}
}

// judgePorts judges the ports of this instance and its peers by the rules alone.
func judgePorts(discover func(context.Context) (fleet.Fleet, error), cluster, region string, needs []reach.Need) func(context.Context) (agent.Ports, error) {
	return func(ctx context.Context) (agent.Ports, error) {
		report, err := checkports.Ports(ctx, checkports.Options{Discover: discover}, "cluster "+cluster, region, needs)
		if err != nil {
			return agent.Ports{}, err
		}
		found := agent.Ports{Known: true}
		for status, n := range report.Counts {
			if status != reach.Open.String() && status != reach.Unknown.String() {
				found.Blocked += n
			}
		}
		if n := report.Counts[reach.Unknown.String()]; n > 0 && found.Blocked == 0 {
			return agent.Ports{}, fmt.Errorf("%d pairs: %s", n, strings.Join(report.Notes, "; "))
		}
		if closed, fix := report.Closed(); len(closed) > 0 {
			found.First, found.Remedy = closed[0], cmp.Or(fix, "muster ports shows all of them")
		}
		return found, nil
	}
}

// recalled loads the settings with what bootstrap recorded on this instance,
// if the metadata service says within patience which one it is; without it, the
// settings as they are, and the zero Identity.
func recalled(cmd *cobra.Command, log *slog.Logger, patience time.Duration) (*config.Config, record.Record, imds.Identity, error) {
	set, err := settings(cmd)
	if err != nil {
		return nil, record.Record{}, imds.Identity{}, err
	}
	cfg, err := config.Load(set)
	if err != nil {
		return nil, record.Record{}, imds.Identity{}, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	id, err := imds.New(imdsEndpoint(), patience).Identity(cmd.Context())
	if err != nil {
		log.Warn(withoutRecord(err, patience), "phase", "record")
		return cfg, record.Record{}, imds.Identity{}, nil
	}
	cfg, rec, damage, err := record.Recall(set, id.InstanceID)
	if damage != nil {
		log.Warn(damage.Error(), "phase", "record")
	}
	return cfg, rec, id, exitcode.Wrap(exitcode.BadConfiguration, err)
}

// withoutRecord is short for a person away from EC2, where no metadata service
// is the rule.
func withoutRecord(err error, patience time.Duration) string {
	var e *imds.Error
	if patience == glance && errors.As(err, &e) && (e.Kind == imds.Unreachable || e.Kind == imds.Silent) {
		return fmt.Sprintf("no metadata service answers within %s: assuming that this is not an EC2 instance", glance)
	}
	return "without what bootstrap recorded on this instance: " + err.Error()
}
