package bootstrap

import (
	"context"
	"fmt"

	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
)

// Each phase logs one line. The phase is an attribute, so that it can be searched for in the journal.

func (h *Host) info(phase, format string, args ...any) {
	h.Log.Info(fmt.Sprintf(format, args...), "phase", phase)
}

func (h *Host) warn(phase, format string, args ...any) {
	h.Log.Warn(fmt.Sprintf(format, args...), "phase", phase)
}

// warnOf logs an error, followed by its evidence and its fix on separate lines.
func (h *Host) warnOf(phase string, err error) {
	h.warn(phase, "%v", err)
	for _, line := range append(fix.Why(err), fix.Of(err).Lines()...) {
		h.warn(phase, "  %s", line)
	}
}

func badConfig(err error) error    { return exitcode.Wrap(exitcode.BadConfiguration, err) }
func undetermined(err error) error { return exitcode.Wrap(exitcode.Undetermined, err) }

func interrupted(ctx context.Context) error {
	return exitcode.Wrap(exitcode.Interrupted, fmt.Errorf("interrupted: %w", context.Cause(ctx)))
}
