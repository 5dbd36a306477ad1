package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"muster/internal/base/contained"
	"muster/internal/base/fix"
	"muster/internal/redact"
)

// defaultTimeout is the timeout of a check that does not set one.
const defaultTimeout = 5 * time.Second

// Run runs the checks concurrently. Each waits for the checks that it needs or follows. The results are in the order of
// the checks, with those that call the AWS API last. A check that panics or exceeds its timeout is unknown.
func Run(ctx context.Context, checks []Check) []Result {
	results := make([]Result, len(checks))
	running := map[string]*progress{}
	for i, c := range checks {
		running[c.ID] = &progress{done: make(chan struct{}), result: &results[i]}
	}
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() {
			defer close(running[c.ID].done)
			if by := blockers(c, running); by != nil {
				results[i] = blockedResult(c, by)
			} else {
				results[i] = examine(ctx, c)
			}
		})
	}
	all.Wait()
	explain(results)
	slices.SortStableFunc(results, func(a, b Result) int { return compareBool(a.Remote, b.Remote) })
	return results
}

// progress tracks a selected check.
type progress struct {
	done   chan struct{}
	result *Result // set before done is closed
}

// blockers waits for the checks that c follows and needs, and returns the needed checks that failed.
func blockers(c Check, running map[string]*progress) (ids []string) {
	for _, other := range c.After {
		if p := running[other.ID]; p != nil {
			<-p.done
		}
	}
	for _, need := range c.Needs {
		p := running[need.ID]
		if p == nil {
			continue
		}
		<-p.done
		if p.result.Status == Fail || len(p.result.BlockedBy) > 0 {
			ids = append(ids, need.ID)
		}
	}
	return ids
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func blockedResult(c Check, by []string) Result {
	r := newResult(c, Skipped("not checked, blocked by "+strings.Join(by, ", ")))
	r.BlockedBy = by
	return r
}

// examine runs one check. A check that panics or exceeds its timeout is unknown.
func examine(ctx context.Context, c Check) Result {
	began := time.Now()
	found, err := contained.Run(ctx, cmp.Or(c.Timeout, defaultTimeout), c.Run)
	var panicked contained.Panic
	switch {
	case errors.As(err, &panicked):
		found = []Finding{{
			Status: Unknown, Summary: fmt.Sprintf("internal error in this check: %v", panicked.Value),
			Evidence: panicked.At, Fix: fix.Do("Report this error with the evidence above."),
		}}
	case err != nil:
		found = Undetermined(fmt.Errorf("check %w", err), fix.Fix{})
	}
	r := newResult(c, found)
	r.Took = time.Since(began)
	return r
}

// newResult sets the IDs of the findings and sorts them, the worst first. It masks secrets here, once for the terminal,
// JSON and the bundle.
func newResult(c Check, found []Finding) Result {
	r := Result{ID: c.ID, Group: c.Group, Title: c.Title, Status: Pass, Remote: c.Remote, Findings: []Finding{}}
	for _, f := range found {
		if f.Kind == nil {
			f.Kind = c.Kind
		}
		f.ID = f.Kind.ID
		f.Summary, f.Evidence, f.Fix = redact.Log(f.Summary), new(redact.Filter).Lines(f.Evidence), f.Fix.Map(redact.Log)
		f.fitSummary()
		if Worse(f.Status, r.Status) {
			r.Status = f.Status
		}
		r.Findings = append(r.Findings, f)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return slices.Index(Statuses(), b.Status) - slices.Index(Statuses(), a.Status)
	})
	return r
}

// maxSummary is the maximum length of a summary, in runes. With the label before it, the first line of the output then
// has at most 120.
const maxSummary = 100

// fitSummary shortens a long summary at a word boundary, and adds the full text as the first line of the evidence.
func (f *Finding) fitSummary() {
	runes := []rune(f.Summary)
	limit := maxSummary
	if f.Confirm == "" && f.Status != Unknown {
		limit += 10 // the prefix "Cause: " is 10 shorter than "Probable cause: " and "Could not check: "
	}
	if f.Status == Pass || f.Status == Skip || len(runes) <= limit {
		return
	}
	f.Evidence = slices.Insert(f.Evidence, 0, f.Summary)
	cut := string(runes[:limit-3])
	if at := strings.LastIndexByte(cut, ' '); at > limit/2 {
		cut = cut[:at]
	}
	f.Summary = strings.TrimRight(cut, " ,;:(") + "..."
}
