package ports

import (
	"muster/internal/term"
	"muster/reach"
)

// mark returns the character for a status, for output in which color is not enough.
func mark(s reach.Status) string {
	switch s {
	case reach.Open:
		return "✓"
	case reach.Unknown:
		return "?"
	}
	return "✗"
}

func colorOf(s reach.Status) string {
	switch s {
	case reach.Open:
		return term.Green
	case reach.Unknown:
		return term.Magenta
	}
	return term.Red
}
