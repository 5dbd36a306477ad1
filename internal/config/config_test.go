package config

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func load(t *testing.T, set Set) *Config {
	t.Helper()
	cfg, err := Load(set)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cfg
}

func parsed(t *testing.T, text string) File {
	t.Helper()
	f, err := ParseFile(FilePath, []byte(text))
	if err != nil {
		t.Fatalf("ParseFile: %v", err)
	}
	return f
}

func TestEverySettingIsReadByEnvconfigUnderTheNameThatIsDocumented(t *testing.T) {
	sample := map[string]string{
		"MUSTER_ECS": "ECS_LOGLEVEL=debug", "MUSTER_RESET_STALE_STATE": "true", "MUSTER_ON_FAILURE": "abandon",
		"MUSTER_CFN_AUTH": "sigv4", "MUSTER_PORTS": "ignite2,tcp/9000", "MUSTER_PORTS_POLICY": "fail", "MUSTER_GATE": "muster.ports",
		"MUSTER_AWAIT_SERVICE": "grid-2",
		"MUSTER_BALANCER":      "web", "MUSTER_TARGET_PORT": "8080", "MUSTER_INTROSPECTION_URL": "http://127.0.0.1:1",
		"MUSTER_CFN_RESOURCE": "r", "MUSTER_CFN_STACK": "s", "MUSTER_DIMENSIONS": "container,instance",
		"MUSTER_METRICS": "limits,agent", "MUSTER_PUBLISH_VERSION": "true",
		"MUSTER_SPOOL_MAX": "7MB", "MUSTER_UNHEALTHY_AFTER": "7m", "MUSTER_UNHEALTHY_MAX_SHARE": "50",
	}
	flags := map[string]string{}
	for _, s := range Settings() {
		switch {
		case sample[s.Variable] != "":
			flags[s.Variable] = sample[s.Variable]
		case strings.HasSuffix(s.Default, "m"), strings.HasSuffix(s.Default, "h"):
			flags[s.Variable] = "7m"
		default:
			flags[s.Variable] = "/changed"
		}
	}
	cfg := load(t, Set{Flags: flags})
	for _, s := range Settings() {
		if got := s.value(cfg); got != flags[s.Variable] {
			t.Errorf("%s = %q, want %q", s.Variable, got, flags[s.Variable])
		}
		if s.Desc == "" || len(s.Commands) == 0 {
			t.Errorf("%s has no description or no command", s.Variable)
		}
	}
}

func TestDefaults(t *testing.T) {
	cfg := load(t, Set{})
	if cfg.Timeout != 10*time.Minute || cfg.OnFailure != OnFailureReport || cfg.CFNAuth != CFNIdentity || cfg.Root != "/" {
		t.Errorf("defaults: %+v", cfg)
	}
	if got := cfg.ReportPath("i-1"); got != "/var/lib/muster/instances/i-1/report.json" {
		t.Errorf("ReportPath = %s", got)
	}
}

func TestHighestLayerWinsAndIsTheOrigin(t *testing.T) {
	all := Set{
		Flags:   map[string]string{"MUSTER_CLUSTER": "flag"},
		Environ: []string{"MUSTER_CLUSTER=env", "PATH=/bin"},
		Record:  map[string]string{"MUSTER_CLUSTER": "record"},
		File:    parsed(t, "# ours\n\nMUSTER_CLUSTER=file\n"),
	}
	for _, step := range []struct {
		value, origin string
		drop          func(*Set)
	}{
		{"flag", "flag --cluster", func(s *Set) { s.Flags = nil }},
		{"env", "environment MUSTER_CLUSTER", func(s *Set) { s.Environ = nil }},
		{"record", "record of bootstrap on this instance", func(s *Set) { s.Record = nil }},
		{"file", "file /etc/muster/muster.env:3", func(s *Set) { s.File = File{} }},
		{"", "default", func(*Set) {}},
	} {
		cfg := load(t, all)
		if cfg.Cluster != step.value || cfg.Origin("MUSTER_CLUSTER").String() != step.origin {
			t.Errorf("cluster %q from %q, want %q from %q", cfg.Cluster, cfg.Origin("MUSTER_CLUSTER"), step.value, step.origin)
		}
		step.drop(&all)
	}
}

func TestSettingsForTheECSAgentAreMergedKeyByKey(t *testing.T) {
	cfg := load(t, Set{
		Flags:   map[string]string{"MUSTER_ECS": "ECS_LOGLEVEL=debug"},
		Environ: []string{`MUSTER_ECS=ECS_INSTANCE_ATTRIBUTES={"rack": "a b"} ECS_LOGLEVEL=info`},
		File:    parsed(t, "MUSTER_ECS='ECS_RESERVED_MEMORY=256'"),
	})
	want := ECSSettings{{"ECS_RESERVED_MEMORY", "256"}, {"ECS_INSTANCE_ATTRIBUTES", `{"rack": "a b"}`}, {"ECS_LOGLEVEL", "debug"}}
	if diff := cmp.Diff(want, cfg.ECS); diff != "" {
		t.Error(diff)
	}
}

func TestInvalidSettingsErrorNamesTheOrigin(t *testing.T) {
	for name, c := range map[string]struct {
		set  Set
		want string
	}{
		"an unknown variable": {Set{Environ: []string{"MUSTER_CLUSTR=x"}},
			"environment MUSTER_CLUSTR: unknown setting MUSTER_CLUSTR: did you mean MUSTER_CLUSTER"},
		"an unknown line": {Set{File: parsed(t, "\nMUSTER_TIMOUT=1m")},
			"file /etc/muster/muster.env:2: unknown setting MUSTER_TIMOUT: did you mean MUSTER_TIMEOUT"},
		"nothing near": {Set{Environ: []string{"MUSTER_XYZZYPLUGH=x"}}, "muster config show lists"},
		"an empty cluster": {Set{Environ: []string{"MUSTER_CLUSTER="}},
			"environment MUSTER_CLUSTER: MUSTER_CLUSTER: it is set, but empty"},
		"no duration": {Set{Flags: map[string]string{"MUSTER_TIMEOUT": "10"}},
			`flag --timeout: MUSTER_TIMEOUT="10": not a duration such as 90s or 10m`},
		"ports judged all the time": {Set{Flags: map[string]string{"MUSTER_PORTS_PERIOD": "1ns"}},
			"MUSTER_PORTS_PERIOD: 1ns is less than a minute"},
		"a negative duration": {Set{Flags: map[string]string{"MUSTER_TIMEOUT": "-1m"}},
			"flag --timeout: MUSTER_TIMEOUT: -1m0s is not greater than zero"},
		"no bool": {Set{Environ: []string{"MUSTER_RESET_STALE_STATE=maybe"}}, "neither true nor false"},
		"a word that is no choice": {Set{Flags: map[string]string{"MUSTER_ON_FAILURE": "explode"}},
			`it must be one of ["report" "abandon" "unhealthy"]`},
		"half a signal": {Set{Flags: map[string]string{"MUSTER_CFN_STACK": "s"}},
			"needs both the stack (--cfn-stack) and the resource"},
		"an unknown profile": {Set{Flags: map[string]string{"MUSTER_PORTS": "ignit2"}}, `flag --ports: MUSTER_PORTS: `},
		"a relative path": {Set{Flags: map[string]string{"MUSTER_STATE_DIR": "here"}},
			`flag --state-dir: MUSTER_STATE_DIR: "here" is not an absolute path`},
		"an invalid URL": {Set{Environ: []string{"MUSTER_INTROSPECTION_URL=127.0.0.1:51678"}},
			"is not a URL such as http://127.0.0.1:51678"},
		"a URL with a password": {Set{Environ: []string{"MUSTER_INTROSPECTION_URL=http://joe:hunter2@127.0.0.1:51678"}},
			"MUSTER_INTROSPECTION_URL: the URL has a user or a password"},
		"no key": {Set{Flags: map[string]string{"MUSTER_ECS": "debug"}},
			`flag --ecs: MUSTER_ECS: it does not begin with KEY=`},
		"a secret after a bad key": {Set{Flags: map[string]string{"MUSTER_ECS": "ecs_engine_auth_data=hunter2"}},
			`the keys of the ECS agent are in upper case`},
		"a secret that lost its key": {Set{Flags: map[string]string{"MUSTER_ECS": `{"r":{"auth":"hunter2"}}`}}, `it does not begin with KEY=`},
		"a secret before a key":      {Set{Flags: map[string]string{"MUSTER_ECS": "hunter2 ECS_LOGLEVEL=info"}}, `it does not begin with KEY=`},
		"too soon unhealthy": {Set{Flags: map[string]string{"MUSTER_UNHEALTHY_AFTER": "4m"}},
			"flag --unhealthy-after: MUSTER_UNHEALTHY_AFTER: 4m0s is less than 5m"},
		"a share of nobody": {Set{Flags: map[string]string{"MUSTER_UNHEALTHY_MAX_SHARE": "0"}}, "0 is not a percentage from 1 to 100"},
		"a share that is no number": {Set{Flags: map[string]string{"MUSTER_UNHEALTHY_MAX_SHARE": "ten"}},
			`MUSTER_UNHEALTHY_MAX_SHARE="ten": not a whole number`},
		"a dimension of nothing": {Set{Flags: map[string]string{"MUSTER_DIMENSIONS": "task"}},
			"it must be container, instance, or container,instance"},
		"a spool without a unit": {Set{Flags: map[string]string{"MUSTER_SPOOL_MAX": "64"}}, "not a size such as 64MB"},
		"a namespace of AWS's":   {Set{Flags: map[string]string{"MUSTER_NAMESPACE": "AWS/ECS"}}, `"AWS/ECS" is not a CloudWatch namespace`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(c.set)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestAllUnknownVariablesAreReportedAtOnce(t *testing.T) {
	_, err := Load(Set{Environ: []string{"MUSTER_A1=x", "MUSTER_B2=y"}})
	if err == nil || !strings.Contains(err.Error(), "MUSTER_A1") || !strings.Contains(err.Error(), "MUSTER_B2") {
		t.Errorf("error %v", err)
	}
}

func TestLoadLeavesTheEnvironmentAsItWas(t *testing.T) {
	t.Setenv("MUSTER_CLUSTER", "mine")
	load(t, Set{Environ: os.Environ(), Flags: map[string]string{"MUSTER_TIMEOUT": "1m"}})
	if got, there := os.LookupEnv("MUSTER_CLUSTER"); got != "mine" || !there {
		t.Errorf("MUSTER_CLUSTER is now %q, %v", got, there)
	}
	if _, there := os.LookupEnv("MUSTER_TIMEOUT"); there {
		t.Error("MUSTER_TIMEOUT leaked into the environment")
	}
}

func TestRecordContainsFlagsAndVariablesButNotTheFile(t *testing.T) {
	cfg := load(t, Set{
		Flags:   map[string]string{"MUSTER_CLUSTER": "prod", "MUSTER_ECS": "ECS_ENGINE_AUTH_DATA=secret", "MUSTER_ROOT": "/mnt"},
		Environ: []string{"MUSTER_TIMEOUT=3m"},
		File:    parsed(t, "MUSTER_LIFECYCLE_HOOK=ready"),
	})
	want := map[string]string{"MUSTER_CLUSTER": "prod", "MUSTER_TIMEOUT": "3m"}
	if diff := cmp.Diff(want, cfg.Record()); diff != "" {
		t.Error(diff)
	}
	again := load(t, Set{Record: cfg.Record()})
	if again.Timeout != 3*time.Minute || again.Cluster != "prod" {
		t.Errorf("the record did not come back: %+v", again)
	}
}

func TestShowMasksSecrets(t *testing.T) {
	cfg := load(t, Set{Flags: map[string]string{"MUSTER_ECS": `ECS_ENGINE_AUTH_DATA={"r":{"password":"hunter2"}} ECS_LOGLEVEL=info ` +
		`HTTP_PROXY=http://u:hunter2@p:1`}})
	for _, s := range cfg.Show() {
		if strings.Contains(s.Value, "hunter2") {
			t.Errorf("%s shows the secret: %s", s.Variable, s.Value)
		}
		if s.Variable == "MUSTER_ECS" && s.Value != "ECS_ENGINE_AUTH_DATA=[masked] ECS_LOGLEVEL=info HTTP_PROXY=http://[masked]@p:1" {
			t.Errorf("MUSTER_ECS = %s", s.Value)
		}
	}
}

var update = flag.Bool("update", false, "write the table of settings into docs/reference/configuration.md")

func TestConfigurationDocListsEverySetting(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "reference", "configuration.md")
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`(?s)\| variable \|.*?\n\n`)
	want := table.ReplaceAllLiteralString(string(doc), Markdown()+"\n")
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(doc)); diff != "" || !table.Match(doc) {
		t.Errorf("the table is not the code's (go test ./internal/config -update):\n%s", diff)
	}
}

func TestParseFile(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want map[string]string
		err  string
	}{
		"plain":                       {"MUSTER_CLUSTER=prod", map[string]string{"MUSTER_CLUSTER": "prod"}, ""},
		"CRLF, blanks and comments":   {"# c\r\n\r\n  MUSTER_CLUSTER=prod  \r\n", map[string]string{"MUSTER_CLUSTER": "prod"}, ""},
		"double quotes go":            {`MUSTER_ECS="A=1 B=2"`, map[string]string{"MUSTER_ECS": "A=1 B=2"}, ""},
		"single quotes hold double":   {`MUSTER_ECS='A={"x":1}'`, map[string]string{"MUSTER_ECS": `A={"x":1}`}, ""},
		"an equals sign in the value": {"MUSTER_ECS=A=1", map[string]string{"MUSTER_ECS": "A=1"}, ""},
		"empty":                       {"", map[string]string{}, ""},
		"a byte order mark":           {"\ufeffMUSTER_CLUSTER=prod\r\n", map[string]string{"MUSTER_CLUSTER": "prod"}, ""},
		"export": {"\nexport MUSTER_CLUSTER=prod", nil, FilePath +
			":2: the line is not KEY=VALUE (no blanks around =, no export)"},
		"a blank before =": {"MUSTER_CLUSTER =prod", nil, "not KEY=VALUE"},
		"open quotes":      {`MUSTER_CLUSTER="prod`, nil, "MUSTER_CLUSTER: the quotes do not match"},
		"twice":            {"MUSTER_CLUSTER=a\nMUSTER_CLUSTER=b", nil, FilePath + ":2: MUSTER_CLUSTER is set twice, first in line 1"},
		"a stranger":       {"ECS_CLUSTER=prod", nil, "ECS_CLUSTER does not belong here"},
		"not text":         {"MUSTER_CLUSTER=\xff", nil, "not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := ParseFile(FilePath, []byte(c.text))
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Fatalf("error %v, want %q", err, c.err)
			}
			if diff := cmp.Diff(c.want, f.Values); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProxyAndAWSVariablesPassThrough(t *testing.T) {
	f := parsed(t, "HTTPS_PROXY=http://proxy:3128\nno_proxy=169.254.169.254\nAWS_USE_DUALSTACK_ENDPOINT=true")
	want := map[string]string{"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "169.254.169.254", "AWS_USE_DUALSTACK_ENDPOINT": "true"}
	if diff := cmp.Diff(want, f.Passed); diff != "" {
		t.Error(diff)
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	if f, err := ReadFile(filepath.Join(dir, "absent")); err != nil || len(f.Values) != 0 {
		t.Errorf("a missing file: %+v, %v", f, err)
	}
	if _, err := ReadFile(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(big); err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("a big file: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(pipe); err == nil ||
		!strings.Contains(err.Error(), pipe+": it is not a regular file but a named pipe: move it away") {
		t.Errorf("a pipe: %v", err)
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte("MUSTER_CLUSTER=prod\n# c\nAWS_REGION='x'\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := ParseFile("f", data)
		if err != nil {
			return
		}
		for key := range file.Values {
			if !strings.HasPrefix(key, Prefix) || file.lines[key] == 0 {
				t.Errorf("%q at line %d", key, file.lines[key])
			}
		}
	})
}

func FuzzECSSettings(f *testing.F) {
	f.Add(`ECS_A=1 ECS_B={"x": "y z"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var first, second ECSSettings
		if first.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := second.UnmarshalText([]byte(first.String())); err != nil || !slices.Equal(first, second) {
			t.Errorf("%q became %q, then %q (%v)", text, first, second, err)
		}
	})
}
