package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"muster/check/portcheck"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/fleet"
	"muster/internal/report/ports"
	"muster/internal/report/ports/facts"
	"muster/internal/term"
	"muster/reach"
)

// portsFlags holds the flags of `muster ports`, without those of settings.
type portsFlags struct {
	group, service, family string
	addresses              []string
	region, output, color  string
	noDial, allTasks, all  bool
	list                   bool
	fix, ephemeral         string
	factsFlags
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
  muster ports --cluster prod --fix terraform >ports.tf
  muster ports --cluster prod --balancer web --target-port 8080
  muster ports --cluster prod --save prod.json; muster ports --cluster prod --baseline prod.json`,
		Args: cobra.NoArgs,
	}
	addFlags(cmd, "ports")
	cmd.Flags().StringVar(&f.group, "asg", "", "Peers: the instances of this Auto Scaling group.")
	cmd.Flags().StringVar(&f.service, "service", "", "Peers: the running tasks of this service. Needs --cluster.")
	cmd.Flags().StringVar(&f.family, "family", "", "Peers: the running tasks of this task definition family. Needs --cluster.")
	cmd.Flags().BoolVar(&f.allTasks, "all-tasks", false, "Find all tasks of --family, even if that takes more than 30 API calls.")
	cmd.Flags().StringSliceVar(&f.addresses, "address", nil, "Peers: these private addresses.")
	cmd.Flags().StringVar(&f.region, "region", "", "AWS region, if this is not an instance. Default: as the AWS CLI finds it.")
	cmd.Flags().BoolVar(&f.noDial, "no-dial", false, "Evaluate the rules only, do not probe.")
	cmd.Flags().
		StringVar(&f.ephemeral, "ephemeral", "",
			"Range of ports that peers connect from, such as 32768-60999. Default: this host's, else Linux's.")
	cmd.Flags().StringVar(&f.fix, "fix", "", "Print only the missing rules, as one file: cli, cloudformation or terraform.")
	cmd.Flags().BoolVar(&f.all, "all", false, "Show every problem, not only the first 50.")
	cmd.Flags().BoolVar(&f.list, "list", false, "List the profiles with their ports and sources, and evaluate nothing.")
	_ = cmd.RegisterFlagCompletionFunc("fix", cobra.FixedCompletions(reach.FixFormats(), cobra.ShellCompDirectiveNoFileComp))
	addOutput(cmd, &f.output, "Output format: table, json, html or junit.", "table", "json", "html", "junit")
	f.add(cmd)
	addColor(cmd, &f.color)
	cmd.MarkFlagsMutuallyExclusive("asg", "service", "family", "address")
	cmd.RunE = run(func(cmd *cobra.Command) error {
		if f.list {
			return ports.List(cmd.OutOrStdout(), term.StyleOf(cmd.OutOrStdout(), f.color, os.Getenv))
		}
		return runPorts(cmd, log, f)
	})
	return cmd
}

func runPorts(cmd *cobra.Command, log *slog.Logger, f portsFlags) error {
	if err := firstOf(oneOf("output", f.output, "table", "json", "html", "junit"), oneColor(f.color)); err != nil {
		return err
	}
	if cmd.Flags().Changed("fix") {
		if err := oneOf("fix", f.fix, reach.FixFormats()...); err != nil {
			return err
		}
	}
	then, err := f.then()
	if err != nil {
		return err
	}
	if f.from != "" {
		report, err := f.evaluateFacts(cmd)
		if err != nil {
			return err
		}
		return f.print(cmd, report, then, nil)
	}
	at, report, err := f.evaluate(cmd, log)
	if err != nil {
		return err
	}
	missing := f.someone(at, report)
	if f.save != "" && missing == nil {
		if err := facts.Write(f.save, report.Question(), at.Ports, cmd.Root().Version); err != nil {
			return err
		}
	}
	return f.print(cmd, report, then, missing)
}

// print prints the report, or the changes since the baseline. missing is the error to return if no port was checked.
func (f portsFlags) print(cmd *cobra.Command, report *ports.Report, then *facts.Facts, missing error) error {
	if then != nil && missing == nil {
		return f.compare(cmd, report, then)
	}
	return firstOf(printPorts(cmd, report, f), missing, report.Err())
}

// evaluate reads the rules around the peers and evaluates them.
func (f portsFlags) evaluate(cmd *cobra.Command, log *slog.Logger) (*portcheck.Place, *ports.Report, error) {
	q, err := f.request(cmd)
	if err != nil {
		return nil, nil, err
	}
	at, err := portcheck.Locate(cmd.Context(), thisHost(cmd), q, log)
	if err != nil {
		return nil, nil, err
	}
	if cmd.Flags().Changed("target-port") && !at.Balanced() {
		return nil, nil, exitcode.Wrap(exitcode.Usage, errors.New("--target-port is the port of a load balancer: pass its name with --balancer"))
	}
	needs, warnings, err := reach.ParsePorts(at.Ports)
	if err != nil {
		return nil, nil, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	report, err := at.Check(cmd.Context(), needs)
	if err != nil {
		return nil, nil, exitcode.Wrap(exitcode.Undetermined, err)
	}
	report.Notes = append(report.Notes, warnings...)
	if len(report.Peers) == 1 && len(report.Counts) == 0 {
		report.Notes = append(report.Notes, report.Peers[0].Name+" has no peers yet: no port was checked")
	}
	return at, report, nil
}

// someone returns an error if no peer was found. A first instance has no peer, which is normal. A target without any
// instance is usually a wrong name. In both cases no port was checked, which must not look as if all ports were open.
func (f portsFlags) someone(at *portcheck.Place, report *ports.Report) error {
	if len(report.Peers) > 0 {
		return nil
	}
	region := " --region " + at.Region()
	command := "aws ecs list-container-instances --cluster " + at.Cluster() + region
	switch {
	case f.group != "":
		command = "aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names '" + strings.ReplaceAll(
			f.group,
			"'",
			`'\''`,
		) + "'" + region
	case f.service != "":
		command = "aws ecs list-tasks --cluster " + at.Cluster() + " --service-name " + f.service + region
	case f.family != "":
		command = "aws ecs list-tasks --cluster " + at.Cluster() + " --family " + f.family + region
	}
	what := fmt.Sprintf("no peer found in %s in %s: no port was checked", report.Scope, at.Region())
	if f.group == "" && f.service == "" && f.family == "" && len(f.addresses) == 0 {
		what = fmt.Sprintf("no container instances in %s: is its group at zero? No port was checked in %s", at.Cluster(), at.Region())
	}
	return exitcode.Wrap(
		exitcode.Undetermined,
		fix.Wrap(errors.New(what), fix.Do("Check the name and the region; this lists what exists:", command)),
	)
}

func printPorts(cmd *cobra.Command, report *ports.Report, f portsFlags) error {
	if f.fix != "" {
		_, err := fmt.Fprint(cmd.OutOrStdout(), report.FixFile(f.fix))
		return err
	}
	switch f.output {
	case "json":
		return printJSON(cmd, report)
	case "html":
		return report.HTML(cmd.OutOrStdout())
	case "junit":
		return report.JUnit(cmd.OutOrStdout())
	default:
		return report.Table(cmd.OutOrStdout(), term.StyleOf(cmd.OutOrStdout(), f.color, os.Getenv))
	}
}

// request converts the flags to a request.
func (f portsFlags) request(cmd *cobra.Command) (q portcheck.Request, err error) {
	q = portcheck.Request{
		Peers:        fleet.Selector{Group: f.group, Service: f.service, Family: f.family, AllTasks: f.allTasks},
		WholeCluster: cmd.Flags().Changed("cluster"), Region: f.region, NoDial: f.noDial, All: f.all,
	}
	if q.Peers.Addresses, err = addresses("--address", f.addresses); err != nil {
		return q, err
	}
	if f.ephemeral != "" {
		if q.Ephemeral, err = reach.ParseRange(f.ephemeral); err != nil {
			return q, exitcode.Wrap(exitcode.Usage, fmt.Errorf("--ephemeral: %w", err))
		}
	}
	return q, nil
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
