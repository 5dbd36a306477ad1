package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"muster/internal/config"
	"muster/internal/dockerapi"
	"muster/internal/ecsagent"
	"muster/internal/exitcode"
	"muster/internal/sandbox"
	"muster/internal/units"
)

func TestUnitCauses(t *testing.T) {
	t.Parallel()
	waiting := &units.Job{Type: "start", State: "waiting"}
	for name, test := range map[string]struct {
		state units.State
		cause string
	}{
		"running":              {units.State{LoadState: "loaded", ActiveState: "active"}, ""},
		"between two restarts": {units.State{LoadState: "loaded", ActiveState: "activating", SubState: "auto-restart"}, ""},
		"missing":              {units.State{LoadState: "not-found", ActiveState: "inactive"}, "ecs-unit-missing"},
		"masked":               {units.State{LoadState: "masked", UnitFileState: "masked", ActiveState: "inactive"}, "ecs-unit-masked"},
		"held back by muster":  {units.State{LoadState: "masked", UnitFileState: "masked-runtime", ActiveState: "inactive"}, "ecs-unit-held-back"},
		"waiting in the queue": {units.State{LoadState: "loaded", ActiveState: "inactive", Job: waiting}, "ecs-unit-waiting"},
		"not started":          {units.State{LoadState: "loaded", ActiveState: "inactive"}, "ecs-unit-not-started"},
		"failed":               {units.State{LoadState: "loaded", ActiveState: "failed", Result: "exit-code", ExecMainStatus: 5}, "ecs-unit-failed"},
	} {
		got := unitCause(test.state)
		switch {
		case got == nil && test.cause == "":
		case got == nil || got.ID != test.cause:
			t.Errorf("%s: %+v, want %q", name, got, test.cause)
		case got.Summary == "" || got.Remedy == "":
			t.Errorf("%s: %+v says too little", name, got)
		}
	}
}

// engine is a Docker Engine that says what a test wants.
type engine struct {
	ping, inspect error
	container     dockerapi.AgentContainer
	there         bool
}

func (e engine) Ping(context.Context) (dockerapi.Version, error) { return dockerapi.Version{}, e.ping }
func (e engine) AgentContainer(context.Context) (dockerapi.AgentContainer, bool, error) {
	return e.container, e.there, e.inspect
}

func TestDockerAsTheCause(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		engine Engine // nil: the real client
		listen bool   // and a socket that nobody answers on
		cause  string
		says   string
	}{
		"down":           {cause: "docker-unreachable", says: "not running"},
		"hung":           {listen: true, cause: "docker-unreachable", says: "does not answer"},
		"not for us":     {engine: engine{ping: fmt.Errorf("x: %w", dockerapi.ErrDenied)}, cause: "introspection-refused", says: "no permission"},
		"no container":   {engine: engine{}, cause: "introspection-refused", says: "there is no container ecs-agent"},
		"cannot be seen": {engine: engine{inspect: errors.New("inspecting: no")}, cause: "introspection-refused", says: "inspecting: no"},
		"out of memory":  {engine: engine{there: true, container: dockerapi.AgentContainer{OOMKilled: true}}, cause: "ecs-agent-out-of-memory", says: "killed for memory"},
		"exited":         {engine: engine{there: true, container: dockerapi.AgentContainer{Status: "exited", ExitCode: 1}}, cause: "introspection-refused", says: "ecs-agent is exited, exit code 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{Agent: sandbox.AgentPlan{Hold: true}}).set("CLUSTER", "prod", "TIMEOUT", "200ms").mustConfigure()
			socket := m.socket()
			m.host.Engine = func(*config.Config) (Engine, error) {
				if test.engine != nil {
					return test.engine, nil
				}
				return dockerapi.New("unix://"+socket, 100*time.Millisecond)
			}
			if test.listen {
				l, err := net.Listen("unix", socket)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
			}
			report, err := m.verify()
			wantExit(t, err, exitcode.NotRegistered)
			wantOutcome(t, report, NotRegistered, test.cause)
			wantText(t, strings.Join(report.Evidence, "\n"), test.says)
		})
	}
}

// socket is a path below the 107 bytes that a socket's may have.
func (m *machine) socket() string {
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { os.RemoveAll(dir) })
	return dir + "/s"
}

func TestADockerHostThatIsNoneIsEvidence(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{Agent: sandbox.AgentPlan{Hold: true}}).set("CLUSTER", "prod", "TIMEOUT", "200ms", "DOCKER_HOST", "ssh://x").mustConfigure()
	m.host.Engine = func(cfg *config.Config) (Engine, error) { return dockerapi.New(cfg.DockerHost, time.Second) }
	report, _ := m.verify()
	wantText(t, strings.Join(report.Evidence, "\n"), `docker host "ssh://x"`)
}

func TestTheSearchForTheCauseIsBounded(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{Agent: sandbox.AgentPlan{Hold: true}}).set("CLUSTER", "prod", "TIMEOUT", "200ms").mustConfigure()
	m.host.pace.look = 200 * time.Millisecond
	m.host.Engine = func(*config.Config) (Engine, error) { return stuck{}, nil }
	report, err := m.verify()
	wantExit(t, err, exitcode.NotRegistered)
	wantOutcome(t, report, NotRegistered, "docker-unreachable")
}

type stuck struct{ engine }

func (stuck) Ping(ctx context.Context) (dockerapi.Version, error) {
	<-ctx.Done()
	return dockerapi.Version{}, ctx.Err()
}

func TestSystemdThatCannotBeAskedIsEvidence(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{Agent: sandbox.AgentPlan{Hold: true}}).set("CLUSTER", "prod", "TIMEOUT", "200ms").mustConfigure()
	m.systemd.fail = func(string, string) error { return errors.New("showing unit: no") }
	report, _ := m.verify()
	wantOutcome(t, report, NotRegistered, "introspection-refused")
	wantText(t, strings.Join(report.Evidence, "\n"), "showing unit: no")
}

func TestLogsThatCannotBeReadAreSaid(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{Agent: sandbox.AgentPlan{Hold: true}}).set("CLUSTER", "prod", "TIMEOUT", "200ms").mustConfigure()
	m.Agent.Stop()
	if err := os.RemoveAll(m.path("var/log/ecs")); err != nil {
		t.Fatal(err)
	}
	m.put("var/log/ecs/ecs-agent.log/x", "")
	report, _ := m.verify()
	wantOutcome(t, report, NotRegistered, "introspection-refused")
	wantText(t, m.log.String(), "phase=evidence", "var/log/ecs")
}

func TestIntrospectionIsTheLastWord(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		ecsagent.ErrRefused: "introspection-refused", ecsagent.ErrSilent: "introspection-silent",
		ecsagent.ErrGarbled: "introspection-garbled", errors.New("x"): "not-registered",
	} {
		if got, _ := lookAtIntrospection(t.Context(), fmt.Errorf("asking: %w", err)); got.ID != want {
			t.Errorf("%v: %s, want %s", err, got.ID, want)
		}
	}
}
