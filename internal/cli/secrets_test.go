package cli

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"muster/internal/base/exitcode"
	"muster/internal/sandbox/dockerd"
	"muster/test/redacttest"
)

// plant creates an instance on which every file, unit and container that the checks read contains every secret, and
// makes muster use it.
func plant(t *testing.T, secrets []redacttest.Secret) {
	t.Helper()
	root, _ := sandboxed(t)
	engine, err := dockerd.New(dockerd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	for name, value := range map[string]string{"MUSTER_DOCKER_HOST": engine.Host(), "MUSTER_CLUSTER": "prod", "NO_COLOR": "1"} {
		t.Setenv(name, value)
	}
	files := map[string]*strings.Builder{}
	add := func(path, format string, args ...any) {
		if files[path] == nil {
			files[path] = &strings.Builder{}
		}
		fmt.Fprintf(files[path], format, args...)
	}
	for i, it := range secrets {
		line := strings.ReplaceAll(it.Text, "\n", `\n`)
		add("etc/ecs/ecs.config", "%s\nexport ECS_CLUSTER=%q\nECS_INSTANCE_ATTRIBUTES={%s\nHTTP_PROXY=%s\n", it.Text, line, line, line)
		add("etc/systemd/system/ecs.service.d/http-proxy.conf", "[Service]\nEnvironment=\"HTTPS_PROXY=http://joe:%s@proxy:3128/%s\"\n",
			strings.Join(it.Parts, ""), line)
		add("var/log/ecs/ecs-agent.log", "%s\nlevel=error time=2099-01-02T03:00:38Z msg=%q error=%q\n", it.Text,
			"Error registering container instance: "+line, it.Text)
		add("var/log/ecs/ecs-init.log", "level=error time=2099-01-02T03:00:38Z msg=%q\nlevel=info time=2099-01-02T03:00:39Z msg=\"Agent "+
			"exited with code 5\"\n", line)
		add("var/lib/cloud/data/result.json", "{\"v1\": {\"datasource\": \"DataSourceNone\", \"errors\": [%q]}}\n", it.Text)
		add("etc/resolv.conf", "# %s\n", line)
		labels := map[string]string{"com.amazonaws.ecs.container-name": "web", "com.amazonaws.ecs.task-definition-family": line,
			"com.amazonaws.ecs.task-arn": line}
		if i < 40 {
			engine.Health(engine.Run(dockerd.Spec{Name: fmt.Sprintf("ecs-web-%d", i), Check: true, Labels: labels, Env: []string{line}}),
				"unhealthy")
		}
	}
	for path, text := range files {
		at := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoSecretReachesTheScreen(t *testing.T) {
	secrets := redacttest.Secrets(216)
	t.Run("all of them", func(t *testing.T) {
		plant(t, secrets)
		for _, output := range []string{"table", "short", "json", "junit"} {
			look(t, secrets, "check", "-v", "--output", output)
			look(t, secrets, "debug", "-v", "--output", output)
		}
	})
	// A check quotes only the first secret that it finds, so the test uses a few at a time.
	for few := range slices.Chunk(secrets[:54], 3) {
		t.Run(few[0].Kind, func(t *testing.T) {
			plant(t, few)
			look(t, few, "debug", "-v")
		})
	}
}

// The network checks use the proxies and report about them.
func TestNoSecretOfAProxyReachesTheScreen(t *testing.T) {
	secrets := redacttest.Secrets(54)
	t.Run("all of them", func(t *testing.T) {
		plant(t, secrets)
		for _, output := range []string{"table", "json"} {
			clean(t, secrets, "check", "-v", "--only", "network", "--output", output)
			clean(t, secrets, "debug", "-v", "--only", "network", "--output", output)
			clean(t, secrets, "status", "--output", output)
		}
	})
	for name, written := range map[string]func(string) string{"as it is": func(text string) string { return text },
		"escaped": url.QueryEscape} {
		for few := range slices.Chunk(secrets[:18], 1) {
			t.Run(few[0].Kind+", "+name, func(t *testing.T) {
				plant(t, few)
				password := written(strings.Join(few[0].Parts, ""))
				proxied(t, "http://joe:"+password+"@127.0.0.1:1")
				// No proxy is used for loopback, so the address is from 192.0.2.0/24, which is reserved (RFC 5737).
				t.Setenv("AWS_ENDPOINT_URL_ECS", "https://192.0.2.1")
				said := clean(t, few, "debug", "-v", "--only", "network", "--skip", "poll-endpoint")
				went := strings.Contains(said, "dial tcp 127.0.0.1:1: ") || strings.Contains(said, "the ECS agent's proxy is not a valid URL")
				if !went || !strings.Contains(said, "proxy of the ECS agent") || strings.Contains(said, password) {
					t.Errorf("the proxy is missing or shown completely: %s", said)
				}
			})
		}
	}
}

// proxied makes the ECS agent and Docker use this proxy.
func proxied(t *testing.T, proxy string) {
	t.Helper()
	for path, text := range map[string]string{
		"etc/ecs/ecs.config": "ECS_CLUSTER=prod\nHTTPS_PROXY=" + proxy + "\n",
		"etc/systemd/system/docker.service.d/http-proxy.conf": "[Service]\nEnvironment=HTTPS_PROXY=" + proxy + "\n",
	} {
		at := filepath.Join(os.Getenv("MUSTER_ROOT"), path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func look(t *testing.T, secrets []redacttest.Secret, args ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := Main("test", append(args, "--skip", "network"), &stdout, &stderr); code != exitcode.Failed || stdout.Len() < 500 {
		t.Errorf("%s ended with %d: %s%s", args, code, stdout.String(), stderr.String())
	}
	assertClean(t, secrets, html.UnescapeString(stdout.String()+stderr.String()))
}

// clean runs a command, with any exit code, and checks that its output contains no secret. It returns the output.
func clean(t *testing.T, secrets []redacttest.Secret, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := Main("test", args, &stdout, &stderr)
	said := html.UnescapeString(stdout.String() + stderr.String())
	assertClean(t, secrets, said)
	if code == exitcode.Usage || said == "" {
		t.Errorf("%s ended with %d: %s", args, code, said)
	}
	return said
}

func assertClean(t *testing.T, secrets []redacttest.Secret, text string) {
	t.Helper()
	for _, it := range secrets {
		for _, part := range it.Parts {
			if strings.Contains(text, part) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(part))) {
				t.Errorf("%s: %q is in %.800s", it.Kind, part, text[max(0, strings.Index(text, part)-400):])
			}
		}
	}
}
