package cli

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"muster/agent/agentstate"
	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
)

// hostile returns text with every C0 control except tab and newline, DEL, every C1 control both as a byte and in UTF-8,
// bidi controls, zero-width characters, separators, tags, and sequences of ECMA-48 and xterm. If one of them broke a
// line, FORGED would begin a line.
func hostile(lineEnds bool) string {
	var b strings.Builder
	for c := rune(0); c < 0x20; c++ {
		if c != '\t' && c != '\n' {
			b.WriteString("x" + string(c) + "FORGED")
		}
	}
	b.WriteString("\x7f")
	for c := rune(0x80); c <= 0x9f; c++ {
		b.WriteString("x" + string(c) + string([]byte{byte(c)}) + "FORGED")
	}
	for _, r := range [][2]rune{{0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x2069}, {0x061c, 0x061c}, {0xfeff, 0xfeff}, {0xe0000, 0xe007f}} {
		for c := r[0]; c <= r[1]; c++ {
			b.WriteString("x" + string(c) + "FORGED")
		}
	}
	b.WriteString("\xff\xfe\xc0\x80\xed\xa0\x80\x1b[2J\x1b[1;1H\x1b[8m\x1b[31m\x1b]0;t\x07\x1b]8;;http://evil\x1b\\y\x1b]8;;\x1b\\\x1b]52;" +
		"c;ZXZpbA==\x07\x1bP+q\x1b\\<script>alert(1)</script>&lt;\"'")
	if lineEnds {
		b.WriteString("\r\nFORGED\nmuster: FORGED\n<4>FORGED\n  fix  FORGED\tFORGED\tFORGED")
	}
	return b.String()
}

// visible returns an error for the first character that a terminal would execute or not show.
func visible(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("a byte that is not UTF-8")
	}
	for i, c := range text {
		if c != '\n' && c != '\t' && (unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)) {
			return fmt.Errorf("%U in %q", c, around(text, i))
		}
	}
	return nil
}

func around(text string, i int) string { return text[max(0, i-60):min(len(text), i+60)] }

// forged returns an error for a line whose beginning comes from quoted text.
func forged(text string) error {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "FORGED") || strings.HasPrefix(line, "muster: FORGED") || strings.HasPrefix(line, "<4>FORGED") ||
			strings.HasPrefix(line, "  fix  FORGED") {
			return fmt.Errorf("a line %q", line)
		}
	}
	return nil
}

// lawful returns an error if an output of this kind is not valid.
func lawful(kind, text string) error {
	errs := []error{visible(text)}
	switch kind {
	case "json":
		if !json.Valid([]byte(text)) {
			errs = append(errs, errors.New("no valid JSON"))
		}
	case "junit":
		var suite struct {
			Cases []struct{} `xml:"testcase"`
		}
		if err := xml.Unmarshal([]byte(text), &suite); err != nil || len(suite.Cases) == 0 {
			errs = append(errs, fmt.Errorf("%w, %d test cases", err, len(suite.Cases)))
		}
	case "html":
		if strings.Contains(text, "<script") || !strings.Contains(text, "unicode-bidi:isolate") {
			errs = append(errs, errors.New("a script, or texts that are not isolated"))
		}
	case "short":
		for line := range strings.Lines(text) {
			if strings.Count(line, "\t") != 3 {
				errs = append(errs, fmt.Errorf("%q has another number of fields", line))
			}
		}
		errs = append(errs, forged(text))
	default:
		errs = append(errs, forged(text))
	}
	return errors.Join(errs...)
}

// besieged starts an instance on which every file, container, tag and response that muster quotes is hostile.
func besieged(t *testing.T) {
	t.Helper()
	s := manned(t, true)
	root := ""
	for _, entry := range s.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
		if name == "MUSTER_ROOT" {
			root = value
		}
	}
	engine, err := dockerd.New(dockerd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	t.Setenv("MUSTER_DOCKER_HOST", engine.Host())
	t.Setenv("MUSTER_CONSOLE", "/console")
	all, line := hostile(true), hostile(false)
	if err := os.WriteFile(root+"/console", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CA_BUNDLE"} {
		t.Setenv(name, "")
	}
	if code := Main("test", []string{"bootstrap", "--cluster", "prod"}, io.Discard, io.Discard); code != 0 {
		t.Fatalf("bootstrap ended with %d", code)
	}
	// An environment variable cannot contain NUL.
	t.Setenv("MUSTER_EVENT_BUS", strings.ReplaceAll(all, "\x00", ""))
	s.EditInstance("i-0aaaaaaaaaaaaaaa1", func(i *sandbox.Instance) { i.Interfaces[0].Groups = []string{all} })
	s.AddTask("prod", sandbox.RunningTask{Service: all, Interface: sandbox.Interface{ID: all, Addrs: []string{"10.0.1.99"},
		Groups: []string{all}, Subnet: all}})
	for i, name := range []string{all, line} {
		engine.Health(engine.Run(dockerd.Spec{Name: name, Check: true, Env: []string{"A=" + all}, Labels: map[string]string{
			"com.amazonaws.ecs.cluster": all, "com.amazonaws.ecs.container-name": all, "com.amazonaws.ecs.task-definition-family": all,
			"com.amazonaws.ecs.task-arn": fmt.Sprintf("arn:aws:ecs:eu-west-1:123456789012:task/prod/%d%s", i, all),
		}}), "unhealthy")
	}
	now := time.Now()
	state := agentstate.State{
		Version: all, InstanceID: all, Started: now, Written: now, Period: 60, Leaving: all,
		Waiting:      []agentstate.Waiting{{ID: agentstate.NeedRole, What: all, Why: all, Since: now}},
		Registration: agentstate.Registration{State: all, Why: all, Cluster: all, ARN: all, Status: all, Silent: all, Answered: now},
		Docker:       agentstate.Docker{Reachable: true, Events: &agentstate.Stream{Why: all}},
		Unhealthy:    []agentstate.Container{{Name: all, ID: all, Why: all}}, CrashLoops: []agentstate.Container{{Name: all, ID: all, Why: all}},
		Publishing: agentstate.Publishing{Namespace: all, Why: all, Cause: all, Overdue: now.Add(-time.Hour)},
		Events:     agentstate.Events{Bus: all}, Recent: []agentstate.Event{{At: now, Kind: all, Text: all}},
	}
	if err := state.Write(root + "/run/muster-agent/state.json"); err != nil {
		t.Fatal(err)
	}
	quoted, _ := json.Marshal(all)
	for path, text := range map[string]string{
		"etc/ecs/ecs.config": "ECS_CLUSTER=prod\n" + line + "=1\nECS_INSTANCE_ATTRIBUTES={" + line + "\nHTTP_PROXY=http://" +
			line + "\n" + all,
		"var/log/ecs/ecs-agent.log": "level=error time=2099-01-02T03:00:38Z msg=\"Error registering container instance: " + line +
			"\" error=\"" + line + "\"\n" + all + "\n",
		"var/log/ecs/ecs-init.log": "level=error time=2099-01-02T03:00:38Z msg=\"" + line +
			"\"\nlevel=info time=2099-01-02T03:00:39Z msg=\"Agent exited with code 5\"\n",
		"run/cloud-init/result.json":           `{"v1": {"datasource": "DataSourceNone", "errors": [` + string(quoted) + `]}}`,
		"run/cloud-init/status.json":           `{"v1": {"init": {"start": 1.0, "finished": 2.0, "errors": [` + string(quoted) + `]}}}`,
		"var/lib/cloud/instance/user-data.txt": all,
		"var/log/cloud-init.log":               all,
		"etc/resolv.conf":                      "nameserver " + line + "\nsearch " + line + "\n",
		"etc/os-release":                       "PRETTY_NAME=" + all + "\n",
	} {
		at := filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoOutputObeysWhatItQuotes(t *testing.T) {
	besieged(t)
	all := strings.ReplaceAll(hostile(true), "\x00", "") // an argument cannot contain NUL
	offline := []string{"--skip", "network"}
	for _, c := range []struct {
		kind string
		args []string
	}{
		{"table", append([]string{"check", "-v"}, offline...)}, {"table", append([]string{"check", "-v", "--color", "never"}, offline...)},
		{"short", append([]string{"check", "--output", "short"}, offline...)},
		{"json", append([]string{"check", "--output", "json"}, offline...)},
		{"junit", append([]string{"check", "--output", "junit"}, offline...)},
		{"table", append([]string{"debug", "-v"}, offline...)}, {"short", append([]string{"debug", "--output", "short"}, offline...)},
		{"json", append([]string{"debug", "--output", "json"}, offline...)},
		{"junit", append([]string{"debug", "--output", "junit"}, offline...)},
		{"table", []string{"config", "show"}}, {"json", []string{"config", "show", "--output", "json"}},
		{"table", []string{"status"}}, {"json", []string{"status", "--output", "json"}},
		{"table", []string{"ports", "--no-dial"}}, {"json", []string{"ports", "--no-dial", "--output", "json"}},
		{"html", []string{"ports", "--no-dial", "--output", "html"}},
		{"table", []string{"ports", "--cluster", "prod", "--no-dial"}}, {"json", []string{"ports", "--cluster", "prod", "--no-dial", "--output",
			"json"}}, {"error", []string{"ports", "--cluster", "prod", "--service", all, "--no-dial"}},
		{"html", []string{"ports", "--cluster", "prod", "--no-dial", "--output", "html"}}, {"error", []string{"ports", "--ports", all}},
		{"error", []string{"ports", "--address", all}},
		{"error", []string{"ports", "--cluster", all}}, {"error", []string{"ports", "--cluster", "prod", "--family", all}},
		{"error", []string{"explain", all}}, {"error", []string{all}}, {"error", []string{"check", "--" + all}},
		{"error", []string{"check", "--only", all}},
		{"error", []string{"check", "--output", all}}, {"error", []string{"debug", "--bundle", "/nowhere/" + all, "--only", "disk"}},
		{"error", []string{"debug", "--include", all}},
		{"error", []string{"bootstrap", "--cluster", all}}, {"error", []string{"bootstrap", "--cluster", "prod", "--ecs", all}},
		{"table", []string{"bootstrap", "--cluster", "prod", "--dry-run"}},
		{"error", []string{"bootstrap", "--cluster", "prod", "--lifecycle-hook", all, "--cfn-stack", all}},
		{"table", []string{"verify", "--timeout", "1s"}}, {"json", []string{"verify", "--timeout", "1s", "--output", "json"}},
		{"error", []string{"verify", "--timeout", "1s", "--cfn-stack", all, "--cfn-resource", all}},
	} {
		var stdout, stderr bytes.Buffer
		code := Main("test", c.args, &stdout, &stderr)
		name := strings.Map(printable, strings.Join(c.args, " "))
		if err := lawful("error", stderr.String()); err != nil {
			t.Errorf("%.100s, on stderr: %v", name, err)
		}
		if c.kind == "error" && stdout.Len() == 0 {
			if stderr.Len() == 0 {
				t.Errorf("%.100s says nothing", name)
			}
			continue
		}
		if err := lawful(c.kind, stdout.String()); err != nil || stdout.Len() == 0 {
			t.Errorf("%.100s, exit code %d: %v (%.300s)", name, code, err, stderr.String())
		}
	}
	console, err := os.ReadFile(os.Getenv("MUSTER_ROOT") + "/console")
	if err != nil || len(console) == 0 {
		t.Errorf("nothing on the console: %v", err)
	}
	if err := lawful("table", strings.ReplaceAll(string(console), "\r\n", "\n")); err != nil {
		t.Errorf("the console: %v", err)
	}
}

func printable(c rune) rune {
	if unicode.IsPrint(c) {
		return c
	}
	return -1
}

// A script that reads the JSON gets the original name.
func TestJSONStillMeansTheSame(t *testing.T) {
	besieged(t)
	var stdout, stderr bytes.Buffer
	Main("test", []string{"status", "--output", "json"}, &stdout, &stderr)
	var got agentstate.State
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if want := strings.ToValidUTF8(hostile(true), "\ufffd"); strings.ReplaceAll(got.Unhealthy[0].Name, "\ufffd",
		"") != strings.ReplaceAll(want, "\ufffd", "") {
		t.Errorf("%q", got.Unhealthy[0].Name)
	}
}

func kindOf(name string) string { return strings.TrimPrefix(filepath.Ext(name), ".") }

// harmless returns an error if the name or the text of a file of a bundle acts on its reader.
func harmless(name, text string) error {
	if err := visible(name); err != nil {
		return err
	}
	switch kind := kindOf(name); kind {
	case "json", "html":
		return lawful(kind, text)
	case "log", "conf", "config", "": // their lines come from other programs
		return visible(text)
	}
	return nil
}

func TestNoFileOfABundleObeysWhatItQuotes(t *testing.T) {
	besieged(t)
	path := filepath.Join(t.TempDir(), "b.tar.gz")
	var stdout, stderr bytes.Buffer
	Main("test", []string{"debug", "--skip", "network", "--include", "user-data,cloud-init-log", "--bundle", path}, &stdout, &stderr)
	packed, err := os.Open(path)
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for archive := tar.NewReader(unpacked); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		text, bad := io.ReadAll(archive)
		if err = errors.Join(err, bad); err != nil {
			t.Fatal(err)
		}
		kinds[kindOf(head.Name)]++
		if err := harmless(head.Name, string(text)); err != nil {
			t.Errorf("%s: %v", head.Name, err)
		}
	}
	if kinds["json"] < 5 || kinds["html"] != 1 || kinds["log"] < 3 {
		t.Errorf("the bundle has %v", kinds)
	}
}
