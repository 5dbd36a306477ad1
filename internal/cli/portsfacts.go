package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"muster/internal/base/exitcode"
	"muster/internal/report/ports"
	"muster/internal/report/ports/facts"
	"muster/internal/term"
	"muster/reach"
)

// factsFlags holds the flags about facts in files.
type factsFlags struct{ save, from, baseline string }

func (f *factsFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.save, "save", "", "Also write what was read to this file, readable by you only.")
	cmd.Flags().StringVar(&f.from, "from", "", "Evaluate this file of --save. It needs no credentials.")
	cmd.Flags().StringVar(&f.baseline, "baseline", "",
		"Compare with this file of --save: show what closed and what opened since. Exits with 1 only for what closed.")
	for _, other := range []string{"save", "cluster", "asg", "service", "family", "address", "balancer", "region", "ephemeral", "all-tasks"} {
		cmd.MarkFlagsMutuallyExclusive("from", other)
	}
	cmd.MarkFlagsMutuallyExclusive("baseline", "fix")
}

// then returns the facts of the baseline, or nil without one. They are read before any call.
func (f *factsFlags) then() (*facts.Facts, error) {
	if f.baseline == "" {
		return nil, nil
	}
	return readFacts(f.baseline)
}

func readFacts(path string) (*facts.Facts, error) {
	read, err := facts.Read(path)
	switch {
	case err != nil:
		return nil, exitcode.Wrap(exitcode.Undetermined, err)
	case len(read.Question.Peers) == 0:
		return nil, exitcode.Wrap(exitcode.Undetermined, fmt.Errorf("%s: the facts have no peers", path))
	}
	return read, nil
}

// evaluateFacts evaluates the file of --from. It uses the ports of that file unless the command names others.
func (f portsFlags) evaluateFacts(cmd *cobra.Command) (*ports.Report, error) {
	read, err := readFacts(f.from)
	if err != nil {
		return nil, err
	}
	q, selection := read.Question, read.Selection
	if flag := cmd.Flags().Lookup("ports"); flag.Changed && flag.Value.String() != selection {
		selection, q.Listened = flag.Value.String(), nil
	}
	needs, warnings, err := reach.ParsePorts(selection)
	if err != nil {
		return nil, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	if flag := cmd.Flags().Lookup("target-port"); flag.Changed {
		if q.Targets, err = targets(flag.Value.String(), q); err != nil {
			return nil, err
		}
	}
	q.Needs, q.All = needs, f.all
	q.Notes = slices.Concat(factNotes(read, "facts"), q.Notes, warnings)
	report, err := ports.Judge(q)
	return report, exitcode.Wrap(exitcode.Undetermined, err)
}

func targets(text string, q ports.Question) (needs []reach.Need, err error) {
	ranges, err := reach.ParseTargets(text)
	if err != nil {
		return nil, exitcode.Wrap(exitcode.BadConfiguration, fmt.Errorf("--target-port: %w", err))
	}
	if len(q.Balancers) == 0 {
		return nil, exitcode.Wrap(exitcode.Usage, errors.New("--target-port is the port of a load balancer, and the facts have none"))
	}
	for _, r := range ranges {
		if r == (reach.Range{}) {
			return nil, exitcode.Wrap(exitcode.Usage, errors.New("--target-port dynamic needs a host: omit the flag, or pass a range"))
		}
		needs = append(needs, reach.TargetNeed(r))
	}
	return needs, nil
}

// factNotes returns notes about the age of the facts, and about a file that was edited.
func factNotes(read *facts.Facts, what string) []string {
	age := read.Age(time.Now())
	text := fmt.Sprintf("%s of %s, read %s ago", what, read.Question.At.Format(time.RFC3339), rounded(age))
	if age < 0 {
		text = fmt.Sprintf("%s of %s, which is in the future: one of the two clocks is wrong", what, read.Question.At.Format(time.RFC3339))
	}
	notes := []string{text}
	if read.Edited {
		notes = append(notes, read.Path+" was edited after muster wrote it")
	}
	return notes
}

// rounded returns text such as "3h" or "40 days".
func rounded(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", d/day)
	case d >= time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.Round(time.Second).String()
}

// compare prints the changes since the baseline.
func (f portsFlags) compare(cmd *cobra.Command, report *ports.Report, then *facts.Facts) error {
	d, err := ports.Compare(report, then.Question)
	if err != nil {
		return exitcode.Wrap(exitcode.Undetermined, err)
	}
	d.Notes = slices.Concat(factNotes(then, "baseline"), d.Notes)
	out := cmd.OutOrStdout()
	switch f.output {
	case "json":
		err = printJSON(cmd, d)
	case "junit":
		err = d.JUnit(out)
	case "html":
		err = d.HTML(out)
	default:
		err = d.Table(out, term.StyleOf(out, f.color, os.Getenv))
	}
	return firstOf(err, d.Err())
}
