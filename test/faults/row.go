//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"muster/test/faults/inject"
	"muster/test/field/fieldcase"
	"muster/test/field/instance"
)

// row is a test case: one fault, or two at once.
type row struct {
	name    string // group/fault
	command string // the muster command under test
	inject  string // what is injected, for docs/why/reliability.md
	must    string // what must hold, for docs/why/reliability.md
	takes   time.Duration

	with func(*fieldcase.Case) // changes the usual instance; may be nil
	play func(*rig)
}

// table returns all rows, by group. The rows of a group are in rows_<group>*.go.
func table() []row {
	return slices.Concat(
		imdsRows, imdsCredentialRows, imdsResponseRows, documentRows(),
		dockerRows, dockerListRows, dockerEventRows,
		introspectionRows, introspectionResponseRows,
		awsRows, invalidAWSSettings(), cloudWatchRows, putRows(), signalServiceRows, signalRetryRows(), ecsRows, unknownClusters(),
		otherServiceRows,
		diskRows, configWriteRows(), diskSpoolRows, diskFileRows,
		clockRows,
		limitRows, oddEnvironment(),
		signalRows, interruptRows(), hangupRows, pipeRows,
		killRows, agentKillRows(),
		fileRows, fileUserRows,
		togetherRows,
	)
}

// usual is the default instance of a row: it is registered in the cluster prod.
func usual() *fieldcase.Case {
	return &fieldcase.Case{
		AWS:   fieldcase.AWS{Clusters: []string{"default", "prod"}},
		Agent: fieldcase.Agent{Start: true, Ends: "registered"},
		Env:   []string{"MUSTER_INTROSPECTION_URL=http://" + introspectionAddr},
	}
}

// runChild runs the row named by o.only in the namespaces of this process and prints its result as JSON. If o.only
// names no row, it only checks that this machine can build an instance and intercept system calls.
func runChild(o options, stdout io.Writer) error {
	orphaned(2 * limit)
	rows := chosen(table(), o.only)
	if len(rows) == 0 {
		return probe()
	}
	r := rows[0]
	c := usual()
	if r.with != nil {
		r.with(c)
	}
	return json.NewEncoder(stdout).Encode(playRow(r, c, o.muster))
}

func playRow(r row, c *fieldcase.Case, muster string) (result Result) {
	in, err := instance.New(c, muster)
	if err != nil {
		return Result{Broken: err.Error()}
	}
	defer in.Close()
	g := &rig{Instance: in}
	defer func() {
		g.end()
		result.Why, result.Transcript = g.why, g.transcript()
		if failed, is := recover().(stopped); is {
			result.Broken = failed.broken
		}
	}()
	g.setUp()
	r.play(g)
	g.end()
	g.always()
	return result
}

// writeList writes the tables of docs/why/reliability.md.
func writeList(w io.Writer, rows []row) {
	group := ""
	for _, r := range rows {
		of, fault, _ := strings.Cut(r.name, "/")
		if of != group {
			if group != "" {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "### %s\n\n| fault | command | what is injected | what must hold |\n|---|---|---|---|\n", of)
			group = of
		}
		fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", fault, r.command, r.inject, r.must)
	}
}

// probe returns why rows cannot run on this machine, or nil.
func probe() error {
	if err := instance.Probe(); err != nil {
		return err
	}
	p, err := inject.Start(inject.Spec{Path: "/nothing", Chroot: "/tmp", Calls: []string{"fsync"}, Clock: true}, nil, nil, nil)
	if err != nil {
		return fmt.Errorf("deciding about system calls: %w", err)
	}
	<-p.Ended()
	return nil
}
