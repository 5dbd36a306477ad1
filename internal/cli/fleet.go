package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"muster/check/portcheck"
	"muster/internal/base/cluster"
	"muster/internal/base/exitcode"
	"muster/internal/fleet/readiness"
	"muster/internal/fleet/survey"
	evaluate "muster/internal/fleet/verdict"
	"muster/internal/instance"
	"muster/internal/report/clusters"
	"muster/internal/report/ports"
	"muster/internal/term"
	"muster/reach"
)

// fleetFlags holds the flags of `muster fleet`, without those of settings.
type fleetFlags struct {
	groups, expect        []string
	region, output, color string
	all, noTasks, ports   bool
	wait, watch           time.Duration
}

func fleetCommand(log *slog.Logger) *cobra.Command {
	var f fleetFlags
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Show the state of a whole cluster",
		Long: `Show the state of a cluster: its instances, services and Auto Scaling groups, from any machine
with credentials. The first line is the verdict, followed by the evidence and the fix.
For a group that was scaled to zero, it shows since when, by what, and when it wakes.

It changes nothing, and needs the permissions of packaging/iam/fleet.json. Anything that it is
not allowed to read is unknown, with the missing action. It makes at most 12 calls, plus 3 per 100
instances, 1 per 10 services and 2 per 100 tasks, at a rate of at most 20 per second.`,
		Example: `  muster fleet --cluster prod
  muster fleet --all --no-tasks                       # every cluster of the region, fewer calls
  muster fleet --cluster prod --watch                 # again every 30 s
  muster fleet --cluster prod --output html >prod.html
  muster fleet --cluster prod --ports=ignite2         # and the summary of muster ports
  muster fleet --cluster prod --wait 15m --expect workers=3   # the morning after`,
		Args: noArgs,
	}
	addFlags(cmd, "fleet")
	cmd.Flags().Lookup("ports").NoOptDefVal = reach.DefaultProfile
	cmd.Flags().Lookup("ports").DefValue = ""
	cmd.Flags().Lookup("ports").Usage = "Also evaluate these ports between the instances, and add the summary: profiles or ranges. " +
		"Alone: " + reach.DefaultProfile + "."
	cmd.Flags().BoolVar(&f.all, "all", false, "Show every cluster of the region.")
	cmd.Flags().
		StringSliceVar(&f.groups, "asg", nil, "Also read these Auto Scaling groups. Needed only for groups without instances, capacity "+
			"provider and muster:cluster tag.")
	cmd.Flags().StringVar(&f.region, "region", "", "AWS region. Default: as the AWS CLI finds it.")
	cmd.Flags().BoolVar(&f.noTasks, "no-tasks", false, "Do not read the tasks. This saves calls, but the spread over zones is then unknown.")
	cmd.Flags().
		DurationVar(&f.wait, "wait", 0, "Wait until groups, registrations and services have what they need, for at most this long.")
	cmd.Flags().StringArrayVar(&f.expect, "expect", nil, "What --wait waits for: GROUP=N instances or SERVICE=N tasks. It can be repeated.")
	cmd.Flags().DurationVar(&f.watch, "watch", 0, "Repeat at this interval, until interrupted.")
	cmd.Flags().Lookup("watch").NoOptDefVal = "30s"
	addOutput(cmd, &f.output, "Output format: table, json, html or junit.", "table", "json", "html", "junit")
	cmd.Flags().StringVar(&f.color, "color", "auto", "Use colors: auto (on a terminal, unless NO_COLOR is set), always or never.")
	cmd.MarkFlagsMutuallyExclusive("all", "cluster")
	cmd.MarkFlagsMutuallyExclusive("all", "wait")
	cmd.MarkFlagsMutuallyExclusive("all", "ports")
	cmd.MarkFlagsMutuallyExclusive("watch", "wait")
	cmd.RunE = run(func(cmd *cobra.Command) error {
		f.ports = cmd.Flags().Changed("ports")
		return f.run(cmd, log)
	})
	return cmd
}

// shortestWatch is the minimum interval, so that a forgotten terminal does not use up the account's request rate.
const shortestWatch = 10 * time.Second

func (f *fleetFlags) run(cmd *cobra.Command, log *slog.Logger) error {
	expected, err := f.check(cmd)
	if err != nil {
		return err
	}
	host := thisHost(cmd)
	defer host.Close()
	s, err := f.open(cmd, host, log)
	if err != nil {
		return err
	}
	switch {
	case f.wait > 0:
		return s.waits(cmd, expected)
	case f.watch > 0:
		return s.watches(cmd)
	}
	d, err := s.look(cmd.Context(), cmd)
	if err != nil {
		return err
	}
	return firstOf(s.print(cmd, d), d.Err())
}

// check returns an error for flags that contradict each other, and parses --expect.
func (f *fleetFlags) check(cmd *cobra.Command) ([]readiness.Expectation, error) {
	err := firstOf(oneOf("output", f.output, "table", "json", "html", "junit"), oneOf("color", f.color, "auto", "always", "never"))
	if err != nil {
		return nil, err
	}
	var expected []readiness.Expectation
	for _, text := range f.expect {
		e, err := readiness.Parse(text)
		if err != nil {
			return nil, exitcode.Wrap(exitcode.Usage, fmt.Errorf("--expect %w", err))
		}
		expected = append(expected, e)
	}
	switch changed := cmd.Flags().Changed; {
	case changed("wait") && f.wait <= 0:
		return nil, exitcode.Wrap(exitcode.Usage, fmt.Errorf("--wait %s is not above zero", f.wait))
	case len(expected) > 0 && !changed("wait"):
		return nil, exitcode.Wrap(exitcode.Usage, errors.New("--expect needs --wait, such as --wait 15m"))
	case changed("watch") && f.watch < shortestWatch:
		return nil, exitcode.Wrap(exitcode.Usage, fmt.Errorf("--watch %s is below %s", f.watch, shortestWatch))
	case changed("watch") && f.output != "table" && f.output != "json":
		return nil, exitcode.Wrap(exitcode.Usage, fmt.Errorf("--watch shows tables or JSON, not %s", f.output))
	case f.region != "" && !cluster.IsRegion(f.region):
		return nil, exitcode.Wrap(exitcode.Usage, fmt.Errorf("--region %+q is not a region such as eu-west-1", f.region))
	}
	return expected, nil
}

// fleetSession holds the clients and the cluster of a command.
type fleetSession struct {
	f       *fleetFlags
	api     survey.API
	cluster string // empty with --all
	matrix  func(context.Context) (*ports.Report, error)
}

// open queries the metadata service only if neither a flag nor the AWS CLI's configuration sets the region, because
// outside EC2 that takes a second.
func (f *fleetFlags) open(cmd *cobra.Command, host *instance.Host, log *slog.Logger) (*fleetSession, error) {
	i, err := host.Read()
	if err != nil {
		return nil, err
	}
	name, region := i.Cluster(), f.region
	if ref, err := cluster.Parse(name); name != "" && err != nil {
		return nil, exitcode.Wrap(exitcode.BadConfiguration, err)
	} else if err == nil {
		region = cmp.Or(region, ref.Region)
	}
	api, err := host.AWS(cmd.Context(), region)
	if err == nil && (api.Region() == "" || name == "" && !f.all) {
		if i, err = host.Glance(cmd.Context(), log); err != nil {
			return nil, err
		}
		name = cmp.Or(name, i.Cluster())
		api, err = host.AWS(cmd.Context(), cmp.Or(region, api.Region(), i.Identity.Region))
	}
	switch {
	case err != nil:
		return nil, exitcode.Wrap(exitcode.BadConfiguration, err)
	case api.Region() == "":
		return nil, exitcode.Wrap(
			exitcode.Usage,
			errors.New("region unknown: pass --region, or set AWS_REGION or the region of AWS_PROFILE"),
		)
	case name == "" && !f.all:
		return nil, exitcode.Wrap(exitcode.Usage, errors.New("no target: pass --cluster NAME, or --all for every cluster of the region"))
	}
	s := &fleetSession{f: f, api: api.Polite(), cluster: name}
	if f.all {
		s.cluster = ""
	}
	s.matrix, err = f.matrix(cmd, host, api.Region(), log)
	return s, err
}

// matrix returns a function that evaluates the ports between all instances, or nil without --ports.
func (f *fleetFlags) matrix(
	cmd *cobra.Command,
	host *instance.Host,
	region string,
	log *slog.Logger,
) (func(context.Context) (*ports.Report, error), error) {
	if !f.ports {
		return nil, nil
	}
	at, err := portcheck.Locate(cmd.Context(), host, portcheck.Request{WholeCluster: true, Region: region, NoDial: true}, log)
	if err != nil {
		return nil, err
	}
	needs, _, err := reach.ParsePorts(at.Ports)
	if err != nil {
		return nil, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	return func(ctx context.Context) (*ports.Report, error) { return at.Check(ctx, needs) }, nil
}

// seen is the result of reading a cluster once.
type seen struct {
	cluster clusters.Cluster
	read    *readingOf
}

// look reads the cluster, or every cluster.
func (s *fleetSession) look(ctx context.Context, cmd *cobra.Command) (clusters.Document, error) {
	began := time.Now()
	names := []string{s.cluster}
	if s.cluster == "" {
		var err error
		if names, err = s.api.ClusterNames(ctx); err != nil {
			return clusters.Document{}, survey.Explained(err, os.Getenv("AWS_PROFILE"))
		}
	}
	var all []clusters.Cluster
	for _, name := range names {
		one, err := s.one(ctx, cmd, name)
		if err != nil {
			return clusters.Document{}, err
		}
		all = append(all, one.cluster)
	}
	return clusters.New(s.api.Region(), began, all...), nil
}

func (s *fleetSession) one(ctx context.Context, cmd *cobra.Command, name string) (seen, error) {
	progress, stop := progressOf(cmd, name)
	inv, err := survey.Read(
		ctx,
		s.api,
		survey.Options{Cluster: name, Groups: s.f.groups, NoTasks: s.f.noTasks || s.f.wait > 0, Progress: progress},
	)
	stop()
	if ctx.Err() != nil {
		return seen{}, exitcode.Wrap(exitcode.Interrupted, fmt.Errorf("interrupted while reading cluster %s", name))
	}
	if err != nil {
		return seen{}, survey.Explained(err, os.Getenv("AWS_PROFILE"))
	}
	r := &readingOf{inv: inv, verdict: evaluate.Evaluate(inv, time.Now())}
	if s.matrix != nil && len(inv.Instances) > 0 {
		if r.ports, err = s.matrix(ctx); err != nil {
			return seen{}, exitcode.Wrap(exitcode.Undetermined, err)
		}
	}
	return seen{clusters.Of(inv, r.verdict, r.ports), r}, nil
}

func (s *fleetSession) print(cmd *cobra.Command, d clusters.Document) error {
	out := cmd.OutOrStdout()
	switch s.f.output {
	case "json":
		return printJSON(cmd, d)
	case "html":
		return d.HTML(out, time.Local)
	case "junit":
		return d.JUnit(out)
	default:
		return d.Table(out, term.StyleOf(out, s.f.color, os.Getenv), time.Local)
	}
}
