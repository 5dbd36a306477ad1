package ecsconfig

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func user(text string) SourceFile { return SourceFile{Path: "/etc/ecs/ecs.config", Data: []byte(text)} }
func instance(text string) SourceFile {
	return SourceFile{Path: "/var/lib/ecs/ecs.config", Data: []byte(text)}
}
func inJSON(text string) SourceFile {
	return SourceFile{Path: "/etc/ecs/ecs.config.json", Data: []byte(text)}
}

const (
	clusterJSON     = `{"Cluster":"json"}`
	clusterUserData = `{"ECSAgentConfiguration":{"Cluster":"data"}}`
)

// The order follows NewConfig in agent/config/config.go and LoadEnvVars in ecs-init/docker/docker.go.
func TestReadMergesLikeTheAgent(t *testing.T) {
	tests := map[string]struct {
		from        Sources
		key         string
		text, where string
	}{
		"nothing":         {Sources{}, "ECS_CLUSTER", "default", "the ECS agent's default"},
		"the user's file": {Sources{User: user("A=1\nECS_CLUSTER=prod\n")}, "ECS_CLUSTER", "prod", "/etc/ecs/ecs.config:2"},
		"the image's file": {
			Sources{Instance: instance("ECS_CLUSTER=image\n"), User: user("A=1\n")},
			"ECS_CLUSTER",
			"image",
			"/var/lib/ecs/ecs.config:1",
		},
		"the user's over the image's": {
			Sources{Instance: instance("ECS_CLUSTER=image\n"), User: user("ECS_CLUSTER=prod\n")},
			"ECS_CLUSTER",
			"prod",
			"/etc/ecs/ecs.config:1",
		},
		"an empty one over the image's": {
			Sources{Instance: instance("ECS_CLUSTER=image\n"), User: user("ECS_CLUSTER=\n")},
			"ECS_CLUSTER",
			"default",
			"the ECS agent's default",
		},
		"JSON": {
			Sources{User: user("A=1\n"), JSON: inJSON(clusterJSON)},
			"ECS_CLUSTER",
			"json",
			"/etc/ecs/ecs.config.json",
		},
		"JSON, in any case": {Sources{JSON: inJSON(`{"cluster":" json "}`)}, "ECS_CLUSTER", "json", "/etc/ecs/ecs.config.json"},
		"JSON, the old field": {
			Sources{JSON: inJSON(`{"ClusterArn":"json"}`)},
			"ECS_CLUSTER",
			"json",
			"/etc/ecs/ecs.config.json",
		},
		"a file over JSON": {
			Sources{User: user("ECS_CLUSTER=prod\n"), JSON: inJSON(clusterJSON)},
			"ECS_CLUSTER",
			"prod",
			"/etc/ecs/ecs.config:1",
		},
		"JSON over an empty one": {
			Sources{User: user("ECS_CLUSTER=\n"), JSON: inJSON(clusterJSON)},
			"ECS_CLUSTER",
			"json",
			"/etc/ecs/ecs.config.json",
		},
		"user data": {
			Sources{UserData: []byte(clusterUserData)},
			"ECS_CLUSTER",
			"data",
			"user data (ECSAgentConfiguration)",
		},
		"JSON over user data": {
			Sources{JSON: inJSON(clusterJSON), UserData: []byte(clusterUserData)},
			"ECS_CLUSTER",
			"json",
			"/etc/ecs/ecs.config.json",
		},
		"user data that is a script": {
			Sources{UserData: []byte("#!/bin/sh\n" + clusterUserData)},
			"ECS_CLUSTER",
			"default",
			"the ECS agent's default",
		},
		"user data of a wrong type": {
			Sources{UserData: []byte(`{"ECSAgentConfiguration":{"Cluster":"data","ReservedMemory":"1"}}`)},
			"ECS_CLUSTER",
			"default",
			"the ECS agent's default",
		},
		"the running container": {
			Sources{User: user("ECS_CLUSTER=prod\n"), Container: []string{"ECS_CLUSTER=old"}},
			"ECS_CLUSTER",
			"old",
			"the environment of the ECS agent's container",
		},
		"the container, as the file": {
			Sources{User: user("ECS_CLUSTER=prod\n"), Container: []string{"ECS_CLUSTER=prod"}},
			"ECS_CLUSTER",
			"prod",
			"/etc/ecs/ecs.config:1",
		},
		"the container without it": {
			Sources{User: user("ECS_CLUSTER=prod\n"), Container: []string{"ECS_DATADIR=/data"}},
			"ECS_CLUSTER",
			"default",
			"the ECS agent's default",
		},
		"a container of no agent": {
			Sources{User: user("ECS_CLUSTER=prod\n"), Container: []string{"PATH=/bin"}},
			"ECS_CLUSTER",
			"prod",
			"/etc/ecs/ecs.config:1",
		},
		"what ecs-init sets": {Sources{}, "ECS_ENABLE_TASK_ENI", "true", "ecs-init's default"},
		"what the file turns off": {
			Sources{User: user("ECS_ENABLE_TASK_ENI=false\n")},
			"ECS_ENABLE_TASK_ENI",
			"false",
			"/etc/ecs/ecs.config:1",
		},
		// The file's value replaces ecs-init's, and is then discarded.
		"an invalid value in the file": {
			Sources{User: user("ECS_ENABLE_TASK_ENI=yes\n")},
			"ECS_ENABLE_TASK_ENI",
			"false",
			"/etc/ecs/ecs.config:1",
		},
		"a default": {Sources{}, "ECS_IMAGE_CLEANUP_INTERVAL", "30m", "the ECS agent's default"},
		"a trimmed value": {
			Sources{User: user("AWS_DEFAULT_REGION= eu-west-1\n")},
			"AWS_DEFAULT_REGION",
			"eu-west-1",
			"/etc/ecs/ecs.config:1",
		},
		"the instance's region": {Sources{Region: "eu-west-1"}, "AWS_DEFAULT_REGION", "eu-west-1", "the metadata service"},
		"quotes stay":           {Sources{User: user("ECS_CLUSTER=\"prod\"\n")}, "ECS_CLUSTER", `"prod"`, "/etc/ecs/ecs.config:1"},
		"nanoseconds": {
			Sources{JSON: inJSON(`{"TaskCleanupWaitDuration":60000000000}`)},
			"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION",
			"1m0s",
			"/etc/ecs/ecs.config.json",
		},
		"JSON in JSON": {
			Sources{JSON: inJSON(`{"InstanceAttributes": {"a": "b"}}`)},
			"ECS_INSTANCE_ATTRIBUTES",
			`{"a":"b"}`,
			"/etc/ecs/ecs.config.json",
		},
		"a flag in JSON": {
			Sources{JSON: inJSON(`{"WarmPoolsSupport": true}`)},
			"ECS_WARM_POOLS_CHECK",
			"true",
			"/etc/ecs/ecs.config.json",
		},
		"an unreadable file": {
			Sources{User: SourceFile{Path: "/etc/ecs/ecs.config", Err: ErrDirectory}},
			"ECS_CLUSTER",
			"default",
			"the ECS agent's default",
		},
		"CRLF": {Sources{User: user("ECS_CLUSTER=prod\r\n")}, "ECS_CLUSTER", "prod", "/etc/ecs/ecs.config:1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			settings, _ := Read(test.from)
			v, _ := settings.Get(test.key)
			if v.Text != test.text || v.Where() != test.where || v.Key != test.key {
				t.Errorf("got %+v from %s, want %s from %s", v, v.Where(), test.text, test.where)
			}
		})
	}
}

func TestStaleNamesChangedSettings(t *testing.T) {
	settings, _ := Read(Sources{User: user("ECS_CLUSTER=prod\nECS_RESERVED_MEMORY=256\nECS_LOG_OPTS={}\n"),
		Container: []string{"ECS_CLUSTER=old", "ECS_DATADIR=/data", "ECS_LOGLEVEL=debug", "ECS_UPDATES_ENABLED=true"}})
	if want := []string{"ECS_CLUSTER", "ECS_RESERVED_MEMORY", "ECS_LOGLEVEL"}; !cmp.Equal(settings.NotApplied(), want) {
		t.Error(cmp.Diff(want, settings.NotApplied()))
	}
	if named := settings.InFiles("ECS_CLUSTER"); named.Raw != "prod" || named.Where() != "/etc/ecs/ecs.config:1" {
		t.Errorf("the file names %+v", named)
	}
}

// fileConfig and userDataConfig in agent/config/config.go: errors of the first end the agent, errors of the second are
// ignored.
func TestProblemsOfTheOtherSources(t *testing.T) {
	tests := map[string]struct {
		from Sources
		want []string
	}{
		"good JSON":  {Sources{JSON: inJSON(clusterJSON)}, nil},
		"empty JSON": {Sources{JSON: inJSON(" \n")}, nil},
		"no JSON": {
			Sources{JSON: inJSON("{\n\"Cluster\":\n")},
			[]string{"fatal: /etc/ecs/ecs.config.json:3: is not a JSON object"},
		},
		"another type": {
			Sources{JSON: inJSON("{\n\"Cluster\": 5}")},
			[]string{"fatal: /etc/ecs/ecs.config.json:2: has a field of the wrong type: Cluster (expected: cluster)"},
		},
		"a flag in quotes": {
			Sources{JSON: inJSON(`{"TaskENIEnabled":"true"}`)},
			[]string{"fatal: /etc/ecs/ecs.config.json:1: has a field of the wrong type: TaskENIEnabled (expected: true or false)"},
		},
		"a directory": {
			Sources{JSON: SourceFile{Path: "/etc/ecs/ecs.config.json", Err: ErrDirectory}},
			[]string{"fatal: /etc/ecs/ecs.config.json is a directory"},
		},
		"a variable's name": {
			Sources{JSON: inJSON(`{"ECS_CLUSTER":"prod"}`)},
			[]string{
				"unknown key: /etc/ecs/ecs.config.json:1: ECS_CLUSTER is not a field of the ECS agent's configuration: did you mean Cluster?",
			},
		},
		"a near field": {
			Sources{JSON: inJSON(`{"ClusterName":"prod"}`)},
			[]string{
				"unknown key: /etc/ecs/ecs.config.json:1: ClusterName is not a field of the ECS agent's configuration: did you mean Cluster?",
			},
		},
		"user data, wrong type": {
			Sources{UserData: []byte(`{"ECSAgentConfiguration":{"Cluster":5}}`)},
			[]string{"ignored: user data has an ECSAgentConfiguration with a field of the wrong type: Cluster (expected: cluster)"},
		},
		"both files": {
			Sources{Instance: instance("ECS_CLUSTER='a'\n"), User: user("ECS_CLUSTER=b\n")},
			[]string{"refused: /var/lib/ecs/ecs.config:1: ECS_CLUSTER has quotes around its value"},
		},
		"a directory created by Docker": {
			Sources{User: SourceFile{Path: "/etc/ecs/ecs.config", Err: fmt.Errorf("reading: %w", ErrDirectory)}},
			[]string{"misread: /etc/ecs/ecs.config is a directory, not a file"},
		},
		"a pipe": {
			Sources{User: SourceFile{Path: "/etc/ecs/ecs.config", Err: ErrNotRegular}},
			[]string{"misread: /etc/ecs/ecs.config is not a regular file"},
		},
		"muster may not read it": {Sources{User: SourceFile{Path: "/etc/ecs/ecs.config", Err: fs.ErrPermission}}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, problems := Read(test.from)
			var got []string
			for _, p := range problems {
				got = append(got, p.Severity.String()+": "+p.String())
			}
			if !cmp.Equal(got, test.want) {
				t.Error(cmp.Diff(test.want, got))
			}
		})
	}
}

func TestGather(t *testing.T) {
	dir := t.TempDir()
	under := func(path string) string { return filepath.Join(dir, path) }
	for path, text := range map[string]string{
		InstancePath: "ECS_LOGLEVEL=debug\n", DefaultPath: "ECS_AGENT_CONFIG_FILE_PATH=/etc/ecs/my.json\n", "/etc/ecs/my.json": clusterJSON,
	} {
		if err := os.MkdirAll(filepath.Dir(under(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Dir(under(path)), filepath.Base(path), text)
	}
	settings, problems := Read(Gather("", under))
	if len(problems) > 0 || settings.Text("ECS_LOGLEVEL") != "debug" || settings.Cluster().Where() != "/etc/ecs/my.json" {
		t.Errorf("%v, %+v", problems, settings.Cluster())
	}
}

func TestLoadNeverBlocks(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "ecs.config")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(pipe); err == nil || !strings.Contains(err.Error(), pipe) {
		t.Error(err)
	}
}

func TestTableIsValid(t *testing.T) {
	fields := map[string]string{}
	for _, k := range keys {
		if byName[k.Name].Name != k.Name || k.Kind == nil || len(k.Name) > 60 {
			t.Errorf("%s is in the table twice, or incomplete", k.Name)
		}
		if other := fields[strings.ToLower(k.Field)]; k.Field != "" && other != "" {
			t.Errorf("%s and %s share the field %s", k.Name, other, k.Field)
		}
		fields[strings.ToLower(k.Field)] = k.Name
		if k.Field != "" && k.Kind.json == nil {
			t.Errorf("%s has a field and no JSON form", k.Name)
		}
		for what, value := range map[string]string{"default": k.Default, "preset": k.Preset} {
			if r := k.read(value); value != "" && value != "set" && r.Fault != "" {
				t.Errorf("%s: the %s %s", k.Name, what, r.Fault)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("ECS_CLUSTER= prod\n"), []byte(clusterJSON), []byte(clusterUserData), "ECS_CLUSTER=x")
	f.Add([]byte("\xff\xfeE\x00=\x00"), []byte(`{"ReservedPorts":[1]}`), []byte("#!"), "")
	f.Fuzz(func(t *testing.T, file, object, data []byte, env string) {
		from := Sources{Instance: instance(string(object)), User: user(string(file)), JSON: inJSON(string(object)), UserData: data}
		settings, problems := Read(from)
		for _, p := range problems {
			if p.What == "" || p.File == "" {
				t.Fatalf("incomplete problem: %+v", p)
			}
		}
		if settings.Cluster().Text == "" {
			t.Fatal("the ECS agent has no cluster")
		}
		for key, value := range agentEnvironment(file) { // as read by the oracle
			if v := settings.InFiles(key); v.Raw != value || v.Line == 0 {
				t.Fatalf("%q is %+v, want %q", key, v, value)
			}
		}
		from.Container = []string{env, "ECS_DATADIR=/data"}
		Read(from)
	})
}
