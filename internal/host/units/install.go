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

// Bare returns those of the units that Install would write or has written: neither a
// package brought them nor did the administrator mask them or link them elsewhere.
func Bare(root string, units []Unit) []Unit {
	return slices.DeleteFunc(slices.Clone(units), func(u Unit) bool { return foreign(root, u.Name) })
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

// maxUnit bounds what is read of a unit file, in bytes.
const maxUnit = 1 << 20

// RunBy is the program that the unit file at path runs, the first word of its
// ExecStart=; "" if it has none, or cannot be read.
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

// Program is where units can run the program from.
type Program struct {
	Path string // as seen without root
	// Copied is why it was copied there; nil: it was there already, or stays where it is.
	Copied error
}

// InstallBinary returns the path from which units can run the program at self: self, or
// /usr/local/bin/muster, to which it is copied when self will not last, is hidden from
// sandboxed units, may be executed by its owner alone (muster-agent has a user of its
// own), or can be changed by others than root. A copy that others could change is
// refused: the units run as root.
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

// fit is nil if units can run the program at self, for as long as they are installed.
func fit(self string) error {
	info, err := os.Stat(self)
	switch {
	case err != nil:
		return err
	case outOfReach(self):
		return errors.New("its directory is emptied at boot, or hidden from units")
	case info.Mode().Perm()&0o001 == 0:
		return fmt.Errorf("only its owner and group may run it (mode %04o)", info.Mode().Perm())
	}
	return rootonly.Check("/", self)
}

// installFix is what to do where the copy cannot be made.
func installFix(err error) fix.Fix {
	if d, is := rootonly.Is(err); is && !d.Remote {
		return fix.Do("Make it writable for root alone, then run bootstrap again:", "sudo chown root: "+d.Path, "sudo chmod go-w "+d.Path)
	}
	return fix.Do(
		"Copy muster to a directory where only root may write and programs may run, such as /opt/muster, then run bootstrap from there.",
	)
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

// maxBinary bounds what is copied, in bytes; muster has 20 MB.
const maxBinary = 256 << 20

// copyBinary looks at the directories before it writes, and at the result: whoever may
// write to a directory on the way could put another program there.
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

// program reads the program at path. Where that is the one that runs, it reads what the
// kernel runs and not what the path names by now: the file may have been replaced or
// removed since it was started.
func program(path string) ([]byte, error) {
	if running, err := os.Executable(); err == nil && running == path {
		path = "/proc/self/exe"
	}
	return safefile.Read(path, maxBinary)
}

// write replaces the file atomically and reports whether it had to. The
// temporary file is made beside it, not in TMPDIR, so that it gets the label
// that SELinux has for the place.
func write(path string, content []byte, mode os.FileMode) (changed bool, err error) {
	info, err := os.Lstat(path)
	if err == nil && info.Mode() == mode && own(info) {
		if old, err := safefile.Read(path, int64(len(content))); err == nil && bytes.Equal(old, content) {
			return false, nil
		}
	}
	return true, replace(path, content, mode)
}

// own: another owner could change the file, or its mode.
func own(info os.FileInfo) bool {
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
