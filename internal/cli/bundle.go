package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"muster/internal/base/exitcode"
	"muster/internal/bundle"
	"muster/internal/term"
)

// bundleFlags holds the flags of a command that can write a bundle.
type bundleFlags struct {
	file    string
	dryRun  bool
	include []string

	out io.Writer // receives a bundle that is not written to a file
}

const toStdout = "-"

func (f *bundleFlags) add(cmd *cobra.Command) {
	cmd.Flags().
		StringVar(&f.file, "bundle", "", "Also write a bundle for a support case, without secrets, to this .tar.gz file. -: standard output.")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "List what the bundle would contain, without collecting it.")
	cmd.Flags().StringSliceVar(&f.include, "include", nil, "Add to the bundle: "+strings.Join(bundle.Extras(), ", ")+".")
	_ = cmd.RegisterFlagCompletionFunc("include", cobra.FixedCompletions(bundle.Extras(), cobra.ShellCompDirectiveNoFileComp))
}

// check returns an error for flags that contradict each other. If the bundle goes to standard output, all other output
// of the command goes to standard error.
func (f *bundleFlags) check(cmd *cobra.Command) error {
	err := bundle.Options{Include: f.include}.Check()
	switch {
	case err != nil:
	case len(f.include) > 0 && f.file == "" && !f.dryRun:
		err = errors.New("--include needs --bundle FILE")
	case f.file == toStdout && term.IsTerminal(cmd.OutOrStdout()):
		err = errors.New("--bundle - would write binary data to the terminal: redirect it, as in >muster.tar.gz")
	case f.file == toStdout:
		f.out = term.Raw(cmd.OutOrStdout())
		cmd.SetOut(cmd.ErrOrStderr())
	}
	return exitcode.Wrap(exitcode.Usage, err)
}

// plan prints what the bundle would contain.
func (f *bundleFlags) plan(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "PART\tIN\tWHAT")
	for _, p := range bundle.Plan(bundle.Options{Include: f.include}) {
		in := "yes"
		if p.LeftOut {
			in = "no"
		}
		_, _ = fmt.Fprintln(w, term.Row(p.Name, in, p.What))
	}
	return w.Flush()
}

// write writes the bundle, if the flags request one, and reports that on standard error.
func (f *bundleFlags) write(cmd *cobra.Command, of func() bundle.Source) error {
	if f.file == "" {
		return nil
	}
	s := of()
	var m bundle.Manifest
	collect := func(out io.Writer) (err error) {
		m, err = bundle.Collect(cmd.Context(), s, out, bundle.Options{Include: f.include})
		return err
	}
	var err error
	if f.out != nil {
		err = collect(f.out)
	} else {
		err = bundle.Place(f.file, collect)
	}
	if err != nil {
		return exitcode.Wrap(exitcode.Failed, err)
	}
	tellBundle(cmd.ErrOrStderr(), f.file, m)
	return nil
}

func tellBundle(out io.Writer, file string, m bundle.Manifest) {
	places := 0
	for _, rule := range m.Masked {
		places += rule.Places
	}
	if file == toStdout {
		file = "standard output"
	}
	_, _ = fmt.Fprintf(
		out,
		"muster: wrote %s: %d files, %d values masked; review report.html and MANIFEST.json before you share it\n",
		term.OneLine(file),
		len(m.Files),
		places,
	)
	for _, failed := range m.Failed {
		_, _ = fmt.Fprintf(out, "muster: not collected: %s: %s\n", failed.Collector, term.OneLine(failed.Error))
	}
}
