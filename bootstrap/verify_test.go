package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"muster/bootstrap/bootreport"
	"muster/internal/awsapi"
	"muster/internal/base/exitcode"
	"muster/internal/config"
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/host/units"
	"muster/internal/instance"
	"muster/internal/sandbox"
)

func TestVerifyWaitsForTheRegistration(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		plan  sandbox.AgentPlan
		later sandbox.Answer
	}{
		"at once":           {plan: sandbox.AgentPlan{}},
		"after a while":     {plan: sandbox.AgentPlan{After: 100 * time.Millisecond}},
		"null ARN first":    {plan: sandbox.AgentPlan{Answer: sandbox.AnswerNullARN}},
		"empty ARN first":   {plan: sandbox.AgentPlan{Answer: sandbox.AnswerEmptyARN}},
		"hanging first":     {plan: sandbox.AgentPlan{Answer: sandbox.AnswerHangs}},
		"half first":        {plan: sandbox.AgentPlan{Answer: sandbox.AnswerHalf}},
		"cluster as ARN":    {plan: sandbox.AgentPlan{Answer: sandbox.AnswerClusterARN}, later: sandbox.AnswerClusterARN},
		"null, then as ARN": {plan: sandbox.AgentPlan{Answer: sandbox.AnswerNullARN}, later: sandbox.AnswerClusterARN},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{Agent: test.plan}).set("CLUSTER", "prod").mustConfigure()
			// The agent's response changes after two requests.
			asked := 0
			agent := m.host.Agent
			m.host.Agent = func(cfg *config.Config) Introspection {
				real := agent(cfg)
				return introspecting(func(ctx context.Context) (ecsagent.Metadata, error) {
					if asked++; asked == 3 {
						m.Agent.SetPlan(sandbox.AgentPlan{Answer: test.later})
					}
					return real.Metadata(ctx)
				})
			}
			report, err := m.verify()
			if err != nil {
				t.Fatal(err)
			}
			wantOutcome(t, report, bootreport.Registered, "")
			arn := m.ContainerInstances("prod")[0].Arn
			if report.ContainerInstanceARN != arn || !report.Confirmed || report.Cluster != "prod" ||
				report.ClusterOrigin != "flag --cluster" {
				t.Errorf("%+v", report)
			}
			wantText(t, report.AgentVersion, "1.105.1")
		})
	}
}

type introspecting func(context.Context) (ecsagent.Metadata, error)

func (f introspecting) Metadata(ctx context.Context) (ecsagent.Metadata, error) { return f(ctx) }
func (f introspecting) Tasks(context.Context) ([]ecsagent.Task, error)          { return nil, nil }

func TestVerifyReportsTheCause(t *testing.T) {
	t.Parallel()
	deny := sandbox.AccessDenied(sandbox.ECS, "RegisterContainerInstance")
	for name, test := range map[string]struct {
		plan    sandbox.AgentPlan
		fault   *sandbox.Fault
		prepare func(*machine)
		timeout string
		cause   string
		says    []string
	}{
		"introspection refused": {plan: sandbox.AgentPlan{Hold: true}, timeout: "300ms", cause: "introspection-refused",
			says: []string{"waited "}},
		"hung": {plan: sandbox.AgentPlan{Answer: sandbox.AnswerHangs}, timeout: "500ms", cause: "introspection-silent",
			says: []string{"systemctl --no-block restart ecs.service"}},
		"hung, and shorter asked": {plan: sandbox.AgentPlan{Answer: sandbox.AnswerHangs}, timeout: "20ms", cause: "introspection-silent"},
		"half an answer":          {plan: sandbox.AgentPlan{Answer: sandbox.AnswerHalf}, timeout: "300ms", cause: "introspection-garbled"},
		"null ARN": {plan: sandbox.AgentPlan{Answer: sandbox.AnswerNullARN}, timeout: "300ms", cause: "not-registered",
			says: []string{"no container instance ARN"}},
		"in another cluster": {plan: sandbox.AgentPlan{Cluster: "default"}, timeout: "10m", cause: "wrong-cluster",
			says: []string{"in cluster default, not in prod", "--reset-stale-state"}},
		"the agent exited with 5": {prepare: func(m *machine) { m.SetCluster("prod", "INACTIVE"); m.Agent.SetPlan(sandbox.AgentPlan{}) },
			plan: sandbox.AgentPlan{Hold: true}, timeout: "10m", cause: "cluster-deleted", says: []string{"terminal exit code 5"}},
		"the agent may not": {fault: &deny, timeout: "300ms", cause: "access-denied", says: []string{"ecs:RegisterContainerInstance"}},
		"the unit was masked": {plan: sandbox.AgentPlan{Hold: true}, prepare: func(m *machine) {
			m.systemd.reboot()
			m.Agent.Stop()
			m.systemd.unit(ecsUnit).Masked, m.systemd.unit(ecsUnit).Active = true, "inactive"
		}, timeout: "10m", cause: "ecs-unit-masked"},
		"the unit was held back": {plan: sandbox.AgentPlan{Hold: true}, prepare: func(m *machine) {
			m.Agent.Stop()
			m.systemd.unit(ecsUnit).MaskedRuntime, m.systemd.unit(ecsUnit).Active = true, "inactive"
		}, timeout: "10m", cause: "ecs-unit-held-back", says: []string{"muster bootstrap again"}},
		"the unit was not started": {plan: sandbox.AgentPlan{Hold: true},
			prepare: func(m *machine) { m.Agent.Stop(); m.systemd.unit(ecsUnit).Active = "inactive" }, timeout: "300ms",
			cause: "ecs-unit-not-started"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{Agent: test.plan}).set("CLUSTER", "prod", "TIMEOUT", test.timeout)
			if test.fault != nil {
				m.Inject(*test.fault)
			}
			m.mustConfigure()
			if test.prepare != nil {
				test.prepare(m)
				m.Agent.Release()
			}
			if test.plan.Answer != sandbox.AnswerNormal { // the agent is listening
				_, _ = m.Agent.Await(t.Context(), func(s sandbox.AgentStatus) bool { return s.Phase == sandbox.PhaseRegistered })
			}
			if test.fault != nil { // the agent has seen the fault
				_, _ = m.Agent.Await(t.Context(), func(s sandbox.AgentStatus) bool { return s.Exits > 0 })
			}
			report, err := m.verify()
			wantExit(t, err, exitcode.NotRegistered)
			wantOutcome(t, report, bootreport.NotRegistered, test.cause)
			wantText(t, whole(err)+strings.Join(report.Evidence, "\n"), append(test.says, report.Cause.Fix.Text)...)
			wantText(t, report.Line(), "did NOT register in cluster prod", report.Cause.Summary)
		})
	}
}

// Either the cluster existed when bootstrap checked, or bootstrap could not check.
func TestAgentsErrorAboutAMissingClusterIsTheCause(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prdo", "TIMEOUT", "10m")
	m.Inject(sandbox.AccessDenied(sandbox.ECS, "DescribeClusters"))
	report, err := m.mustConfigure().verify()
	wantExit(t, err, exitcode.NotRegistered)
	wantOutcome(t, report, bootreport.NotRegistered, "cluster-not-found")
	wantText(t, strings.Join(report.Evidence, "\n"), "exited once, with code 5", "-agent.log:", "Cluster not found.")
}

func TestTerminalExitIsDetectedWithoutSystemd(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod", "TIMEOUT", "10m")
	m.host.Units = func(context.Context, string) (Units, error) { return nil, instance.ErrNoSystemd }
	m.agentLogged("ecs-init.log", time.Now(), "info", "Agent exited with code 5")
	report, err := m.verify()
	wantExit(t, err, exitcode.NotRegistered)
	wantText(t, strings.Join(report.Evidence, "\n"), "terminal exit code 5", "not booted by systemd")
}

func TestOldLogLinesAreNotTheCause(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]time.Time{"of another boot": time.Unix(1e9, 0), "before bootstrap": time.Now().Add(-2 * time.Second)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{Agent: sandbox.AgentPlan{Hold: true}}).set("CLUSTER", "prod", "TIMEOUT", "200ms").mustConfigure()
			m.agentLogged("ecs-init.log", at, "info", "Agent exited with code 5")
			m.agentLogged("ecs-agent.log", at, "error", "AccessDeniedException: not authorized to perform: ecs:Poll")
			report, err := m.verify()
			wantExit(t, err, exitcode.NotRegistered)
			wantOutcome(t, report, bootreport.NotRegistered, "introspection-refused")
			if text := strings.Join(report.Evidence, "\n"); strings.Contains(text, "exited") || strings.Contains(text, "AccessDenied") {
				t.Errorf("blamed: %s", text)
			}
		})
	}
}

// verify --wait runs before the restart that bootstrap has queued.
func TestClusterBeforeAQueuedRestartIsIgnored(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod").mustConfigure()
	m.systemd.unit(ecsUnit).Job = &units.Job{Type: "restart", State: "running"}
	var asked atomic.Int64 // the checks for the cause send requests at the same time
	m.host.Agent = func(*config.Config) Introspection {
		return introspecting(func(context.Context) (ecsagent.Metadata, error) {
			if asked.Add(1) < 3 {
				return ecsagent.Metadata{Cluster: "default", ContainerInstanceARN: "arn:old"}, nil
			}
			return ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: m.ContainerInstances("prod")[0].Arn}, nil
		})
	}
	if _, err := m.Agent.Await(t.Context(), func(s sandbox.AgentStatus) bool { return s.Phase == sandbox.PhaseRegistered }); err != nil {
		t.Fatal(err)
	}
	report, err := m.verify()
	wantExit(t, err, exitcode.Healthy)
	wantOutcome(t, report, bootreport.Registered, "")

	m.set("TIMEOUT", "200ms") // if the restart never happens, the wrong cluster is the cause
	asked.Store(-1 << 30)
	report, err = m.verify()
	wantExit(t, err, exitcode.NotRegistered)
	wantOutcome(t, report, bootreport.NotRegistered, "wrong-cluster")
}

func TestTerminalExitBeforeAManualRestartIsIgnored(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{Agent: sandbox.AgentPlan{Hold: true}}).set("CLUSTER", "prod").mustConfigure()
	m.agentLogged("ecs-init.log", time.Now().Add(time.Second), "info", "Agent exited with code 5")
	asked, agent := 0, m.host.Agent
	m.host.Agent = func(cfg *config.Config) Introspection {
		return introspecting(func(ctx context.Context) (ecsagent.Metadata, error) {
			if asked++; asked == 2*pollsPerLook {
				m.Agent.Release()
			}
			return agent(cfg).Metadata(ctx)
		})
	}
	report, _ := m.verify()
	wantOutcome(t, report, bootreport.Registered, "")
}

func TestVerdictsOfTheECSAPI(t *testing.T) {
	t.Parallel()
	const describe = "DescribeContainerInstances"
	for name, test := range map[string]struct {
		fault   *sandbox.Fault
		edit    func(*sandbox.ContainerInstance)
		then    func(*sandbox.ContainerInstance) // change before the second request
		asks    int
		cause   string // empty if it registered
		warning string
		says    string
	}{
		"agrees":           {asks: 1},
		"agrees, draining": {edit: func(ci *sandbox.ContainerInstance) { ci.Status = "DRAINING" }, asks: 1},
		"denies us": {fault: &sandbox.Fault{Kind: sandbox.KindAccessDenied}, asks: 1,
			warning: "ecs:DescribeContainerInstances is not allowed"},
		"throttles us":  {fault: &sandbox.Fault{Kind: sandbox.KindThrottled}, asks: 3, warning: "request rate"},
		"hangs up":      {fault: &sandbox.Fault{Reset: true}, asks: 1, warning: "the connection was closed before the response"},
		"talks rubbish": {fault: &sandbox.Fault{Body: "<html>"}, asks: 1, warning: "only the ECS agent reports the registration"},
		"sees no agent at first": {edit: func(ci *sandbox.ContainerInstance) { ci.AgentConnected = false },
			then: func(ci *sandbox.ContainerInstance) { ci.AgentConnected = true }, asks: 2},
		"still registers it": {edit: func(ci *sandbox.ContainerInstance) { ci.Status = "REGISTERING" },
			then: func(ci *sandbox.ContainerInstance) { ci.Status = "ACTIVE" }, asks: 2},
		"never sees the agent": {edit: func(ci *sandbox.ContainerInstance) { ci.AgentConnected = false }, asks: 3, cause: "agent-disconnected",
			says: "ecs:Poll"},
		"registers for ever": {edit: func(ci *sandbox.ContainerInstance) { ci.Status = "REGISTERING" }, asks: 3, cause: "still-registering"},
		"has deregistered it": {edit: func(ci *sandbox.ContainerInstance) { ci.Status = "INACTIVE" }, asks: 1,
			cause: "container-instance-inactive", says: "agent.db"},
		"failed to register it": {edit: func(ci *sandbox.ContainerInstance) { ci.Status, ci.StatusReason = "REGISTRATION_FAILED", "no trunk" },
			asks: 1, cause: "registration-failed", says: "no trunk"},
		"knows it as another's": {edit: func(ci *sandbox.ContainerInstance) { ci.EC2InstanceID = "i-0fedcba9876543210" }, asks: 1,
			cause: "foreign-container-instance", says: "i-0fedcba9876543210"},
		"does not know it": {edit: func(ci *sandbox.ContainerInstance) { ci.Arn = "arn:another" }, asks: 3,
			cause: "container-instance-unknown", says: "in another account or region"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod").mustConfigure()
			status, err := m.Agent.Await(t.Context(), func(s sandbox.AgentStatus) bool { return s.Phase == sandbox.PhaseRegistered })
			if err != nil {
				t.Fatal(err)
			}
			if test.edit != nil {
				m.EditContainerInstance(status.ARN, test.edit)
			}
			if test.fault != nil {
				test.fault.Service, test.fault.Action = sandbox.ECS, describe
				m.Inject(*test.fault)
			}
			if test.then != nil {
				aws := m.host.AWS
				m.host.AWS = func(ctx context.Context, region string) (AWS, error) {
					real, err := aws(ctx, region)
					return &changing{AWS: real, before: func(n int) {
						if n == 2 {
							m.EditContainerInstance(status.ARN, test.then)
						}
					}}, err
				}
			}
			report, err := m.verify()
			wantExit(t, err, map[bool]int{true: exitcode.Healthy, false: exitcode.NotRegistered}[test.cause == ""])
			wantOutcome(
				t,
				report,
				map[bool]bootreport.Outcome{true: bootreport.Registered, false: bootreport.NotRegistered}[test.cause == ""],
				test.cause,
			)
			if report.Confirmed != (test.cause == "" && test.warning == "") {
				t.Errorf("confirmed %v", report.Confirmed)
			}
			wantText(t, strings.Join(report.Warnings, "\n"), test.warning)
			if test.says != "" {
				wantText(t, whole(err), test.says)
			}
			if n := m.CallCount(sandbox.ECS, describe); n != test.asks {
				t.Errorf("asked %d times, want %d", n, test.asks)
			}
		})
	}
}

// changing runs a function before the n-th request for the container instance.
type changing struct {
	AWS
	n      int
	before func(n int)
}

func (c *changing) ContainerInstance(ctx context.Context, cluster, arn string) (awsapi.ContainerInstance, error) {
	c.n++
	c.before(c.n)
	return c.AWS.ContainerInstance(ctx, cluster, arn)
}

// The registration happens at any time between two polls, and must be detected within a second on the code's own clock.
func TestRegistrationIsDetectedWithinASecond(t *testing.T) {
	for _, at := range []time.Duration{0, time.Millisecond, 499 * time.Millisecond, 37*time.Second + 1, 9 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			asked := 0
			r := &run{Host: &Host{Agent: func(*config.Config) Introspection {
				return introspecting(func(context.Context) (ecsagent.Metadata, error) {
					asked++
					if time.Since(began) < at {
						return ecsagent.Metadata{}, ecsagent.ErrRefused
					}
					return ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: "arn"}, nil
				})
			}}, pace: realPace(), wanted: ref(t, "prod"), Instance: &instance.Instance{Config: &config.Config{Root: t.TempDir()}}}
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
			defer stop()
			if _, err := r.await(ctx); err != nil {
				t.Fatal(err)
			}
			if late := time.Since(began) - at; late > time.Second {
				t.Errorf("seen after %s", late)
			}
			if most := int(at/r.pace.poll) + 2; asked > most {
				t.Errorf("asked %d times in %s", asked, at)
			}
		})
	}
}

func TestTimeoutKeepsTheAgentsLastResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &run{Host: &Host{Agent: func(*config.Config) Introspection {
			return introspecting(func(ctx context.Context) (ecsagent.Metadata, error) {
				if ctx.Err() != nil {
					return ecsagent.Metadata{}, ecsagent.ErrSilent
				}
				return ecsagent.Metadata{}, ecsagent.ErrRefused
			})
		}}, pace: realPace(), wanted: ref(t, "prod"), Instance: &instance.Instance{Config: &config.Config{Root: t.TempDir()}}}
		for range 50 { // the last poll and the deadline coincide, in either order
			ctx, stop := context.WithTimeout(t.Context(), 2*r.pace.poll)
			if _, err := r.await(ctx); !errors.Is(err, ecsagent.ErrRefused) {
				t.Fatal(err)
			}
			stop()
		}
	})
}

// verify waits only for conditions that the agent's normal disconnects can cause.
func TestECSAPIIsPolledForFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		api := &disconnected{}
		r := &run{
			Host:     &Host{},
			pace:     realPace(),
			wanted:   ref(t, "prod"),
			aws:      api,
			Instance: &instance.Instance{Identity: imds.Identity{InstanceID: instanceID}},
		}
		err := r.confirm(t.Context(), ecsagent.Metadata{ContainerInstanceARN: "arn"}, &bootreport.Report{})
		if why, is := asKnown(err); !is || why.ID != "agent-disconnected" {
			t.Errorf("%v", err)
		}
		if waited := time.Since(began); waited < 5*time.Minute || api.asked > 5 {
			t.Errorf("asked %d times in %s", api.asked, waited)
		}
	})
}

type disconnected struct {
	AWS
	asked int
}

func (d *disconnected) ContainerInstance(context.Context, string, string) (awsapi.ContainerInstance, error) {
	d.asked++
	return awsapi.ContainerInstance{ARN: "arn", Status: "ACTIVE"}, nil
}

// A call that fails, or that the deadline interrupts, does not invalidate an earlier response.
func TestLastResponseOfECSCounts(t *testing.T) {
	gone := errors.New("ecs:DescribeContainerInstances: no response in time")
	for name, c := range map[string]struct {
		answers []string // one per call: "connected", "disconnected", "throttled"; later calls hang
		cause   string   // empty if it registered
		asked   int
	}{
		"disconnected, then silence":            {[]string{"disconnected"}, "agent-disconnected", 2},
		"disconnected, throttled, then silence": {[]string{"disconnected", "throttled"}, "agent-disconnected", 3},
		"disconnected, throttled, connected":    {[]string{"disconnected", "throttled", "connected"}, "", 3},
		"disconnected, and throttled for ever": {[]string{"disconnected", "throttled", "throttled", "throttled", "throttled"},
			"agent-disconnected", 5},
		"throttled, then silence: the agent is believed": {[]string{"throttled"}, "", 2},
		"throttled, then connected":                      {[]string{"throttled", "throttled", "connected"}, "", 3},
		"throttled, then disconnected":                   {[]string{"throttled", "disconnected"}, "agent-disconnected", 3},
		"throttled for ever: the agent is believed":      {[]string{"throttled", "throttled", "throttled", "throttled"}, "", 4},
		"silence: the agent is taken at its word":        {nil, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				api := &scripted{answer: func(ctx context.Context) (awsapi.ContainerInstance, error) {
					asked++
					if asked > len(c.answers) {
						<-ctx.Done()
						return awsapi.ContainerInstance{}, &awsapi.Error{Kind: awsapi.Unreachable, Err: gone}
					}
					answer := c.answers[asked-1]
					if answer == "throttled" {
						return awsapi.ContainerInstance{}, &awsapi.Error{Kind: awsapi.Throttled, Err: errors.New("Rate exceeded")}
					}
					return awsapi.ContainerInstance{ARN: "arn", Status: "ACTIVE", Connected: answer == "connected"}, nil
				}}
				r := &run{
					Host:     &Host{Log: slog.New(slog.DiscardHandler)},
					pace:     realPace(),
					wanted:   ref(t, "prod"),
					aws:      api,
					Instance: &instance.Instance{Identity: imds.Identity{InstanceID: instanceID}},
				}
				ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
				defer stop()
				err := r.confirm(ctx, ecsagent.Metadata{ContainerInstanceARN: "arn"}, &bootreport.Report{})
				why, is := asKnown(err)
				if is != (c.cause != "") || is && why.ID != c.cause || asked != c.asked {
					t.Errorf("%v, after %d calls", err, asked)
				}
			})
		})
	}
}

type scripted struct {
	AWS
	answer func(context.Context) (awsapi.ContainerInstance, error)
}

func (s *scripted) ContainerInstance(ctx context.Context, _, _ string) (awsapi.ContainerInstance, error) {
	return s.answer(ctx)
}

func TestVerifyWithoutAClusterIsMisconfigured(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config string
		code   int
		says   string
	}{
		"no file":         {code: 78, says: `joins the cluster "default"`},
		"not in the file": {config: "ECS_X=1\n", code: 78, says: ecsConfig},
		"quoted there":    {config: "ECS_CLUSTER=\"prod\"\n", code: 78, says: "ECS_CLUSTER in "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{})
			if test.config != "" {
				m.put(ecsConfig, test.config)
			}
			report, err := m.verify()
			wantExit(t, err, test.code)
			wantOutcome(t, report, bootreport.Misconfigured, "")
			wantText(t, whole(err), test.says)
		})
	}
	t.Run("a directory there", func(t *testing.T) {
		t.Parallel()
		m := boot(t, sandbox.Options{})
		m.put(ecsConfig+"/x", "")
		report, err := m.verify()
		wantExit(t, err, exitcode.Undetermined)
		wantOutcome(t, report, bootreport.Undetermined, "")
	})
}

// ecs-init merges its two files, and the agent reads a third one (agent/config/config.go).
func TestVerifyReadsTheClusterFromEachFileOfTheAgent(t *testing.T) {
	t.Parallel()
	for path, text := range map[string]string{
		ecsConfig:                 "ECS_CLUSTER= prod \n",
		"var/lib/ecs/ecs.config":  "ECS_CLUSTER=prod\n",
		"etc/ecs/ecs.config.json": `{"Cluster": "prod"}`,
		"user data":               `{"ECSAgentConfiguration": {"Cluster": "prod"}}`,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			opts := sandbox.Options{Agent: sandbox.AgentPlan{Cluster: "prod"}}
			if path == "user data" {
				opts.UserData = text
			}
			m := boot(t, opts)
			if path != "user data" {
				m.put(path, text)
			}
			if err := m.systemd.Queue(t.Context(), units.Start, ecsUnit); err != nil {
				t.Fatal(err)
			}
			report, err := m.verify()
			if err != nil {
				t.Fatal(err)
			}
			wantText(t, report.ClusterOrigin, "ECS_CLUSTER in ", path)
		})
	}
}

func TestInterruptedVerifySendsNoSignals(t *testing.T) {
	t.Parallel()
	m := boot(
		t,
		sandbox.Options{
			Agent:  sandbox.AgentPlan{Hold: true},
			Group:  &sandbox.Group{Name: "workers", Hooks: []sandbox.Hook{{Name: "ready"}}},
			Stacks: map[string][]string{"stack": {"Workers"}},
		},
	)
	m.set("CLUSTER", "prod", "LIFECYCLE_HOOK", "ready", "CFN_STACK", "stack", "CFN_RESOURCE", "Workers", "ON_FAILURE", "unhealthy", "TIMEOUT",
		"10m").
		mustConfigure()
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	report, err := m.host.Verify(ctx)
	wantExit(t, err, exitcode.Interrupted)
	wantOutcome(t, report, bootreport.Undetermined, "")
	wantText(t, report.Line(), "interrupted")
	if m.Hook("ready").Result != "" || m.InstanceHealth() != "Healthy" || len(m.Signals("stack")) != 0 {
		t.Error("a signal was sent")
	}
}

func TestBootMakesAtMostTenCalls(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{
		Group:  &sandbox.Group{Name: "workers", Tags: map[string]string{"muster:cluster": "prod"}, Hooks: []sandbox.Hook{{Name: "ready"}}},
		Stacks: map[string][]string{"stack": {"Workers"}},
	})
	m.set("LIFECYCLE_HOOK", "ready", "CFN_STACK", "stack", "CFN_RESOURCE", "Workers").mustConfigure()
	m.host.Settings.Flags = map[string]string{} // the unit knows only the recorded settings
	before := m.CallCount("", "")
	report, err := m.verify()
	if err != nil {
		t.Fatal(err)
	}
	if m.Hook("ready").Result != "CONTINUE" || m.StackStatus("stack") != "CREATE_COMPLETE" {
		t.Errorf("%+v, %s", m.Hook("ready"), m.StackStatus("stack"))
	}
	var actions []string
	for _, call := range m.Calls() {
		actions = append(actions, call.Action)
	}
	if n := m.CallCount("", ""); n > 10 {
		t.Errorf("%d calls: %v", n, actions)
	}
	if report.AWSCalls != len(actions)-before {
		t.Errorf("the report counts %d calls, %d were sent: %v", report.AWSCalls, len(actions)-before, actions[before:])
	}
}
