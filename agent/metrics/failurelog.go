package metrics

import (
	"log/slog"
	"maps"
	"strings"
)

// maxLogged is the maximum number of problems that are remembered as logged, because a hostile host can produce many.
const maxLogged = 200

// failureLog logs each problem once, until it is resolved.
type failureLog struct {
	to     *slog.Logger
	logged map[string]bool
}

func newFailureLog(log *slog.Logger) *failureLog {
	return &failureLog{log.With("phase", "metrics"), map[string]bool{}}
}

func (l *failureLog) log(key, text string) {
	if l.logged[key] || len(l.logged) >= maxLogged {
		return
	}
	l.logged[key] = true
	l.to.Warn(text)
}

// clear forgets the problems whose key has this prefix, so that they are logged again.
func (l *failureLog) clear(prefix string) {
	maps.DeleteFunc(l.logged, func(key string, _ bool) bool { return strings.HasPrefix(key, prefix) })
}

// resolved clears the problems whose key has this prefix, and logs that they are resolved.
func (l *failureLog) resolved(prefix, text string) {
	before := len(l.logged)
	l.clear(prefix)
	if len(l.logged) < before {
		l.to.Info(text)
	}
}
