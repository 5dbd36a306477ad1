//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"muster/test/apart"
)

// limit is the maximum duration of a row.
const limit = 4 * time.Minute

// missing returns what this machine lacks to run the rows, or "".
func missing(ctx context.Context) string {
	return apart.Missing(ctx, limit, "-muster", "/dev/null", "-run", "^$")
}

// Result is the result of a row.
type Result struct {
	Name       string   `json:"name"`
	Why        []string `json:"why,omitempty"`    // rules that did not hold
	Broken     string   `json:"broken,omitempty"` // why the row could not be run
	Transcript string   `json:"transcript,omitempty"`
	Seconds    float64  `json:"seconds"`
}

func (res Result) held() bool { return res.Broken == "" && len(res.Why) == 0 }

// playAll runs the rows, at most o.jobs at a time and the slow ones first. It prints the results in the order of the
// table.
func playAll(ctx context.Context, o options, rows []row, w io.Writer) []Result {
	done := make([]chan Result, len(rows))
	order := make([]int, len(rows))
	for i := range rows {
		done[i], order[i] = make(chan Result, 1), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(rows[b].takes - rows[a].takes) })
	next := make(chan int)
	go func() {
		defer close(next)
		for _, i := range order {
			next <- i
		}
	}()
	for range o.jobs {
		go func() {
			for i := range next {
				done[i] <- playApart(ctx, o, rows[i])
			}
		}()
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r.name))
	}
	var all []Result
	for i, r := range rows {
		result := <-done[i]
		if ctx.Err() == nil {
			result.write(w, r, width, o)
		}
		all = append(all, result)
	}
	return all
}

// write writes the result on one line, followed by the rules that did not hold.
func (res Result) write(w io.Writer, r row, width int, o options) {
	if o.verbose {
		fmt.Fprintf(w, "### %s\n%s\n", r.name, res.Transcript)
	}
	word := "HELD"
	if !res.held() {
		word = "FELL"
	}
	fmt.Fprintf(w, "%s  %-*s  %-9s  %4.0fs  %s\n", word, width, r.name, r.command, res.Seconds, r.inject)
	if o.idle {
		return
	}
	if !res.held() {
		fmt.Fprintf(w, "      must hold: %s\n", r.must)
	}
	if res.Broken != "" {
		fmt.Fprintf(w, "      could not be played: %s\n", oneLine(res.Broken))
	}
	for _, why := range res.Why {
		fmt.Fprintf(w, "      - %s\n", oneLine(why))
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// playApart runs a row in a child process.
func playApart(ctx context.Context, o options, r row) (result Result) {
	began := time.Now()
	result.Name = r.name
	if ctx.Err() != nil {
		result.Broken = "interrupted"
		return result
	}
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	out, err := apart.Run(ctx, "-muster", o.muster, "-run", "^"+r.name+"$")
	switch jsonErr := json.Unmarshal(out, &result); {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		result.Broken = fmt.Sprintf("not done after %s", limit)
	case jsonErr != nil:
		result.Broken = errors.Join(err, jsonErr).Error()
	}
	result.Seconds = time.Since(began).Seconds()
	return result
}
