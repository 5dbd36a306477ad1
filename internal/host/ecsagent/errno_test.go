package ecsagent

import (
	"strings"
	"testing"
	"time"
)

// An error of open(2) does not mean that agent.db is damaged: moving it aside loses a valid state. The errors come from
// the open(2) manual.
func TestValidStateIsNotMovedAside(t *testing.T) {
	const head = `level=critical time=2026-01-02T15:00:20Z msg="Error creating data client" error="`
	for _, c := range []struct{ err, says string }{
		{"open /data/agent.db: read-only file system", "read-only"},
		{"open /data/agent.db: too many open files", "too many open files"},
		{"read /data/agent.db: input/output error", "input/output error"},
		{"stat /var/lib/ecs/data: no such file or directory", "ECS_DATADIR"},
		{"stat /data: no such file or directory", "/data"},
		{"open /data/agent.db: permission denied", "not allowed"},
	} {
		got := read(t, logDir(t, "ecs-agent.log", head+c.err+"\"\n")).Cause
		if !strings.Contains(got.Summary, c.says) || strings.Contains(got.Fix.String(), "mv ") {
			t.Errorf("%s: %s, %s", c.err, got.Summary, got.Fix)
		}
		if denied := strings.Contains(got.Summary+got.Fix.String(), "restorecon"); denied != strings.Contains(c.err, "permission") {
			t.Errorf("%s: %s, %s", c.err, got.Summary, got.Fix)
		}
	}
}

// The line before the exit status has the output of iptables (ecs-init/exec/iptables).
func TestOutputOfIptablesIsKept(t *testing.T) {
	got := read(
		t,
		logDir(
			t,
			"ecs-init.log",
			initLine(5, "error", "Error adding input chain entry to block offhost introspection access: exit status 4; "+
				"raw output: Another app is currently holding the xtables lock. Perhaps you want to use the -w option?")+
				initLine(6, "error", "could not create route to the credentials proxy: exit status 4"),
		),
	)
	if got.Cause.ID != "iptables-failed" || !strings.Contains(got.Cause.Summary, "xtables lock") || got.Line != 1 {
		t.Errorf("%s: %s", got.Where(), got.Cause.Summary)
	}
}

// ecs-init retries Docker forever (ecs-init/docker/dependencies.go). If Docker responds, the wait is over
// (aws/amazon-ecs-agent#4270).
func TestWaitForDockerEndsWhenItResponds(t *testing.T) {
	dir := logDir(
		t,
		"ecs-init.log",
		initLine(
			5,
			"info",
			"Network error connecting to docker, backing off for '1.1s', error: dial unix /var/run/docker.sock: connect: no such file or directory",
		),
	)
	for answers, want := range map[bool]string{false: "docker-unreachable", true: ""} {
		got, err := ReadLogs(dir, Options{Docker: answers, Now: clock(5).Add(12 * time.Minute)})
		if err != nil || got.Cause.ID != want {
			t.Errorf("answers %t: %q, %v", answers, got.Cause.ID, err)
		}
	}
	if got, err := ReadLogs(dir, Options{Docker: true, Now: clock(6)}); err != nil || got.Cause.ID != "docker-unreachable" {
		t.Errorf("recent failure: %q, %v", got.Cause.ID, err)
	}
}

// The SDK's preamble is long; the reason follows it.
func TestUnknownErrorIsQuotedWithoutPreamble(t *testing.T) {
	for err, want := range map[string]string{
		`operation error ECS: RegisterContainerInstance, https response error StatusCode: 0, RequestID: , request send failed, ` +
			`Post "https://ecs.eu-central-1.amazonaws.com/": the frobnicator is stuck`: `/": the frobnicator is stuck"`,
		"beats me": `: "beats me"`,
	} {
		got := read(t, logDir(t, "ecs-agent.log", agentLine(5, "error",
			"Received non-terminal error from RegisterContainerInstance call, retrying with exponential backoff", "error", err)))
		if got.Cause.ID != Unrecognized || !strings.HasSuffix(got.Cause.Summary, want) || !strings.Contains(got.Message, "non-terminal") {
			t.Errorf("%s, %s", got.Cause.Summary, got.Message)
		}
	}
}

// Docker's API returns {"message": ...}; quote the message without the JSON.
func TestDockersMessageIsQuotedWithoutItsJSON(t *testing.T) {
	got := read(t, logDir(t, "ecs-init.log", initLine(5, "error",
		`could not start Agent: API error (500): {"message":"could not select device driver \"nvidia\" with capabilities: [[gpu]]"}`)))
	if !strings.Contains(got.Cause.Summary, `container: could not select device driver "nvidia"`) {
		t.Error(got.Cause.Summary)
	}
}
