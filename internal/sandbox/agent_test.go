package sandbox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"muster/internal/sandbox"
)

// instance starts a sandbox with the cluster prod and a root with this ecs.config.
func instance(t *testing.T, config string, change ...func(*sandbox.Options)) *sandbox.Sandbox {
	t.Helper()
	opts := sandbox.Options{Root: t.TempDir(), Clusters: []string{"prod"}}
	write(t, filepath.Join(opts.Root, "etc/ecs/ecs.config"), config)
	for _, c := range change {
		c(&opts)
	}
	return start(t, opts)
}

func root(s *sandbox.Sandbox) string {
	for _, kv := range s.Environ() {
		if r, ok := strings.CutPrefix(kv, "MUSTER_ROOT="); ok {
			return r
		}
	}
	return ""
}

func agentLog(t *testing.T, s *sandbox.Sandbox) string {
	t.Helper()
	return read(t, filepath.Join(root(s), "var/log/ecs/ecs-agent.log"))
}

func initLog(t *testing.T, s *sandbox.Sandbox) string {
	t.Helper()
	return read(t, filepath.Join(root(s), "var/log/ecs/ecs-init.log"))
}

// until waits until ok accepts the agent's status.
func until(t *testing.T, s *sandbox.Sandbox, ok func(sandbox.AgentStatus) bool) sandbox.AgentStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	status, err := s.Agent.Await(ctx, ok)
	if err != nil {
		t.Fatalf("the agent stays at %+v\n%s", status, agentLog(t, s))
	}
	return status
}

func phase(p sandbox.Phase) func(sandbox.AgentStatus) bool {
	return func(st sandbox.AgentStatus) bool { return st.Phase == p }
}

func startAgent(t *testing.T, s *sandbox.Sandbox) {
	t.Helper()
	if err := s.StartAgent(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// settled starts the agent and waits until it has registered or exited.
func settled(t *testing.T, s *sandbox.Sandbox) sandbox.AgentStatus {
	t.Helper()
	startAgent(t, s)
	return until(t, s, func(st sandbox.AgentStatus) bool {
		return st.Phase == sandbox.PhaseRegistered || st.Phase == sandbox.PhaseExited
	})
}

func metadata(t *testing.T, s *sandbox.Sandbox) (int, map[string]any) {
	t.Helper()
	status, body := do(t, http.MethodGet, s.IntrospectionURL()+sandbox.MetadataPath)
	var out map[string]any
	_ = json.Unmarshal([]byte(body), &out) // the caller sees nil
	return status, out
}

func TestAgentRegistersInTheConfiguredCluster(t *testing.T) {
	s := instance(t, "ECS_CLUSTER=prod\nECS_INSTANCE_ATTRIBUTES={\"rack\":\"r7\"}\n")
	got := settled(t, s)
	if got.Phase != sandbox.PhaseRegistered || got.Cluster != "prod" || got.ARN == "" {
		t.Fatalf("status: %+v", got)
	}
	ci := s.ContainerInstances("prod")
	if len(ci) != 1 || ci[0].Arn != got.ARN || !ci[0].AgentConnected || ci[0].EC2InstanceID != "i-0123456789abcdef0" {
		t.Errorf("registered: %+v", ci)
	}
	if ci[0].Attributes[0] != (sandbox.Attribute{Name: "rack", Value: "r7"}) {
		t.Errorf("attributes: %v", ci[0].Attributes)
	}
	if n := s.CallCount("", ""); n != 0 {
		t.Errorf("the agent's own %d calls are in muster's log", n)
	}
}

func TestIntrospectionAnswersWhileTheAgentRuns(t *testing.T) {
	s := instance(t, "ECS_CLUSTER=prod\n")
	if status, _ := metadata(t, s); status != 0 {
		t.Errorf("introspection answers %d before the agent runs", status)
	}
	got := settled(t, s)
	_, m := metadata(t, s)
	if m["Cluster"] != "prod" || m["ContainerInstanceArn"] != got.ARN || m["Version"] != "Amazon ECS Agent - v1.105.1 (8dfceca6)" {
		t.Errorf("metadata: %v", m)
	}
	s.Agent.Stop()
	if status, _ := metadata(t, s); status != 0 {
		t.Errorf("introspection answers %d after the agent stopped", status)
	}
	if s.ContainerInstances("prod")[0].AgentConnected {
		t.Error("connected after the agent stopped")
	}
}

func TestAgentParsesTheConfigLikeTheRealAgent(t *testing.T) {
	for name, c := range map[string]struct{ config, cluster string }{
		"last duplicate wins":     {"ECS_CLUSTER=old\nECS_CLUSTER=prod\n", "prod"},
		"CRLF":                    {"ECS_CLUSTER=prod\r\n", "prod"},
		"no final newline":        {"\n  ECS_CLUSTER=prod", "prod"},
		"comment is not a key":    {"#ECS_CLUSTER=old\nECS_CLUSTER=prod", "prod"},
		"empty means default":     {"ECS_CLUSTER=\n", "default"},
		"export hides the key":    {"export ECS_CLUSTER=prod\n", "default"},
		"space before the equals": {"ECS_CLUSTER =prod\n", "default"},
		"by ARN": {"ECS_CLUSTER=arn:aws:ecs:eu-central-1:123456789012:cluster/prod\n",
			"arn:aws:ecs:eu-central-1:123456789012:cluster/prod"},
	} {
		t.Run(name, func(t *testing.T) {
			s := instance(t, c.config)
			if got := settled(t, s); got.Phase != sandbox.PhaseRegistered || got.Cluster != c.cluster {
				t.Errorf("got %+v, want registered in %s", got, c.cluster)
			}
			if _, m := metadata(t, s); m["Cluster"] != c.cluster {
				t.Errorf("introspection says %v, as configured would be %s", m["Cluster"], c.cluster)
			}
		})
	}
}

func TestUserConfigOverridesTheImage(t *testing.T) {
	s := instance(t, "ECS_CLUSTER=prod\n")
	write(t, filepath.Join(root(s), "var/lib/ecs/ecs.config"), "ECS_CLUSTER=image\nAWS_DEFAULT_REGION=eu-central-1\n")
	if got := settled(t, s); got.Cluster != "prod" {
		t.Errorf("got %+v", got)
	}
}

func TestAgentExitsPermanentlyWithoutItsCluster(t *testing.T) {
	for name, c := range map[string]struct{ config, message string }{
		"mistyped":     {"ECS_CLUSTER=prd\n", "ClientException: Cluster not found."},
		"quoted":       {"ECS_CLUSTER=\"prod\"\n", "ClientException: Cluster not found."},
		"other region": {"ECS_CLUSTER=prod\nAWS_DEFAULT_REGION=us-east-1\n", "ClientException: Cluster not found."},
		"inactive":     {"ECS_CLUSTER=gone\n", "ClientException: The referenced cluster was inactive."},
	} {
		t.Run(name, func(t *testing.T) {
			s := instance(t, c.config)
			s.SetCluster("gone", "INACTIVE")
			if got := settled(t, s); got.Phase != sandbox.PhaseExited || got.ExitCode != 5 || got.Exits != 1 {
				t.Errorf("status: %+v", got)
			}
			wantLine(t, agentLog(t, s), `level=critical`)
			wantLine(t, agentLog(t, s), `msg="Agent will terminally exit, unable to register container instance:" error=`)
			wantLine(t, agentLog(t, s), c.message)
			wantLine(t, initLog(t, s), `msg="Agent exited with code 5"`)
			wantLine(t, initLog(t, s), `level=error`)
			if status, _ := metadata(t, s); status != 0 {
				t.Errorf("introspection answers %d", status)
			}
		})
	}
}

func TestAgentStartsAgainAfterTheConfigIsRepaired(t *testing.T) {
	s := instance(t, "ECS_CLUSTER=prd\n")
	settled(t, s)
	write(t, filepath.Join(root(s), "etc/ecs/ecs.config"), "ECS_CLUSTER=prod\n")
	if got := settled(t, s); got.Phase != sandbox.PhaseRegistered || got.Exits != 0 {
		t.Errorf("status: %+v", got)
	}
	if err := s.StartAgent(t.Context()); err == nil {
		t.Error("started a second time while running")
	}
}

func TestAgentNeedsARoot(t *testing.T) {
	if err := start(t, sandbox.Options{}).StartAgent(t.Context()); err == nil {
		t.Error("started without a root")
	}
}

func TestAgentComparesItsCheckpoint(t *testing.T) {
	const other = "i-0fedcba9876543210"
	for name, c := range map[string]struct {
		saved sandbox.Checkpoint
		phase sandbox.Phase
		line  string
	}{
		"same instance, other cluster": {sandbox.Checkpoint{Cluster: "default", InstanceID: "i-0123456789abcdef0"},
			sandbox.PhaseExited, "Data mismatch; saved cluster 'default' does not match configured cluster 'prod'."},
		"other instance, other cluster": {sandbox.Checkpoint{Cluster: "default", InstanceID: other, ARN: "arn:x"},
			sandbox.PhaseRegistered, "Data mismatch; saved InstanceID '" + other + "'"},
		"registration gone": {sandbox.Checkpoint{Cluster: "prod", InstanceID: "i-0123456789abcdef0", ARN: "arn:aws:x/gone"},
			sandbox.PhaseExited, "ClientException: Container instance arn:aws:x/gone is inactive."},
	} {
		t.Run(name, func(t *testing.T) {
			s := instance(t, "ECS_CLUSTER=prod\n")
			if err := sandbox.WriteCheckpoint(root(s), c.saved); err != nil {
				t.Fatal(err)
			}
			if got := settled(t, s); got.Phase != c.phase {
				t.Errorf("status: %+v", got)
			}
			wantLine(t, agentLog(t, s), c.line)
		})
	}
}

func TestAgentKeepsItsRegistrationOverARestart(t *testing.T) {
	s := instance(t, "ECS_CLUSTER=prod\n")
	first := settled(t, s)
	s.Agent.Stop()
	second := settled(t, s)
	if first.ARN != second.ARN || len(s.ContainerInstances("prod")) != 1 {
		t.Errorf("registered as %s, then as %s", first.ARN, second.ARN)
	}
	if !s.ContainerInstances("prod")[0].AgentConnected {
		t.Error("not connected after the restart")
	}
}

func TestAgentDBHoldsJSONStringsAndIsLockedWhileTheAgentRuns(t *testing.T) {
	s := instance(t, "ECS_CLUSTER=prod\n")
	got := settled(t, s)
	path := filepath.Join(root(s), "var/lib/ecs/data/agent.db")
	if db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Millisecond}); err == nil {
		db.Close()
		t.Error("agent.db is not locked")
	}
	s.Agent.Stop()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want := map[string]string{
		"cluster-name": `"prod"`, "ec2-instance-id": `"i-0123456789abcdef0"`, "agent-version": `"1.105.1"`,
		"container-instance-arn": `"` + got.ARN + `"`, "availability-zone": `"eu-central-1a"`,
	}
	err = db.View(func(tx *bolt.Tx) error {
		for k, v := range want {
			if raw := string(tx.Bucket([]byte("metadata")).Get([]byte(k))); raw != v {
				t.Errorf("%s is %s, want %s", k, raw, v)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAgentIsRestartedAfterCode1UntilAllowed(t *testing.T) {
	clock := sandbox.NewManualClock()
	s := instance(t, "ECS_CLUSTER=prod\n", func(o *sandbox.Options) { o.Clock = clock })
	s.Inject(sandbox.Fault{Service: sandbox.ECS, Action: "RegisterContainerInstance", Kind: sandbox.KindAccessDenied, Times: 2})
	startAgent(t, s)
	for i, pause := range []time.Duration{500 * time.Millisecond, time.Second} {
		got := until(t, s, func(st sandbox.AgentStatus) bool { return st.Exits == i+1 })
		if got.ExitCode != 1 || got.Phase != sandbox.PhaseRegistering {
			t.Errorf("after exit %d: %+v", i+1, got)
		}
		clock.Advance(pause)
	}
	until(t, s, phase(sandbox.PhaseRegistered))
	wantLine(t, initLog(t, s), `msg="Agent exited with code 1"`)
	wantLine(t, initLog(t, s), `ECS Agent failed to start, retrying in 1s`)
	wantLine(t, agentLog(t, s), "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/")
}

func TestAgentExits1OnMalformedAttributes(t *testing.T) {
	s := instance(t, "ECS_CLUSTER=prod\nECS_INSTANCE_ATTRIBUTES={rack}\n")
	startAgent(t, s)
	if got := until(t, s, func(st sandbox.AgentStatus) bool { return st.Exits > 0 }); got.ExitCode != 1 {
		t.Errorf("status: %+v", got)
	}
	wantLine(t, agentLog(t, s), "Invalid format for ECS_INSTANCE_ATTRIBUTES")
}

func TestAgentWithoutThrottleRetriesWithoutExiting(t *testing.T) {
	clock := sandbox.NewManualClock()
	s := instance(t, "ECS_CLUSTER=prod\n", func(o *sandbox.Options) { o.Clock = clock })
	s.Inject(sandbox.Throttled(sandbox.ECS, "RegisterContainerInstance", 1))
	startAgent(t, s)
	await(t, "the agent to be throttled", func() bool { return clock.Waiting() == 1 })
	clock.Advance(3 * time.Second)
	if got := until(t, s, phase(sandbox.PhaseRegistered)); got.Exits != 0 {
		t.Errorf("status: %+v", got)
	}
	s.Agent.Stop()
	s.Inject(sandbox.Throttled(sandbox.ECS, "RegisterContainerInstance", 0))
	startAgent(t, s)
	await(t, "the agent to be throttled again", func() bool { return clock.Waiting() == 1 })
	s.Agent.Stop()
	if got := s.Agent.Status(); got.Phase != sandbox.PhaseStopped || got.ARN != "" {
		t.Errorf("stopped while throttled: %+v", got)
	}
	wantLine(t, agentLog(t, s), "Received non-terminal error from RegisterContainerInstance call")
}

func TestAgentIsDelayedAsPlanned(t *testing.T) {
	t.Run("for a time", func(t *testing.T) {
		clock := sandbox.NewManualClock()
		s := instance(t, "ECS_CLUSTER=prod\n", func(o *sandbox.Options) {
			o.Clock, o.Agent = clock, sandbox.AgentPlan{After: 40 * time.Second}
		})
		startAgent(t, s)
		clock.Advance(39 * time.Second)
		if status, _ := metadata(t, s); status != 0 {
			t.Error("introspection answers early")
		}
		clock.Advance(time.Second)
		until(t, s, phase(sandbox.PhaseRegistered))
	})
	t.Run("until released", func(t *testing.T) {
		s := instance(t, "ECS_CLUSTER=prod\n")
		s.Agent.SetPlan(sandbox.AgentPlan{Hold: true})
		startAgent(t, s)
		if status, _ := metadata(t, s); status != 0 {
			t.Error("introspection answers while held")
		}
		s.Agent.Release()
		until(t, s, phase(sandbox.PhaseRegistered))
	})
	t.Run("until stopped", func(t *testing.T) {
		s := instance(t, "ECS_CLUSTER=prod\n")
		s.Agent.SetPlan(sandbox.AgentPlan{Hold: true})
		startAgent(t, s)
		s.Agent.Stop()
		if got := s.Agent.Status(); got.Phase != sandbox.PhaseStopped {
			t.Errorf("status: %+v", got)
		}
	})
}

func TestIntrospectionRespondsAsPlanned(t *testing.T) {
	for name, c := range map[string]struct {
		plan  sandbox.AgentPlan
		check func(status int, m map[string]any) bool
	}{
		"null ARN": {sandbox.AgentPlan{Answer: sandbox.AnswerNullARN}, func(_ int, m map[string]any) bool {
			arn, ok := m["ContainerInstanceArn"]
			return ok && arn == nil
		}},
		"empty ARN": {sandbox.AgentPlan{Answer: sandbox.AnswerEmptyARN},
			func(_ int, m map[string]any) bool { return m["ContainerInstanceArn"] == "" }},
		"cluster as ARN": {sandbox.AgentPlan{Answer: sandbox.AnswerClusterARN},
			func(_ int, m map[string]any) bool {
				return m["Cluster"] == "arn:aws:ecs:eu-central-1:123456789012:cluster/prod"
			}},
		"half an answer": {sandbox.AgentPlan{Answer: sandbox.AnswerHalf},
			func(status int, m map[string]any) bool { return status == 200 && m == nil }},
		"wrong cluster": {sandbox.AgentPlan{Cluster: "other"},
			func(_ int, m map[string]any) bool { return m["Cluster"] == "other" }},
	} {
		t.Run(name, func(t *testing.T) {
			s := instance(t, "ECS_CLUSTER=prod\n", func(o *sandbox.Options) { o.Agent = c.plan })
			s.SetCluster("other", "ACTIVE")
			settled(t, s)
			if status, m := metadata(t, s); !c.check(status, m) {
				t.Errorf("got %d %v", status, m)
			}
		})
	}
}

func TestIntrospectionHangs(t *testing.T) {
	s := instance(t, "ECS_CLUSTER=prod\n", func(o *sandbox.Options) { o.Agent.Answer = sandbox.AnswerHangs })
	settled(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if status, body := doContext(t, ctx, http.MethodGet, s.IntrospectionURL()+sandbox.MetadataPath); status != 0 {
		t.Errorf("got %d %s, want nothing", status, body)
	}
	if got := s.LocalRequests(); len(got) != 1 || got[0].Service != sandbox.Introspection {
		t.Errorf("local requests: %+v", got)
	}
}

func TestIntrospectionRespondsAtTheNthRequest(t *testing.T) {
	s := instance(t, "ECS_CLUSTER=prod\n")
	s.Inject(sandbox.Fault{Service: sandbox.Introspection, Action: sandbox.MetadataPath, Times: 3, Reset: true})
	settled(t, s)
	for i, want := range []int{0, 0, 0, 200} {
		if got, _ := metadata(t, s); got != want {
			t.Errorf("request %d: status %d, want %d", i+1, got, want)
		}
	}
}

func TestAgentCanBeRegisteredButDisconnected(t *testing.T) {
	s := instance(t, "ECS_CLUSTER=prod\n", func(o *sandbox.Options) { o.Agent.Disconnected = true })
	settled(t, s)
	if s.ContainerInstances("prod")[0].AgentConnected {
		t.Error("connected")
	}
}

func TestIntrospectionShowsTasks(t *testing.T) {
	s := instance(t, "ECS_CLUSTER=prod\n")
	s.Agent.SetTasks(sandbox.Task{Arn: "arn:task/1", KnownStatus: "RUNNING", Family: "ignite", Version: "7",
		Containers: []sandbox.Container{{DockerID: strings.Repeat("ab", 32), Name: "node"}}})
	settled(t, s)
	for path, want := range map[string]struct {
		status int
		part   string
	}{
		"/v1/tasks":                               {200, `{"Tasks":[{"Arn":"arn:task/1","KnownStatus":"RUNNING","Family":"ignite"`},
		"/v1/tasks?taskarn=arn:task/1":            {200, `{"Arn":"arn:task/1"`},
		"/v1/tasks?dockerid=abababababab":         {200, `"Name":"node"`},
		"/v1/tasks?taskarn=arn:task/2":            {404, `{"Arn":""`},
		"/v1/tasks?taskarn=arn:task/1&dockerid=a": {400, `{"Arn":""`},
		"/": {200, "AvailableCommands"},
	} {
		if status, body := do(t, http.MethodGet, s.IntrospectionURL()+path); status != want.status || !strings.Contains(body, want.part) {
			t.Errorf("%s: got %d %s, want %d with %s", path, status, body, want.status, want.part)
		}
	}
}

func TestAgentCreatesNoClusterButDefault(t *testing.T) {
	s := instance(t, "\n")
	if got := settled(t, s); got.Cluster != "default" || len(s.ContainerInstances("default")) != 1 {
		t.Errorf("status: %+v", got)
	}
	s = instance(t, "ECS_CLUSTER=default\n")
	if got := settled(t, s); got.ExitCode != 5 {
		t.Errorf("a named default cluster was created: %+v", got)
	}
}
