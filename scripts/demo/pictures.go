package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"muster/test/observe"
)

// In every common monospaced font, a character is about 0.6 times as wide as the font size.
const (
	size    = 14.0
	advance = 0.602 * size
	leading = 20.0
	margin  = 16.0
	columns = 64
	mono    = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace"
	sans    = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
)

// draw runs a diagnosis and a boot, and writes them as debug.svg and boot.svg.
func draw(dir, binary string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := on(instance(), func(s *stage) error {
		s.out, s.binary = &text, binary
		s.env = []string{fmt.Sprintf("COLUMNS=%d", columns), "TERM=xterm", "LANG=C.UTF-8"}
		if err := s.configured("prdo"); err != nil {
			return err
		}
		return s.types("sudo muster debug", 1, true, "debug", "--color", "always")
	}); err != nil {
		return err
	}
	screen := terminal("sudo muster debug on an instance with a mistyped cluster", strings.TrimSpace(text.String()))
	if err := os.WriteFile(filepath.Join(dir, "debug.svg"), []byte(screen), 0o644); err != nil {
		return err
	}
	steps, err := boot(binary)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "boot.svg"), []byte(timeline(steps)), 0o644)
}

var sgr = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// colors maps the ANSI codes that muster prints to CSS styles.
var colors = map[string]string{"1": "font-weight:bold", "31": "fill:#ff8a80", "32": "fill:#9ccc65", "33": "fill:#ffd54f",
	"36": "fill:#80deea", "2": "fill:#9aa5b1"}

// terminal draws text with ANSI colors as an SVG picture of a terminal window.
func terminal(title, text string) string {
	lines := wrapped(text)
	width := margin*2 + columns*advance
	height := margin*2 + 28 + leading*float64(len(lines))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" role="img" aria-label="%s">`+"\n", width,
		height, width, html.EscapeString(title))
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" rx="8" fill="#1b2530"/>`+"\n", width, height)
	for i, dot := range []string{"#ff6159", "#ffbd2e", "#28c941"} {
		fmt.Fprintf(&b, `<circle cx="%.0f" cy="18" r="5" fill="%s"/>`+"\n", margin+6+float64(i)*18, dot)
	}
	fmt.Fprintf(&b, `<g font-family="%s" font-size="%.0f" fill="#e6edf3">`+"\n", mono, size)
	style := ""
	for i, line := range lines {
		var spans string
		spans, style = colored(line, style)
		fmt.Fprintf(&b, `<text x="%.0f" y="%.1f">%s</text>`+"\n", margin, margin+28+leading*float64(i)+size, spans)
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

// colored converts one line of ANSI text to tspan elements. style is the style at the start of the line. The second
// result is the style at its end.
func colored(line, style string) (string, string) {
	var b strings.Builder
	span := func(text string) {
		text = strings.ReplaceAll(html.EscapeString(text), " ", "\u00a0") // SVG collapses spaces
		switch {
		case text == "":
		case style == "":
			b.WriteString(text)
		default:
			fmt.Fprintf(&b, `<tspan style="%s">%s</tspan>`, style, text)
		}
	}
	at := 0
	for _, m := range sgr.FindAllStringSubmatchIndex(line, -1) {
		span(line[at:m[0]])
		style, at = "", m[1]
		for code := range strings.SplitSeq(line[m[2]:m[3]], ";") {
			if c := colors[code]; c != "" {
				style = strings.TrimPrefix(style+";"+c, ";")
			}
		}
	}
	span(line[at:])
	return b.String(), style
}

// wrapped breaks lines that are wider than the picture, like a terminal.
func wrapped(text string) []string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		for utf8.RuneCountInString(sgr.ReplaceAllString(line, "")) > columns && !strings.Contains(line, "\x1b") {
			runes := []rune(line)
			lines, line = append(lines, string(runes[:columns])), string(runes[columns:])
		}
		lines = append(lines, line)
	}
	return lines
}

// step is one part of a boot: the unit, its command, the result, and the AWS calls that it made.
type step struct {
	unit, command, result string
	calls                 []string
}

// boot runs a boot and returns its steps.
func boot(binary string) ([]step, error) {
	var steps []step
	err := on(instance(), func(s *stage) error {
		s.out, s.binary = &bytes.Buffer{}, binary
		part := func(unit, command string, args ...string) error {
			s.box.ResetCalls()
			var out bytes.Buffer
			if code := s.run(&out, &out, args...); code != 0 {
				return fmt.Errorf("%s exited with %d:\n%s", command, code, out.String())
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			result := strings.TrimPrefix(lines[len(lines)-1], "muster: ")
			if args[0] == "bootstrap" {
				result = "ecs.config written, units queued; it never waits"
			}
			steps = append(steps, step{unit, command, result, calls(s)})
			return nil
		}
		if err := part("user data", "muster bootstrap --cluster prod", userData("prod")...); err != nil {
			return err
		}
		if err := s.box.StartAgent(context.Background()); err != nil {
			return err
		}
		if err := part("muster-verify.service", "muster verify", "verify"); err != nil {
			return err
		}
		agent := step{"ecs.service", "ECS agent", "registers in cluster " + s.box.Agent.Status().Cluster, nil}
		steps = slices.Insert(steps, 1, agent)
		return s.watching(&steps)
	})
	return steps, err
}

// watching adds the step of the agent, which publishes its last minute when it stops.
func (s *stage) watching(steps *[]step) error {
	s.box.ResetCalls()
	journal := &observe.Journal{}
	agent, err := s.background(journal, "unix:///nonexistent", "agent")
	if err != nil {
		return err
	}
	if err := await("the state file", func() bool {
		data, _ := os.ReadFile(filepath.Join(s.root, "run/muster-agent/state.json"))
		return strings.Contains(string(data), `"state": "registered"`)
	}); err != nil {
		return err
	}
	if err := errors.Join(agent.Process.Signal(syscall.SIGTERM), agent.Wait()); err != nil {
		return err
	}
	*steps = append(*steps, step{"muster-agent.service", "muster agent", "publishes once a minute, reports changes at once", calls(s)})
	return nil
}

// calls returns the AWS calls since the last reset in order, without duplicates.
func calls(s *stage) []string {
	var all []string
	seen := map[string]bool{}
	for _, c := range s.box.Calls() {
		name := c.Service + ":" + c.Action
		if c.Service == "autoscaling" && c.Action == "CompleteLifecycleAction" {
			name += " (" + s.box.Hook("ready").Result + ")"
		}
		if signals := s.box.Signals("web"); c.Action == "SignalResource" && len(signals) > 0 {
			name += " (" + signals[0].Status + ")"
		}
		if !seen[name] {
			seen[name] = true
			all = append(all, name)
		}
	}
	return all
}

// timeline draws the steps of a boot from top to bottom.
func timeline(steps []step) string {
	const width = 480.0
	var b strings.Builder
	y := margin
	for i, s := range steps {
		height := 70 + 20*float64(len(s.calls))
		if i > 0 {
			fmt.Fprintf(&b, `<path d="M36 %.0f v18 m-5 -6 l5 6 l5 -6" stroke="#5b6b7b" fill="none" stroke-width="1.5"/>`+"\n", y)
			y += 22
		}
		fmt.Fprintf(&b, `<rect x="8" y="%.0f" width="%.0f" height="%.0f" rx="6" fill="#f3f6f9" stroke="#c6d0da"/>`+"\n", y, width-16, height)
		fmt.Fprintf(&b, `<text x="20" y="%.0f" font-weight="bold">%s</text>`+"\n", y+22, html.EscapeString(s.unit))
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" text-anchor="end" font-family="%s" font-size="13">%s</text>`+"\n", width-20, y+22, mono,
			html.EscapeString(s.command))
		fmt.Fprintf(&b, `<text x="20" y="%.0f" fill="#1f6f3f">%s</text>`+"\n", y+46, html.EscapeString(s.result))
		for j, call := range s.calls {
			fmt.Fprintf(&b, `<text x="32" y="%.0f" font-family="%s" font-size="12.5" fill="#24537f">&#8594; %s</text>`+"\n", y+68+20*float64(j),
				mono, html.EscapeString(call))
		}
		y += height + 4
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" role="img" `+
		`aria-label="A boot: user data, the ECS agent, verify, agent, and their AWS calls">
<rect width="%.0f" height="%.0f" rx="8" fill="#ffffff"/>
<g font-family="%s" font-size="14" fill="#1b2530">
%s</g>
</svg>
`, width, y+margin, width, width, y+margin, sans, b.String())
}
