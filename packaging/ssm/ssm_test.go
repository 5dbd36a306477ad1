// Package ssm_test holds the SSM documents to schema 2.2, into which
// CloudFormation's linter does not look, and runs what they say.
package ssm_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// document is one of schema version 2.2, with the fields of it that are in use.
type document struct {
	SchemaVersion string `yaml:"schemaVersion"`
	Description   string
	Parameters    map[string]parameter
	MainSteps     []step `yaml:"mainSteps"`
}

type parameter struct {
	Type, Description string
	Default           *string
	AllowedPattern    string   `yaml:"allowedPattern"`
	AllowedValues     []string `yaml:"allowedValues"`
}

type step struct {
	Action, Name string
	Precondition map[string][]string
	Inputs       struct {
		TimeoutSeconds string   `yaml:"timeoutSeconds"`
		RunCommand     []string `yaml:"runCommand"`
	}
}

// documents are those of the stack, by name, decoded so that an unknown field is
// an error.
func documents(t *testing.T) map[string]document {
	t.Helper()
	text, err := os.ReadFile("stack.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var stack struct {
		Resources map[string]struct {
			Type       string `yaml:"Type"`
			Properties struct {
				Name         string    `yaml:"Name"`
				DocumentType string    `yaml:"DocumentType"`
				Content      yaml.Node `yaml:"Content"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &stack); err != nil {
		t.Fatal(err)
	}
	all := map[string]document{}
	for _, r := range stack.Resources {
		if r.Type != "AWS::SSM::Document" {
			continue
		}
		content, err := yaml.Marshal(&r.Properties.Content)
		if err != nil || r.Properties.DocumentType != "Command" {
			t.Errorf("%s is a %s: %v", r.Properties.Name, r.Properties.DocumentType, err)
		}
		var d document
		strict := yaml.NewDecoder(bytes.NewReader(content))
		strict.KnownFields(true)
		if err := strict.Decode(&d); err != nil {
			t.Errorf("%s: %v", r.Properties.Name, err)
		}
		all[r.Properties.Name] = d
	}
	return all
}

func TestTheDocumentsKeepTheSchema(t *testing.T) {
	all := documents(t)
	if len(all) != 2 {
		t.Fatalf("%d documents", len(all))
	}
	name := regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	for id, d := range all {
		if d.SchemaVersion != "2.2" || d.Description == "" || len(d.MainSteps) != 1 {
			t.Fatalf("%s: %+v", id, d)
		}
		s := d.MainSteps[0]
		linux := s.Precondition["StringEquals"]
		if s.Action != "aws:runShellScript" || !name.MatchString(s.Name) || strings.Join(linux, "=") != "platformType=Linux" ||
			!regexp.MustCompile(`^[1-9][0-9]*$`).MatchString(s.Inputs.TimeoutSeconds) {
			t.Errorf("%s: %+v", id, s)
		}
		script := strings.Join(s.Inputs.RunCommand, "\n")
		for _, used := range regexp.MustCompile(`\{\{ *(.*?) *\}\}`).FindAllStringSubmatch(script, -1) {
			if _, is := d.Parameters[used[1]]; !is {
				t.Errorf("%s: %s is no parameter", id, used[0])
			}
		}
		for key, p := range d.Parameters {
			p.judge(t, id+", "+key)
		}
	}
}

// judge wants a parameter that cannot say more to a shell than a value: it is put
// into the script as it is.
func (p parameter) judge(t *testing.T, of string) {
	t.Helper()
	if p.Type != "String" || p.Description == "" || (p.AllowedPattern == "") == (len(p.AllowedValues) == 0) {
		t.Errorf("%s: %+v", of, p)
		return
	}
	if p.AllowedPattern == "" {
		return
	}
	allowed, err := regexp.Compile(p.AllowedPattern)
	if err != nil || p.Default != nil && !allowed.MatchString(*p.Default) {
		t.Errorf("%s: its default is not allowed, or %v", of, err)
		return
	}
	for _, evil := range []string{"'; reboot; '", "$(reboot)", "a\nreboot", "a b", "`reboot`", "\""} {
		if allowed.MatchString(evil) {
			t.Errorf("%s lets %q into the script", of, evil)
		}
	}
}

// run runs a document in a shell where muster and aws say what they are called
// with, and returns that and the exit code.
func run(t *testing.T, d document, parameters, programs map[string]string) (said string, code int) {
	t.Helper()
	script := strings.Join(d.MainSteps[0].Inputs.RunCommand, "\n")
	for key, p := range d.Parameters {
		value, given := parameters[key]
		if !given && p.Default != nil {
			value = *p.Default
		}
		script = strings.ReplaceAll(script, "{{ "+key+" }}", value)
	}
	dir := t.TempDir()
	for name, status := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho "+name+" \"$@\"\nexit "+status+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script)
	path := dir
	if programs["aws"] != "" { // without it the machine's own is none either
		path += ":/usr/bin:/bin"
	}
	cmd.Env = []string{"PATH=" + path, "TMPDIR=" + dir}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(dir + "/tmp.*"); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestWhatTheDocumentsRun(t *testing.T) {
	for name, c := range map[string]struct {
		document             string
		parameters, programs map[string]string
		code                 int
		says                 string
	}{
		"all checks": {"muster-check", nil, map[string]string{"muster": "0"}, 0, "^muster check --output short\n$"},
		"some checks": {"muster-check", map[string]string{"Only": "network,registered", "Output": "json"},
			map[string]string{"muster": "1"}, 1, "^muster check --output json --only network,registered\n$"},
		"everything": {"muster-check", map[string]string{"Command": "debug", "Output": "table"}, map[string]string{"muster": "1"}, 1,
			"^muster debug --output table\n$"},
		"a sick instance": {"muster-bundle", map[string]string{"Bucket": "b-1"}, map[string]string{"muster": "1", "aws": "0"}, 1,
			`(?s)^muster debug --bundle /.*/muster.tar.gz\naws s3 cp --only-show-errors /.*/muster.tar.gz ` +
				`s3://b-1/muster/.+-[0-9]{8}T[0-9]{6}Z.tar.gz\n$`},
		"a well one": {"muster-bundle", map[string]string{"Bucket": "b-1", "Prefix": "x/y"}, map[string]string{"muster": "0",
			"aws": "0"}, 0, "s3://b-1/x/y/"},
		"no AWS CLI": {"muster-bundle", map[string]string{"Bucket": "b-1"}, map[string]string{"muster": "0"}, 2,
			"dnf install -y awscli-2"},
		"a bucket that is shut": {"muster-bundle", map[string]string{"Bucket": "b-1"}, map[string]string{"muster": "0", "aws": "1"}, 11,
			"muster debug"},
	} {
		t.Run(name, func(t *testing.T) {
			said, code := run(t, documents(t)[c.document], c.parameters, c.programs)
			if code != c.code || !regexp.MustCompile(c.says).MatchString(said) {
				t.Errorf("exit %d, want %d:\n%s", code, c.code, said)
			}
		})
	}
}
