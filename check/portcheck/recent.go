package portcheck

import (
	"context"
	"sync/atomic"
	"time"

	"muster/internal/report/ports"
)

// recentAge is how long a report is reused. --wait runs the checks every few seconds. It must not read and dial a whole
// fleet each time.
const recentAge = time.Minute

// Recent holds the last report. The zero Recent holds none.
type Recent struct{ last atomic.Pointer[ports.Report] }

// Last returns the last report, or nil.
func (r *Recent) Last() *ports.Report { return r.last.Load() }

// Keep returns a check that returns the last report for up to a minute, and then calls check again. It does not keep an
// error.
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
