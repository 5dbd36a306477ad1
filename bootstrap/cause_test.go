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

	"muster/bootstrap/bootreport"
	"muster/check/catalog"
	"muster/internal/base/exitcode"
	"muster/internal/host/dockerapi"
	"muster/internal/instance"
	"muster/internal/sandbox"
)

// engine is a stub of a Docker Engine that returns what a test sets.
type engine struct {
	ping, inspect error
	container     dockerapi.AgentContainer
	there         bool
}

func (e engine) Ping(context.Context) (dockerapi.Version, error) { return dockerapi.Version{}, e.ping }
func (engine) List(context.Context, bool) ([]dockerapi.Summary, error) {
	return []dockerapi.Summary{
		{State: "running", Health: "unhealthy", Labels: map[string]string{"com.amazonaws.ecs.container-name": "web"}},
	}, nil // no cause
}
func (engine) Inspect(context.Context, string) (dockerapi.Inspection, bool, error) {
	return dockerapi.Inspection{}, false, nil
}
func (e engine) AgentContainer(context.Context) (dockerapi.AgentContainer, bool, error) {
	return e.container, e.there, e.inspect
}

func TestDockerAsTheCause(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		engine catalog.Engine // nil means the real client
		listen bool           // also create a socket that nothing serves
		cause  string
		says   string
	}{
		"down":           {cause: "docker-not-running", says: "not running"},
		"hung":           {listen: true, cause: "docker-hung", says: "does not respond"},
		"not for us":     {engine: engine{ping: fmt.Errorf("x: %w", dockerapi.ErrDenied)}, cause: "introspection-refused", says: "no permission"},
		"no container":   {engine: engine{}, cause: "introspection-refused", says: "no ecs-agent container"},
		"cannot be seen": {engine: engine{inspect: errors.New("inspecting: no")}, cause: "introspection-refused", says: "inspecting: no"},
		"out of memory": {engine: engine{there: true, container: dockerapi.AgentContainer{OOMKilled: true}}, cause: "agent-out-of-memory",
			says: "it ran out of memory"},
		"exited": {engine: engine{there: true, container: dockerapi.AgentContainer{Status: "exited", ExitCode: 1}},
			cause: "introspection-refused", says: "exited, exit code 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{Agent: sandbox.AgentPlan{Hold: true}}).set("CLUSTER", "prod", "TIMEOUT", "200ms").mustConfigure()
			socket := m.socket()
			m.docker(test.engine)
			if test.engine == nil {
				client, err := dockerapi.New("unix://"+socket, time.Second)
				if err != nil {
					t.Fatal(err)
				}
				m.docker(client)
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
			wantOutcome(t, report, bootreport.NotRegistered, test.cause)
			wantText(t, strings.Join(report.Evidence, "\n"), test.says)
		})
	}
}

func (m *machine) docker(engine catalog.Engine) {
	m.host.World = func(_ context.Context, _ *instance.Instance, w catalog.World) catalog.World {
		w.Engine = engine
		return w
	}
}

// socket returns a path that is shorter than 107 bytes, the limit for a socket.
func (m *machine) socket() string {
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { os.RemoveAll(dir) })
	return dir + "/s"
}

func TestInvalidDockerHostIsEvidence(t *testing.T) {
	t.Parallel()
	m := boot(
		t,
		sandbox.Options{Agent: sandbox.AgentPlan{Hold: true}},
	).set("CLUSTER", "prod", "TIMEOUT", "200ms", "DOCKER_HOST", "ssh://x").
		mustConfigure()
	m.host.World = func(_ context.Context, _ *instance.Instance, w catalog.World) catalog.World {
		_, w.NoEngine = dockerapi.New(w.Config.DockerHost, time.Second)
		return w
	}
	report, _ := m.verify()
	wantText(t, strings.Join(report.Evidence, "\n"), `docker host "ssh://x"`)
}

func TestTheSearchForTheCauseIsBounded(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{Agent: sandbox.AgentPlan{Hold: true}}).set("CLUSTER", "prod", "TIMEOUT", "200ms").mustConfigure()
	m.host.pace.look = 2 * time.Second
	m.docker(stuck{})
	report, err := m.verify()
	wantExit(t, err, exitcode.NotRegistered)
	wantOutcome(t, report, bootreport.NotRegistered, "docker-hung")
}

type stuck struct{ engine }

func (stuck) Ping(ctx context.Context) (dockerapi.Version, error) {
	<-ctx.Done()
	return dockerapi.Version{}, ctx.Err()
}

func TestUnreachableSystemdIsEvidence(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{Agent: sandbox.AgentPlan{Hold: true}}).set("CLUSTER", "prod", "TIMEOUT", "200ms").mustConfigure()
	m.systemd.fail = func(string, string) error { return errors.New("showing unit: no") }
	report, _ := m.verify()
	wantOutcome(t, report, bootreport.NotRegistered, "introspection-refused")
	wantText(t, strings.Join(report.Evidence, "\n"), "showing unit: no")
}

func TestUnreadableLogsAreReported(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{Agent: sandbox.AgentPlan{Hold: true}}).set("CLUSTER", "prod", "TIMEOUT", "200ms").mustConfigure()
	m.Agent.Stop()
	if err := os.RemoveAll(m.path("var/log/ecs")); err != nil {
		t.Fatal(err)
	}
	m.put("var/log/ecs/ecs-agent.log/x", "")
	report, _ := m.verify()
	wantOutcome(t, report, bootreport.NotRegistered, "introspection-refused")
	wantText(t, strings.Join(report.Evidence, "\n"), "-agent.log: it is not a regular file but a directory")
}
