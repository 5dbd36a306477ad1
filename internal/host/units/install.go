package units

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/google/renameio/v2"

	"muster/internal/base/fix"
	"muster/internal/file/jsonfile"
	"muster/internal/file/leftover"
	"muster/internal/file/rootonly"
	"muster/internal/file/safefile"
)

const (
	adminUnits    = "/etc/systemd/system"
	installedPath = "/usr/local/bin/muster"
	// The path in the unit files, which is the path in the packages.
	packagedExec = "\nExecStart=/usr/bin/muster "
)

// Unit is a unit file.
type Unit struct {
	Name    string // with its suffix: "muster-verify.service"
	Content []byte // a service has ExecStart=/usr/bin/muster
}

// Install writes the units to /etc/systemd/system below root (usually "/"), with binary in ExecStart=, and returns the
// written paths without root. It skips units that are unchanged, that come from a package, or that the administrator
// masked or linked elsewhere.
func Install(root, binary string, units []Unit) (written []string, err error) {
	for _, u := range Bare(root, units) {
		content, err := withExec(u, binary)
		if err != nil {
			return written, err
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

// Bare returns the units that Install writes or has written: they do not come from a package, and the administrator did
// not mask or link them.
func Bare(root string, units []Unit) []Unit {
	return slices.DeleteFunc(slices.Clone(units), func(u Unit) bool { return foreign(root, u.Name) })
}

// foreign reports whether the unit belongs to a package or the administrator.
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

// execWord returns path as the first word of ExecStart=, where % starts a specifier, white space ends the word, and $ is
// literal. systemd rejects quotes, backslashes and control characters in it (string_is_safe).
func execWord(path string) (string, error) {
	odd := func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(`"'\`, r) }
	switch {
	case !filepath.IsAbs(path):
		return "", fmt.Errorf("the binary's path %q is not absolute", path)
	case !utf8.ValidString(path) || strings.ContainsFunc(path, odd):
		return "", fmt.Errorf(
			"systemd cannot run the binary at %q: move it to a path without quotes, backslashes and control characters",
			path,
		)
	}
	word := strings.ReplaceAll(path, "%", "%%")
	if strings.Contains(word, " ") {
		word = `"` + word + `"`
	}
	return word, nil
}

// maxUnit limits the bytes read of a unit file.
const maxUnit = 1 << 20

// RunBy returns the program that the unit file at path runs: the first word of its ExecStart=, or "" if it has none or
// is unreadable.
func RunBy(path string) string {
	text, err := safefile.Read(path, maxUnit)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		line, is := strings.CutPrefix(line, "ExecStart=")
		if !is {
			continue
		}
		word := strings.TrimLeft(strings.TrimSpace(line), "-+!@:") // prefixes (systemd.service(5))
		if quoted, is := strings.CutPrefix(word, `"`); is {
			word, _, _ = strings.Cut(quoted, `"`)
		} else {
			word, _, _ = strings.Cut(word, " ")
		}
		return strings.ReplaceAll(word, "%%", "%")
	}
	return ""
}

// Program is the program that units run.
type Program struct {
	Path string // without root
	// Copied is the reason why the program was copied. It is nil if the program was not copied.
	Copied error
}

// InstallBinary returns the path from which units run the program at self. It copies self to /usr/local/bin/muster if
// self is temporary, hidden from sandboxed units, executable only by its owner (muster-agent has its own user), or
// writable by others than root. It rejects a copy that others could change, because the units run as root.
func InstallBinary(root, self string) (Program, error) {
	unfit := fit(self)
	if unfit == nil {
		return Program{Path: self}, nil
	}
	copied, err := copyBinary(root, self)
	if err != nil {
		return Program{}, fix.Because(fmt.Errorf("installing the binary as %s: %w", installedPath, err),
			[]string{"the units run as root and cannot use " + self + ": " + unfit.Error()}, installFix(err))
	}
	if !copied {
		unfit = nil
	}
	return Program{installedPath, unfit}, nil
}

// fit returns nil if units can run the program at self permanently.
func fit(self string) error {
	info, err := os.Stat(self)
	switch {
	case err != nil:
		return err
	case outOfReach(self):
		return errors.New("its directory is emptied at boot, or hidden from units")
	case info.Mode().Perm()&0o001 == 0:
		return fmt.Errorf("only its owner and group can run it (mode %04o)", info.Mode().Perm())
	}
	return rootonly.Check("/", self)
}

// installFix returns the fix for a failed copy.
func installFix(err error) fix.Fix {
	if d, is := rootonly.Is(err); is && !d.Remote {
		return fix.Do("Make it writable only for root, then run bootstrap again:", "sudo chown root: "+d.Path, "sudo chmod go-w "+d.Path)
	}
	return fix.Do(
		"Copy muster to an executable directory that only root can write to, such as /opt/muster, then run bootstrap from there.",
	)
}

// outOfReach reports whether the path is in a temporary directory, or in one that PrivateTmp= and ProtectHome= hide.
func outOfReach(path string) bool {
	for _, dir := range []string{"/tmp/", "/var/tmp/", "/run/", "/var/run/", "/dev/shm/", "/home/", "/root/"} {
		if strings.HasPrefix(filepath.Clean(path), dir) {
			return true
		}
	}
	return false
}

// maxBinary limits the bytes copied; muster has 20 MB.
const maxBinary = 256 << 20

// copyBinary checks the directories before it writes, and the result afterwards: any user who can write to a directory
// of the path could replace the program.
func copyBinary(root, from string) (copied bool, err error) {
	content, err := program(from)
	if err != nil {
		return false, err
	}
	to := filepath.Join(root, installedPath)
	if err := jsonfile.MakeDir(filepath.Dir(to)); err != nil {
		return false, err
	}
	if err := rootonly.Check(root, filepath.Dir(installedPath)); err != nil {
		return false, err
	}
	copied, err = write(to, content, 0o755)
	if err == nil {
		err = rootonly.Check(root, installedPath)
	}
	if err == nil {
		err = mayExec(to)
	}
	return copied, err
}

// program reads the program at path. For the running program, it reads the file that the kernel runs, because the file
// at the path may have been replaced or removed.
func program(path string) ([]byte, error) {
	if running, err := os.Executable(); err == nil && running == path {
		path = "/proc/self/exe"
	}
	return safefile.Read(path, maxBinary)
}

// write replaces the file atomically and reports whether it changed. The temporary file is in the same directory, not in
// TMPDIR, so that it gets the SELinux label of that directory.
func write(path string, content []byte, mode os.FileMode) (changed bool, err error) {
	info, err := os.Lstat(path)
	if err == nil && info.Mode() == mode && ownedByUs(info) {
		if old, err := safefile.Read(path, int64(len(content))); err == nil && bytes.Equal(old, content) {
			return false, nil
		}
	}
	return true, replace(path, content, mode)
}

// ownedByUs reports whether this user owns the file. Another owner could change the file or its mode.
func ownedByUs(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// renameio.WriteFile would keep the mode of the old file.
func replace(path string, content []byte, mode os.FileMode) error {
	dir := filepath.Dir(path)
	if err := jsonfile.MakeDir(dir); err != nil {
		return err
	}
	leftover.Remove(path)
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
