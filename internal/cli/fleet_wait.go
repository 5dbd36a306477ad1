package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/fleet/inventory"
	"muster/internal/fleet/readiness"
	"muster/internal/fleet/survey"
	evaluate "muster/internal/fleet/verdict"
	"muster/internal/report/clusters"
	"muster/internal/report/ports"
	"muster/internal/term"
)

// readingOf is the result of reading a cluster once with --wait.
type readingOf struct {
	inv     *inventory.Inventory
	verdict *evaluate.Verdict
	ports   *ports.Report
}

// waits reads the cluster until nothing is missing. It writes what is missing to stderr whenever that changes, and
// prints the last result.
func (s *fleetSession) waits(cmd *cobra.Command, expected []readiness.Expectation) error {
	began, shown := time.Now(), ""
	var last seen
	missing, err := readiness.Wait(cmd.Context(), s.f.wait, func(ctx context.Context) ([]string, time.Duration, error) {
		one, err := s.one(ctx, cmd, s.cluster)
		if err != nil {
			return nil, 0, err
		}
		last = one
		if err := useful(one.read.inv, expected); err != nil {
			return nil, 0, err
		}
		var closed []string
		if one.read.ports != nil {
			if closed, _ = one.read.ports.Closed(); len(closed) == 0 && one.read.ports.Err() != nil {
				closed = []string{"some ports could not be checked"}
			}
		}
		missing := readiness.Missing(one.read.inv, one.read.verdict, expected, closed)
		if text := summary(missing); text != shown && text != "" {
			shown = text
			_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "muster: waiting: "+text)
		}
		return missing, readiness.Interval(one.cluster.Calls), nil
	})
	if err != nil {
		if errors.Is(err, context.Canceled) {
			err = exitcode.Wrap(exitcode.Interrupted, errors.New("interrupted while waiting: "+summary(missing)))
		}
		return err
	}
	d := clusters.New(s.api.Region(), last.read.inv.At, last.cluster)
	d.Wait = &clusters.Wait{Met: len(missing) == 0, Missing: append([]string{}, missing...), Seconds: int(time.Since(began).Seconds())}
	if err := s.print(cmd, d); err != nil || d.Wait.Met {
		return err
	}
	return exitcode.Wrap(
		exitcode.Failed,
		fix.Because(fmt.Errorf("cluster %s is not back after %s: %d missing", last.cluster.Name, s.f.wait, len(missing)),
			missing, fix.Fix{}),
	)
}

// useful returns an error if waiting cannot help: a permission is missing, or the cluster has no such name.
func useful(inv *inventory.Inventory, expected []readiness.Expectation) error {
	if u, denied := readiness.Denied(inv); denied {
		return exitcode.Wrap(exitcode.Undetermined, fix.Wrap(fmt.Errorf("could not read the %s: %s is not allowed", u.Part, u.Action),
			fix.Do("Allow "+u.Action+" for these credentials.")))
	}
	if err := readiness.Unknown(inv, expected); err != nil {
		return exitcode.Wrap(exitcode.Usage, fmt.Errorf("--expect: %w", err))
	}
	return nil
}

func summary(missing []string) string {
	switch len(missing) {
	case 0:
		return ""
	case 1:
		return missing[0]
	}
	return fmt.Sprintf("%s (and %d more)", missing[0], len(missing)-1)
}

// watches prints the cluster repeatedly until it is interrupted. On a terminal, each output replaces the previous one.
func (s *fleetSession) watches(cmd *cobra.Command) error {
	out := cmd.OutOrStdout()
	for looks := 0; ; looks++ {
		d, err := s.look(cmd.Context(), cmd)
		switch {
		case cmd.Context().Err() != nil: // what was read is incomplete
			return exitcode.Wrap(exitcode.Interrupted, errors.New("interrupted"))
		case err != nil:
			return err
		case s.f.output == "table" && term.IsTerminal(out):
			_, _ = io.WriteString(term.Raw(out), "\x1b[H\x1b[2J") // cursor home, erase display (ECMA-48)
		case s.f.output == "table" && looks > 0:
			_, _ = fmt.Fprintln(out)
		}
		if s.f.output == "table" {
			_, _ = fmt.Fprintf(out, "%s, every %s\n", d.At.Format(time.RFC3339), s.f.watch)
		}
		if err := s.print(cmd, d); err != nil {
			return err
		}
		timer := time.NewTimer(s.f.watch)
		select {
		case <-timer.C:
		case <-cmd.Context().Done():
			timer.Stop()
			return exitcode.Wrap(exitcode.Interrupted, errors.New("interrupted"))
		}
	}
}

// progressOf shows the progress of the reading on a terminal. Otherwise it logs it every ten seconds, so that a small
// cluster logs nothing.
func progressOf(cmd *cobra.Command, name string) (show func(survey.Progress), stop func()) {
	out := cmd.ErrOrStderr()
	terminal, every := term.IsTerminal(out), 10*time.Second
	if terminal {
		every = 200 * time.Millisecond
	}
	last, written := time.Now(), false
	show = func(p survey.Progress) {
		if time.Since(last) < every {
			return
		}
		last, written = time.Now(), true
		text := fmt.Sprintf(
			"reading cluster %s: %d instances, %d services, %d tasks, %d calls",
			term.OneLine(name),
			p.Instances,
			p.Services,
			p.Tasks,
			p.Calls,
		)
		if terminal {
			_, _ = io.WriteString(term.Raw(out), "\r\x1b[K"+text) // erase in line (ECMA-48)
		} else {
			_, _ = fmt.Fprintln(out, "muster: "+text)
		}
	}
	return show, func() {
		if terminal && written {
			_, _ = io.WriteString(term.Raw(out), "\r\x1b[K")
		}
	}
}
