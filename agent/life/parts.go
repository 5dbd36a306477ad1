package life

import (
	"context"
	"net"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"muster/agent"
	"muster/agent/announce"
	"muster/agent/containers"
	"muster/agent/limits"
	"muster/agent/metrics"
	"muster/agent/registration"
	"muster/check/portcheck"
	"muster/internal/awsapi"
	"muster/internal/base/arn"
	"muster/internal/base/gate"
	"muster/internal/host/cgroup"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/ena"
	"muster/internal/host/imds"
	"muster/internal/host/kernel"
	"muster/internal/host/units"
	"muster/internal/instance"
)

// newAgent connects the agent's parts. Without an identity the agent is provisional: it only watches, and the next
// agent calls AWS.
func (l *Life) newAgent(ctx context.Context) (*agent.Agent, *awsapi.Client, error) {
	cfg, log := l.Config, l.Log
	docker, err := l.DockerBehindProxy()
	if err != nil {
		return nil, nil, err
	}
	api, err := l.AWS(ctx)
	if err != nil {
		return nil, nil, err
	}
	l.starts.Log = func(since time.Time) ([]ecsagent.TaskEnd, error) {
		return ecsagent.ReadTaskEnds(cfg.Path(cfg.ECSLogDir), since, "")
	}
	id, cluster, before := l.Identity, l.Cluster(), l.Host.Calls()
	l.watch.Agent, l.watch.Expected = l.Introspection(), cluster
	l.watch.Self = registration.Self{InstanceID: id.InstanceID, Region: id.Region, Account: id.AccountID}
	a := &agent.Agent{
		Settings: agent.Settings{Config: cfg, Cluster: cluster}, Version: l.Version, InstanceID: id.InstanceID,
		Provisional: l.provisional(api),
		Parts: agent.Parts{
			Log:          log,
			Registration: l.watch,
			Tasks:        l.Introspection(),
			Starts:       l.starts,
			Calls:        func() int { return l.Host.Calls() - before },
			ShuttingDown: units.ShuttingDown,
			Notify:       notifySystemd,
			Hangup:       l.Hangup,
			Waits:        l.board,
			Reload:       func() (agent.Settings, error) { return l.reread(id) },
		},
	}
	a.Limits = l.meter()
	a.Watchdog, _ = daemon.SdWatchdogEnabled(false)
	tasks := l.TaskMetadata()
	var groups containers.TaskGroups // nil while AWS is not called
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

// notifyTime is the timeout of a message to systemd. Its socket queues only a few messages if systemd does not read
// them, and then blocks the sender.
const notifyTime = time.Second

// notifySystemd is sd_notify(3) with a timeout. Without systemd it does nothing.
func notifySystemd(state string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(notifyTime)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(state))
	return err
}

// addAWS adds the parts that call AWS.
func (l *Life) addAWS(a *agent.Agent, api *awsapi.Client, metadata *imds.Client) {
	cfg, log := l.Config, l.Log
	events := announce.Options{Log: log}
	if cfg.EventBus != "" {
		events.Bus, events.BusName = api, cfg.EventBus
	}
	a.Announcer = announce.New(events)
	if cfg.Namespace != "" {
		a.Publisher = metrics.NewPublisher(metrics.Options{
			Dir:        cfg.Path(cfg.SpoolDir),
			MaxBytes:   int64(cfg.SpoolMax),
			Sender:     api,
			Namespace:  cfg.Namespace,
			InstanceID: a.InstanceID,
			Log:        log,
		})
	}
	if cfg.PublishVersion {
		a.Attributes = api
	}
	a.Registration.ECS = api
	l.starts.ECS, l.starts.Cluster = api, a.Cluster
	if a.InstanceID != "" {
		a.Healer = &registration.Healer{
			After: cfg.UnhealthyAfter, MaxShare: cfg.UnhealthyMaxShare, InstanceID: a.InstanceID,
			Lifecycle: metadata, Group: api, ClusterInstances: api, Log: log,
		}
		a.Registration.MaxInterval = a.Healer.MaxInterval()
	}
	if blocked := portcheck.ByRules(l.Instance, api); blocked != nil {
		a.Ports = func(ctx context.Context) (agent.Ports, error) {
			found, err := blocked(ctx)
			return agent.Ports{Known: err == nil, Blocked: found.Pairs, First: found.First, Remedy: found.Remedy, Gate: found.Gate}, err
		}
		if cfg.Gate != "" {
			a.Gate = &gate.Gate{Name: cfg.Gate, API: api}
		}
	} else if cfg.Gate != "" {
		log.Warn("no replication ports are set (MUSTER_PORTS), so attribute "+cfg.Gate+" is not set", "phase", "gate")
	}
}

// reread reads the settings again. The instance must be known.
func (l *Life) reread(id imds.Identity) (agent.Settings, error) {
	i, err := l.Host.Of(id)
	if err == nil {
		err = i.Damage
	}
	if err != nil {
		return agent.Settings{}, err
	}
	return agent.Settings{Config: i.Config, Cluster: i.Cluster()}, nil
}

// meter returns a Meter for the limits of this host. It returns nil if the files of the
// instance are below another root.
func (l *Life) meter() agent.Meter {
	if l.Elsewhere() {
		return nil
	}
	path := l.Config.Path
	return &limits.Meter{
		CGroup:      cgroup.New(path("/sys/fs/cgroup")),
		FileSystems: []string{path("/"), path(dockerapi.DataRoot(path("/etc/docker/daemon.json")))},
		FileSystem:  kernel.FileSystemAt,
		MemInfo:     path("/proc/meminfo"), Pressure: path("/proc/pressure/memory"),
		Exceeded: ena.Exceeded,
	}
}
