//go:build linux

// Command faults injects faults into the real muster binary and reports which guarantees held.
//
//	$ sudo bin/faults -muster bin/muster
//	HELD  imds/late        agent   IMDS answers after 8 s
//	FELL  spool/emfile     agent   ...  2 of 3 queued minutes were sent
//	71 faults: 70 held, 1 did not
//
// A row of a table (rows_<group>*.go) defines what is injected, what must hold, and how the test checks it from
// outside: by the files on disk, the calls that AWS received, the journal, the exit code and the output of muster
// status. A child process in its own network and mount namespaces runs the row, on an instance of package
// test/field/instance. Package inject intercepts muster's system calls and changes its clock.
//
// With -idle, a program that does nothing replaces muster. It is an error if more than a tenth of the rows still hold,
// because such rows prove nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"

	"muster/test/faults/inject"
)

// Exit codes.
const (
	exitHeld   = 0
	exitFell   = 1 // at least one row did not hold
	exitBroken = 2 // the setup is broken: bad arguments, or a missing requirement with CI=true
)

// leastRows is the minimum number of rows. It catches a table that was dropped by accident.
const leastRows = 65

type options struct {
	muster  string
	only    *regexp.Regexp
	jobs    int
	verbose bool
	idle    bool
	list    bool
	inside  bool
}

func main() {
	if os.Args[0] == "/"+musterPath {
		os.Exit(0) // -idle starts this binary as the program that does nothing
	}
	inject.Main()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseArgs(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitHeld
	case err == nil && o.list:
		writeList(stdout, table())
		return exitHeld
	case err == nil && o.inside:
		if err = runChild(o, stdout); err == nil {
			return exitHeld
		}
	case err == nil:
		if why := missing(ctx); why != "" {
			if os.Getenv("CI") != "true" {
				fmt.Fprintln(stdout, "skipped: "+why)
				return exitHeld
			}
			err = errors.New("missing: " + why)
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "faults:", err)
		return exitBroken
	}
	rows := chosen(table(), o.only)
	results := playAll(ctx, o, rows, stdout)
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "faults: interrupted")
		return exitBroken
	}
	return conclude(o, results, stdout)
}

func parseArgs(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.muster, "muster", "bin/muster", "the `binary` under test")
	only := flags.String("run", "", "play only the rows whose name matches this `pattern`")
	flags.IntVar(&o.jobs, "j", 4*runtime.NumCPU(), "play this many rows at a time; they mostly wait")
	flags.BoolVar(&o.verbose, "v", false, "print what muster printed")
	flags.BoolVar(&o.idle, "idle", false, "check the rows themselves: a program that does nothing must fail")
	flags.BoolVar(&o.list, "list", false, "print the rows, as docs/why/reliability.md has them")
	flags.BoolVar(&o.inside, "inside", false, "internal: play one row in the namespaces of this process")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.only, err = regexp.Compile(*only); err != nil || o.list {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %s", flags.Arg(0))
	}
	if o.idle {
		if o.muster, err = os.Executable(); err != nil {
			return o, err
		}
	}
	if o.muster, err = filepath.Abs(o.muster); err != nil {
		return o, err
	}
	if info, err := os.Stat(o.muster); err != nil {
		return o, err
	} else if info.IsDir() {
		return o, fmt.Errorf("%s is a directory, want the muster binary", o.muster)
	}
	o.jobs = max(1, o.jobs)
	return o, nil
}

func chosen(all []row, only *regexp.Regexp) []row {
	var out []row
	for _, r := range all {
		if only.MatchString(r.name) {
			out = append(out, r)
		}
	}
	return out
}

// conclude writes the summary line and returns the exit code.
func conclude(o options, results []Result, stdout io.Writer) int {
	held := 0
	for _, r := range results {
		if r.held() {
			held++
		}
	}
	fell := len(results) - held
	fmt.Fprintf(stdout, "%d faults: %d held, %d did not\n", len(results), held, fell)
	switch {
	case len(results) == 0:
		return exitBroken
	case o.idle && 10*held > len(results):
		fmt.Fprintln(stdout, "a program that does nothing holds in more than a tenth of the rows: they prove nothing")
		return exitFell
	case !o.idle && fell > 0:
		return exitFell
	}
	return exitHeld
}
