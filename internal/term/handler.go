// Package term writes progress for people: log records as lines, with the phase in a column. Results go to stdout, not
// through this package's Handler.
package term

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
)

// Handler is a slog.Handler that writes one line per record. Use NewHandler to create it, because the zero value does
// not work.
type Handler struct {
	out     io.Writer
	journal bool
	mu      *sync.Mutex
	attrs   []slog.Attr
}

// NewHandler returns a Handler that writes to out. For the journal, each line begins with its syslog level as in
// sd-daemon(3) (<4>), so that journalctl -p warning selects it. For a terminal, it begins with the name of the program.
func NewHandler(out io.Writer, journal bool) *Handler {
	return &Handler{out: out, journal: journal, mu: &sync.Mutex{}}
}

// Enabled accepts levels from Info on.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// WithAttrs returns a handler that adds attrs to each record.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(append([]slog.Attr(nil), h.attrs...), attrs...)
	return &with
}

// WithGroup returns the handler itself, because lines have no groups.
func (h *Handler) WithGroup(string) slog.Handler { return h }

// Handle writes one line: the phase, the message, and other attributes as key=value.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	var phase, rest strings.Builder
	add := func(a slog.Attr) bool {
		if a.Key == "phase" {
			phase.WriteString(a.Value.String())
		} else {
			fmt.Fprintf(&rest, " %s=%s", a.Key, quoted(a.Value.String()))
		}
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	line := fmt.Sprintf("%s%-11s %s%s\n", h.prefix(r.Level), phase.String(), OneLine(r.Message), rest.String())
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.out, line)
	return err
}

func (h *Handler) prefix(level slog.Level) string {
	severe, word := 6, ""
	switch {
	case level >= slog.LevelError:
		severe, word = 3, "error: "
	case level >= slog.LevelWarn:
		severe, word = 4, "warning: "
	}
	if h.journal {
		return fmt.Sprintf("<%d>", severe)
	}
	return "muster: " + word
}

func quoted(value string) string {
	if value == "" || strings.ContainsAny(value, " \"=") || OneLine(value) != value {
		return OneLine(strconv.Quote(value))
	}
	return value
}
