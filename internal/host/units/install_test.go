package units

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"muster/internal/base/fix"
	"muster/test/need"
)

const unitText = "[Service]\n# ExecStart=/usr/bin/muster is replaced\nExecStart=/usr/bin/muster verify --x\nExecStop=/usr/bin/muster y\n"

func unit(name string) Unit { return Unit{name, []byte(unitText)} }

func put(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestInstallWritesUnitsThatRunTheBinary(t *testing.T) {
	root := t.TempDir()
	written, err := Install(root, "/opt/muster", []Unit{unit("a.service"), unit("b.service")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/etc/systemd/system/a.service", "/etc/systemd/system/b.service"}, written); diff != "" {
		t.Error(diff)
	}
	want := "[Service]\n# ExecStart=/usr/bin/muster is replaced\nExecStart=/opt/muster verify --x\nExecStop=/usr/bin/muster y\n"
	for _, path := range written {
		if diff := cmp.Diff(want, read(t, root+path)); diff != "" {
			t.Error(diff)
		}
		if info, err := os.Stat(root + path); err != nil || info.Mode() != 0o644 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	if entries, _ := os.ReadDir(root + adminUnits); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestInstallRewritesOnlyWhatChanged(t *testing.T) {
	root := t.TempDir()
	install := func(binary string) []string {
		t.Helper()
		written, err := Install(root, binary, []Unit{unit("a.service")})
		if err != nil {
			t.Fatal(err)
		}
		return written
	}
	install("/opt/muster")
	path := filepath.Join(root, adminUnits, "a.service")
	old := time.Unix(1e9, 0)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if written := install("/opt/muster"); written != nil {
		t.Errorf("the same again: %v", written)
	}
	if info, _ := os.Stat(path); !info.ModTime().Equal(old) {
		t.Error("an unchanged file was rewritten")
	}
	if written := install("/srv/muster"); len(written) != 1 || !strings.Contains(read(t, path), "/srv/muster verify") {
		t.Errorf("another binary: %v, %s", written, read(t, path))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	install("/srv/muster")
	if info, _ := os.Stat(path); info.Mode() != 0o644 {
		t.Errorf("the mode stayed %v", info.Mode())
	}
}

func TestInstallKeepsForeignUnits(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, root string){
		"a package ships it":            func(t *testing.T, root string) { put(t, root+"/usr/lib/systemd/system/a.service", "", 0o644) },
		"a package of Debian ships it":  func(t *testing.T, root string) { put(t, root+"/lib/systemd/system/a.service", "", 0o644) },
		"the administrator masked it":   func(t *testing.T, root string) { link(t, "/dev/null", root+adminUnits+"/a.service") },
		"the administrator linked it":   func(t *testing.T, root string) { link(t, "/opt/a.service", root+adminUnits+"/a.service") },
		"a package ships it, by a link": func(t *testing.T, root string) { link(t, "nowhere", root+"/usr/lib/systemd/system/a.service") },
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			prepare(t, root)
			written, err := Install(root, "/opt/muster", []Unit{unit("a.service"), unit("b.service")})
			if err != nil || len(written) != 1 || filepath.Base(written[0]) != "b.service" {
				t.Errorf("written %v, error %v", written, err)
			}
		})
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func TestInstallErrorNamesTheObstacle(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, root string)
		unit    Unit
		err     string
	}{
		"a directory in place of the unit": {func(t *testing.T, root string) { put(t, root+adminUnits+"/a.service/x", "", 0o644) },
			unit("a.service"), "a.service"},
		"a file in place of the directory": {func(t *testing.T, root string) { put(t, root+"/etc/systemd", "", 0o644) }, unit("a.service"),
			"/etc/systemd"},
		"a unit that runs something else":      {nil, Unit{"a.service", []byte("[Service]\nExecStart=/bin/true\n")}, "/usr/bin/muster"},
		"a unit that runs it by a longer name": {nil, Unit{"a.service", []byte("[Service]\nExecStart=/usr/bin/muster2 x\n")}, "/usr/bin/muster"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if tc.prepare != nil {
				tc.prepare(t, root)
			}
			written, err := Install(root, "/opt/muster", []Unit{tc.unit})
			if err == nil || !strings.Contains(err.Error(), "installing unit a.service: ") || !strings.Contains(err.Error(), tc.err) ||
				written != nil {
				t.Errorf("written %v, error %v", written, err)
			}
		})
	}
}

func TestExecWord(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/bin/muster":            "/usr/bin/muster",
		"/opt/my tools/muster":       `"/opt/my tools/muster"`,
		"/opt/100%/muster":           "/opt/100%%/muster",
		"/opt/a b/100% $HOME/muster": `"/opt/a b/100%% $HOME/muster"`,
		"/opt/mäster":                "/opt/mäster",
	} {
		if got, err := execWord(path); got != want || err != nil {
			t.Errorf("%q: got %q, %v", path, got, err)
		}
	}
	for _, path := range []string{"", "muster", "./muster", "/opt/a\nExecStart=/bin/sh", "/a\tb", `/a"b`, "/a'b", `/a\b`, "/a\x7f", "/a\xff",
		"/a\x00"} {
		if got, err := execWord(path); err == nil {
			t.Errorf("%q: no error, but %q", path, got)
		}
	}
}

// firstWord parses the first word of a command line as in systemd.service(5) and systemd.unit(5), as far as execWord
// uses that syntax.
func firstWord(line string) (word, rest string) {
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		word, rest, _ = strings.Cut(quoted, `"`)
	} else {
		i := strings.IndexAny(line, " \t\n\r")
		word, rest = line[:i], line[i:]
	}
	return strings.ReplaceAll(word, "%%", "%"), rest
}

func FuzzExecStart(f *testing.F) {
	for _, path := range []string{"/usr/bin/muster", "/a b/c", "/%n%%", "/$X ${Y}", "/a\nb", `/"`, "/\u00a0", "/a\u2028b", "/;", "/#", "/a "} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		content, err := withExec(unit("a.service"), path)
		if err != nil {
			return
		}
		if !utf8.Valid(content) || strings.Count(string(content), "\n") != strings.Count(unitText, "\n") {
			t.Fatalf("%q", content)
		}
		before, after, _ := strings.Cut(unitText, "\nExecStart=/usr/bin/muster")
		line, ok := strings.CutPrefix(string(content), before+"\nExecStart=")
		if !ok {
			t.Fatalf("the text before changed: %q", content)
		}
		if word, rest := firstWord(line); word != path || rest != after {
			t.Errorf("systemd would run %q, then %q", word, rest)
		}
	})
}

func TestInstallBinaryCopiesWhatUnitsCannotRun(t *testing.T) {
	root, self := t.TempDir(), filepath.Join(t.TempDir(), "muster") // below /tmp
	put(t, self, "program", 0o755)
	dest := filepath.Join(root, installedPath)
	if p, err := InstallBinary(root, self); err != nil || p.Path != installedPath || p.Copied == nil || read(t, dest) != "program" {
		t.Fatalf("%+v, %v", p, err)
	}
	if p, err := InstallBinary(root, self); err != nil || p.Path != installedPath || p.Copied != nil {
		t.Errorf("the second time: %+v, %v", p, err)
	}
	if info, _ := os.Stat(dest); info.Mode() != 0o755 {
		t.Errorf("mode %v", info.Mode())
	}
	put(t, self, "newer program", 0o755)
	if _, err := InstallBinary(root, self); err != nil || read(t, dest) != "newer program" {
		t.Errorf("%v, %s", err, read(t, dest))
	}
}

func TestInstallBinaryKeepsAPermanentPath(t *testing.T) {
	p, err := InstallBinary(t.TempDir(), "/usr/bin/env")
	if p.Path != "/usr/bin/env" || p.Copied != nil || err != nil {
		t.Errorf("%+v, %v", p, err)
	}
}

// The copy is a new file. A file that a user owns, can write to or has linked is replaced, not written to.
func TestExistingCopyIsReplacedUnlessIdenticalAndOwnedByRoot(t *testing.T) {
	self := filepath.Join(t.TempDir(), "muster")
	put(t, self, "program", 0o755)
	for name, before := range map[string]func(t *testing.T, dest, elsewhere string){
		"writable by all": func(t *testing.T, dest, _ string) {
			put(t, dest, "program", 0o755)
			if err := os.Chmod(dest, 0o777); err != nil {
				t.Fatal(err)
			}
		},
		"another version": func(t *testing.T, dest, _ string) { put(t, dest, "another", 0o755) },
		"a user's": func(t *testing.T, dest, _ string) {
			put(t, dest, "program", 0o755)
			if os.Geteuid() != 0 {
				need.Missing(t, "root")
			}
			if err := os.Chown(dest, 1000, 1000); err != nil {
				t.Fatal(err)
			}
		},
		"a link to a user's file": func(t *testing.T, dest, elsewhere string) {
			put(t, dest+".other", "", 0o644) // creates the directory
			if err := os.Symlink(elsewhere, dest); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			root, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "user's")
			put(t, elsewhere, "program", 0o755)
			dest := filepath.Join(root, installedPath)
			before(t, dest, elsewhere)
			if p, err := InstallBinary(root, self); err != nil || p.Path != installedPath || p.Copied == nil {
				t.Fatalf("%+v, %v", p, err)
			}
			info, err := os.Lstat(dest)
			if err != nil || info.Mode() != 0o755 || !ownedByUs(info) || read(t, dest) != "program" {
				t.Errorf("%v, %v, %q", info.Mode(), err, read(t, dest))
			}
			if read(t, elsewhere) != "program" {
				t.Error("wrote to the target of the link")
			}
		})
	}
}

func TestWritableDirectoryIsRejected(t *testing.T) {
	self := filepath.Join(t.TempDir(), "muster")
	put(t, self, "program", 0o755)
	for name, test := range map[string]struct {
		mode os.FileMode
		says string
	}{
		"by a group, as Debian once had it": {0o775 | os.ModeSetgid, "/usr/local/bin can be written by its group or through an ACL (mode 2775)"},
		"by all":                            {0o777, "/usr/local/bin can be written by every user (mode 0777)"},
		"by all, sticky":                    {0o777 | os.ModeSticky, "/usr/local/bin can be written by every user (mode 1777)"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, "usr/local/bin")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, test.mode); err != nil {
				t.Fatal(err)
			}
			p, err := InstallBinary(root, self)
			if err == nil || p.Path != "" || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("%+v, %v", p, err)
			}
			if want := []string{
				"sudo chown root: /usr/local/bin",
				"sudo chmod go-w /usr/local/bin",
			}; !slices.Equal(
				fix.Of(err).Commands,
				want,
			) {
				t.Errorf("fix %q", fix.Of(err).Commands)
			}
			if len(fix.Why(err)) == 0 || !strings.Contains(fix.Why(err)[0], self) {
				t.Errorf("why %q", fix.Why(err))
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// Hardened images often set a umask of 077 for user data.
func TestDirectoriesOfTheCopyIgnoreTheUmask(t *testing.T) {
	self := filepath.Join(t.TempDir(), "muster")
	put(t, self, "program", 0o755)
	root := t.TempDir()
	old := syscall.Umask(0o077)
	_, err := InstallBinary(root, self)
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"usr", "usr/local", "usr/local/bin", "usr/local/bin/muster"} {
		if info, err := os.Stat(filepath.Join(root, path)); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

// This test copies and starts its own binary, then replaces the copy: the running program must be installed.
func TestRunningProgramIsCopied(t *testing.T) {
	if root := os.Getenv("UNITS_TEST_INSTALL_INTO"); root != "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		if os.Getenv("UNITS_TEST_REPLACE") != "" {
			put(t, self+".new", "the attacker's", 0o755)
			err = os.Rename(self+".new", self)
		} else {
			err = os.Remove(self)
		}
		if err != nil {
			t.Fatal(err)
		}
		if p, err := InstallBinary(root, self); err != nil || p.Path != installedPath {
			t.Fatalf("%+v, %v", p, err)
		}
		return
	}
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, replaced := range []string{"", "yes"} {
		root, self := t.TempDir(), filepath.Join(t.TempDir(), "muster")
		if err := os.WriteFile(self, program, 0o755); err != nil {
			t.Fatal(err)
		}
		child := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), "UNITS_TEST_INSTALL_INTO="+root, "UNITS_TEST_REPLACE="+replaced)
		if out, err := child.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got, err := os.ReadFile(filepath.Join(root, installedPath)); err != nil || !bytes.Equal(got, program) {
			t.Errorf("replaced %q: %d bytes, want %d: %v", replaced, len(got), len(program), err)
		}
	}
}

func TestOutOfReach(t *testing.T) {
	for path, want := range map[string]bool{
		"/usr/local/bin/muster": false, "/opt/muster": false, "/tmpfs/muster": false, "/runner/muster": false, "/var/lib/muster/muster": false,
		"/tmp/muster": true, "/tmp/x/muster": true, "/var/tmp/muster": true, "/run/muster": true, "/var/run/muster": true,
		"/dev/shm/muster": true,
		"/root/muster":    true, "/home/ec2-user/muster": true, "/opt/../tmp/muster": true, "//tmp//muster": true,
	} {
		if got := outOfReach(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestInstallBinaryErrorNamesTheObstacle(t *testing.T) {
	self := filepath.Join(t.TempDir(), "muster")
	put(t, self, "program", 0o755)
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, root string)
		self    string
		err     string
	}{
		"no such binary":                   {nil, "/nowhere/muster", "/nowhere/muster"},
		"a directory in place of the copy": {func(t *testing.T, root string) { put(t, root+installedPath+"/x", "", 0o644) }, self, installedPath},
		"a file in place of the directory": {func(t *testing.T, root string) { put(t, root+"/usr/local", "", 0o644) }, self, installedPath},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if tc.prepare != nil {
				tc.prepare(t, root)
			}
			if p, err := InstallBinary(root, tc.self); err == nil || p.Path != "" || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%q, %v", p, err)
			}
		})
	}
}

// A noexec mount needs its own machine: see the integration test.
func TestMayExec(t *testing.T) {
	if err := mayExec("/usr/bin/env"); err != nil {
		t.Error(err)
	}
	if err := mayExec("/nowhere"); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("error %v", err)
	}
}

func TestRunBy(t *testing.T) {
	for name, want := range map[string]string{
		"/opt/muster": "/opt/muster", "/opt/my muster": "/opt/my muster", "/opt/100%/muster": "/opt/100%/muster",
	} {
		root := t.TempDir()
		if _, err := Install(root, name, []Unit{unit("a.service")}); err != nil {
			t.Fatal(err)
		}
		if got := RunBy(root + adminUnits + "/a.service"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	dir := t.TempDir()
	put(t, dir+"/prefixed.service", "[Service]\nExecStart=-/usr/bin/x y\n", 0o644)
	put(t, dir+"/empty.service", "[Service]\nType=oneshot\n", 0o644)
	for name, want := range map[string]string{"prefixed": "/usr/bin/x", "empty": "", "missing": ""} {
		if got := RunBy(dir + "/" + name + ".service"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
