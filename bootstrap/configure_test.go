package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"muster/bootstrap/bootreport"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/host/units"
	"muster/internal/instance"
	"muster/internal/instance/record"
	"muster/internal/sandbox"
)

func TestECSConfigIsMerged(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("# filler\n", 10<<20/9)
	for name, test := range map[string]struct {
		before, ecs, after string
		says               []string
	}{
		"missing":              {after: "ECS_CLUSTER=prod\n"},
		"other lines kept":     {before: "# mine\nECS_CLUSTER=old\n\nECS_X=1\n", after: "# mine\nECS_CLUSTER=prod\n\nECS_X=1\n"},
		"without a final line": {before: "ECS_X=1", after: "ECS_X=1\nECS_CLUSTER=prod\n"},
		"CRLF":                 {before: "ECS_X=1\r\nECS_CLUSTER=old\r\n", after: "ECS_X=1\r\nECS_CLUSTER=prod\r\n"},
		"duplicates": {before: "ECS_CLUSTER=a\nECS_X=1\nECS_CLUSTER=b\n", after: "ECS_X=1\nECS_CLUSTER=prod\n",
			says: []string{"ecs.config:1: ECS_CLUSTER is set again on line 3"}},
		"quotes and export": {before: "ECS_CLUSTER=prod\nexport ECS_A=1\nECS_B=\\\"2\\\"\nECS_C =3\n",
			after: "ECS_CLUSTER=prod\nECS_A=1\nECS_B=\\\"2\\\"\nECS_C=3\n",
			says:  []string{"ecs.config:2: ECS_A", "remove", "ecs.config:4: ECS_C"}},
		"what only a person can fix": {before: "ECS_RESERVED_MEMORY=much\n", after: "ECS_RESERVED_MEMORY=much\nECS_CLUSTER=prod\n",
			says: []string{"ecs.config:1: ECS_RESERVED_MEMORY is not a whole number", "the ECS agent uses 0"}},
		"more settings": {before: "ECS_RESERVED_MEMORY=1\n", ecs: "ECS_RESERVED_MEMORY=256\nECS_INSTANCE_ATTRIBUTES={\"stack\": \"blue\"}",
			after: "ECS_RESERVED_MEMORY=256\nECS_CLUSTER=prod\nECS_INSTANCE_ATTRIBUTES={\"stack\": \"blue\"}\n"},
		"10 MB long": {before: big, after: big + "ECS_CLUSTER=prod\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
			if test.before != "" {
				m.put(ecsConfig, test.before)
			}
			if test.ecs != "" {
				m.set("ECS", test.ecs)
			}
			m.mustConfigure()
			if got := m.read(ecsConfig); got != test.after {
				t.Errorf("%.300q, want %.300q", got, test.after)
			}
			wantText(t, m.log.String(), test.says...)
		})
	}
}

func TestSettingsThatTheECSAgentRejectsAreRejected(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ ecs, says string }{
		"no JSON":           {`ECS_INSTANCE_ATTRIBUTES={"stack": blue}`, "flag --ecs: ECS_INSTANCE_ATTRIBUTES"},
		"the wrong JSON":    {`ECS_AVAILABLE_LOGGING_DRIVERS={"a":"b"}`, "JSON array"},
		"the cluster":       {"ECS_CLUSTER=prod", "set the cluster with --cluster"},
		"a secret unquoted": {`ECS_ENGINE_AUTH_DATA={"hunter2`, "ECS_ENGINE_AUTH_DATA"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod", "ECS", test.ecs)
			err := m.configure()
			wantExit(t, err, exitcode.BadConfiguration)
			wantText(t, whole(err), test.says)
			if strings.Contains(err.Error()+m.log.String(), "hunter2") {
				t.Error("the value was shown")
			}
			if _, err := os.Stat(m.path(ecsConfig)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("ecs.config: %v", err)
			}
		})
	}
}

func TestECSConfigThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(*machine)
		says    string
	}{
		"is a directory":    {func(m *machine) { m.put(ecsConfig+"/x", "") }, "it is a directory"},
		"is in a file":      {func(m *machine) { m.put("etc/ecs", "") }, "not a directory"},
		"leads in a circle": {func(m *machine) { m.link("ecs.config") }, "too many levels"},
		"a pipe": {func(m *machine) {
			m.put("etc/ecs/x", "")
			_ = unix.Mkfifo(m.path(ecsConfig), 0o600)
		}, "not a regular file"},
		"over 16 MiB": {func(m *machine) { m.put(ecsConfig, strings.Repeat("#\n", 9<<20)) }, "larger than 16 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
			test.prepare(m)
			err := m.configure()
			wantExit(t, err, exitcode.Failed)
			wantText(t, whole(err), m.path("etc/ecs"), test.says)
			if _, err := os.Stat(m.path("var/lib/muster/instances/" + instanceID + "/bootstrap.json")); err == nil {
				t.Error("a record was left")
			}
			wantCalls(t, m.systemd.did(), "mask ecs.service")
		})
	}
}

func (m *machine) link(to string) {
	m.put("etc/ecs/x", "")
	if err := os.Symlink(to, m.path(ecsConfig)); err != nil {
		m.t.Fatal(err)
	}
}

func TestECSConfigThroughASymlink(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	m.put("etc/ecs/real", "ECS_X=1\n")
	m.link("real")
	m.mustConfigure()
	if got := m.read("etc/ecs/real"); got != "ECS_X=1\nECS_CLUSTER=prod\n" {
		t.Errorf("%q", got)
	}
	if to, err := os.Readlink(m.path(ecsConfig)); to != "real" {
		t.Errorf("the link is gone: %q %v", to, err)
	}
}

// With a limit on the file size, a write fails as on a full disk, even for root. The limit applies to the whole
// process, so this test is not parallel.
func TestFullDiskLeavesTheOldECSConfig(t *testing.T) {
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	old := strings.Repeat("# mine\n", 1000)
	m.put(ecsConfig, old)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := limit
	small.Cur = 4096
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	err := m.configure()
	if restore := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); restore != nil {
		t.Fatal(restore)
	}
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("error %v", err)
	}
	wantText(t, whole(err), m.path(ecsConfig))
	if got := m.read(ecsConfig); got != old {
		t.Errorf("half-written: %d bytes", len(got))
	}
	if files, _ := os.ReadDir(m.path("etc/ecs")); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

func TestDryRunPrintsTheDiffAndChangesNothing(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod", "ECS", `ECS_ENGINE_AUTH_DATA={"r":{"Password":"hunter2"}}`)
	m.put(ecsConfig, "ECS_CLUSTER =old\n")
	if err := sandbox.WriteCheckpoint(m.root, sandbox.Checkpoint{Cluster: "old", InstanceID: instanceID}); err != nil {
		t.Fatal(err)
	}
	before := m.tree()
	var out bytes.Buffer
	if err := m.host.Configure(t.Context(), Options{DryRun: true, Wait: true, Out: &out}); err != nil {
		t.Fatal(err)
	}
	wantText(t, out.String(), "-ECS_CLUSTER =old\n", "+ECS_CLUSTER=prod\n", "+ECS_ENGINE_AUTH_DATA=[masked]")
	wantText(t, m.log.String(), "ecs.config:1: ECS_CLUSTER has a space", "--reset-stale-state", "nothing was written")
	if strings.Contains(out.String()+m.log.String(), "hunter2") {
		t.Error("a secret was shown")
	}
	m.set("CLUSTER", "unknown")
	wantExit(t, m.host.Configure(t.Context(), Options{DryRun: true, Out: &out}), exitcode.BadConfiguration)
	if diff := cmp.Diff(before, m.tree()); diff != "" {
		t.Error(diff)
	}
	wantCalls(t, m.systemd.did())
	if n := m.CallCount(sandbox.CloudFormation, ""); n != 0 {
		t.Error("it signaled")
	}
}

func TestDryRunReportsACorrectConfiguration(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod", "RESET_STALE_STATE", "true")
	m.put(ecsConfig, "ECS_CLUSTER=prod\n")
	_ = sandbox.WriteCheckpoint(m.root, sandbox.Checkpoint{Cluster: "old", InstanceID: instanceID})
	var out bytes.Buffer
	if err := m.host.Configure(t.Context(), Options{DryRun: true, Out: &out}); err != nil {
		t.Fatal(err)
	}
	wantText(t, out.String(), "is already correct, unchanged")
	wantText(t, m.log.String(), "would be moved aside")
}

const agentDB = "var/lib/ecs/data/agent.db"

func TestCheckpointOfTheECSAgent(t *testing.T) {
	t.Parallel()
	saved := func(cluster, id string) *sandbox.Checkpoint {
		return &sandbox.Checkpoint{Cluster: cluster, InstanceID: id, ARN: "arn:ci/1"}
	}
	for name, test := range map[string]struct {
		saved   *sandbox.Checkpoint
		garbage string
		cluster string
		reset   string
		write   string // what to write to ecs.config; empty if bootstrap refuses
		aside   bool
		says    string
	}{
		"none":                {cluster: "prod", write: "prod"},
		"garbage":             {garbage: "no bolt file", cluster: "prod", write: "prod", says: "the ECS agent may reject the file too"},
		"of another instance": {saved: saved("old", "i-0fedcba9876543210"), cluster: "prod", write: "prod", says: "from the image"},
		"of the same cluster": {saved: saved("prod", instanceID), cluster: "prod", write: "prod"},
		"saved as ARN, asked by name": {saved: saved(clusterARN+"prod", instanceID), cluster: "prod", write: clusterARN + "prod",
			says: "compares the text"},
		"saved by name, asked as ARN": {saved: saved("prod", instanceID), cluster: clusterARN + "prod", write: "prod",
			says: "compares the text"},
		"of another cluster": {saved: saved("default", instanceID), cluster: "prod", says: "--reset-stale-state"},
		"of another cluster, reset": {saved: saved("default", instanceID), cluster: "prod", reset: "true", write: "prod", aside: true,
			says: "moved aside to"},
		"of the same cluster, reset":    {saved: saved("prod", instanceID), cluster: "prod", reset: "true", write: "prod"},
		"of another instance and reset": {saved: saved("old", "i-0fedcba9876543210"), cluster: "prod", reset: "true", write: "prod"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", test.cluster)
			if test.reset != "" {
				m.set("RESET_STALE_STATE", test.reset)
			}
			if test.garbage != "" {
				m.put(agentDB, test.garbage)
			}
			if test.saved != nil {
				if err := sandbox.WriteCheckpoint(m.root, *test.saved); err != nil {
					t.Fatal(err)
				}
			}
			err := m.configure()
			if test.write == "" {
				wantExit(t, err, exitcode.Failed)
				wantText(t, whole(err), test.says, `"default"`, "arn:ci/1")
				if _, err := os.Stat(m.path(ecsConfig)); err == nil {
					t.Error("ecs.config was written")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantText(t, m.log.String(), test.says)
			wantText(t, m.read(ecsConfig), "ECS_CLUSTER="+test.write+"\n")
			files, _ := filepath.Glob(m.path(agentDB + ".*.muster"))
			if (len(files) == 1) != test.aside {
				t.Errorf("moved aside: %v", files)
			}
			if rec, _ := record.Read(m.path("var/lib/muster/instances/" + instanceID)); rec.Cluster != test.cluster {
				t.Errorf("recorded as %q", rec.Cluster)
			}
		})
	}
}

// An agent whose ARN belongs to a deregistered instance uses the same ARN again and is rejected (agent/app/agent.go,
// reregisterContainerInstance; after InactiveInstanceException it waits an hour). bootstrap knows this from verify's
// report or from the agent's log. It makes no call.
func TestDeregistrationIsKnownWithoutACall(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		arn, log, reset string
		warns, moved    bool
	}{
		"deregistered":                 {arn: "arn:ci/1", warns: true},
		"deregistered, reset":          {arn: "arn:ci/1", reset: "true", moved: true},
		"another one was deregistered": {arn: "arn:ci/0"},
		"the agent logged it":          {log: "ClientException: Container instance arn:ci/1 is inactive.", warns: true},
		"the agent logged another one": {log: "ClientException: Container instance " +
			"arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/2 is inactive."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
			if test.reset != "" {
				m.set("RESET_STALE_STATE", test.reset)
			}
			m.saved("prod")
			if test.log != "" {
				m.put("var/log/ecs/ecs-agent.log", fmt.Sprintf("level=error time=2026-01-02T15:00:20Z msg=%q\n",
					"Error re-registering container instance: "+test.log))
			}
			before := bootreport.Report{InstanceID: instanceID, ContainerInstanceARN: test.arn,
				Cause: bootreport.NewCause("container-instance-inactive", "x", fix.Fix{})}
			if err := before.Write(m.path("var/lib/muster/instances/" + instanceID + "/report.json")); err != nil {
				t.Fatal(err)
			}
			m.mustConfigure()
			text := m.log.String()
			if warns := strings.Contains(text, "that was deregistered") &&
				strings.Contains(text, "muster bootstrap --reset-stale-state --cluster prod"); warns != test.warns {
				t.Error(text)
			}
			if files, _ := filepath.Glob(m.path(agentDB + ".*.muster")); (len(files) == 1) != test.moved {
				t.Errorf("moved aside: %q", files)
			}
		})
	}
}

var installed = []string{"reload", "enable muster-verify.service muster-agent.service", "reload"}

func queued(verb string) []string {
	return []string{verb + " ecs.service", "restart muster-verify.service", "restart muster-agent.service"}
}

func TestUnitsAreInstalledAndQueued(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod").mustConfigure()
	wantCalls(t, m.systemd.did(), append(installed, queued("start")...)...)
	wantText(t, m.read("etc/systemd/system/muster-verify.service"), "\nExecStart=/usr/local/bin/muster verify\n")

	m.systemd.forget()
	before := m.tree()
	m.mustConfigure()
	wantCalls(t, m.systemd.did(), append([]string{"enable muster-verify.service muster-agent.service"}, queued("start")...)...)
	after := m.tree()
	for _, name := range []string{"bootstrap.json"} { // contains a timestamp
		delete(before, "/var/lib/muster/instances/"+instanceID+"/"+name)
		delete(after, "/var/lib/muster/instances/"+instanceID+"/"+name)
	}
	for name := range after {
		if strings.HasPrefix(name, "/var/lib/ecs") || strings.HasPrefix(name, "/var/log") { // files of the ECS agent
			delete(before, name)
			delete(after, name)
		}
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the second run changed something: %s", diff)
	}
}

func TestECSUnitIsMadeReadyAndStarted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(*machine)
		did     []string
		fails   string
	}{
		"inactive": {func(*machine) {}, queued("start"), ""},
		"disabled": {func(m *machine) { m.systemd.unit(ecsUnit).Enabled = false },
			append([]string{"enable ecs.service"}, queued("start")...), ""},
		"active, with another configuration": {func(m *machine) { m.systemd.unit(ecsUnit).Active = "active" }, queued("restart"), ""},
		"active, with the same configuration": {func(m *machine) {
			m.systemd.unit(ecsUnit).Active = "active"
			m.put(ecsConfig, "ECS_CLUSTER=prod\n")
		}, queued("start"), ""},
		"active, but a run before did not finish": {func(m *machine) {
			m.systemd.unit(ecsUnit).Active = "active"
			m.put(ecsConfig, "ECS_CLUSTER=prod\n")
			m.put("run/muster/bootstrap.lock", "x")
		}, queued("restart"), ""},
		"held back by us": {func(m *machine) { m.systemd.unit(ecsUnit).MaskedRuntime = true }, append([]string{"unmask ecs.service"},
			queued("start")...), ""},
		"held back by us, and disabled": {func(m *machine) { *m.systemd.unit(ecsUnit) = unitState{File: true, MaskedRuntime: true} },
			append([]string{"unmask ecs.service", "enable ecs.service"}, queued("start")...), ""},
		"masked": {func(m *machine) { m.systemd.unit(ecsUnit).Masked = true }, nil, "systemctl unmask ecs.service"},
		"masked for good, and held back too": {func(m *machine) {
			*m.systemd.unit(ecsUnit) = unitState{File: true, Masked: true,
				MaskedRuntime: true}
		}, nil, "systemctl unmask"},
		"not there": {func(m *machine) {
			m.systemd.unit(ecsUnit).File = false
			_ = os.Remove(m.path("usr/lib/systemd/system/ecs.service"))
		}, nil, "ECS-optimized AMI"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
			test.prepare(m)
			err := m.configure()
			if test.fails != "" {
				wantExit(t, err, exitcode.Failed)
				wantText(t, whole(err), test.fails)
			} else if err != nil {
				t.Fatal(err)
			}
			wantCalls(t, m.systemd.did(), append(installed, test.did...)...)
		})
	}
}

func TestMissingSystemdIsLogged(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	m.host.Units = func(context.Context, string) (Units, error) { return nil, instance.ErrNoSystemd }
	m.mustConfigure()
	wantText(t, m.log.String(), "not booted by systemd", "muster verify")
}

func TestBrokenDBusIsAnErrorAfterTheConfiguration(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	broken := errors.New("connecting to systemd: no such socket")
	m.host.Units = func(context.Context, string) (Units, error) {
		var none *units.Manager
		return none, broken
	}
	err := m.configure()
	wantExit(t, err, exitcode.Failed)
	wantText(t, whole(err), "ecs.config is written", broken.Error())
	wantText(t, m.read(ecsConfig), "ECS_CLUSTER=prod")

	m.set("CLUSTER", "unknown")
	m.put(ecsConfig, "")
	wantExit(t, m.configure(), exitcode.BadConfiguration)
	wantText(t, m.log.String(), "could not check ecs.service, so it was not held back", broken.Error())
}

func TestSystemdFailuresNameTheCall(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"reload", "enable", "show", "start", "restart"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
			broken := errors.New("broken " + at)
			m.systemd.fail = func(method, _ string) error {
				if method == at {
					return broken
				}
				return nil
			}
			if err := m.configure(); !errors.Is(err, broken) {
				t.Errorf("error %v", err)
			}
			if did := m.systemd.did(); did[len(did)-1] == "stop ecs.service" {
				t.Error("the ECS agent was held back though its cluster is set")
			}
		})
	}
}

func TestAgentWithoutClusterIsHeldBackUntilBootstrapSucceeds(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prdo")
	wantExit(t, m.configure(), exitcode.BadConfiguration)
	wantCalls(t, m.systemd.did(), "mask ecs.service")
	wantText(t, m.log.String(), `would join the cluster \"default\"`)
	m.put(ecsConfig, "ECS_CLUSTER=\n")
	m.systemd.forget()
	wantExit(t, m.configure(), exitcode.BadConfiguration)
	wantCalls(t, m.systemd.did()) // ecs.service is already held back
	if n := strings.Count(m.log.String(), "ecs.service is held back"); n != 2 {
		t.Errorf("reported %d times", n)
	}
	m.put(ecsConfig, "ECS_CLUSTER=prod\n")
	m.systemd.forget()
	wantExit(t, m.configure(), exitcode.BadConfiguration)
	wantCalls(t, m.systemd.did())

	m.set("CLUSTER", "prod").mustConfigure()
	report, err := m.verify()
	if err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, report, bootreport.Registered, "")
}

func TestFailedHoldIsLogged(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prdo")
	m.systemd.fail = func(method, _ string) error {
		if method == "mask" {
			return errors.New("outranked")
		}
		return nil
	}
	wantExit(t, m.configure(), exitcode.BadConfiguration)
	wantText(t, m.log.String(), "could not hold back", "outranked")
	wantCalls(t, m.systemd.did(), "mask ecs.service")
}

func TestWaitIsRejectedInUserData(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	m.systemd.unit("cloud-final.service").File = true
	m.systemd.unit("cloud-final.service").Active = "activating"
	err := m.host.Configure(t.Context(), Options{Wait: true})
	wantExit(t, err, exitcode.Usage)
	wantText(t, whole(err), "would hang this boot")

	m.systemd.unit("cloud-final.service").Active = "active"
	if err := m.host.Configure(t.Context(), Options{Wait: true}); err != nil {
		t.Fatal(err)
	}
	wantText(t, m.read("var/lib/muster/instances/"+instanceID+"/report.json"), `"outcome": "registered"`)
}

func TestInterruptedConfigureIsReportedAndHoldsNothingBack(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod", "IMDS_TIMEOUT", "1m")
	m.Inject(sandbox.HopLimit())
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	err := m.host.Configure(ctx, Options{})
	wantExit(t, err, exitcode.Interrupted)
	wantCalls(t, m.systemd.did())
}

func TestConcurrentRunsHaveTheResultOfOneRun(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod", "RESET_STALE_STATE", "true")
	if err := sandbox.WriteCheckpoint(m.root, sandbox.Checkpoint{Cluster: "default", InstanceID: instanceID}); err != nil {
		t.Fatal(err)
	}
	one, other := m.newHost(), m.newHost()
	one.Settings, other.Settings = m.host.Settings, m.host.Settings
	// Both runs have finished reading when the first one gets the lock.
	both := make(chan struct{})
	var arrived sync.WaitGroup
	arrived.Add(2)
	go func() { arrived.Wait(); close(both) }()
	for _, h := range []*Host{one, other} {
		aws := h.AWS
		h.AWS = func(ctx context.Context, region string) (AWS, error) {
			arrived.Done()
			<-both
			return aws(ctx, region)
		}
	}
	var running sync.WaitGroup
	for _, h := range []*Host{one, other} {
		running.Go(func() {
			if err := h.Configure(t.Context(), Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	if files, _ := filepath.Glob(m.path(agentDB + ".*.muster")); len(files) != 1 {
		t.Errorf("moved aside: %v", files)
	}
	wantText(t, m.read(ecsConfig), "ECS_CLUSTER=prod\n")
	if report, err := m.host.Verify(t.Context()); err != nil {
		t.Errorf("%v %v", report, err)
	}
	if n := len(m.ContainerInstances("prod")); n != 1 {
		t.Errorf("%d registrations", n)
	}
}

func TestLockTimeout(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	m.put("run/muster/bootstrap.lock", "")
	file, err := os.OpenFile(m.path("run/muster/bootstrap.lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	m.host.pace.lock = 20 * time.Millisecond
	err = m.configure()
	wantExit(t, err, exitcode.Failed)
	wantText(t, whole(err), "another muster bootstrap", "bootstrap.lock")
}

func TestLockFileCannotBeCreated(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*machine){
		"its directory is a file": func(m *machine) { m.put("run/muster", "") },
		"it is a link": func(m *machine) {
			m.put("run/muster/x", "")
			_ = os.Symlink("x", m.path("run/muster/bootstrap.lock"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
			prepare(m)
			err := m.configure()
			wantExit(t, err, exitcode.Failed)
			wantText(t, whole(err), "taking the lock", "run/muster")
		})
	}
}

func TestConfigurationSurvivesAReboot(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod").mustConfigure()
	if _, err := m.verify(); err != nil {
		t.Fatal(err)
	}
	m.Agent.Stop()
	m.systemd.reboot()
	_ = os.RemoveAll(m.path("run"))
	delete(m.host.Settings.Flags, "MUSTER_CLUSTER") // user data runs only once, but the units run on every boot
	if report, err := m.verify(); err != nil || report.Cluster != "prod" {
		t.Errorf("%v %v", report, err)
	}
	m.set("CLUSTER", "prod").mustConfigure()
	wantCalls(t, m.systemd.did(), append([]string{"enable muster-verify.service muster-agent.service"}, queued("start")...)...)
	if n := len(m.ContainerInstances("prod")); n != 1 {
		t.Errorf("%d registrations", n)
	}
}

func TestAnImageBakedOnAnotherInstance(t *testing.T) {
	t.Parallel()
	const other = "i-0fedcba9876543210"
	m := boot(t, sandbox.Options{InstanceTags: map[string]string{"muster:cluster": "prod"}, TagsInIMDS: true})
	m.put(ecsConfig, "ECS_CLUSTER=baked\nECS_X=1\n")
	if err := sandbox.WriteCheckpoint(m.root, sandbox.Checkpoint{Cluster: "baked", InstanceID: other, ARN: "arn:ci/old"}); err != nil {
		t.Fatal(err)
	}
	theirs := record.Record{InstanceID: other, Cluster: "baked", ClusterOrigin: "flag --cluster",
		Settings: map[string]string{"MUSTER_CLUSTER": "baked"}}
	if err := theirs.Write(m.path("var/lib/muster/instances/" + other)); err != nil {
		t.Fatal(err)
	}
	m.agentLogged("ecs-init.log", time.Unix(1e9, 0), "info", "Agent exited with code 5")
	m.mustConfigure()
	wantText(t, m.read(ecsConfig), "ECS_CLUSTER=prod\nECS_X=1\n")
	report, err := m.verify()
	if err != nil {
		t.Fatal(err)
	}
	if report.Cluster != "prod" || len(m.ContainerInstances("prod")) != 1 {
		t.Errorf("%+v", report)
	}
}

func TestDamagedRecordIsNotFatal(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	m.put("var/lib/muster/instances/"+instanceID+"/bootstrap.json", "{")
	m.mustConfigure()
	wantText(t, m.log.String(), "continuing without it")
}

func TestInvalidRecordedSettingsAreNamed(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	old := record.Record{InstanceID: instanceID, Cluster: "prod", Settings: map[string]string{"MUSTER_GONE": "1"}}
	if err := old.Write(m.path("var/lib/muster/instances/" + instanceID)); err != nil {
		t.Fatal(err)
	}
	err := m.configure()
	wantExit(t, err, exitcode.BadConfiguration)
	wantText(t, whole(err), "MUSTER_GONE", "of bootstrap on this instance")
}
