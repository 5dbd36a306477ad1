package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// initLog writes a line like ecs-init (ecs-init/logger logfmtFormatter).
func (a *Agent) initLog(level, format string, args ...any) {
	a.appendLog("ecs-init.log", level, fmt.Sprintf("msg=%q", fmt.Sprintf(format, args...)))
}

// agentLog writes a plain line like the agent (ecs-agent/logger logfmtFormatter).
func (a *Agent) agentLog(level, module, format string, args ...any) {
	a.appendLog("ecs-agent.log", level, fmt.Sprintf("msg=%q module=%s", fmt.Sprintf(format, args...), module))
}

// agentEvent writes a structured line: a message with quoted fields, without module.
func (a *Agent) agentEvent(level, msg string, fields ...string) {
	line := fmt.Sprintf("msg=%q", msg)
	for i := 0; i+1 < len(fields); i += 2 {
		line += fmt.Sprintf(" %s=%q", fields[i], fields[i+1])
	}
	a.appendLog("ecs-agent.log", level, line)
}

// appendLog appends a line to a log. It ignores write errors, as on a full disk.
func (a *Agent) appendLog(name, level, rest string) {
	dir := filepath.Join(a.s.opts.Root, "var/log/ecs")
	if os.MkdirAll(dir, 0o755) != nil {
		return
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	now := a.s.clock.Now().UTC().Format(time.RFC3339)
	_, _ = f.WriteString("level=" + level + " time=" + now + " " + strings.TrimSpace(rest) + "\n")
}
