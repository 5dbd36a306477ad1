//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"muster/test/apart"
	"muster/test/field/fieldcase"
)

// Time limits of a case, and of each of its lines. They are generous, so that only a hang exceeds them on a busy
// machine.
const (
	limit     = time.Minute
	lineLimit = 5 * time.Second
)

// missing returns what this machine lacks to run cases, or "".
func missing(ctx context.Context) string {
	return apart.Missing(ctx, limit, "-muster", "/dev/null")
}

// playAll runs the cases, o.jobs at a time, and prints the results in file order.
func playAll(ctx context.Context, o options, files []caseFile, w io.Writer) []Result {
	done := make([]chan []Result, len(files))
	for i := range done {
		done[i] = make(chan []Result, 1)
	}
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range files {
			next <- i
		}
	}()
	for range o.jobs {
		go func() {
			for i := range next {
				done[i] <- playApart(ctx, o, files[i])
			}
		}()
	}
	var all []Result
	for i := range files {
		for _, r := range <-done[i] {
			if ctx.Err() == nil {
				r.write(w, o.verbose)
			}
			all = append(all, r)
		}
	}
	return all
}

// playApart runs a case in a child process.
func playApart(ctx context.Context, o options, f caseFile) []Result {
	broken := func(why string) []Result { return []Result{{Name: f.name, Broken: why}} }
	if ctx.Err() != nil {
		return broken("interrupted")
	}
	c, err := fieldcase.Read(f.path)
	if err != nil {
		return broken(err.Error())
	}
	atMost := limit + time.Duration(len(c.Lines))*lineLimit
	ctx, stop := context.WithTimeout(ctx, atMost)
	defer stop()
	out, err := apart.Run(ctx, "-muster", o.muster, fmt.Sprintf("-invariants=%t", o.invariants), f.path)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return broken(fmt.Sprintf("timed out after %s", atMost))
	}
	var results []Result
	if jsonErr := json.Unmarshal(out, &results); jsonErr != nil {
		return broken(errors.Join(err, jsonErr).Error())
	}
	for i := range results {
		results[i].Name = f.name + results[i].Name
	}
	return results
}
