package bootstrap

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"unicode/utf16"

	"muster/internal/base/exitcode"
	"muster/internal/sandbox"
)

// dryRun returns what bootstrap --dry-run prints to stdout, and its error.
func (m *machine) dryRun() (string, error) {
	var out bytes.Buffer
	err := m.host.Configure(m.t.Context(), Options{DryRun: true, Out: &out})
	return out.String(), err
}

// A file is correct only if the ECS agent reads it as intended. How the agent reads each file is in agent/config
// (parse.go, config.go), ecs-init/docker/docker.go (getEnvVars), and in the issues listed.
func TestFileThatTheAgentMisreadsIsNotReportedAsCorrect(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before, after string // after: empty if unchanged
		warns         []string
	}{
		"the region of another instance (amazon-ecs-agent#750)": {"AWS_DEFAULT_REGION=us-east-1\nECS_CLUSTER=prod\n",
			"AWS_DEFAULT_REGION=eu-central-1\nECS_CLUSTER=prod\n",
			[]string{"ecs.config:1: AWS_DEFAULT_REGION is us-east-1, and this instance is in eu-central-1"}},
		"escaped JSON": {"ECS_CLUSTER=prod\nECS_AVAILABLE_LOGGING_DRIVERS=[\\\"json-file\\\"]\n",
			"ECS_CLUSTER=prod\nECS_AVAILABLE_LOGGING_DRIVERS=[\"json-file\"]\n",
			[]string{"ecs.config:2: ECS_AVAILABLE_LOGGING_DRIVERS"}},
		"two settings on a line": {"ECS_CLUSTER=prod ECS_RESERVED_MEMORY=256\n", "ECS_CLUSTER=prod\nECS_RESERVED_MEMORY=256\n",
			[]string{"ecs.config:1: ECS_RESERVED_MEMORY"}},
		"a comment behind":    {"ECS_CLUSTER=prod # main\n", "ECS_CLUSTER=prod\n", []string{"ecs.config:1: ECS_CLUSTER"}},
		"UTF-16 (PowerShell)": {inUTF16("ECS_CLUSTER=prod\n"), "ECS_CLUSTER=prod\n", []string{"UTF-16"}},
		"a value that counts for nothing": {"ECS_CLUSTER=prod\nECS_IMAGE_CLEANUP_INTERVAL=1m\n", "",
			[]string{"ecs.config:2: ECS_IMAGE_CLEANUP_INTERVAL is below the minimum of 10m"}},
		"an unknown key": {"ECS_CLUSTER=prod\nECS_RESERVE_MEMORIES=1\n", "", []string{"ecs.config:2: ECS_RESERVE_MEMORIES",
			"ECS_RESERVED_MEMORY"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
			m.put(ecsConfig, test.before)
			out, err := m.dryRun()
			if err != nil || strings.Contains(out, "already correct") {
				t.Errorf("%v, %s", err, out)
			}
			wantText(t, m.log.String(), test.warns...)
			m.mustConfigure()
			if got := m.read(ecsConfig); test.after != "" && got != test.after || test.after == "" && got != test.before {
				t.Errorf("%q", got)
			}
			if text := m.log.String(); strings.Contains(text, "already correct") {
				t.Error(text)
			}
			if test.after == "" {
				return
			}
			if out, err := m.dryRun(); err != nil || !strings.Contains(out, "is already correct, unchanged") {
				t.Errorf("after the repair: %v, %s", err, out)
			}
		})
	}
}

func inUTF16(text string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// With these settings the ECS agent exits, or ECS rejects the registration: agent/config/config.go (NewConfig) and
// parse.go; attributes, amazon-ecs-agent#2981; reserved memory, ecs-agent/api/ecs/client (getResources).
func TestSettingsThatStopTheAgentAreRejectedBeforeWriting(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 129)
	for name, test := range map[string]struct {
		files map[string]string
		ecs   string
		says  []string
	}{
		"invalid JSON": {files: map[string]string{ecsConfig: "ECS_INSTANCE_ATTRIBUTES={\"a\":\n"},
			says: []string{"ecs.config:1: ECS_INSTANCE_ATTRIBUTES", "the ECS agent exits"}},
		"an unknown logging driver": {files: map[string]string{ecsConfig: "ECS_AVAILABLE_LOGGING_DRIVERS=[\"awslog\"]\n"},
			says: []string{"ecs.config:1: ECS_AVAILABLE_LOGGING_DRIVERS"}},
		"an attribute that is too long": {files: map[string]string{ecsConfig: "ECS_INSTANCE_ATTRIBUTES={\"a\":\"" + long + "\"}\n"},
			says: []string{"129 characters", "ECS rejects the registration"}},
		"an invalid ecs.config.json": {files: map[string]string{"etc/ecs/ecs.config.json": `{"Cluster": `},
			says: []string{"ecs.config.json"}},
		"the image's file": {files: map[string]string{"var/lib/ecs/ecs.config": "ECS_INSTANCE_ATTRIBUTES={\"a\":\n"},
			says: []string{"var/lib/ecs/ecs.config:1: ECS_INSTANCE_ATTRIBUTES"}},
		"more memory than there is": {files: map[string]string{ecsConfig: "ECS_RESERVED_MEMORY=2048\n"},
			says: []string{"ECS_RESERVED_MEMORY is 2048", "1024 MiB"}},
		"more memory than there is, set": {ecs: "ECS_RESERVED_MEMORY=2048", says: []string{"ECS_RESERVED_MEMORY is 2048", "1024 MiB"}},
		"another region, set": {ecs: "AWS_DEFAULT_REGION=us-east-1",
			says: []string{"flag --ecs", "AWS_DEFAULT_REGION must be eu-central-1"}},
		"a mistyped key, set": {ecs: "ECS_RESERVE_MEMORY=256", says: []string{"flag --ecs", "ECS_RESERVED_MEMORY"}},
		"an attribute too long, set": {ecs: `ECS_INSTANCE_ATTRIBUTES={"a":"` + long + `"}`,
			says: []string{"flag --ecs", "ECS_INSTANCE_ATTRIBUTES"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
			m.put("proc/meminfo", "MemTotal: 1048576 kB\nMemFree: 1 kB\nMemAvailable: 524288 kB\n")
			for path, text := range test.files {
				m.put(path, text)
			}
			if test.ecs != "" {
				m.set("ECS", test.ecs)
			}
			before, err := os.ReadFile(m.path(ecsConfig))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			_, err = m.dryRun()
			wantExit(t, err, exitcode.BadConfiguration)
			err = m.configure()
			wantExit(t, err, exitcode.BadConfiguration)
			wantText(t, whole(err), test.says...)
			if now, _ := os.ReadFile(m.path(ecsConfig)); !bytes.Equal(before, now) {
				t.Errorf("it was written: %q", now)
			}
			wantCalls(t, m.systemd.did(), "mask ecs.service")
		})
	}
}

// The user's file has precedence, so its settings correct those of the image.
func TestOverriddenProblemOfTheImageIsNotReported(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod", "ECS", `ECS_INSTANCE_ATTRIBUTES={"stack":"blue"}`)
	m.put("var/lib/ecs/ecs.config", "ECS_CLUSTER=image\nECS_INSTANCE_ATTRIBUTES={\"a\":\nAWS_DEFAULT_REGION=us-east-1\n")
	m.mustConfigure()
	wantText(t, m.read(ecsConfig), "ECS_CLUSTER=prod\n", "AWS_DEFAULT_REGION=eu-central-1\n")
	wantText(t, m.log.String(), "var/lib/ecs/ecs.config:3: AWS_DEFAULT_REGION is us-east-1")
}

// An unreadable ecs.config is reported first, because --reset-stale-state would not help.
func TestUnreadableFileIsReportedBeforeAStaleCheckpoint(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	m.put(ecsConfig+"/x", "")
	m.saved("default")
	err := m.configure()
	wantExit(t, err, exitcode.Failed)
	wantText(t, whole(err), "it is a directory", "mv "+m.path(ecsConfig), "muster bootstrap --cluster prod")
}

func TestWarningForAWarmPoolInstanceThatWouldRegister(t *testing.T) {
	t.Parallel()
	const says = "ECS_WARM_POOLS_CHECK is not true"
	for name, test := range map[string]struct {
		state, config, image, ecs string
		warns                     bool
	}{
		"in service":             {state: "InService"},
		"in the pool":            {state: "Warmed:Running", warns: true},
		"stopped there":          {state: "Warmed:Stopped", warns: true},
		"and the agent waits":    {state: "Warmed:Running", config: "ECS_WARM_POOLS_CHECK=true\n"},
		"and the image says so":  {state: "Warmed:Running", image: "ECS_WARM_POOLS_CHECK=true\n"},
		"and it is turned off":   {state: "Warmed:Running", image: "ECS_WARM_POOLS_CHECK=true\n", ecs: "ECS_WARM_POOLS_CHECK=false", warns: true},
		"and it is set with it":  {state: "Warmed:Running", ecs: "ECS_WARM_POOLS_CHECK=true"},
		"and quotes undo it all": {state: "Warmed:Running", config: "ECS_WARM_POOLS_CHECK=yes\n", warns: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{Group: &sandbox.Group{Name: "workers", TargetState: test.state}}).set("CLUSTER", "prod")
			m.put(ecsConfig, test.config)
			m.put("var/lib/ecs/ecs.config", test.image)
			if test.ecs != "" {
				m.set("ECS", test.ecs)
			}
			m.mustConfigure()
			if text := m.log.String(); strings.Contains(text, says) != test.warns {
				t.Error(text)
			} else if test.warns {
				wantText(t, text, "--ecs ECS_WARM_POOLS_CHECK=true")
			}
		})
	}
}

// The command that repeats a bootstrap contains the settings from flags and the environment.
func TestTheCommandThatRepeatsABootstrapIsComplete(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prdo", "CFN_STACK", "web", "CFN_RESOURCE", "It's", "IMDS_TIMEOUT", "20s",
		"ECS", `ECS_RESERVED_MEMORY=256 ECS_ENGINE_AUTH_DATA={"r":{"password":"hunter2"}}`)
	m.host.Settings.Environ = append(m.host.Settings.Environ, "MUSTER_LIFECYCLE_HOOK=ready")
	text := whole(m.configure())
	wantText(t, text, "muster bootstrap --cluster prod --ecs ECS_RESERVED_MEMORY=256 --ecs 'ECS_ENGINE_AUTH_DATA=[masked]'",
		"--lifecycle-hook ready", "--cfn-stack web", `--cfn-resource 'It'\''s'`)
	if strings.Contains(text, "hunter2") {
		t.Errorf("a secret is shown: %s", text)
	}
}
