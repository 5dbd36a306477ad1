package bootstrap

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"muster/bootstrap/bootreport"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/config"
	"muster/internal/sandbox"
	"muster/test/golden"
)

// awaited returns an instance with a launch hook, a stack and a group that wait for it.
func awaited(t *testing.T, state string, hook sandbox.Hook, plan sandbox.AgentPlan) *machine {
	t.Helper()
	hook.Name = "ready"
	m := boot(t, sandbox.Options{
		Agent: plan, Group: &sandbox.Group{Name: "workers", TargetState: state, Hooks: []sandbox.Hook{hook}},
		Stacks: map[string][]string{"stack": {"Workers"}},
	})
	return m.set("CLUSTER", "prod", "LIFECYCLE_HOOK", "ready", "CFN_STACK", "stack", "CFN_RESOURCE", "Workers")
}

// received returns what the hook, the stack and the group have received.
func (m *machine) received() string {
	hook, stack := m.Hook("ready").Result, "-"
	if hook == "" {
		hook = "-"
	}
	for _, s := range m.Signals("stack") {
		stack = s.Status + " by " + s.Scheme
	}
	return hook + ", " + stack + ", " + m.InstanceHealth()
}

func TestVerdictIsSentToAllReceivers(t *testing.T) {
	t.Parallel()
	failing := sandbox.AgentPlan{Hold: true}
	for name, test := range map[string]struct {
		plan     sandbox.AgentPlan
		state    string
		set      []string
		exit     int
		received string
	}{
		"registered":        {received: "CONTINUE, SUCCESS by CFN_V1, Healthy"},
		"registered, sigv4": {set: []string{"CFN_AUTH", "sigv4"}, received: "CONTINUE, SUCCESS by AWS4-HMAC-SHA256, Healthy"},
		"failed":            {plan: failing, exit: 10, received: "-, FAILURE by CFN_V1, Healthy"},
		"failed, sigv4": {plan: failing, set: []string{"CFN_AUTH", "sigv4"}, exit: 10,
			received: "-, FAILURE by AWS4-HMAC-SHA256, Healthy"},
		"failed, abandon": {plan: failing, set: []string{"ON_FAILURE", "abandon"}, exit: 10,
			received: "ABANDON, FAILURE by CFN_V1, Healthy"},
		"failed, unhealthy": {plan: failing, set: []string{"ON_FAILURE", "unhealthy"}, exit: 10,
			received: "ABANDON, FAILURE by CFN_V1, Healthy"},
		"failed, unhealthy only": {plan: failing, set: []string{"ON_FAILURE", "unhealthy", "LIFECYCLE_HOOK", ""}, exit: 10,
			received: "-, FAILURE by CFN_V1, Unhealthy"},
		"registered, unhealthy": {set: []string{"ON_FAILURE", "unhealthy", "LIFECYCLE_HOOK", ""}, received: "-, SUCCESS by CFN_V1, Healthy"},
		"warm, stopped":         {state: "Warmed:Stopped", set: []string{"ON_FAILURE", "unhealthy"}, exit: 12, received: "CONTINUE, -, Healthy"},
		"warm, running":         {state: "Warmed:Running", exit: 12, received: "CONTINUE, -, Healthy"},
		"warm, hibernated":      {state: "Warmed:Hibernated", exit: 12, received: "CONTINUE, -, Healthy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := awaited(t, test.state, sandbox.Hook{}, test.plan).set(test.set...)
			if test.exit == exitcode.NotRegistered {
				m.set("TIMEOUT", "100ms")
			}
			_, err := m.mustConfigure().verify()
			wantExit(t, err, test.exit)
			if got := m.received(); got != test.received {
				t.Errorf("received %s, want %s", got, test.received)
			}
		})
	}
}

func TestFailedBootstrapSendsSignalsAtOnce(t *testing.T) {
	t.Parallel()
	m := awaited(t, "", sandbox.Hook{}, sandbox.AgentPlan{}).set("CLUSTER", "prdo", "ON_FAILURE", "abandon")
	wantExit(t, m.configure(), exitcode.BadConfiguration)
	if got := m.received(); got != "ABANDON, FAILURE by CFN_V1, Healthy" {
		t.Error(got)
	}
	report := m.report()
	wantOutcome(t, report, bootreport.Misconfigured, "bootstrap-failed")
	wantText(t, report.Cause.Summary, "did you mean prod?")
	wantText(t, m.read("dev/console"), "is misconfigured: no cluster prdo")
	if report.Cluster != "prdo" {
		t.Errorf("%+v", report)
	}
}

func (m *machine) report() (report bootreport.Report) {
	m.t.Helper()
	if err := json.Unmarshal([]byte(m.read("var/lib/muster/instances/"+instanceID+"/report.json")), &report); err != nil {
		m.t.Fatal(err)
	}
	return report
}

func TestUndeterminedOutcomeSendsNoFailure(t *testing.T) {
	t.Parallel()
	m := awaited(t, "", sandbox.Hook{}, sandbox.AgentPlan{}).set("ON_FAILURE", "unhealthy", "LIFECYCLE_HOOK", "")
	m.mustConfigure().impatient()
	m.Inject(sandbox.Fault{Service: sandbox.IMDS, Action: "/latest/meta-data/autoscaling", Status: 500})
	report, err := m.verify()
	wantExit(t, err, exitcode.Undetermined)
	wantOutcome(t, report, bootreport.Undetermined, "")
	m.set("LIFECYCLE_HOOK", "ready")
	_, err = m.verify()
	wantExit(t, err, exitcode.Undetermined)
	if got := m.received(); got != "-, -, Healthy" {
		t.Error(got)
	}
	wantText(t, m.log.String(), "ends with its default result")
}

func TestTheHookIsKeptWaiting(t *testing.T) {
	t.Parallel()
	m := awaited(t, "", sandbox.Hook{Timeout: time.Second}, sandbox.AgentPlan{Hold: true})
	m.mustConfigure()
	var report bootreport.Report
	var err error
	done := make(chan struct{})
	go func() { defer close(done); report, err = m.verify() }()
	for m.Hook("ready").Heartbeats < 4 { // at 0, 0.4, 0.8 and 1.2 s, which is after the hook's own timeout
		<-time.After(5 * time.Millisecond)
	}
	m.Agent.Release()
	<-done
	if err != nil || m.Hook("ready").TimedOut {
		t.Errorf("%v %v", report, err)
	}
	if got := m.received(); got != "CONTINUE, SUCCESS by CFN_V1, Healthy" {
		t.Error(got)
	}
}

func TestFailedHeartbeatIsRetried(t *testing.T) {
	t.Parallel()
	m := awaited(t, "", sandbox.Hook{Timeout: time.Second}, sandbox.AgentPlan{Hold: true})
	m.Inject(sandbox.Fault{Service: sandbox.AutoScaling, Action: "RecordLifecycleActionHeartbeat", Kind: sandbox.KindServer, Times: 1})
	m.mustConfigure()
	done := make(chan struct{})
	go func() { defer close(done); _, _ = m.verify() }()
	for m.Hook("ready").Heartbeats < 1 {
		<-time.After(5 * time.Millisecond)
	}
	m.Agent.Release()
	<-done
	wantText(t, m.log.String(), "heartbeat not delivered")
}

func TestCompletedHookGetsNoMoreHeartbeats(t *testing.T) {
	t.Parallel()
	m := awaited(t, "", sandbox.Hook{Timeout: time.Minute}, sandbox.AgentPlan{Hold: true}).mustConfigure()
	m.complete("CONTINUE")
	done := make(chan struct{})
	go func() { defer close(done); _, _ = m.verify() }()
	for !strings.Contains(m.log.String(), "ready is no longer waiting") {
		<-time.After(5 * time.Millisecond)
	}
	m.Agent.Release()
	<-done
	if n := m.CallCount(sandbox.AutoScaling, "RecordLifecycleActionHeartbeat"); n != 1 {
		t.Errorf("%d heartbeats", n)
	}
}

func TestHooksThatCannotGetHeartbeats(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set    []string
		fault  sandbox.Fault
		before func(*machine)
		exit   int
		says   []string
	}{
		"no such hook": {set: []string{"LIFECYCLE_HOOK", "raedy"}, exit: 11,
			says: []string{"no such launch hook: raedy in Auto Scaling group workers"}},
		"may not look": {fault: sandbox.AccessDenied(sandbox.AutoScaling, "DescribeLifecycleHooks"), says: []string{"no heartbeats",
			"DescribeLifecycleHooks is not allowed", "launch hook ready: CONTINUE"}},
		"looking hangs": {fault: sandbox.Fault{Service: sandbox.AutoScaling, Action: "DescribeLifecycleHooks", Hang: true},
			says: []string{"no heartbeats", "no response from AWS in time", "launch hook ready: CONTINUE"}},
		"may not beat": {fault: sandbox.AccessDenied(sandbox.AutoScaling, "RecordLifecycleActionHeartbeat"),
			says: []string{"launch hook ready: CONTINUE"}},
		"may not end it": {fault: sandbox.AccessDenied(sandbox.AutoScaling, "CompleteLifecycleAction"), exit: 11,
			says: []string{"not delivered", "CompleteLifecycleAction is not allowed"}},
		"it is over": {before: func(m *machine) { m.complete("CONTINUE") }, says: []string{"no longer waiting for CONTINUE"}},
		"the group is unknown to us": {fault: sandbox.AccessDenied(sandbox.AutoScaling, ""), exit: 11,
			says: []string{"DescribeAutoScalingInstances is not allowed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := awaited(t, "", sandbox.Hook{}, sandbox.AgentPlan{}).set(test.set...).mustConfigure()
			if test.fault.Service != "" {
				m.Inject(test.fault)
			}
			if test.fault.Hang {
				m.impatient()
			}
			if test.before != nil {
				test.before(m)
			}
			report, err := m.verify()
			wantExit(t, err, test.exit)
			wantOutcome(t, report, bootreport.Registered, "")
			wantText(t, m.log.String(), test.says...)
		})
	}
}

// complete completes the hook without verify's knowledge.
func (m *machine) complete(result string) {
	r, err := m.host.open(m.t.Context())
	if err == nil {
		err = r.complete(m.t.Context(), result)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// An action that the policy lists is still denied if the tags that the policy compares are missing.
func TestADeniedSignalNamesTheTags(t *testing.T) {
	t.Parallel()
	const role = "aws iam tag-role --role-name muster-sandbox --tags Key=muster:cluster,Value=prod"
	group := func(name string) string {
		return "aws autoscaling create-or-update-tags --region eu-central-1 --tags ResourceId=" + name +
			",ResourceType=auto-scaling-group,Key=muster:cluster,Value=prod,PropagateAtLaunch=false"
	}
	for name, c := range map[string]struct {
		service, action string
		set             []string
		exit            int
		want            []string
	}{
		"the hook's end": {sandbox.AutoScaling, "CompleteLifecycleAction", []string{"CFN_STACK", "", "CFN_RESOURCE", ""}, 11,
			[]string{role, group("workers")}},
		"the stack": {sandbox.CloudFormation, "SignalResource", []string{"LIFECYCLE_HOOK", "", "CFN_AUTH", "sigv4"}, 11, []string{role}},
		"the replacement": {sandbox.AutoScaling, "SetInstanceHealth", []string{"LIFECYCLE_HOOK", "", "CFN_STACK", "", "CFN_RESOURCE", "",
			"ON_FAILURE", "unhealthy", "TIMEOUT", "100ms"}, 10, []string{role, group("GROUP")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := awaited(t, "", sandbox.Hook{}, sandbox.AgentPlan{Hold: c.exit == exitcode.NotRegistered}).set(c.set...).mustConfigure()
			m.Inject(sandbox.AccessDenied(c.service, c.action))
			report, err := m.verify()
			wantExit(t, err, c.exit)
			if d := report.Undelivered(); len(d) != 1 || !slices.Equal(d[0].Fix.Commands, c.want) {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestHookWithoutAGroupIsAnUndeliveredSignal(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod", "LIFECYCLE_HOOK", "ready").mustConfigure()
	report, err := m.verify()
	wantExit(t, err, exitcode.SignalUndelivered)
	wantText(t, report.Deliveries[0].Error, "in no Auto Scaling group")
}

func TestStacksThatGetNoSignal(t *testing.T) {
	t.Parallel()
	denied := sandbox.AccessDenied(sandbox.CloudFormation, "")
	for name, test := range map[string]struct {
		plan  sandbox.AgentPlan
		set   []string
		fault *sandbox.Fault
		exit  int
		says  string
	}{
		"not waiting": {fault: &sandbox.Fault{Status: 400, Code: "ValidationError",
			Message: "Stack arn:x is in CREATE_COMPLETE state and can not be signaled"}, says: "not waiting for a signal"},
		"not waiting, new spelling": {fault: &sandbox.Fault{Status: 400, Code: "ValidationError",
			Message: "Stack arn:x is in CREATE_COMPLETE state and cannot be signaled"}, says: "not waiting for a signal"},
		"not waiting, sigv4": {set: []string{"CFN_AUTH", "sigv4"}, fault: &sandbox.Fault{Status: 400, Code: "ValidationError",
			Message: "Stack arn:x cannot be signaled"}, says: "not waiting for a signal"},
		"denied": {fault: &denied, exit: 11, says: "not delivered"},
		"denied, sigv4": {set: []string{"CFN_AUTH", "sigv4"}, fault: &denied, exit: 11,
			says: "cloudformation:SignalResource is not allowed"},
		"denied, and failed": {plan: sandbox.AgentPlan{Hold: true}, fault: &denied, exit: 10, says: "not delivered"},
		"no such stack":      {set: []string{"CFN_STACK", "other"}, exit: 11, says: "Stack 'other' does not exist"},
		"no such resource":   {set: []string{"CFN_RESOURCE", "Other"}, exit: 11, says: "Other"},
		"hanging":            {fault: &sandbox.Fault{Hang: true}, exit: 11, says: "no response from AWS in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := awaited(t, "", sandbox.Hook{}, test.plan).set("LIFECYCLE_HOOK", "").set(test.set...).mustConfigure()
			if test.exit == exitcode.NotRegistered {
				m.set("TIMEOUT", "100ms")
			}
			if test.fault != nil {
				fault := *test.fault // some rows share a fault
				fault.Service = sandbox.CloudFormation
				m.Inject(fault)
				if test.fault.Hang {
					m.impatient()
				}
			}
			report, err := m.verify()
			wantExit(t, err, test.exit)
			d := report.Deliveries[0]
			wantText(t, d.What+d.Error+m.log.String(), test.says)
			if (d.Error != "") != (test.exit != 0) {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestUnreadableSignedIdentity(t *testing.T) {
	t.Parallel()
	m := awaited(t, "", sandbox.Hook{}, sandbox.AgentPlan{}).set("LIFECYCLE_HOOK", "").mustConfigure().impatient()
	m.Inject(sandbox.Fault{Service: sandbox.IMDS, Action: "/latest/dynamic/instance-identity/signature", Status: 500})
	report, err := m.verify()
	wantExit(t, err, exitcode.SignalUndelivered)
	wantText(t, report.Deliveries[0].Error, "signed identity document", "500")
}

// The report is a public format. Fields may only be added.
func TestReportMatchesTheGoldenFile(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]sandbox.AgentPlan{"registered": {}, "wrong-cluster": {Cluster: "default"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := awaited(t, "", sandbox.Hook{}, plan).mustConfigure()
			before := m.CallCount("", "")
			report, _ := m.verify()
			if sent := m.CallCount("", "") - before; report.AWSCalls != sent {
				t.Errorf("the report counts %d AWS calls, %d were sent", report.AWSCalls, sent)
			}
			text := m.read("var/lib/muster/instances/" + instanceID + "/report.json")
			text = strings.NewReplacer(
				report.ContainerInstanceARN, "arn:aws:ecs:eu-central-1:123456789012:container-instance/CLUSTER/ID",
				report.StartedAt.Format(time.RFC3339Nano), "2026-01-02T03:04:05Z",
				"waited 1s", "waited 0s", m.root, "",
			).Replace(text)
			text = regexp.MustCompile(`("waited_seconds"): [0-9.e-]+`).ReplaceAllString(text, "$1: 1")
			golden.File(t, "report-"+name+".json", []byte(text))
			if info, err := os.Stat(m.path("var/lib/muster/instances/" + instanceID + "/report.json")); err != nil || info.Mode() != 0o600 {
				t.Errorf("%v %v", info.Mode(), err)
			}
		})
	}
}

func TestUnwritableReportDoesNotChangeTheOutcome(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod").mustConfigure()
	m.put("srv", "")
	for _, path := range []string{"/srv/deep/report.json", "/etc"} {
		m.set("REPORT", path)
		if _, err := m.verify(); err != nil {
			t.Error(err)
		}
		wantText(t, m.log.String(), "phase=report", m.path(path))
	}
	m.set("REPORT", "/new/deep/report.json")
	if _, err := m.verify(); err != nil {
		t.Error(err)
	}
	wantText(t, m.read("new/deep/report.json"), `"outcome": "registered"`)
}

func TestConsole(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod").mustConfigure()
	if err := unix.Mkfifo(m.path("dev/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for console, says := range map[string]string{"/dev/pipe": "dev/pipe", "/dev/none": "no such file", "": ""} {
		m.set("CONSOLE", console)
		if _, err := m.verify(); err != nil {
			t.Errorf("%q: %v", console, err)
		}
		wantText(t, m.log.String(), says)
	}
	if got := m.read("dev/console"); got != "" {
		t.Errorf("%q", got)
	}
	m.set("CONSOLE", "/dev/console")
	if _, err := m.verify(); err != nil {
		t.Error(err)
	}
	if got := m.read("dev/console"); !strings.HasPrefix(got, "muster: "+instanceID+" registered in cluster prod after ") ||
		!strings.HasSuffix(got, "s\r\n") {
		t.Errorf("%q", got)
	}
}

func TestLineIsAlwaysASingleLine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		report bootreport.Report
		want   string
	}{
		"registered": {bootreport.Report{Outcome: bootreport.Registered, InstanceID: "i-1", Cluster: "prod", WaitedSeconds: 2.4},
			"muster: i-1 registered in cluster prod after 2s"},
		"deferred": {bootreport.Report{Outcome: bootreport.Deferred, InstanceID: "i-1", Reason: "warm"}, "muster: i-1 deferred: warm"},
		"not registered": {bootreport.Report{Outcome: bootreport.NotRegistered, InstanceID: "i-1", Cluster: "prod",
			Cause: &bootreport.Cause{Summary: "a\nb\x1b[2J"}}, "muster: i-1 did NOT register in cluster prod: a b [2J"},
		"unknown": {bootreport.Report{Outcome: bootreport.Undetermined, Reason: "no IMDS"},
			"muster: this instance is undetermined: no IMDS"},
		"no cluster": {bootreport.Report{Outcome: bootreport.NotRegistered, InstanceID: "i-1", Reason: "x"},
			"muster: i-1 did NOT register in cluster (none named): x"},
	} {
		if got := test.report.Line(); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestAReportsErrorReadsAsSentences(t *testing.T) {
	t.Parallel()
	err := bootreport.Report{ExitCode: exitcode.NotRegistered, Reason: "it did not register", Cause: bootreport.NewCause("x",
		"The agent complains.", fix.Do("Read the log."))}.Err()
	if want := "The agent complains\nit did not register\nRead the log."; whole(err) != want {
		t.Errorf("%q, want %q", whole(err), want)
	}
}

func TestInvalidSettingsKeepTheRootAndTheConsole(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"a bad one beside them": "MUSTER_TIMEOUT=ten",
		"a bad one among those who wait": "MUSTER_CFN_STACK=half"} {
		i := (&Host{Settings: config.Set{Environ: []string{more, "MUSTER_ROOT=/mnt", "MUSTER_CONSOLE="}}}).lenient()
		if i == nil || i.Config.Root != "/mnt" || i.Config.Console != "" {
			t.Errorf("%s: %+v", name, i)
		}
	}
	if i := (&Host{Settings: config.Set{Environ: []string{"MUSTER_ROOT=relative"}}}).lenient(); i != nil {
		t.Errorf("a root that is none: %+v", i)
	}
}

func TestInvalidSettingsAreSignaled(t *testing.T) {
	t.Parallel()
	m := awaited(t, "", sandbox.Hook{}, sandbox.AgentPlan{}).set("TIMEOUT", "ten", "ON_FAILURE", "abandon")
	err := m.configure()
	wantExit(t, err, exitcode.BadConfiguration)
	wantText(t, whole(err), `MUSTER_TIMEOUT="ten": not a duration`)
	if got := m.received(); got != "ABANDON, FAILURE by CFN_V1, Healthy" {
		t.Error(got)
	}
	m = boot(t, sandbox.Options{}).set("TIMEOUT", "ten")
	wantExit(t, m.configure(), exitcode.BadConfiguration)
	if n := len(m.LocalRequests()); n != 0 {
		t.Errorf("nobody waits, and the metadata service was asked %d times", n)
	}
}

func TestInterruptedDryRunIsReported(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	wantExit(t, boot(t, sandbox.Options{}).set("CLUSTER", "prod").host.Configure(ctx, Options{DryRun: true}), exitcode.Interrupted)
}

func TestSignalsHaveATimeLimit(t *testing.T) {
	t.Parallel()
	m := awaited(t, "", sandbox.Hook{}, sandbox.AgentPlan{}).mustConfigure()
	m.impatient().host.pace.signal = 4 * time.Second
	m.Inject(sandbox.Fault{Service: sandbox.AutoScaling, Action: "CompleteLifecycleAction", Hang: true})
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	report, err := m.host.Verify(ctx)
	wantExit(t, err, exitcode.SignalUndelivered)
	if len(report.Deliveries) != 2 || report.Deliveries[0].Error == "" || report.Deliveries[1].Error != "" {
		t.Errorf("%+v", report.Deliveries)
	}
}
