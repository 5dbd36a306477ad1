package check_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/check"
	"muster/check/catalog"
	"muster/internal/host/kernel"
	"muster/internal/sandbox"
)

// look runs a single check of the world.
func look(t *testing.T, w *world, id string) check.Result {
	t.Helper()
	for _, c := range catalog.Checks(w.World) {
		if c.ID == id {
			c.Needs, c.After = nil, nil
			return check.Run(t.Context(), []check.Check{c})[0]
		}
	}
	t.Fatalf("there is no check %s", id)
	return check.Result{}
}

// The test covers findings that no scenario has: warnings, checks that do not apply, and checks that could not be
// performed.
func TestInstanceFindings(t *testing.T) {
	nearly, few, tight := roomy(1), roomy(1), roomy(1)
	nearly.Free, nearly.Available = 2<<30, 1<<30
	few.Left, tight.Free = 40_000, 60<<20
	for name, c := range map[string]struct {
		check   string
		arrange func(*testing.T, *world)
		want    string // status, finding, summary
	}{
		"an invalid role document": {"instance-role", metadata("meta-data/iam/info", 0, "<html>"),
			"fail role-not-trusted: EC2 cannot assume the role of the instance profile"},
		"a profile without a role": {"instance-role", metadata("meta-data/iam/security-credentials/", 404, ""),
			"fail instance-profile-broken: the instance profile muster-sandbox has no role"},
		"the metadata service gives out": {"instance-role", func(_ *testing.T, w *world) { w.IMDSDown() },
			"unknown instance-role: instance metadata service at"},
		"no cloud-init": {"user-data", func(t *testing.T, w *world) { remove(t, w, "/var/lib/cloud/data/result.json") },
			"skip user-data: cloud-init wrote no result"},
		"a result that is not JSON": {"user-data", file("/var/lib/cloud/data/result.json", "{"), "unknown user-data: reading "},
		"cloud-init had errors": {"user-data",
			file("/var/lib/cloud/data/result.json",
				`{"v1":{"datasource":"DataSourceEc2Local","errors":["password=hunter2 is wrong","runparts: 1 failures"]}}`),
			"warn cloud-init-errors: cloud-init finished with errors"},
		"user data that cannot be asked": {"user-data", func(t *testing.T, w *world) { none(t, w); w.IMDSDown() },
			"unknown user-data: instance metadata service at"},
		"outside of a group": {"lifecycle", metadata("meta-data/autoscaling", 404, ""),
			"skip lifecycle: the instance is in no Auto Scaling group"},
		"in the warm pool": {"lifecycle", metadata("meta-data/autoscaling", 0, "Warmed:Stopped"),
			"skip warm-pool: the instance is in the warm pool (Warmed:Stopped), and ECS_WARM_POOLS_CHECK is not set"},
		"on standby": {"lifecycle", metadata("meta-data/autoscaling", 0, "Standby"),
			"warn standby: the Auto Scaling group has put this instance on standby"},
		"to be terminated": {"lifecycle", metadata("meta-data/autoscaling", 0, "Terminated"),
			"warn leaving: the Auto Scaling group is taking this instance out of service"},
		"no answer on the lifecycle": {"lifecycle", func(_ *testing.T, w *world) { w.IMDSDown() },
			"unknown lifecycle: instance metadata service at"},
		"a disk that is nearly full": {"disk", system(nearly),
			"warn disk-full: the file system of /var/lib/docker, /var/lib/ecs, /var/log, /tmp, / is nearly full"},
		"few inodes": {"disk", system(few),
			"warn inodes-full: the file system of /var/lib/docker, /var/lib/ecs, /var/log, /tmp, / has almost no inodes left"},
		"hardly a layer's room": {"disk", system(tight), "fail disk-full: the file system of"},
		"a disk that may not be measured": {"disk", func(_ *testing.T, w *world) { w.FileSystem = refusing("/var/log", fs.ErrPermission) },
			"unknown disk: permission denied"},
		"Docker elsewhere, and not there": {"disk", func(t *testing.T, w *world) {
			w.write(t, "/etc/docker/daemon.json", `{"data-root": "/mnt/docker"}`)
			w.FileSystem = refusing("/mnt/docker", fs.ErrNotExist)
		}, "pass disk: the disks have free space"},
		"a root that is read-only by design": {"disk", func(_ *testing.T, w *world) { w.FileSystem = immutable(w) },
			"pass disk: the disks have free space"},
		"a busy CPU": {"pressure", file("/proc/pressure/cpu", "some avg10=99.00 avg60=95.00 avg300=1.00 total=1\n"),
			"warn starved-host: the host is starved: processes wait for CPU"},
		"a container over its limit": {"pressure", file("/dev/kmsg",
			"6,900,400000000,-;Memory cgroup out of memory: Killed process 4242 (java) total-vm:1kB\n"),
			"warn oom-kills: the kernel killed processes because of memory limits"},
		"hardly any memory": {"pressure", file("/proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 2000 kB\n"),
			"fail starved-host: the host is starved: processes wait for memory"},
		"pressure that is no text": {"pressure", file("/proc/pressure/io", "\xff"),
			"pass pressure: the host is not starved of memory, CPU or I/O"},
		"a kernel that is silent": {"pressure", func(t *testing.T, w *world) { remove(t, w, "/proc/meminfo") },
			"skip pressure: the kernel reports neither pressure nor memory"},
		"a clock a minute off": {"clock", func(_ *testing.T, w *world) { w.Inject(sandbox.ClockSkew(sandbox.IMDS, -time.Minute)) },
			"warn clock-skew: the clock of this instance is 1m"},
		"nobody tells the time": {"clock", func(_ *testing.T, w *world) { w.IMDSDown(); w.net.silent() },
			"unknown clock: could not check the clock: not compared with the metadata service: "},
		"ECS alone tells the time":  {"clock", func(_ *testing.T, w *world) { w.IMDSDown() }, "pass clock: within 30s of AWS"},
		"a clock that a file keeps": {"clock", file("/run/chrony/chronyd.pid", "1"), "pass clock: within 30s of AWS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			c.arrange(t, w)
			got := first(look(t, w, c.check))
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("a secret is shown: %s", got)
			}
		})
	}
}

// first returns the worst finding as one text, including the evidence.
func first(r check.Result) string {
	f := r.Findings[0]
	return string(f.Status) + " " + f.ID + ": " + f.Summary + " | " + strings.Join(f.Evidence, " | ")
}

func remove(t *testing.T, w *world, path string) {
	t.Helper()
	if err := os.Remove(w.Config.Path(path)); err != nil {
		t.Fatal(err)
	}
}

func none(t *testing.T, w *world) {
	file("/var/lib/cloud/data/result.json", `{"v1":{"datasource":"DataSourceNone"}}`)(t, w)
}

// refusing returns an error for one path. All others have enough space.
func refusing(path string, err error) func(string) (kernel.FileSystem, error) {
	return func(at string) (kernel.FileSystem, error) {
		if strings.HasSuffix(at, path) {
			return kernel.FileSystem{}, err
		}
		return roomy(1), nil
	}
}

// immutable puts only the root directory on a full, read-only file system.
func immutable(w *world) func(string) (kernel.FileSystem, error) {
	return func(at string) (kernel.FileSystem, error) {
		if at == filepath.Clean(w.Config.Root) {
			return kernel.FileSystem{Device: 2, Size: 1 << 30, ReadOnly: true}, nil
		}
		return roomy(1), nil
	}
}

func TestAFileSystemThatHangsHoldsUpNoOther(t *testing.T) {
	w := healthy(t)
	w.FileSystem = refusing("/never", errors.New("never"))
	synctest.Test(t, func(t *testing.T) {
		freed := make(chan struct{})
		defer close(freed)
		all := w.FileSystem
		w.FileSystem = func(at string) (kernel.FileSystem, error) {
			if strings.HasSuffix(at, "/var/lib/ecs") {
				<-freed
			}
			if strings.HasSuffix(at, "/var/log") {
				return kernel.FileSystem{Device: 3, Size: 1 << 30}, nil
			}
			return all(at)
		}
		r := look(t, w, "disk")
		if got := first(r); !strings.HasPrefix(got, "fail disk-full: the file system of /var/log is full") {
			t.Error(got)
		}
		if got := r.Findings[1].Summary; got != "/var/lib/ecs does not respond: its file system hangs, for example because an NFS server is "+
			"down" {
			t.Error(got)
		}
	})
}

func TestTheInstanceIDForCommandsIsCloudInits(t *testing.T) {
	w := healthy(t)
	w.Inject(sandbox.IMDSDisabled())
	w.write(t, "/var/lib/cloud/data/instance-id", "i-0fedcba9876543210\n")
	for _, r := range w.run(t) {
		if r.ID == "imds" && !strings.Contains(r.Findings[0].Fix.String(), "--instance-id i-0fedcba9876543210 ") {
			t.Error(r.Findings[0].Fix.String())
		}
	}
}
