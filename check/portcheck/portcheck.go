// Package portcheck selects the instances between which the replication ports are checked, and the sources of the
// check: for `muster ports` anywhere, for a boot, and for the agent. Package check/ports makes the report, package
// fleet finds the peers, and package reach evaluates the rules.
//
//	muster ports on an instance    this instance and its peers; host, rules, dials
//	muster ports --cluster NAME    every pair; rules
//	a boot, muster debug           this instance and up to 100 peers; host, rules, 10 dials
//	muster agent                   this instance and its peers; rules
package portcheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"time"

	checkports "muster/check/ports"
	"muster/internal/awsapi"
	"muster/internal/base/balancer"
	"muster/internal/base/cluster"
	"muster/internal/base/exitcode"
	"muster/internal/config"
	"muster/internal/fleet"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsconfig"
	"muster/internal/host/hostports"
	"muster/internal/host/probe"
	"muster/internal/instance"
	"muster/internal/report/ports"
	"muster/reach"
)

// Request holds the arguments of `muster ports`.
type Request struct {
	// Peers selects the peers. Locate adds the cluster and this instance.
	Peers fleet.Selector
	// WholeCluster is true if the command line names the cluster, which means that every pair must be checked.
	WholeCluster bool
	// OnlyCluster is true if the command evaluates only whole clusters.
	OnlyCluster bool
	Region      string // empty means this instance's region, or the environment's
	NoDial      bool
	All         bool        // report every problem, not only the first ones
	Ephemeral   reach.Range // the source ports of peers; zero means not specified
}

// Place describes where the check runs and which peers it includes.
type Place struct {
	Scope string // description of the peers
	Ports string // profiles and ports, as in the settings

	instance *instance.Instance
	api      *awsapi.Client
	selector fleet.Selector
	request  Request
	targets  []reach.Range // the load balancers' target ports
	sample   int           // maximum number of dialed peers; 0 means all
}

// Locate determines whether the check is about this instance and its peers, or about a whole fleet.
func Locate(ctx context.Context, h *instance.Host, q Request, log *slog.Logger) (*Place, error) {
	i, err := q.open(ctx, h, log)
	if err != nil {
		return nil, err
	}
	p := &Place{Scope: scope(q.Peers), Ports: cmp.Or(i.Config.Ports, reach.DefaultProfile), instance: i, selector: q.Peers, request: q}
	p.selector.Cluster = i.Cluster()
	if p.Scope == "" || i.Config.Origin("MUSTER_BALANCER").Layer == config.LayerFlag {
		p.front(i.Config) // the settings of this instance apply to its own cluster
	}
	if p.Scope == "" {
		p.Scope = "cluster " + p.selector.Cluster
		if !q.WholeCluster {
			p.selector.Self = i.Identity.InstanceID
		}
	}
	if err := q.validate(p.selector.Cluster); err != nil {
		return nil, err
	}
	if p.api, err = h.AWS(ctx, cmp.Or(q.Region, i.Identity.Region)); err != nil {
		return nil, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	if p.api.Region() == "" {
		return nil, exitcode.Wrap(exitcode.Usage, errors.New("region unknown: pass --region"))
	}
	return p, nil
}

// validate returns an error if the request does not name a target, or the cluster or the region is invalid.
func (q Request) validate(name string) error {
	_, err := cluster.Parse(name)
	switch {
	case name != "" && err != nil:
		return exitcode.Wrap(exitcode.BadConfiguration, err)
	case name == "" && q.OnlyCluster:
		return exitcode.Wrap(exitcode.Usage, errors.New("no cluster: pass --cluster"))
	case name == "" && q.Peers.Group == "" && len(q.Peers.Addresses) == 0:
		return exitcode.Wrap(exitcode.Usage, errors.New("no target: pass --cluster, --asg, --service or --address"))
	case q.Region != "" && !cluster.IsRegion(q.Region):
		return exitcode.Wrap(exitcode.Usage, fmt.Errorf("--region %+q is not a region such as eu-west-1", q.Region))
	}
	return nil
}

// open skips the metadata service if the request names the peers and the region, and bootstrap has left no record here.
// Otherwise each command would wait a second for it on a machine outside EC2.
func (q Request) open(ctx context.Context, h *instance.Host, log *slog.Logger) (*instance.Instance, error) {
	named := q.Peers.Group != "" || len(q.Peers.Addresses) > 0 || q.WholeCluster
	i, err := h.Read()
	region := cmp.Or(q.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	if err != nil || named && region != "" && i.NeverBootstrapped() {
		return i, err
	}
	return h.Glance(ctx, log)
}

// scope returns a description of the selection. It is empty for a cluster.
func scope(s fleet.Selector) string {
	switch {
	case s.Group != "":
		return "Auto Scaling group " + s.Group
	case s.Service != "":
		return "service " + s.Service
	case s.Family != "":
		return "task family " + s.Family
	case len(s.Addresses) > 0:
		return fmt.Sprintf("%d addresses", len(s.Addresses))
	}
	return ""
}

// front sets the load balancers of the peers. Load has already validated them.
func (p *Place) front(cfg *config.Config) {
	p.selector.Balancers, _ = balancer.Parse(cfg.Balancer)
	p.targets, _ = reach.ParseTargets(cfg.TargetPort)
}

// Balanced reports whether a load balancer is evaluated.
func (p *Place) Balanced() bool { return len(p.selector.Balancers) > 0 }

// Cluster returns the cluster of the peers. It may be empty.
func (p *Place) Cluster() string { return p.selector.Cluster }

// Region returns the region of the peers.
func (p *Place) Region() string { return p.api.Region() }

// API returns the client for that region.
func (p *Place) API() *awsapi.Client { return p.api }

// Check evaluates the ports.
func (p *Place) Check(ctx context.Context, needs []reach.Need) (*ports.Report, error) {
	look := checkports.Options{
		Discover: p.discover, Targets: p.targets, Ephemeral: p.request.Ephemeral, All: p.request.All, Sample: p.sample,
	}
	if p.selector.Self != "" && !p.instance.Elsewhere() {
		look.Host, look.Dynamic = OnHost(p.instance), agentRange(p.instance.Config)
		if !p.request.NoDial {
			look.Dial = dial
		}
	}
	return checkports.Ports(ctx, look, p.Scope, p.api.Region(), needs)
}

func (p *Place) discover(ctx context.Context) (fleet.Fleet, error) {
	return fleet.Discover(ctx, p.api, p.selector)
}

// dialTimeout limits the total time of all dials.
const dialTimeout = 10 * time.Second

func dial(ctx context.Context, from netip.Addr, targets []probe.Target) []probe.Result {
	ctx, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	return (&probe.Prober{Source: from}).Dial(ctx, targets)
}

// agentRange returns the range of host ports that the settings of this host's ECS agent specify.
func agentRange(cfg *config.Config) reach.Range {
	data, err := ecsconfig.Load(cfg.Path(cmp.Or(cfg.ECSConfig, ecsconfig.DefaultPath)))
	if err != nil {
		return reach.Range{} // another check reports a file that cannot be read
	}
	value, _ := ecsconfig.Parse(data).Get("ECS_DYNAMIC_HOST_PORT_RANGE")
	ports, err := reach.ParseRange(value)
	if err != nil {
		return reach.Range{} // the agent ignores it too
	}
	return ports
}

// OnHost returns a function that checks the ports on this host.
func OnHost(i *instance.Instance) func(context.Context, netip.Addr, []reach.Need) hostports.Report {
	return func(ctx context.Context, self netip.Addr, needs []reach.Need) hostports.Report {
		host := hostports.Host{Agent: i.Introspection(), Self: self}
		if engine, err := i.Docker(); err == nil {
			host.Docker = engine
		} else {
			host.Docker = noDocker{err}
		}
		return host.Inspect(ctx, needs)
	}
}

// noDocker is a Docker Engine that cannot be queried. That differs from a host without Docker.
type noDocker struct{ err error }

func (n noDocker) Containers(context.Context) ([]dockerapi.Container, error) { return nil, n.err }
