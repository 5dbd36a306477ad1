package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	checkports "muster/check/ports"
	"muster/internal/awsapi"
	"muster/internal/base/cluster"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/config"
	"muster/internal/fleet"
	"muster/internal/host/dockerapi"
	"muster/internal/host/hostports"
	"muster/internal/host/imds"
	"muster/internal/host/probe"
	"muster/internal/instance/record"
	"muster/internal/report/ports"
	"muster/reach"
)

// portsFlags are what `muster ports` takes besides the settings.
type portsFlags struct {
	group, service, family string
	addresses, balancers   []string
	targetPort             string
	region, output         string
	noDial, allTasks       bool
}

func portsCommand(log *slog.Logger) *cobra.Command {
	var f portsFlags
	cmd := &cobra.Command{
		Use:   "ports",
		Short: "Check replication ports against security groups",
		Long: `Evaluate security groups, network ACLs and listeners for the ports that peers must reach
on each other. For a closed port it prints the pair, the hop and the rule that closes it,
and the command that opens it.

On an instance it evaluates this instance against its peers and probes a few ports. With
--cluster, --asg, --service, --family or --address it evaluates every pair, on any machine
with credentials. It changes nothing. It needs the permissions of packaging/iam/ports.json.`,
		Example: `  sudo muster ports                         # ignite2, between this instance and its peers
  muster ports --cluster prod --ports ignite2,tomcat-cluster
  muster ports --cluster prod --output html >ports.html
  muster ports --asg workers --ports tcp/9000-9009
  muster ports --cluster prod --balancer 10.0.0.5,10.0.1.5 --target-port 8080`,
		Args: cobra.NoArgs,
	}
	addFlags(cmd, "ports")
	cmd.Flags().StringVar(&f.group, "asg", "", "Peers: the instances of this Auto Scaling group.")
	cmd.Flags().StringVar(&f.service, "service", "", "Peers: the running tasks of this service. Needs --cluster.")
	cmd.Flags().StringVar(&f.family, "family", "", "Peers: the running tasks of this task definition family. Needs --cluster.")
	cmd.Flags().BoolVar(&f.allTasks, "all-tasks", false, "Find all tasks of --family, even if that takes more than 30 API calls.")
	cmd.Flags().StringSliceVar(&f.addresses, "address", nil, "Peers: these private addresses.")
	cmd.Flags().StringSliceVar(&f.balancers, "balancer", nil, "Private addresses of a load balancer that must reach --target-port.")
	cmd.Flags().StringVar(&f.targetPort, "target-port", dynamicPort, "Port that the load balancer connects to, or dynamic: the range that Docker uses for hostPort 0.")
	cmd.Flags().StringVar(&f.region, "region", "", "AWS region, if this is not an instance. Default: as the AWS CLI finds it.")
	cmd.Flags().BoolVar(&f.noDial, "no-dial", false, "Evaluate the rules only, do not probe.")
	addOutput(cmd, &f.output, "Output format: table, json or html.", "table", "json", "html")
	cmd.MarkFlagsMutuallyExclusive("asg", "service", "family", "address")
	cmd.RunE = run(func(cmd *cobra.Command) error { return runPorts(cmd, log, f) })
	return cmd
}

func runPorts(cmd *cobra.Command, log *slog.Logger, f portsFlags) error {
	if err := oneOf("output", f.output, "table", "json", "html"); err != nil {
		return err
	}
	at, err := locate(cmd, log, f)
	if err != nil {
		return err
	}
	needs, warnings, err := reach.ParsePorts(at.ports)
	if err != nil {
		return exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	report, err := checkports.Ports(cmd.Context(), at.look(f), at.scope, at.api.Region(), needs)
	if err != nil {
		return exitcode.Wrap(exitcode.Undetermined, err)
	}
	report.Notes = append(report.Notes, warnings...)
	if len(report.Peers) == 1 && len(report.Counts) == 0 {
		report.Notes = append(report.Notes, report.Peers[0].Name+" has no peer yet: no port was checked")
	}
	return firstOf(printPorts(cmd, report, f.output), at.someone(f, report), report.Err())
}

// someone is an error if there is no peer at all. A first instance has no peer, and
// nothing is wrong; but a target without one instance is more often a wrong name, and
// that no port was checked must not read as that all are open.
func (p place) someone(f portsFlags, report *ports.Report) error {
	if len(report.Peers) > 0 {
		return nil
	}
	region := " --region " + p.api.Region()
	command := "aws ecs list-container-instances --cluster " + p.selector.Cluster + region
	switch {
	case f.group != "":
		command = "aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names '" + strings.ReplaceAll(f.group, "'", `'\''`) + "'" + region
	case f.service != "":
		command = "aws ecs list-tasks --cluster " + p.selector.Cluster + " --service-name " + f.service + region
	case f.family != "":
		command = "aws ecs list-tasks --cluster " + p.selector.Cluster + " --family " + f.family + region
	}
	return exitcode.Wrap(exitcode.Undetermined, fix.Wrap(fmt.Errorf("no peer found in %s in %s: no port was checked", report.Scope, p.api.Region()),
		fix.Do("Check the name and the region; this lists what there is:", command)))
}

func printPorts(cmd *cobra.Command, report *ports.Report, output string) error {
	switch output {
	case "json":
		return printJSON(cmd, report)
	case "html":
		return report.HTML(cmd.OutOrStdout())
	default:
		return report.Table(cmd.OutOrStdout())
	}
}

// place is from where the ports are looked at, and at whom.
type place struct {
	cfg      *config.Config
	api      *awsapi.Client
	selector fleet.Selector
	scope    string
	ports    string

	target uint16 // that the balancers dial; 0: any dynamic host port
}

// locate finds out whether this is an instance that asks for itself, or
// somebody who asks for the whole fleet.
func locate(cmd *cobra.Command, log *slog.Logger, f portsFlags) (place, error) {
	at, err := f.selector()
	if err != nil {
		return place{}, err
	}
	cfg, rec, id, err := f.recalled(cmd, log)
	if err != nil {
		return place{}, err
	}
	at.cfg, at.ports = cfg, cmp.Or(cfg.Ports, reach.DefaultProfile)
	at.selector.Cluster = cmp.Or(cfg.Cluster, rec.Cluster)
	if at.scope == "" {
		at.scope = "cluster " + at.selector.Cluster
		if !cmd.Flags().Changed("cluster") {
			at.selector.Self = id.InstanceID
		}
	}
	switch _, err := cluster.Parse(at.selector.Cluster); {
	case at.selector.Cluster != "" && err != nil:
		return place{}, exitcode.Wrap(exitcode.BadConfiguration, err)
	case at.selector.Cluster == "" && f.group == "" && len(f.addresses) == 0:
		return place{}, exitcode.Wrap(exitcode.Usage, errors.New("no target: pass --cluster, --asg, --service or --address"))
	}
	if f.region != "" && !cluster.IsRegion(f.region) {
		return place{}, exitcode.Wrap(exitcode.Usage, fmt.Errorf("--region %+q is no region such as eu-west-1", f.region))
	}
	if at.api, err = awsapi.New(cmd.Context(), cmp.Or(f.region, id.Region), imdsEndpoint()); err != nil {
		return place{}, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	if at.api.Region() == "" {
		return place{}, exitcode.Wrap(exitcode.Usage, errors.New("no region is known: name it with --region"))
	}
	return at, nil
}

// recalled asks no metadata service where it could tell nothing: the peers and
// the region are named, and no bootstrap has left a record here. Away from EC2
// that is a second's wait for each command.
func (f portsFlags) recalled(cmd *cobra.Command, log *slog.Logger) (*config.Config, record.Record, imds.Identity, error) {
	named := f.group != "" || len(f.addresses) > 0 || cmd.Flags().Changed("cluster")
	region := cmp.Or(f.region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	if set, err := settings(cmd); err == nil && named && region != "" {
		if cfg, err := config.Load(set); err == nil && record.None(cfg) {
			return cfg, record.Record{}, imds.Identity{}, nil
		}
	}
	return recalled(cmd, log, glance)
}

// selector says who is asked about; the scope stays empty for the cluster.
func (f portsFlags) selector() (place, error) {
	at := place{selector: fleet.Selector{Group: f.group, Service: f.service, Family: f.family, AllTasks: f.allTasks}}
	var err error
	if at.selector.Addresses, err = addresses("--address", f.addresses); err != nil {
		return at, err
	}
	if at.selector.Balancers, err = addresses("--balancer", f.balancers); err != nil {
		return at, err
	}
	if at.target, err = f.target(); err != nil {
		return at, err
	}
	switch {
	case f.group != "":
		at.scope = "Auto Scaling group " + f.group
	case f.service != "":
		at.scope = "service " + f.service
	case f.family != "":
		at.scope = "task family " + f.family
	case len(f.addresses) > 0:
		at.scope = fmt.Sprintf("%d addresses", len(f.addresses))
	}
	return at, nil
}

func addresses(flag string, texts []string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, text := range texts {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, exitcode.Wrap(exitcode.Usage, fmt.Errorf("%s %q is no IP address", flag, text))
		}
		out = append(out, addr)
	}
	return out, nil
}

// dynamicPort is the --target-port of containers with hostPort 0.
const dynamicPort = "dynamic"

func (f portsFlags) target() (uint16, error) {
	if f.targetPort == dynamicPort {
		return 0, nil
	}
	port, err := strconv.ParseUint(f.targetPort, 10, 16)
	switch {
	case err != nil || port == 0:
		return 0, exitcode.Wrap(exitcode.Usage, fmt.Errorf("--target-port %q is neither a port nor %s", f.targetPort, dynamicPort))
	case len(f.balancers) == 0:
		return 0, exitcode.Wrap(exitcode.Usage, errors.New("--target-port is a load balancer's: name its private addresses with --balancer"))
	}
	return uint16(port), nil
}

func (p place) discover(ctx context.Context) (fleet.Fleet, error) {
	return fleet.Discover(ctx, p.api, p.selector)
}

// dialPatience bounds all dials together.
const dialPatience = 10 * time.Second

func (p place) look(f portsFlags) checkports.Options {
	look := checkports.Options{Discover: p.discover, Target: p.target}
	if p.selector.Self == "" || elsewhere(p.cfg) {
		return look // no host, or not this one
	}
	look.Host = lookAtHost(p.cfg)
	if !f.noDial {
		look.Dial = dial
	}
	return look
}

func lookAtHost(cfg *config.Config) func(context.Context, netip.Addr, []reach.Need) hostports.Report {
	return func(ctx context.Context, self netip.Addr, needs []reach.Need) hostports.Report {
		host := hostports.Host{Agent: introspection(cfg), Self: self}
		if engine, err := dockerapi.New(cfg.DockerHost, localTimeout); err == nil {
			host.Docker = engine
		} else {
			host.Docker = noDocker{err}
		}
		return host.Look(ctx, needs)
	}
}

// noDocker is a Docker Engine that cannot be asked, which is not the same as a
// host without one.
type noDocker struct{ err error }

func (n noDocker) Containers(context.Context) ([]dockerapi.Container, error) { return nil, n.err }

func dial(ctx context.Context, from netip.Addr, targets []probe.Target) []probe.Result {
	ctx, stop := context.WithTimeout(ctx, dialPatience)
	defer stop()
	return (&probe.Prober{Source: from}).Dial(ctx, targets)
}

// bootSample is how many peers an instance dials when it boots. All of a group
// that boots at once dial as many, so that each is dialled by as many on average,
// whatever the size of the group.
const bootSample = 10

// bootPorts is the check of a boot: this instance and the peers of its cluster, as
// muster ports on the instance would check it, but brief, because it may have been
// booted with a thousand others.
func bootPorts(ctx context.Context, aws *clients, cfg *config.Config, id imds.Identity, name string) (*ports.Report, error) {
	needs, _, err := reach.ParsePorts(cfg.Ports)
	if err != nil {
		return nil, err
	}
	api, err := aws.of(ctx, id.Region)
	if err != nil {
		return nil, err
	}
	p := place{cfg: cfg, api: api, selector: fleet.Selector{Cluster: name, Self: id.InstanceID, Brief: true}}
	look := p.look(portsFlags{})
	look.Sample = bootSample
	return checkports.Ports(ctx, look, "cluster "+name, id.Region, needs)
}
