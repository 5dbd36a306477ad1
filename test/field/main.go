//go:build linux

// Command field runs field cases: it builds the EC2 instance of each case, runs
// the real muster on it, and reports the share of cases in which muster was right.
//
//	$ sudo bin/field -muster bin/muster test/field/cases
//	ok    01-spaces-around-equals
//	WRONG 13-region  step 1: cause: want wrong-region, got cluster-missing
//	2 cases: 1 right, 1 wrong: 50.0 %
//
// FORMAT.md describes the case files. A child process runs each case in its own network
// and mount namespaces, without changing the host. This requires root and the program ip.
//
// Package fieldcase reads cases, package instance builds instances, and package expect
// compares results. This package runs the steps and prints the results.
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
	"runtime"
	"strings"
	"syscall"
)

// Exit codes.
const (
	exitRight  = 0
	exitWrong  = 1 // a case is wrong
	exitBroken = 2 // invalid setup: arguments, files, or a missing requirement with CI=true
)

type options struct {
	muster     string
	verbose    bool
	invariants bool
	results    string
	jobs       int
	inside     bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, names, err := parseArgs(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitRight
	}
	if err == nil && o.inside {
		err = runChild(o, names, stdout)
		if err == nil {
			return exitRight
		}
	}
	var files []caseFile
	if err == nil {
		files, err = findCases(names)
	}
	if err == nil {
		if missing := missing(ctx); missing != "" {
			if os.Getenv("CI") != "true" {
				fmt.Fprintln(stdout, "skipped: "+missing)
				return exitRight
			}
			err = errors.New("missing: " + missing)
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "field:", err)
		return exitBroken
	}
	results := playAll(ctx, o, files, stdout)
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "field: interrupted")
		return exitBroken
	}
	return conclude(o, results, stdout, stderr)
}

func parseArgs(args []string, stderr io.Writer) (o options, names []string, err error) {
	flags := flag.NewFlagSet("field", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.muster, "muster", "bin/muster", "the `binary` under test")
	flags.BoolVar(&o.verbose, "v", false, "print what muster printed")
	flags.BoolVar(&o.invariants, "invariants", false, "check the layout of every answer of debug and check")
	flags.StringVar(&o.results, "json", "", "also write the results to this `file`")
	flags.IntVar(&o.jobs, "j", 2*runtime.NumCPU(), "play this many cases at a time; they mostly wait")
	flags.BoolVar(&o.inside, "inside", false, "internal: play one case in the namespaces of this process")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: field [flags] DIRECTORY_OR_FILE...")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return o, nil, err
	}
	if o.muster, err = filepath.Abs(o.muster); err != nil {
		return o, nil, err
	}
	if info, err := os.Stat(o.muster); err != nil {
		return o, nil, err
	} else if info.IsDir() {
		return o, nil, fmt.Errorf("%s is a directory, want the muster binary", o.muster)
	}
	o.jobs = max(1, o.jobs)
	return o, flags.Args(), nil
}

// conclude writes the results and the summary line, and returns the exit code.
func conclude(o options, results []Result, stdout, stderr io.Writer) int {
	if o.results != "" {
		if err := writeResults(o.results, results); err != nil {
			fmt.Fprintln(stderr, "field:", err)
			return exitBroken
		}
	}
	right := 0
	for _, r := range results {
		if r.OK {
			right++
		}
	}
	wrong := len(results) - right
	fmt.Fprintf(stdout, "%d cases: %d right, %d wrong: %.1f %%\n", len(results), right, wrong, 100*float64(right)/float64(len(results)))
	if wrong > 0 {
		return exitWrong
	}
	return exitRight
}

// caseFile is a case to run.
type caseFile struct{ name, path string }

// findCases returns the files among names and the case files in the directories among them, in order.
func findCases(names []string) ([]caseFile, error) {
	var files []caseFile
	for _, arg := range names {
		before := len(files)
		err := filepath.WalkDir(arg, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || path != arg && filepath.Ext(path) != suffix {
				return err
			}
			name, err := filepath.Rel(arg, path)
			if path == arg {
				name = filepath.Base(arg)
			}
			files = append(files, caseFile{strings.TrimSuffix(name, suffix), path})
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(files) == before {
			return nil, fmt.Errorf("%s: no %s file in this directory", arg, "*"+suffix)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("no cases: pass a directory or case files")
	}
	return files, nil
}

const suffix = ".txtar"
