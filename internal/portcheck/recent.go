package portcheck

import (
	"context"
	"sync/atomic"
	"time"

	"muster/internal/report/ports"
)

// recentAge is how long one report serves the looks after it: --wait looks every few
// seconds, and should neither ask for a whole fleet nor dial it each time.
const recentAge = time.Minute

// Recent keeps the last report. Its zero value has none.
type Recent struct{ last atomic.Pointer[ports.Report] }

// Last is the last report; nil without one.
func (r *Recent) Last() *ports.Report { return r.last.Load() }

// Keep returns a check that answers with the last report for a minute. A failure is not
// kept.
func (r *Recent) Keep(check func(context.Context) (*ports.Report, error)) func(context.Context) (*ports.Report, error) {
	return func(ctx context.Context) (*ports.Report, error) {
		if last := r.last.Load(); last != nil && time.Since(last.At) < recentAge {
			return last, nil
		}
		report, err := check(ctx)
		r.last.Store(report)
		return report, err
	}
}
