package fieldcase

import (
	"testing"
	"time"
)

func TestDated(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	for _, c := range []struct{ name, text, want string }{
		{"the last line is five seconds old", "a @T\nb @T\n", "a 2026-03-01T10:59:54Z\nb 2026-03-01T10:59:55Z\n"},
		{"without a line break at the end too", "a @T\nb @T", "a 2026-03-01T10:59:54Z\nb 2026-03-01T10:59:55Z"},
		{"lines without a time count", "@T\n\nb\n", "2026-03-01T10:59:53Z\n\nb\n"},
		{"an age", "@T-20m @T-3h\n", "2026-03-01T10:40:00Z 2026-03-01T08:00:00Z\n"},
		{"text without @T", "a@example.com\n", "a@example.com\n"},
		{"nothing", "", ""},
	} {
		if got := string(Dated([]byte(c.text), now)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestLineOfALog(t *testing.T) {
	for _, c := range []struct {
		line Line
		want string
	}{
		{Line{Level: "error", Msg: `a "b"`}, "level=error time=@T msg=\"a \\\"b\\\"\"\n"},
		{Line{Raw: "@T [ERROR] a"}, "@T [ERROR] a\n"},
	} {
		if got := string(c.line.Bytes()); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
