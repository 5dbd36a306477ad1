package term

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestHandlerLines(t *testing.T) {
	for name, c := range map[string]struct {
		journal bool
		log     func(*slog.Logger)
		want    string
	}{
		"a phase": {false, func(l *slog.Logger) { l.Info("prod", "phase", "cluster") },
			"muster: cluster     prod\n"},
		"a warning for a person": {false, func(l *slog.Logger) { l.Warn("odd", "phase", "cluster") },
			"muster: warning: cluster     odd\n"},
		"a warning for the journal": {true, func(l *slog.Logger) { l.Warn("odd", "phase", "cluster") }, "<4>cluster     odd\n"},
		"an error for the journal":  {true, func(l *slog.Logger) { l.Error("bad", "phase", "x") }, "<3>x           bad\n"},
		"other attributes": {true, func(l *slog.Logger) { l.Info("m", "phase", "p", "arn", "a b", "n", 3) },
			"<6>p           m arn=\"a b\" n=3\n"},
		"attributes of the logger": {true, func(l *slog.Logger) { l.With("phase", "p").WithGroup("g").Info("m") },
			"<6>p           m\n"},
		"lines and escapes of other": {true, func(l *slog.Logger) { l.Info("a\nb\x1b[2J\u009b", "phase", "p") },
			"<6>p           a b [2J \n"},
		"a line separator, a turn of direction": {true, func(l *slog.Logger) { l.Info("a\u2028b\u202ec", "phase", "p") },
			"<6>p           a b c\n"},
		"an escape in an attribute": {true, func(l *slog.Logger) { l.Info("m", "phase", "p", "n", "a\x1b[2J", "m", "\u3164") },
			"<6>p           m n=\"a\\x1b[2J\" m=\" \"\n"},
		"debug is not written": {false, func(l *slog.Logger) { l.Debug("m") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c.log(slog.New(NewHandler(&out, c.journal)))
			if out.String() != c.want {
				t.Errorf("got %q, want %q", out.String(), c.want)
			}
		})
	}
}

func FuzzHandlerWritesOneLine(f *testing.F) {
	f.Add("message", "value")
	f.Fuzz(func(t *testing.T, message, value string) {
		var out bytes.Buffer
		r := slog.NewRecord(time.Time{}, slog.LevelInfo, message, 0)
		r.Add("phase", "p", "key", value)
		if err := NewHandler(
			&out,
			false,
		).Handle(context.Background(), r); err != nil || strings.Count(out.String(), "\n") != 1 ||
			strings.ContainsFunc(strings.TrimSuffix(out.String(), "\n"), isActive) {
			t.Errorf("%v: %q", err, out.String())
		}
	})
}
