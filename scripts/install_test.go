package scripts_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"muster/test/need"
)

func TestInstallSelectsThePackageForThisMachine(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]struct{ file, options string }{
		"deb": {debFile, "--force-confdef --force-confold --install"},
		"rpm": {rpmFile, "--upgrade --oldpackage --replacepkgs"},
	} {
		s, h := newServer(t), newHost(t, format)
		said, code := h.install(s)
		if code != 0 || !strings.Contains(said, "version 1.2.0 is installed") {
			t.Fatalf("%s: exit %d: %s", format, code, said)
		}
		if h.read("content") != string(s.files[want.file]) || !strings.HasPrefix(h.read("ran"), want.options+" ") {
			t.Errorf("%s: ran %q", format, h.read("ran"))
		}
		asked := len(s.asked)
		if said, code = h.install(
			s,
		); code != 0 || !strings.Contains(said, "already installed") || len(s.asked) != asked ||
			strings.Count(h.read("ran"), "\n") != 1 {
			t.Errorf("%s: the second run: exit %d, asked %q: %s", format, code, s.asked[asked:], said)
		}
	}
}

func TestInstallSelectsThePackageForTheArchitecture(t *testing.T) {
	t.Parallel()
	for machine, want := range map[string]string{"x86_64": debFile, "aarch64": "muster_1.2.0_arm64.deb"} {
		s, h := newServer(t, debFile, "muster_1.2.0_arm64.deb"), newHost(t, "deb")
		h.stub("uname", "echo "+machine)
		if said, code := h.install(s); code != 0 || h.read("content") != string(s.files[want]) {
			t.Errorf("%s: exit %d: %s", machine, code, said)
		}
	}
	h := newHost(t, "deb")
	h.stub("uname", "echo riscv64")
	if said, code := h.install(newServer(t)); code != 1 || !strings.Contains(said, "no package for the architecture riscv64") {
		t.Errorf("exit %d: %s", code, said)
	}
}

// Nothing is installed that does not verify, and the package manager is not called.
func TestInstallRejectsUnverifiedFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*testing.T, *server)
		want   string
	}{
		"a package that was changed": {func(_ *testing.T, s *server) { s.files[debFile][500] ^= 1 },
			"the checksum of " + debFile + " is "},
		"a package that was cut": {func(_ *testing.T, s *server) { s.files[debFile] = s.files[debFile][:7000] },
			"the checksum of " + debFile + " is "},
		"an empty package": {func(_ *testing.T, s *server) { s.files[debFile] = nil }, "the checksum of " + debFile + " is "},
		"a list that was changed": {func(_ *testing.T, s *server) {
			s.files[debFile] = []byte("other")
			s.files[sums] = fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(s.files[debFile]), debFile)
		}, "the signature of " + sums + " is not valid"},
		"no signature": {func(_ *testing.T, s *server) { delete(s.files, sums+".sig") }, "cannot download "},
		"an empty signature": {func(_ *testing.T, s *server) { s.files[sums+".sig"] = nil },
			"the signature of " + sums + " is not valid"},
		"a signature that is a page of HTML": {func(_ *testing.T, s *server) { s.files[sums+".sig"] = []byte("<html>sign in</html>") },
			"the signature of " + sums + " is not valid"},
		"a signature by another key": {func(t *testing.T, s *server) {
			other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			s.sign(t, other)
		}, "the signature of " + sums + " is not valid"},
		"a signed list of an older release": {func(t *testing.T, s *server) {
			s.files["muster_1.1.0_amd64.deb"] = []byte("old")
			s.files[sums] = fmt.Appendf(nil, "%x  muster_1.1.0_amd64.deb\n", sha256.Sum256([]byte("old")))
			s.sign(t, s.key)
		}, sums + " has no " + debFile},
		"a signed list with an invalid checksum": {func(t *testing.T, s *server) {
			s.files[sums] = []byte("  " + debFile + "\n" + ".* " + debFile + "\n")
			s.sign(t, s.key)
		}, "the checksum of " + debFile + " is "},
	} {
		s, h := newServer(t), newHost(t, "deb")
		c.change(t, s)
		said, code := h.install(s)
		if code != 1 || !strings.Contains(said, c.want) || !strings.Contains(said, "\n  fix: ") {
			t.Errorf("%s: exit %d: %s", name, code, said)
		}
		if h.read("ran") != "" {
			t.Errorf("%s: ran %q", name, h.read("ran"))
		}
	}
}

func TestInstallRetriesTransientErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failures []int
		slept    string
	}{
		"503 first":                     {[]int{503}, "2\n"},
		"a connection that breaks":      {[]int{0, 0}, "2\n4\n"},
		"throttled, then a bad gateway": {[]int{429, 502, 500}, "2\n4\n8\n"},
	} {
		s, h := newServer(t), newHost(t, "deb")
		s.failures = c.failures
		if said, code := h.install(s); code != 0 || h.read("slept") != c.slept {
			t.Errorf("%s: exit %d, slept %q: %s", name, code, h.read("slept"), said)
		}
	}
}

func TestInstallStopsRetrying(t *testing.T) {
	t.Parallel()
	s, h := newServer(t), newHost(t, "deb")
	s.failures = []int{503, 503, 503, 503, 503, 503, 503}
	said, code := h.install(s)
	if code != 1 || h.read("slept") != "2\n4\n8\n16\n32\n" || !strings.Contains(said, "HTTP status 503") || len(s.asked) != 6 {
		t.Errorf("exit %d, slept %q, asked %d: %s", code, h.read("slept"), len(s.asked), said)
	}
	for _, status := range []int{403, 404} {
		s, h = newServer(t), newHost(t, "deb")
		s.failures = []int{status}
		if said, code = h.install(s); code != 1 || h.read("slept") != "" || !strings.Contains(said, fmt.Sprint("HTTP status ",
			status)) {
			t.Errorf("%d: exit %d, slept %q: %s", status, code, h.read("slept"), said)
		}
	}
}

func TestInstallWaitsForTheLockOfTheDailyUpgrades(t *testing.T) {
	t.Parallel()
	s, h := newServer(t), newHost(t, "deb")
	h.write("locked", "yes")
	if said, code := h.install(s); code != 0 || h.read("slept") != "10\n" || !strings.Contains(said, "holds the lock") {
		t.Errorf("exit %d, slept %q: %s", code, h.read("slept"), said)
	}
}

func TestInstallShowsWhyThePackageManagerFailed(t *testing.T) {
	t.Parallel()
	s, h := newServer(t), newHost(t, "deb")
	h.stub("dpkg", "echo 'no space left on device' >&2; exit 1")
	if said, code := h.install(s); code != 1 || !strings.Contains(said, "no space left on device") || h.read("slept") != "" {
		t.Errorf("exit %d: %s", code, said)
	}
	h.stub("dpkg", "exit 0") // reports success without installing anything
	if said, code := h.install(s); code != 1 || !strings.Contains(said, "but the installed version is not") {
		t.Errorf("exit %d: %s", code, said)
	}
}

func TestInstallOnlyDownloads(t *testing.T) {
	t.Parallel()
	s, h := newServer(t), newHost(t, "rpm")
	h.stub("id", "echo 1000")
	into := filepath.Join(t.TempDir(), "new")
	said, code := h.install(s, "--download", into)
	got, err := os.ReadFile(filepath.Join(into, rpmFile))
	if code != 0 || err != nil || !bytes.Equal(got, s.files[rpmFile]) || h.read("ran") != "" {
		t.Errorf("exit %d, %v: %s", code, err, said)
	}
	if said, code := h.install(s); code != 1 || !strings.Contains(said, "root is needed") {
		t.Errorf("exit %d: %s", code, said)
	}
}

// S3 decodes a "+" in a path as a space.
func TestInstallEncodesThePlusOfABuildWithoutATag(t *testing.T) {
	t.Parallel()
	s, h := newServer(t), newHost(t, "deb")
	h.run("install", "--version", "0.0.0+505.gabcdef0", "--from", s.URL, "--key", s.publicKey(t))
	if len(s.asked) != 1 || s.asked[0] != "/muster-0.0.0%2B505.gabcdef0-SHA256SUMS" {
		t.Errorf("asked %q", s.asked)
	}
}

func TestInstallRejectsAWrongCommandLine(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"--version is not a version: ''":                   {"--from", "https://example.com"},
		"--version is not a version: '../1'":               {"--version", "../1", "--from", "https://example.com"},
		"--from is not an https URL: ''":                   {"--version", "1.2.0"},
		"--from is not an https URL: 'http://e.x'":         {"--version", "1.2.0", "--from", "http://e.x"},
		"a character that is not allowed in a release URL": {"--version", "1.2.0", "--from", "http://127.0.0.1:1@example.com"},
		"unknown argument --latest":                        {"--latest", "yes"},
		"--version needs a value":                          {"--version"},
	} {
		h := newHost(t, "deb")
		if said, code := h.run("install", args...); code != 64 || !strings.Contains(said, want) {
			t.Errorf("%q: exit %d: %s", args, code, said)
		}
	}
	s, h := newServer(t), newHost(t, "deb")
	if said, code := h.run(
		"install",
		"--version",
		"1.2.0",
		"--from",
		s.URL,
	); code != 1 || !strings.Contains(said, "this script contains no public key") ||
		len(s.asked) != 0 {
		t.Errorf("exit %d: %s", code, said)
	}
	if said, code := newHost(t, "").install(s); code != 1 || !strings.Contains(said, "neither dpkg nor rpm") {
		t.Errorf("exit %d: %s", code, said)
	}
}

// A release is signed in the way that the script verifies, and its script contains the key.
func TestAReleaseSignsWhatItsInstallVerifies(t *testing.T) {
	t.Parallel()
	openssl := need.Program(t, "openssl", "apt-get install openssl")
	key, err := exec.CommandContext(t.Context(), openssl, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"install", "sign"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tree{t, dir}.write("scripts/"+name, string(text))
	}
	s := newServer(t)
	tree{t, dir}.write("dist/"+sums, string(s.files[sums]))
	sign := func(key string) (string, error) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "scripts/sign"), release)
		cmd.Env = append(os.Environ(), "MUSTER_SIGNING_KEY="+key)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := sign(string(key)); err != nil || !strings.Contains(out, "Verified OK") {
		t.Fatalf("%v: %s", err, out)
	}
	signature, err := os.ReadFile(filepath.Join(dir, "dist", sums+".sig"))
	if err != nil {
		t.Fatal(err)
	}
	s.files[sums+".sig"] = signature
	h := newHost(t, "deb")
	if said, code := h.run(filepath.Join(dir, "dist/install"), "--version", release, "--from", s.URL+"/v1"); code != 0 {
		t.Errorf("exit %d: %s", code, said)
	}
	for _, left := range []string{"muster.key", "signature"} {
		if _, err := os.Stat(filepath.Join(dir, "dist", left)); err == nil {
			t.Errorf("dist/%s is left", left)
		}
	}
	other, err := exec.CommandContext(t.Context(), openssl, "genpkey", "-algorithm", "ED25519").Output()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := sign(string(other)); err == nil || !strings.Contains(out, "not a key on the curve P-256") {
		t.Errorf("%v: %s", err, out)
	}
}

// dash is Debian's sh. Parsing finds errors in lines that no test runs.
func TestTheScriptsParse(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	lint, _ := exec.LookPath("shellcheck")
	for _, e := range entries {
		text, err := os.ReadFile(e.Name())
		if e.IsDir() || err != nil || !bytes.HasPrefix(text, []byte("#!/bin/sh\n")) {
			continue
		}
		if out, err := exec.CommandContext(t.Context(), "sh", "-n", e.Name()).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", e.Name(), err, out)
		}
		if lint == "" {
			continue
		}
		if out, err := exec.CommandContext(t.Context(), lint, e.Name()).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", e.Name(), err, out)
		}
	}
}
