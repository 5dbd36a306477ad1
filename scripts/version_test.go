// Package scripts_test runs the shell scripts that have no Go package of their own.
package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"muster/test/need"
)

// tree is a git repository that contains scripts/version.
type tree struct {
	t   *testing.T
	dir string
}

func newTree(t *testing.T) tree {
	t.Helper()
	r := tree{t, t.TempDir()}
	script, err := os.ReadFile("version")
	if err != nil {
		t.Fatal(err)
	}
	r.write("scripts/version", string(script))
	r.git("init", "-q")
	return r
}

func (r tree) write(path, text string) {
	r.t.Helper()
	at := filepath.Join(r.dir, path)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func (r tree) git(args ...string) {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), need.Program(r.t, "git", "apt-get install git"), args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@localhost")
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("git %q: %v: %s", args, err, out)
	}
}

func (r tree) commit() {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "change")
}

// version returns what the script prints. In masked, the hash is replaced by HASH.
func (r tree) version() (version, masked string) {
	r.t.Helper()
	out, err := exec.CommandContext(r.t.Context(), filepath.Join(r.dir, "scripts/version")).CombinedOutput()
	if err != nil {
		r.t.Fatalf("%v: %s", err, out)
	}
	version = strings.TrimSpace(string(out))
	return version, regexp.MustCompile(`g[0-9a-f]{7,}`).ReplaceAllString(version, "gHASH")
}

func (r tree) want(want string) string {
	r.t.Helper()
	version, masked := r.version()
	if masked != want {
		r.t.Errorf("version %s, want %s", masked, want)
	}
	return version
}

// later fails the test unless dpkg and rpm both sort b after a. Debs and rpms write the "-" of a pre-release as "~",
// like nfpm.
func later(t *testing.T, a, b string) {
	t.Helper()
	packaged := strings.NewReplacer("-", "~").Replace
	a, b = packaged(a), packaged(b)
	dpkg := need.Program(t, "dpkg", "it is part of Debian")
	if err := exec.CommandContext(t.Context(), dpkg, "--compare-versions", b, "gt", a).Run(); err != nil {
		t.Errorf("dpkg: %s is not later than %s", b, a)
	}
	rpm := need.Program(t, "rpm", "apt-get install rpm")
	out, err := exec.CommandContext(t.Context(), rpm, "--eval", `%{lua: print(rpm.vercmp("`+b+`", "`+a+`"))}`).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "1" {
		t.Errorf("rpm: vercmp(%s, %s) is %s, %v", b, a, got, err)
	}
}

func TestEachCommitIsALaterVersion(t *testing.T) {
	t.Parallel()
	r := newTree(t)
	var versions []string
	// The count goes from 9 to 10. With a hash before the count, or with a textual comparison, this would fail.
	for range 8 {
		r.commit()
	}
	for _, want := range []string{"0.0.0+9.gHASH", "0.0.0+10.gHASH", "0.0.0+11.gHASH"} {
		r.commit()
		versions = append(versions, r.want(want))
	}
	r.git("tag", "v0.1.0-rc.1")
	versions = append(versions, r.want("0.1.0-rc.1"))
	r.commit()
	versions = append(versions, r.want("0.1.0-rc.1+1.gHASH"))
	r.git("tag", "v0.1.0")
	versions = append(versions, r.want("0.1.0"))
	for _, want := range []string{"0.1.0+1.gHASH", "0.1.0+2.gHASH"} {
		r.commit()
		versions = append(versions, r.want(want))
	}
	r.git("tag", "v0.1.1")
	versions = append(versions, r.want("0.1.1"))
	for i := range versions[1:] {
		later(t, versions[i], versions[i+1])
	}
}

func TestVersionMarksUncommittedChanges(t *testing.T) {
	t.Parallel()
	r := newTree(t)
	r.write("a", "1")
	r.commit()
	clean := r.want("0.0.0+1.gHASH")
	r.write("a", "2")
	later(t, clean, r.want("0.0.0+1.gHASH.dirty"))
	r.commit()
	r.git("tag", "v1.0.0")
	r.write("a", "3")
	later(t, "1.0.0", r.want("1.0.0+dirty"))
	r.commit()
	r.write("a", "4")
	r.want("1.0.0+1.gHASH.dirty")
}

func TestOtherTagsAreIgnored(t *testing.T) {
	t.Parallel()
	r := newTree(t)
	r.commit()
	r.git("tag", "demo-2026")
	r.want("0.0.0+1.gHASH")
}

func TestATreeWithoutGitHasAVersion(t *testing.T) {
	t.Parallel()
	r := newTree(t)
	if err := os.RemoveAll(filepath.Join(r.dir, ".git")); err != nil {
		t.Fatal(err)
	}
	r.want("0.0.0+unknown")
}

func TestAShallowCloneHasNoVersion(t *testing.T) {
	t.Parallel()
	r := newTree(t)
	r.commit()
	r.commit()
	clone := tree{t, t.TempDir()}
	r.git("clone", "-q", "--depth", "1", "file://"+r.dir, clone.dir)
	out, err := exec.CommandContext(t.Context(), filepath.Join(clone.dir, "scripts/version")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "git fetch --unshallow --tags") {
		t.Errorf("%v: %s", err, out)
	}
}
