package metrics

import (
	"log/slog"
	"maps"
	"strings"
)

// maxSaid bounds the problems that are remembered as said; a hostile host can
// make up many.
const maxSaid = 200

// voice says each problem once, until it is over.
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

// over takes up every problem whose key begins so, and says that it is over.
func (v *voice) over(prefix, text string) {
	before := len(v.said)
	maps.DeleteFunc(v.said, func(key string, _ bool) bool { return strings.HasPrefix(key, prefix) })
	if len(v.said) < before {
		v.log.Info(text)
	}
}
