package ecsconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"muster/internal/base/fix"
	"muster/test/need"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const (
	oldText = "# mine\nECS_CLUSTER=test\n"
	newText = "# mine\nECS_CLUSTER=prod\n"
)

// put writes text to a new file called name below dir and returns its path.
func put(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustHold(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", path, got, err, want)
	}
}

// mustContain checks that dir has only the given entries, and no temporary file.
func mustContain(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if !cmp.Equal(got, names) {
		t.Errorf("%s contains %q, want %q", dir, got, names)
	}
}

func mustWrite(t *testing.T, path, old, text string) {
	t.Helper()
	if changed, err := Write(path, []byte(old), []byte(text)); err != nil || !changed {
		t.Fatalf("Write = %v, %v", changed, err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := put(t, dir, "file", oldText)
	link := filepath.Join(dir, "link")
	dangling := filepath.Join(dir, "dangling")
	for from, to := range map[string]string{link: file, dangling: filepath.Join(dir, "absent")} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		file: oldText, link: oldText, dangling: "", filepath.Join(dir, "absent"): "", filepath.Join(dir, "no", "such", "dir"): "",
	} {
		if got, err := Load(path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}

func TestLoadRejectsOtherFiles(t *testing.T) {
	dir := t.TempDir()
	file := put(t, dir, "file", "")
	huge := put(t, dir, "huge", "")
	loop := filepath.Join(dir, "loop")
	pipe := filepath.Join(dir, "pipe")
	if err := errors.Join(os.Truncate(huge, maxSize+1), os.Symlink(loop, loop), unix.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                      "it is a directory, but the ECS agent expects a file",
		"/dev/zero":              "it is not a regular file",
		pipe:                     "it is not a regular file",
		huge:                     "it is larger than 16 MiB",
		loop:                     "too many levels of symbolic links",
		filepath.Join(file, "x"): "not a directory",
	} {
		_, err := Load(path)
		if err == nil || !strings.HasPrefix(err.Error(), "reading "+path+": "+want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
		if _, err := Write(path, nil, []byte(newText)); err == nil {
			t.Errorf("%s: written", path)
		}
	}
}

func TestLoadAcceptsTheLargestFile(t *testing.T) {
	path := put(t, t.TempDir(), "f", "")
	if err := os.Truncate(path, maxSize); err != nil {
		t.Fatal(err)
	}
	if data, err := Load(path); err != nil || len(data) != maxSize {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func TestWriteReplaces(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "ecs.config", oldText)
	mustWrite(t, path, oldText, newText)
	mustHold(t, path, newText)
	mustContain(t, dir, "ecs.config")
}

func TestWriteOfTheSameBytesChangesNothing(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "ecs.config", newText)
	put(t, dir, ".ecs.config.muster-tmp", "left by a killed run")
	before, _ := os.Stat(path)
	for _, old := range []string{newText, "something else"} {
		if changed, err := Write(path, []byte(old), []byte(newText)); changed || err != nil {
			t.Errorf("Write = %v, %v", changed, err)
		}
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Error("the file was replaced")
	}
	mustContain(t, dir, "ecs.config")
}

func TestWriteOfNothingCreatesNothing(t *testing.T) {
	dir := t.TempDir()
	if changed, err := Write(filepath.Join(dir, "ecs.config"), nil, nil); changed || err != nil {
		t.Errorf("Write = %v, %v", changed, err)
	}
	mustContain(t, dir)
}

func TestWriteRejectsAChangedFile(t *testing.T) {
	path := put(t, t.TempDir(), "ecs.config", "ECS_CLUSTER=theirs\n")
	changed, err := Write(path, []byte(oldText), []byte(newText))
	if changed || !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), path) {
		t.Errorf("Write = %v, %v", changed, err)
	}
	mustHold(t, path, "ECS_CLUSTER=theirs\n")
}

func TestWriteCreatesFileAndDirectory(t *testing.T) {
	defer unix.Umask(unix.Umask(0o022))
	dir := filepath.Join(t.TempDir(), "ecs")
	path := filepath.Join(dir, "ecs.config")
	mustWrite(t, path, "", newText)
	mustHold(t, path, newText)
	for path, want := range map[string]fs.FileMode{dir: 0o755, path: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestWriteToABareName(t *testing.T) {
	t.Chdir(t.TempDir())
	mustWrite(t, "ecs.config", "", newText)
	mustHold(t, "ecs.config", newText)
	mustContain(t, ".", "ecs.config")
}

func TestWriteKeepsOwnerAndMode(t *testing.T) {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 1234, 1234 // only root can change the owner of a file
	}
	path := put(t, t.TempDir(), "ecs.config", oldText)
	if err := errors.Join(os.Chown(path, uid, gid), os.Chmod(path, 0o664)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, path, oldText, newText)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if int(owner.Uid) != uid || int(owner.Gid) != gid || info.Mode() != 0o664 {
		t.Errorf("owner %d:%d, mode %v", owner.Uid, owner.Gid, info.Mode())
	}
}

func TestWriteKeepsLabels(t *testing.T) {
	for name, label := range map[string]string{
		"security.selinux": "system_u:object_r:etc_t:s0\x00",
		// Version 2, then tag, permissions and id of: owner rw, user 1234 r, group r, mask r, others none.
		"system.posix_acl_access": "\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\xd2\x04\x00\x00" +
			"\x04\x00\x04\x00\xff\xff\xff\xff" + "\x10\x00\x04\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff",
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, t.TempDir(), "ecs.config", oldText)
			if err := unix.Setxattr(path, name, []byte(label), 0); err != nil {
				label = labelOf(path, name) // not supported by this system or user: the write must succeed without it
			}
			mustWrite(t, path, oldText, newText)
			if got := labelOf(path, name); got != label {
				t.Errorf("the label became %q", got)
			}
		})
	}
}

func labelOf(path, name string) string {
	value := make([]byte, 1024)
	n, _ := unix.Getxattr(path, name, value)
	return string(value[:max(n, 0)])
}

func TestWriteFollowsLinks(t *testing.T) {
	tests := map[string]struct{ old, link, target string }{
		"absolute": {oldText, "%s/etc/ecs.config", "%s/real/ecs.config"},
		"relative": {oldText, "%s/etc/ecs.config", "../real/ecs.config"},
		"dangling": {"", "%s/etc/ecs.config", "../real/ecs.config"},
		// "etc/../x" is not "x" if etc is itself a link to another directory.
		"relative, below a linked directory": {oldText, "%s/linked/ecs.config", "../../real/ecs.config"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			under := func(path string) string { return strings.Replace(path, "%s", dir, 1) }
			if err := errors.Join(os.MkdirAll(dir+"/deep/down", 0o700), os.Mkdir(dir+"/etc", 0o700),
				os.Mkdir(dir+"/real", 0o700), os.Symlink("deep/down", dir+"/linked")); err != nil {
				t.Fatal(err)
			}
			if test.old != "" {
				put(t, dir+"/real", "ecs.config", test.old)
			}
			if err := os.Symlink(under(test.target), under(test.link)); err != nil {
				t.Fatal(err)
			}
			mustWrite(t, under(test.link), test.old, newText)
			mustHold(t, dir+"/real/ecs.config", newText)
			mustContain(t, dir+"/real", "ecs.config")
			if to, err := os.Readlink(under(test.link)); err != nil || to != under(test.target) {
				t.Errorf("the link became %q, %v", to, err)
			}
		})
	}
}

func TestWriteFailsAtomicallyAtEveryStep(t *testing.T) {
	for _, failing := range newWriter("x", nil).steps() {
		t.Run(failing.name, func(t *testing.T) {
			dir := t.TempDir()
			path := put(t, dir, "ecs.config", oldText)
			changed, err := write(path, []byte(oldText), []byte(newText), func(step string) error {
				if step == failing.name {
					return fmt.Errorf("pretending: %w", syscall.ENOSPC)
				}
				return nil
			})
			if !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "writing "+path+": ") ||
				fix.Of(err).Commands[0] != "df -h "+dir+"/" {
				t.Errorf("error: %v", err)
			}
			want := oldText
			if changed != (failing.name == "sync directory") {
				t.Errorf("changed = %v", changed)
			}
			if changed {
				want = newText
			}
			mustHold(t, path, want)
			mustContain(t, dir, "ecs.config")
		})
	}
}

func mustFail(t *testing.T, path, old, text string, cause error, step string) {
	t.Helper()
	changed, err := Write(path, []byte(old), []byte(text))
	if changed || !errors.Is(err, cause) || !strings.Contains(err.Error(), path) || !strings.Contains(fix.Of(err).Text, step) {
		t.Errorf("Write = %v, %v", changed, err)
	}
}

func TestWriteToAFullDisk(t *testing.T) {
	dir := need.SmallDisk(t, "")
	path := put(t, dir, "ecs.config", oldText)
	mustFail(t, path, oldText, strings.Repeat("#\n", 64<<10), syscall.ENOSPC, "Free space or inodes")
	mustHold(t, path, oldText)
	mustContain(t, dir, "ecs.config")
	mustWrite(t, path, oldText, newText)
}

func TestWriteWithoutInodes(t *testing.T) {
	dir := need.SmallDisk(t, ",nr_inodes=2")
	path := put(t, dir, "ecs.config", oldText)
	mustFail(t, path, oldText, newText, syscall.ENOSPC, "Free space or inodes")
	mustHold(t, path, oldText)
	mustContain(t, dir, "ecs.config")
}

func TestWriteToAReadOnlyFileSystem(t *testing.T) {
	dir := need.SmallDisk(t, "")
	path := put(t, dir, "ecs.config", oldText)
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	mustFail(t, path, oldText, newText, syscall.EROFS, "mount it read-write")
	mustFail(t, filepath.Join(dir, "new", "ecs.config"), "", newText, syscall.EROFS, "mount it read-write")
	mustHold(t, path, oldText)
	if changed, err := Write(path, []byte(oldText), []byte(oldText)); changed || err != nil {
		t.Errorf("with nothing to write: %v, %v", changed, err)
	}
}

func TestWriteFix(t *testing.T) {
	for err, want := range map[error]string{
		syscall.EDQUOT: "df -i /etc/ecs/",
		syscall.EROFS:  "remount,rw $(df --output=target /etc/ecs/ | tail -n 1)",
		syscall.EPERM:  "chattr -i /etc/ecs/ecs.config",
		syscall.EACCES: "as root",
	} {
		if got := writeFix("/etc/ecs/", "/etc/ecs/ecs.config", fmt.Errorf("renaming: %w", err)); !strings.Contains(got.String(), want) {
			t.Errorf("%v: %q", err, got)
		}
	}
	if got := writeFix("", "", syscall.EIO); !got.IsZero() {
		t.Errorf("fix for an unknown cause: %q", got)
	}
}

// TestKilledWriter is not a test, but the process that TestWriteSurvivesAKill starts. It writes, and dies by SIGKILL
// before the step with the given number.
func TestKilledWriter(t *testing.T) {
	path := os.Getenv("MUSTER_TEST_KILLED_WRITER_PATH")
	if path == "" {
		return
	}
	left, err := strconv.Atoi(os.Getenv("MUSTER_TEST_KILLED_WRITER_STEP"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write(path, old, []byte(newText), func(string) error {
		if left == 0 {
			return unix.Kill(os.Getpid(), unix.SIGKILL)
		}
		left--
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// killedAt runs the writer and reports whether it was killed at step, rather than finished.
func killedAt(t *testing.T, path string, step int) bool {
	t.Helper()
	writer := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledWriter$")
	writer.Env = append(os.Environ(), "MUSTER_TEST_KILLED_WRITER_PATH="+path, "MUSTER_TEST_KILLED_WRITER_STEP="+strconv.Itoa(step))
	out, err := writer.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == unix.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("step %d: %v\n%s", step, err, out)
	}
	return false
}

func TestWriteSurvivesAKill(t *testing.T) {
	tests := map[string]struct{ old, dir string }{
		"of a replacement":                 {oldText, ""},
		"of a new file":                    {"", ""},
		"of a new file in a new directory": {"", "ecs"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			steps := len(newWriter("x", nil).steps())
			for step := range steps + 1 {
				dir := filepath.Join(t.TempDir(), test.dir)
				path := filepath.Join(dir, "ecs.config")
				if test.old != "" {
					put(t, dir, "ecs.config", test.old)
				}
				if killed := killedAt(t, path, step); killed != (step < steps) {
					t.Fatalf("killed at step %d of %d: %v", step, steps, killed)
				}
				found, err := Load(path)
				if err != nil || string(found) != test.old && string(found) != newText {
					t.Errorf("step %d: the file is neither old nor new: %q, %v", step, found, err)
				}
				mustWrite(t, path, string(found), newText+"# again\n")
				mustHold(t, path, newText+"# again\n")
				mustContain(t, dir, "ecs.config")
			}
		})
	}
}
