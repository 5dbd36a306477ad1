package check

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"muster/internal/base/fix"
	"muster/internal/redact"
)

// defaultTimeout is how long a check may take that does not say otherwise.
const defaultTimeout = 5 * time.Second

// Run runs the checks: each as soon as what it needs or follows is done, all others at once.
// The results stand in the order of the checks, those that ask the AWS API last.
// A check that panics, or that does not heed its context, is unknown; the latter
// is left behind.
func Run(ctx context.Context, checks []Check) []Result {
	done := map[string]chan struct{}{}
	for _, c := range checks {
		done[c.ID] = make(chan struct{})
	}
	results := make([]Result, len(checks))
	index := map[string]*Result{}
	var all sync.WaitGroup
	for i, c := range checks {
		index[c.ID] = &results[i]
	}
	for i, c := range checks {
		all.Go(func() {
			defer close(done[c.ID])
			for _, other := range c.After {
				if done[other.ID] != nil { // selected
					<-done[other.ID]
				}
			}
			var by []string
			for _, need := range c.Needs {
				if done[need.ID] == nil { // not selected
					continue
				}
				<-done[need.ID]
				if is := index[need.ID]; is.Status == Fail || len(is.BlockedBy) > 0 {
					by = append(by, need.ID)
				}
			}
			if by != nil {
				results[i] = blockedResult(c, by)
			} else {
				results[i] = look(ctx, c)
			}
		})
	}
	all.Wait()
	explain(results)
	slices.SortStableFunc(results, func(a, b Result) int { return compareBool(a.Remote, b.Remote) })
	return results
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

// look runs one check in a goroutine of its own, so that nothing in it can hold
// up or end the others.
func look(ctx context.Context, c Check) Result {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	if deadline, bounded := ctx.Deadline(); bounded {
		timeout = min(timeout, max(0, time.Until(deadline)))
	}
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	began := time.Now()
	found := make(chan []Finding, 1)
	go func() { found <- guarded(ctx, c) }()
	var r Result
	select {
	case findings := <-found:
		r = newResult(c, findings)
	case <-ctx.Done():
		// What heeds its context has a moment to say what it saw.
		grace := time.NewTimer(100 * time.Millisecond)
		defer grace.Stop()
		select {
		case findings := <-found:
			r = newResult(c, findings)
		case <-grace.C:
			r = newResult(c, CouldNotLook(fmt.Errorf("check timed out after %s", timeout.Round(time.Millisecond)), fix.Fix{}))
		}
	}
	r.Took = time.Since(began)
	return r
}

func guarded(ctx context.Context, c Check) (found []Finding) {
	defer func() {
		if p := recover(); p != nil {
			found = []Finding{{
				Status: Unknown, Summary: fmt.Sprintf("internal error in this check: %v", p),
				Evidence: panicked(debug.Stack()), Fix: fix.Do("Report this error with the evidence above."),
			}}
		}
	}()
	return c.Run(ctx)
}

// panicked is where in muster's own code the panic came from.
func panicked(stack []byte) []string {
	var at []string
	for line := range strings.Lines(string(stack)) {
		if line = strings.TrimSpace(line); strings.Contains(line, ".go:") && !strings.Contains(line, "/runtime/") {
			at = append(at, line)
		}
	}
	return at[:min(len(at), 6)]
}

// newResult gives the findings their ids, and the worst of them first. What they
// quote of others loses its secrets here, once for the screen, for JSON and for
// the bundle.
func newResult(c Check, found []Finding) Result {
	r := Result{ID: c.ID, Group: c.Group, Title: c.Title, Status: Pass, Remote: c.Remote, Findings: []Finding{}}
	for _, f := range found {
		if f.Kind == nil {
			f.Kind = c.Kind
		}
		f.ID = f.Kind.ID
		f.Summary, f.Evidence, f.Fix = redact.Log(f.Summary), masked(f.Evidence), f.Fix.Map(redact.Log)
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

// maxSummary is how long a summary may be, in runes, so that line 1 of the answer
// has at most 120 with the words before it.
const maxSummary = 100

// fitSummary cuts a summary that quotes something long, at a word, and keeps the
// whole as the first line of the evidence.
func (f *Finding) fitSummary() {
	runes := []rune(f.Summary)
	limit := maxSummary
	if f.Confirm == "" && f.Status != Unknown {
		limit += 10 // "Probable cause: " and "Could not check: " are longer than "Cause: "
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

// masked masks lines that may belong together, as those of a private key do.
func masked(lines []string) []string {
	var filter redact.Filter
	out := slices.Clone(lines)
	for i, line := range out {
		out[i] = filter.Text(line)
	}
	return out
}
