//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"syscall"
	"time"

	"muster/test/field/fieldcase"
	"muster/test/field/instance"
)

// runChild runs one case in the namespaces of this process, and prints its results as JSON. Without a case, it only
// checks that an instance can be built.
func runChild(o options, names []string, stdout io.Writer) error {
	// The parent kills this process group after limit. This timer covers the case that the parent itself was killed.
	time.AfterFunc(2*limit, func() { _ = syscall.Kill(0, syscall.SIGKILL) })
	if len(names) == 0 {
		return instance.Probe()
	}
	c, err := fieldcase.Read(names[0])
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(play(c, o))
}

// play builds the instance of a case and runs its steps or lines. A result is named by the suffix after the name of the
// case.
func play(c *fieldcase.Case, o options) []Result {
	in, err := instance.New(c, o.muster)
	if err != nil {
		return []Result{{Broken: err.Error()}}
	}
	defer in.Close()
	p := &player{in: in, c: c, invariants: o.invariants}
	ctx := context.Background()
	if len(c.Lines) > 0 {
		return p.lines(ctx)
	}
	for i, s := range c.Steps {
		p.at = fmt.Sprintf("step %d: ", i+1)
		if err := p.step(ctx, s); err != nil {
			return []Result{{Broken: fmt.Sprintf("step %d: %v", i+1, err), Transcript: p.transcript.String()}}
		}
	}
	return []Result{p.result("")}
}
