package check_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"muster/internal/host/kernel"
	"muster/internal/sandbox"
)

// metadata makes the metadata service return this body for a path, or this status if the body is empty.
func metadata(path string, status int, body string) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) {
		w.Inject(sandbox.Fault{Service: sandbox.IMDS, Action: "/latest/" + path, Status: status, Body: body})
	}
}

// file writes one file below the root.
func file(path, text string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { w.write(t, path, text) }
}

// system makes every path have this file system.
func system(f kernel.FileSystem) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) {
		w.FileSystem = func(string) (kernel.FileSystem, error) { return f, nil }
	}
}

// own puts one path on a separate mount. All others have enough space.
func own(path string, f kernel.FileSystem) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) {
		w.FileSystem = func(at string) (kernel.FileSystem, error) {
			if strings.HasSuffix(at, path) {
				if !f.ReadOnly {
					f.Device = 99
				}
				return f, nil
			}
			return roomy(1), nil
		}
	}
}

func instanceScenarios() []scenario {
	full, inodes, readOnly := roomy(1), roomy(1), roomy(1)
	full.Free, full.Available = 1<<20, 0
	inodes.Left, readOnly.ReadOnly = 0, true
	const role = "meta-data/iam/security-credentials/muster-sandbox"
	return []scenario{
		{"the metadata endpoint is disabled", func(_ *testing.T, w *world) { w.Inject(sandbox.IMDSDisabled()) }, []string{"imds-disabled"}},
		{"the token never comes", func(_ *testing.T, w *world) { w.Inject(sandbox.HopLimit()) }, []string{"imds-silent"}},
		{"there is no metadata service", func(_ *testing.T, w *world) { w.IMDSDown() }, []string{"imds-unreachable"}},
		{
			"something else responds for the metadata service",
			metadata("dynamic/", 0, "<html>captive portal</html>"),
			[]string{"imds-garbled"},
		},
		{"the metadata service is broken", metadata("api/token", http.StatusInternalServerError, ""), []string{"imds-broken"}},
		{"there is no instance profile", metadata("meta-data/iam/info", http.StatusNotFound, ""), []string{"no-instance-profile"}},
		{"the instance profile was deleted", metadata("meta-data/iam/info", 0, `{"Code":"InstanceProfileNotFound"}`),
			[]string{"instance-profile-broken"}},
		{"the role does not trust EC2", metadata(role, 0, `{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role"}`),
			[]string{"role-not-trusted"}},
		{"the credentials have expired", metadata(role, 0, `{"Code":"Success","Expiration":"2020-01-01T00:00:00Z"}`),
			[]string{"credentials-expired"}},
		{"user data never ran", file("/var/lib/cloud/data/result.json", `{"v1":{"datasource":"DataSourceNone","errors":[]}}`),
			[]string{"user-data-not-run"}},
		{"cloud-init had no user data to run", func(t *testing.T, w *world) {
			file("/var/lib/cloud/data/result.json", `{"v1":{"datasource":"DataSourceNone","errors":[]}}`)(t, w)
			metadata("user-data", http.StatusNotFound, "")(t, w)
		}, nil},
		{"the instance is in the warm pool", metadata("meta-data/autoscaling", 0, "Warmed:Running"), nil},
		{"the disk is full", system(full), []string{"disk-full"}},
		{"the inodes are used up", system(inodes), []string{"inodes-full"}},
		{"the disk is read-only", system(readOnly), []string{"read-only-file-system"}},
		{"a full /var/log of its own", own("/var/log", full), []string{"disk-full"}},
		{"a read-only bind mount of /var/lib/ecs", own("/var/lib/ecs", readOnly), []string{"read-only-file-system"}},
		{"all tasks wait for memory", func(t *testing.T, w *world) {
			file("/proc/pressure/memory",
				"some avg10=80.00 avg60=70.00 avg300=20.00 total=1\nfull avg10=60.00 avg60=44.00 avg300=9.00 total=1\n")(t, w)
			file("/proc/uptime", "500.00 900.00\n")(t, w)
			file("/dev/kmsg", "6,900,400000000,-;Out of memory: Killed process 4242 (java) total-vm:1kB\n")(t, w)
		}, []string{"starved-host"}},
		{"the kernel killed for want of memory", func(t *testing.T, w *world) {
			file("/proc/uptime", "500.00 900.00\n")(t, w)
			file("/dev/kmsg", "6,900,400000000,-;Out of memory: Killed process 4242 (dockerd) total-vm:1kB\n")(t, w)
		}, []string{"oom-kills"}},
		{"the clock is behind", func(_ *testing.T, w *world) { ahead(w, 7*time.Hour) }, []string{"clock-skew"}},
		{"two causes at once", func(t *testing.T, w *world) {
			system(full)(t, w)
			w.net.silent()
		}, []string{"no-default-route", "disk-full"}},
	}
}

// ahead sets the clocks of all servers ahead of this instance's, so far that their certificates are not valid yet.
func ahead(w *world, by time.Duration) {
	w.net.now = func() time.Time { return time.Now().Add(by) }
	w.net.answers["ecs"] = notYetValid()
	w.Inject(sandbox.ClockSkew(sandbox.IMDS, by))
}
