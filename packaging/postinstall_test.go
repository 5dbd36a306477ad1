package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"muster/internal/host/units"
)

// install runs postinstall with a systemctl that prints the first line of this version
// and notes what else it is asked.
func install(t *testing.T, version string, arguments ...string) (said, asked string) {
	t.Helper()
	dir := t.TempDir()
	stub := "#!/bin/sh\nif [ \"$1\" = --version ]; then echo '" + version + "'; echo '+PAM +AUDIT'; else echo \"$@\" >>" + dir + "/asked; fi\n"
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(stub), 0o755); err != nil {
		t.Fatal(err)
	}
	script := exec.CommandContext(t.Context(), "sh", append([]string{"postinstall"}, arguments...)...)
	script.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	calls, _ := os.ReadFile(filepath.Join(dir, "asked"))
	return string(out), string(calls)
}

// The first lines of `systemctl --version`: Amazon Linux 2, RHEL 8, Debian 11.
func TestThePackageEnablesNothingOnAnOldSystemd(t *testing.T) {
	for _, version := range []string{"systemd 219", "systemd 239 (239-82.el8_10.5)", "systemd 247 (247.3-7+deb11u6)"} {
		for _, arguments := range [][]string{{"configure"}, {"configure", "0.9"}, {"1"}, {"2"}} {
			said, asked := install(t, version, arguments...)
			if asked != "" || !strings.Contains(said, strings.Join(strings.Fields(version)[:2], " ")+" is older than 248") ||
				!strings.Contains(said, "still configures the cluster") {
				t.Errorf("%s %q: said %q, asked %q", version, arguments, said, asked)
			}
		}
	}
}

func TestThePackageSaysNothingOfANewerSystemdOrOfNone(t *testing.T) {
	for _, version := range []string{"systemd 248 (v248.3)", "systemd 252 (252.23-3.amzn2023)", "systemd 255 (255.4-1ubuntu8.8)",
		"systemd 257 (257.7-1)", "", "something else"} {
		if said, _ := install(t, version, "configure"); strings.Contains(said, "older") {
			t.Errorf("%q: %s", version, said)
		}
	}
}

func TestThePackageAndBootstrapAgreeOnTheOldestSystemd(t *testing.T) {
	script, err := os.ReadFile("postinstall")
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`(?m)^oldest=(\d+)$`).FindSubmatch(script); m == nil || string(m[1]) != strconv.Itoa(units.Oldest) {
		t.Errorf("%q, want %d", m, units.Oldest)
	}
	page, err := os.ReadFile("../docs/start/supported.md")
	if err != nil || !strings.Contains(string(page), "systemd "+strconv.Itoa(units.Oldest)+" or later") {
		t.Errorf("docs/start/supported.md does not name it: %v", err)
	}
}
