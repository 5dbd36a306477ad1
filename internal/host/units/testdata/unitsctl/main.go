// Command unitsctl calls package units for the integration test inside a booted machine. It also replaces muster there,
// and reports what the sandbox of a unit allows.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"muster/internal/host/dockerapi"
	"muster/internal/host/units"
	"muster/systemd"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	switch os.Args[1] {
	case "bootstrap", "verify":
		probe(ctx, os.Args[1])
		os.Exit(exitCode(os.Args[1]))
	case "agent":
		probe(ctx, "agent")
		agent()
	case "docker-proxy":
		fmt.Fprintln(os.Stderr, proxy())
		os.Exit(1)
	default:
		answer(ctx, os.Args[1], os.Args[2:])
	}
}

// answer prints the result of the call and its duration.
func answer(ctx context.Context, verb string, args []string) {
	m, err := units.Connect(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer m.Close()
	start := time.Now()
	value, err := call(ctx, m, verb, args)
	out := map[string]any{"Value": value, "Millis": time.Since(start).Milliseconds()}
	if err != nil {
		out["Error"] = err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(out)
}

func call(ctx context.Context, m *units.Manager, verb string, args []string) (any, error) {
	switch verb {
	case "reload":
		return nil, m.Reload(ctx)
	case "enable":
		return m.Enable(ctx, args...)
	case "show":
		return m.Show(ctx, args[0])
	case "mask", "mask-runtime":
		return nil, m.Mask(ctx, args[0], verb == "mask-runtime")
	case "unmask", "unmask-runtime":
		return nil, m.Unmask(ctx, args[0], verb == "unmask-runtime")
	case "start", "restart", "stop":
		return nil, m.Queue(ctx, units.Verb(verb), args[0])
	case "install":
		return install(ctx, m)
	}
	return nil, errors.New("unknown call " + verb)
}

// install runs the same steps as a binary in user data.
func install(ctx context.Context, m *units.Manager) (any, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	binary, err := units.InstallBinary("/", self)
	if err != nil {
		return nil, err
	}
	written, err := units.Install("/", binary.Path, systemd.Units())
	if err != nil {
		return nil, err
	}
	return written, m.Reload(ctx)
}

// exitCode reads the exit code that the test set for this program.
func exitCode(verb string) int {
	text, _ := os.ReadFile("/etc/standin/" + verb)
	code, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return code
}

// probe writes which operations the unit's sandbox allows; "" means success.
func probe(ctx context.Context, verb string) {
	found := map[string]string{}
	note := func(what string, err error) {
		found[what] = ""
		if err != nil {
			found[what] = err.Error()
		}
	}
	for _, path := range []string{"/etc/ecs/ecs.config", "/var/lib/ecs/data/agent.db", "/var/log/ecs/ecs-init.log", "/proc/1/net/tcp",
		"/root/secret"} {
		_, err := os.ReadFile(path)
		note("read "+path, err)
	}
	for _, path := range []string{"/etc/ecs/probe", "/etc/systemd/system/probe", "/run/muster/probe", "/var/lib/muster/probe",
		"/usr/bin/probe", "/var/log/ecs/probe"} {
		note("write "+path, os.WriteFile(path, nil, 0o600))
	}
	note("console", console(verb))
	_, err := net.Interfaces()
	note("interfaces", err)
	note("docker", docker())
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		_, err := list(ctx, method)
		note("docker proxy "+method, err)
	}
	note("show ecs.service", show(ctx))
	state := os.Getenv("STATE_DIRECTORY")
	text, _ := json.Marshal(found)
	if err := os.WriteFile(state+"/"+verb+".json", text, 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	fmt.Println(string(text))
}

func console(verb string) error {
	f, err := os.OpenFile("/dev/console", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, "muster", verb, "was here")
	return err
}

func docker() error {
	conn, err := net.Dial("unix", "/run/docker.sock")
	if err != nil {
		return err
	}
	return conn.Close()
}

// list requests the container list from the proxy.
func list(ctx context.Context, method string) (answer string, err error) {
	client := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", os.Getenv("MUSTER_DOCKER_PROXY"))
		}},
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://docker/v1.41/containers/json", nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), err
}

// proxy runs the same server as muster docker-proxy.
func proxy() error {
	listeners, err := activation.Listeners()
	if err != nil || len(listeners) != 1 {
		return fmt.Errorf("%d sockets: %w", len(listeners), err)
	}
	p, err := dockerapi.NewProxy(dockerapi.DefaultHost, slog.Default())
	if err != nil {
		return err
	}
	daemon.SdNotify(false, daemon.SdNotifyReady)
	return p.Serve(context.Background(), listeners[0])
}

func show(ctx context.Context) error {
	m, err := units.Connect(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	_, err = m.Show(ctx, "ecs.service")
	return err
}

// agent is ready at once, and feeds the watchdog until the test makes it hang. It writes the responses of the Docker
// proxy in a loop.
func agent() {
	daemon.SdNotify(false, daemon.SdNotifyReady)
	for range time.Tick(200 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		answer, err := list(ctx, http.MethodGet)
		cancel()
		if err != nil {
			answer = err.Error()
		}
		os.WriteFile(os.Getenv("STATE_DIRECTORY")+"/docker", []byte(answer), 0o600)
		if exitCode("agent") == 0 {
			daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		}
	}
}
