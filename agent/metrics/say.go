package metrics

import (
	"log/slog"
	"maps"
	"strings"
)

// maxSaid bounds the problems that are remembered as logged; a hostile host can
// make up many.
const maxSaid = 200

// voice logs each problem once, until it is over.
type voice struct {
	log  *slog.Logger
	said map[string]bool
}

func newVoice(log *slog.Logger) *voice {
	return &voice{log.With("phase", "metrics"), map[string]bool{}}
}

func (v *voice) problem(key, text string) {
	if v.said[key] || len(v.said) >= maxSaid {
		return
	}
	v.said[key] = true
	v.log.Warn(text)
}

// clear makes the problems whose key begins so news again.
func (v *voice) clear(prefix string) {
	maps.DeleteFunc(v.said, func(key string, _ bool) bool { return strings.HasPrefix(key, prefix) })
}

// over clears the problems whose key begins so, and logs that they are over.
func (v *voice) over(prefix, text string) {
	before := len(v.said)
	v.clear(prefix)
	if len(v.said) < before {
		v.log.Info(text)
	}
}
