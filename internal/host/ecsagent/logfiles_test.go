package ecsagent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestRotatedLogsAreRead(t *testing.T) {
	bad := agentLine(5, "error", "Error registering container instance", "error", notFound)
	info := agentLine(20, "info", "Loading configuration")
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"by hour": {[]string{"ecs-agent.log.2026-01-02-14", bad, "ecs-agent.log", info},
			"ecs-agent.log.2026-01-02-14"},
		"by size": {[]string{"ecs-agent.log.9", registeredLine, "ecs-agent.log.10", bad, "ecs-agent.log", info},
			"ecs-agent.log.10"},
		"registration in between":            {[]string{"ecs-agent.log.1", bad, "ecs-agent.log.2", registeredLine, "ecs-agent.log", info}, ""},
		"the current file is missing":        {[]string{"ecs-agent.log.1", bad}, "ecs-agent.log.1"},
		"the current file is empty":          {[]string{"ecs-agent.log.1", bad, "ecs-agent.log", ""}, "ecs-agent.log.1"},
		"files with other names are ignored": {[]string{"ecs-agent.logs", bad, "xecs-agent.log", bad, "ecs-agent.log", info}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, logDir(t, c.files...))
			base := filepath.Base(got.File)
			if got.File == "" {
				base = ""
			}
			if base != c.want {
				t.Errorf("found in %q, want %q", base, c.want)
			}
		})
	}
}

func TestLogIsReadFromItsEnd(t *testing.T) {
	bad := agentLine(5, "error", "Error registering container instance", "error", notFound)
	filler := strings.Repeat(agentLine(6, "info", "Loading configuration"), 2*maxKept/62)
	huge := `level=info time=2026-01-02T15:00:07Z msg="` + strings.Repeat("x", 30<<20) + "\"\n"
	for name, c := range map[string]struct {
		log, want string
		line      int
	}{
		"far above":                {bad + filler, "", 0},
		"at the end":               {filler + bad, "cluster-not-found", strings.Count(filler, "\n") + 1},
		"before a line of 30 MB":   {bad + huge, "cluster-not-found", 1},
		"after a line of 30 MB":    {huge + bad, "cluster-not-found", 0}, // too far down to count
		"a line without a newline": {bad + strings.TrimSuffix(huge, "\n"), "cluster-not-found", 1},
		"after an unparsable line": {strings.Repeat("x", 2<<20) + "\n" + bad, "cluster-not-found", 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got := read(t, logDir(t, "ecs-agent.log", c.log)); got.Cause.ID != c.want || got.Line != c.line {
				t.Errorf("got %q at line %d", got.Cause.ID, got.Line)
			}
		})
	}
}

func TestALogOfFiveGigabytesIsReadFromItsEnd(t *testing.T) {
	dir := logDir(t, "ecs-agent.log", "")
	path := filepath.Join(dir, "ecs-agent.log")
	if err := os.Truncate(path, 5<<30); err != nil { // sparse: NULs, and no line end
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(
		"\xff\xfe\n" + agentLine(6, "error", "Error registering container instance", "error", notFound),
	); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir); got.Cause.ID != "cluster-not-found" || got.Line != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestInvalidBytesDoNotHideTheFailure(t *testing.T) {
	bad := strings.TrimSuffix(agentLine(5, "error", "Error registering container instance", "error", notFound), "\n")
	for name, log := range map[string]string{
		"no newline at all":      bad,
		"CRLF":                   "\r\n" + bad + "\r\n",
		"invalid UTF-8":          "\xff\xfe\n" + bad + "\n\xc3(\n",
		"NUL after a crash":      bad + "\n" + strings.Repeat("\x00", 4096),
		"blank lines":            "\n\n" + bad + "\n\n\n",
		"cut off during a write": bad + "\nlevel=error time=2026-01-02T15:00:20Z ms",
		"unclosed quote":         bad + "\nlevel=info time=2026-01-02T15:00:20Z msg=\"Load\n",
		"panic of the agent":     bad + "\npanic: runtime error\n\ngoroutine 1 [running]:\nmain.main()\n",
		"broken JSON":            bad + "\n{\"level\":\"error\",\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got := read(t, logDir(t, "ecs-agent.log", log)); got.Cause.ID != "cluster-not-found" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestMessageIsSafeForATerminal(t *testing.T) {
	got := read(
		t,
		logDir(t, "ecs-agent.log", agentLine(5, "error", "a\x1b[31m\nb\x00\xff\u0085"+strings.Repeat("é", 2*maxText), "error", "c")),
	)
	if strings.ContainsAny(got.Message, "\x1b\n\x00\u0085") || len(got.Message) > maxText+10 ||
		!strings.HasPrefix(got.Message, "a [31m b") {
		t.Errorf("got %q", got.Message)
	}
}

func TestUnreadableLogDoesNotHideTheOther(t *testing.T) {
	dir := logDir(t, "ecs-init.log", initLine(4, "info", "Agent exited with code 5"))
	// A named pipe is unreadable even for root.
	if err := syscall.Mkfifo(filepath.Join(dir, "ecs-agent.log"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := ReadLogs(dir, Options{})
	if err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "ecs-agent.log") {
		t.Errorf("got %v", err)
	}
	if got.ExitCode != 5 {
		t.Errorf("the entries of the other log are missing: %+v", got)
	}
}

func TestNoLogsAreNotExist(t *testing.T) {
	empty := t.TempDir()
	for _, dir := range []string{empty, filepath.Join(empty, "absent")} {
		got, err := ReadLogs(dir, Options{})
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) || got.Cause.ID != "" || got.Exits != 0 {
			t.Errorf("%s: got %+v, %v", dir, got, err)
		}
	}
}
