package units

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

const (
	adminUnits    = "/etc/systemd/system"
	installedPath = "/usr/local/bin/muster"
	// The path that the unit files name, which is where the packages put it.
	packagedExec = "\nExecStart=/usr/bin/muster "
)

// Unit is a unit file.
type Unit struct {
	Name    string // with its suffix: "muster-verify.service"
	Content []byte // its text; of a service with ExecStart=/usr/bin/muster
}

// Install writes the units below root (usually "/") into /etc/systemd/system,
// with ExecStart= of services naming binary, and returns the paths, without root, of those
// that it wrote. It writes none that is there unchanged, that a package
// brought, or that the administrator masked or linked elsewhere.
func Install(root, binary string, units []Unit) (written []string, err error) {
	for _, u := range units {
		content, err := withExec(u, binary)
		if err != nil {
			return written, err
		}
		if foreign(root, u.Name) {
			continue
		}
		path := filepath.Join(adminUnits, u.Name)
		changed, err := write(filepath.Join(root, path), content, 0o644)
		if err != nil {
			return written, fmt.Errorf("installing unit %s: %w", u.Name, err)
		}
		if changed {
			written = append(written, path)
		}
	}
	return written, nil
}

// foreign reports whether the unit is somebody else's to change.
func foreign(root, name string) bool {
	for _, dir := range []string{"/usr/lib/systemd/system", "/lib/systemd/system"} {
		if _, err := os.Lstat(filepath.Join(root, dir, name)); err == nil {
			return true
		}
	}
	info, err := os.Lstat(filepath.Join(root, adminUnits, name))
	return err == nil && info.Mode()&os.ModeSymlink != 0
}

func withExec(u Unit, binary string) ([]byte, error) {
	if filepath.Ext(u.Name) != ".service" {
		return u.Content, nil
	}
	if !bytes.Contains(u.Content, []byte(packagedExec)) {
		return nil, fmt.Errorf("installing unit %s: it does not run /usr/bin/muster", u.Name)
	}
	word, err := execWord(binary)
	if err != nil {
		return nil, fmt.Errorf("installing unit %s: %w", u.Name, err)
	}
	return bytes.ReplaceAll(u.Content, []byte(packagedExec), []byte("\nExecStart="+word+" ")), nil
}

// execWord writes a path as the first word of ExecStart=, in which % starts a
// specifier and white space ends the word, but $ stands for itself. systemd
// refuses quotes, backslashes and control characters in it (string_is_safe).
func execWord(path string) (string, error) {
	odd := func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(`"'\`, r) }
	switch {
	case !filepath.IsAbs(path):
		return "", fmt.Errorf("the binary's path %q is not absolute", path)
	case !utf8.ValidString(path) || strings.ContainsFunc(path, odd):
		return "", fmt.Errorf("systemd cannot run the binary at %q: move it to a path without quotes, backslashes and control characters", path)
	}
	word := strings.ReplaceAll(path, "%", "%%")
	if strings.Contains(word, " ") {
		word = `"` + word + `"`
	}
	return word, nil
}

// InstallBinary returns the path from which units can run the binary at self,
// as seen without root: self, or /usr/local/bin/muster, to which it is copied
// when self will not last, is hidden from sandboxed units, or may be executed
// by its owner alone (muster-agent has a user of its own).
func InstallBinary(root, self string) (path string, err error) {
	info, err := os.Stat(self)
	if err != nil {
		return "", fmt.Errorf("installing the binary: %w", err)
	}
	if !outOfReach(self) && info.Mode().Perm()&0o001 != 0 {
		return self, nil
	}
	if err := copyBinary(self, filepath.Join(root, installedPath)); err != nil {
		return "", fmt.Errorf("installing the binary as %s: %w", installedPath, err)
	}
	return installedPath, nil
}

// outOfReach reports whether the path is in a directory that is emptied, or
// that PrivateTmp= and ProtectHome= hide.
func outOfReach(path string) bool {
	for _, dir := range []string{"/tmp/", "/var/tmp/", "/run/", "/var/run/", "/dev/shm/", "/home/", "/root/"} {
		if strings.HasPrefix(filepath.Clean(path), dir) {
			return true
		}
	}
	return false
}

func copyBinary(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if _, err := write(to, content, 0o755); err != nil {
		return err
	}
	return mayExec(to)
}

func mayExec(path string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return fmt.Errorf("reading the mount options of %s: %w", path, err)
	}
	if fs.Flags&unix.ST_NOEXEC != 0 {
		return fmt.Errorf("%s is mounted noexec: put muster where programs may run, such as /opt, and run it from there", filepath.Dir(path))
	}
	return nil
}

// write replaces the file atomically and reports whether it had to. The
// temporary file is made beside it, not in TMPDIR, so that it gets the label
// that SELinux has for the place.
func write(path string, content []byte, mode os.FileMode) (changed bool, err error) {
	info, err := os.Lstat(path)
	if err == nil && info.Mode() == mode {
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
			return false, nil
		}
	}
	return true, replace(path, content, mode)
}

// renameio.WriteFile would keep the mode of the old file.
func replace(path string, content []byte, mode os.FileMode) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := renameio.NewPendingFile(path, renameio.WithTempDir(dir), renameio.WithStaticPermissions(mode))
	if err != nil {
		return err
	}
	defer func() { _ = file.Cleanup() }()
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}
