//go:build integration || e2e

package integration

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/agent/agentstate"
	"muster/bootstrap/bootreport"
	"muster/internal/sandbox"
	"muster/systemd"
	"muster/test/systemdtest"
)

const instanceID = "i-0123456789abcdef0"

// ecsService is the ECS agent's unit, with the ordering, dependencies and restart settings of
// packaging/amazon-linux-ami-integrated/ecs.service (amazon-ecs-agent v1.105.1). It runs the sandbox's ECS agent. The
// machine has no Docker.
const ecsService = `[Unit]
Wants=docker.service
PartOf=docker.service
After=docker.service
After=cloud-final.service

[Service]
Type=simple
Restart=on-failure
RestartPreventExitStatus=5
RestartSec=10s
EnvironmentFile=-/etc/ecs/ecs.config
ExecStart=/usr/libexec/world agent

[Install]
WantedBy=multi-user.target
`

// worldService starts the simulated services before any program calls the metadata service, and after cloud-init wrote
// the files that user data names.
const worldService = `[Unit]
After=cloud-init.service
Before=cloud-config.service cloud-final.service muster-bootstrap.service

[Service]
Type=notify
ExecStart=/usr/libexec/world serve

[Install]
WantedBy=multi-user.target
`

// inGroup describes an instance for which a launch hook and a stack wait.
func inGroup() sandbox.Options {
	return sandbox.Options{
		InstanceID: instanceID, Clusters: []string{"prod", "prod-batch", "staging"}, TagsInIMDS: true,
		Group:  &sandbox.Group{Name: "workers", Hooks: []sandbox.Hook{{Name: "ready"}}},
		Stacks: map[string][]string{"web": {"Workers"}},
		Agent:  sandbox.AgentPlan{After: time.Second},
	}
}

// signalSettings returns the muster.env settings that name the launch hook's group and the stack.
func signalSettings() []string {
	return []string{"MUSTER_CFN_STACK=web", "MUSTER_CFN_RESOURCE=Workers", "MUSTER_LIFECYCLE_HOOK=ready", "MUSTER_ON_FAILURE=abandon"}
}

// image returns the files of the ECS-optimized AMI and of the simulated services around it.
func image(t *testing.T, options sandbox.Options, settings ...string) []systemdtest.File {
	t.Helper()
	return world(t, options, func(p *plan) { p.Settings = settings })
}

// plan is the input of testdata/world.
type plan struct {
	sandbox.Options
	Settings []string
	IMDSLate time.Duration
	State    string
	Service  string
}

// world is image with a plan that edit can change. By default the plan includes the launch hook and the stack.
func world(t *testing.T, options sandbox.Options, edit func(*plan)) []systemdtest.File {
	t.Helper()
	systemdtest.Require(t)
	p := plan{Options: options, Settings: signalSettings()}
	edit(&p)
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	const units = "/usr/lib/systemd/system/"
	const wants = "/etc/systemd/system/multi-user.target.wants/"
	return []systemdtest.File{
		systemdtest.Binary(t, "./testdata/world", "/usr/libexec/world"),
		{Path: "/etc/world.json", Mode: 0o600, Content: string(text)},
		{Path: units + "world.service", Mode: 0o644, Content: worldService},
		{Path: wants + "world.service", Link: units + "world.service"},
		{Path: units + "ecs.service", Mode: 0o644, Content: ecsService},
		{Path: wants + "ecs.service", Link: units + "ecs.service"},
		{Path: "/usr/lib/systemd/system-preset/00-ecs.preset", Mode: 0o644, Content: "enable ecs.service\n"},
	}
}

func musterAt(t *testing.T, path string) systemdtest.File {
	t.Helper()
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	return systemdtest.File{Path: path, Mode: 0o755, Content: string(content)}
}

// bare is an image without muster: user data copies the binary to /tmp and runs it.
func bare(t *testing.T, arguments string) []systemdtest.File {
	t.Helper()
	// Hardened images set this umask.
	script := "#!/bin/sh\ncp /srv/download/muster /tmp/muster\numask 077\n/tmp/muster bootstrap " + arguments + "\n"
	files := append(image(t, inGroup()), musterAt(t, "/srv/download/muster"))
	return append(files, systemdtest.UserData(instanceID, script)...)
}

// baked is an image that contains muster and takes the cluster from an instance tag.
func baked(t *testing.T, options sandbox.Options) []systemdtest.File {
	t.Helper()
	files := append(image(t, options, signalSettings()...), musterAt(t, "/usr/bin/muster"))
	for _, u := range systemd.Units() {
		files = append(files, systemdtest.File{Path: "/usr/lib/systemd/system/" + u.Name, Mode: 0o644, Content: string(u.Content)})
	}
	return append(
		files,
		systemdtest.File{
			Path: "/etc/systemd/system/ecs.service.requires/muster-bootstrap.service",
			Link: "/usr/lib/systemd/system/muster-bootstrap.service",
		},
	)
}

// machine is a booted instance.
type machine struct {
	*systemdtest.Machine
	t *testing.T
}

// story is what the simulated services recorded.
type story struct {
	Calls   []sandbox.Call
	Agent   sandbox.AgentStatus
	Stack   string
	Signals []sandbox.Signal
	Hook    sandbox.HookState
}

func (m machine) story() (s story) {
	m.t.Helper()
	decode(m.t, m.Run("/usr/libexec/world", "story"), &s)
	return s
}

func (m machine) report() (r bootreport.Report) {
	m.t.Helper()
	decode(m.t, m.Run("cat", "/var/lib/muster/instances/"+instanceID+"/report.json"), &r)
	return r
}

// property returns a systemd property of a unit.
func (m machine) property(unit, name string) string {
	m.t.Helper()
	return m.Run("systemctl", "show", "--value", "--timestamp=us+utc", "--property="+name, unit)
}

// at returns a timestamp property of a unit.
func (m machine) at(unit, name string) time.Time {
	m.t.Helper()
	at, err := time.Parse("Mon 2006-01-02 15:04:05.999999 MST", m.property(unit, name))
	if err != nil {
		m.t.Fatalf("%s of %s: %v", name, unit, err)
	}
	return at
}

// state waits until a unit has this ActiveState and SubState.
func (m machine) state(unit, active, sub string) {
	m.t.Helper()
	m.Await(unit+" to be "+active+" ("+sub+")", func() bool {
		return m.property(unit, "ActiveState") == active && m.property(unit, "SubState") == sub
	})
}

func (m machine) settle(want string) {
	m.t.Helper()
	if got := m.Settle(); got != want {
		m.t.Errorf("the boot ended %s, want %s; failed: %s", got, want, m.Run("systemctl", "--failed", "--plain", "--no-legend"))
	}
	if strings.Contains(m.Run("journalctl", "--boot", "--no-pager"), "ordering cycle") {
		m.t.Error("systemd found an ordering cycle")
	}
}

func (m machine) onConsole(line string) {
	m.t.Helper()
	if !strings.Contains(m.Console(), line) {
		m.t.Errorf("the console does not show %q", line)
	}
}

// neverRan checks that the ECS agent never started, so that it cannot have joined any cluster.
func (m machine) neverRan() {
	m.t.Helper()
	if got := m.property("ecs.service", "ExecMainStartTimestamp"); got != "" {
		m.t.Errorf("ecs.service started at %s", got)
	}
	if phase := m.story().Agent.Phase; phase != sandbox.PhaseStopped {
		m.t.Errorf("the ECS agent is %s", phase)
	}
}

// failure checks the outcome, and that the launch hook and the stack received it.
func (m machine) failure(outcome bootreport.Outcome, cause string) {
	m.t.Helper()
	s, report := m.story(), m.report()
	if len(s.Signals) != 1 || s.Signals[0].Status != "FAILURE" || s.Hook.Result != "ABANDON" {
		m.t.Errorf("signals %+v, hook %+v", s.Signals, s.Hook)
	}
	if report.Outcome != outcome || report.Cause == nil || !strings.Contains(report.Cause.Summary, cause) {
		m.t.Errorf("%+v, cause %+v, want one that says %q", report, report.Cause, cause)
	}
	m.onConsole("muster: " + instanceID + " is " + string(outcome))
}

// joined checks every part of a successful boot, and returns the story.
func (m machine) joined(origin string) story {
	m.t.Helper()
	m.settle("running")
	m.state("muster-verify.service", "active", "exited")
	m.state("muster-agent.service", "active", "running") // Type=notify: the agent sent READY=1
	m.state("ecs.service", "active", "running")
	if got := m.property("muster-verify.service", "ExecMainStatus"); got != "0" {
		m.t.Errorf("muster verify ended with %s", got)
	}
	report := m.report()
	if report.Outcome != bootreport.Registered || !report.Confirmed || report.Cluster != "prod" || report.ClusterOrigin != origin ||
		len(report.Warnings) > 0 {
		m.t.Errorf("%+v", report)
	}
	m.onConsole("muster: " + instanceID + " registered in cluster prod")
	m.watched()
	s := m.story()
	if s.Agent.Phase != sandbox.PhaseRegistered || s.Agent.Cluster != "prod" || len(s.Calls) > 10 {
		m.t.Errorf("agent %+v, %d calls", s.Agent, len(s.Calls))
	}
	return s
}

// watched checks that muster-agent runs as its own user, has the settings that bootstrap recorded, can write to its
// spool, and publishes a state that root can read.
func (m machine) watched() {
	m.t.Helper()
	s := m.tells("the agent to see the registration", func(s agentstate.State) bool { return s.Registration.State == "registered" })
	if s.InstanceID != instanceID || s.Registration.Cluster != "prod" || s.Publishing.Namespace == "" {
		m.t.Errorf("%+v", s)
	}
	m.Run("test", "-d", "/var/lib/muster-agent/spool")
	if m.property("muster-agent.service", "User") == "root" ||
		strings.Contains(m.Run("journalctl", "--unit=muster-agent", "--no-pager"), "permission denied") {
		m.t.Error("muster-agent is root, or lacks a permission")
	}
	const listening = `for s in $(ls -l /proc/$0/fd | sed -n 's/.*socket:\[\(.*\)\]/\1/p'); do awk -v s=$s '$4 == "0A" && $10 == s' ` +
		`/proc/net/tcp /proc/net/tcp6; done`
	if open := m.Run("sh", "-c", listening, m.property("muster-agent.service", "MainPID")); open != "" {
		m.t.Errorf("muster-agent listens: %s", open)
	}
}

// tells waits until the agent's state file satisfies is.
func (m machine) tells(what string, is func(agentstate.State) bool) (s agentstate.State) {
	m.t.Helper()
	m.Await(what, func() bool {
		text, err := m.Try("cat", "/run/muster-agent/state.json")
		if err != nil {
			return false
		}
		s = agentstate.State{}
		decode(m.t, text, &s) // the file is replaced atomically, so it is always complete
		return is(s)
	})
	return s
}

// nobodyWaits checks that it is no failure if nothing waits for a signal. A machine that reboots in a container keeps
// the host's uptime. verify may therefore take the reboot for the same boot, in which it does not repeat delivered
// signals.
func (m machine) nobodyWaits() {
	m.t.Helper()
	sent := m.report().Deliveries
	if len(sent) != 2 || sent[0].Error+sent[1].Error != "" ||
		!slices.Contains([]string{"no longer waiting for CONTINUE", "CONTINUE"}, sent[0].What) ||
		!slices.Contains([]string{"not waiting for a signal", "SUCCESS for Workers"}, sent[1].What) {
		m.t.Errorf("%+v", sent)
	}
}

func boot(t *testing.T, files []systemdtest.File) machine {
	t.Helper()
	return machine{systemdtest.Boot(t, files...), t}
}

const tellAll = " --cfn-stack web --cfn-resource Workers --lifecycle-hook ready --on-failure abandon"
