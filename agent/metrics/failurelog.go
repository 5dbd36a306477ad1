package metrics

import (
	"log/slog"
	"maps"
	"strings"
)

// maxLogged bounds the problems that are remembered as logged; a hostile host can
// make up many.
const maxLogged = 200

// failureLog logs each problem once, until it is over.
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

// clear makes the problems whose key begins so news again.
func (l *failureLog) clear(prefix string) {
	maps.DeleteFunc(l.logged, func(key string, _ bool) bool { return strings.HasPrefix(key, prefix) })
}

// resolved clears the problems whose key begins so, and logs that they are over.
func (l *failureLog) resolved(prefix, text string) {
	before := len(l.logged)
	l.clear(prefix)
	if len(l.logged) < before {
		l.to.Info(text)
	}
}
