package safefile

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Each entry creates dir/f; secret is a file outside dir.
var things = map[string]struct {
	make     func(t *testing.T, dir, secret string)
	open, in error // of Open and of OpenIn; nil means success
}{
	"a file":                  {put("f"), nil, nil},
	"nothing":                 {nil, fs.ErrNotExist, fs.ErrNotExist},
	"a directory":             {func(t *testing.T, dir, _ string) { must(t, os.Mkdir(dir+"/f", 0o755)) }, ErrNotRegular, ErrNotRegular},
	"a pipe without a writer": {func(t *testing.T, dir, _ string) { must(t, unix.Mkfifo(dir+"/f", 0o600)) }, ErrNotRegular, ErrNotRegular},
	"a socket":                {listen, ErrNotRegular, ErrNotRegular},
	"a device":                {link("/dev/zero"), ErrNotRegular, ErrOutside},
	"a link out by its path":  {func(t *testing.T, dir, secret string) { must(t, os.Symlink(secret, dir+"/f")) }, nil, ErrOutside},
	"a link out by the parent": {
		func(t *testing.T, dir, secret string) { must(t, os.Symlink("../"+filepath.Base(secret), dir+"/f")) },
		nil,
		ErrOutside,
	},
	"a link through a link out": {func(t *testing.T, dir, secret string) {
		must(t, os.Symlink(filepath.Dir(secret), dir+"/up"))
		must(t, os.Symlink("up/"+filepath.Base(secret), dir+"/f"))
	}, nil, ErrOutside},
	"a link to another file there": {
		func(t *testing.T, dir, secret string) { put("g")(t, dir, secret); must(t, os.Symlink("g", dir+"/f")) },
		nil,
		nil,
	},
	"a link to a pipe there": {func(t *testing.T, dir, _ string) {
		must(t, unix.Mkfifo(dir+"/g", 0o600))
		must(t, os.Symlink("g", dir+"/f"))
	}, ErrNotRegular, ErrNotRegular},
	"a link to nothing": {link("g"), fs.ErrNotExist, fs.ErrNotExist},
	"a link to itself":  {link("f"), syscall.ELOOP, syscall.ELOOP},
}

func put(name string) func(*testing.T, string, string) {
	return func(t *testing.T, dir, _ string) {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("text"), 0o600))
	}
}

func link(to string) func(*testing.T, string, string) {
	return func(t *testing.T, dir, _ string) { must(t, os.Symlink(to, dir+"/f")) }
}

func listen(t *testing.T, dir, _ string) {
	at, err := net.Listen("unix", dir+"/f")
	must(t, err)
	t.Cleanup(func() { _ = at.Close() })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOnlyRegularFilesInsideAreOpened(t *testing.T) {
	t.Parallel()
	for name, thing := range things {
		for how, want := range map[string]error{"Open": thing.open, "OpenIn": thing.in} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				above := t.TempDir()
				dir, secret := above+"/d", above+"/secret"
				must(t, os.Mkdir(dir, 0o755))
				must(t, os.WriteFile(secret, []byte("text"), 0o600))
				if thing.make != nil {
					thing.make(t, dir, secret)
				}
				file, err := OpenIn(dir, "f")
				if how == "Open" {
					file, err = Open(dir + "/f")
				}
				if err == nil {
					defer file.Close()
				}
				switch {
				case want != nil:
					if !errors.Is(err, want) || !strings.Contains(err.Error(), dir+"/f") {
						t.Errorf("error %v, want %v of %s/f", err, want, dir)
					}
				case err != nil:
					t.Error(err)
				default:
					if data, err := io.ReadAll(file); err != nil || string(data) != "text" {
						t.Errorf("%q, %v", data, err)
					}
				}
			})
		}
	}
}

func TestDirectoryCanBeALinkButNotAPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put("f")(t, dir, "")
	must(t, os.Symlink(dir, dir+"/again"))
	if data, err := ReadIn(dir+"/again", "f", 4); err != nil || string(data) != "text" {
		t.Errorf("%q, %v", data, err)
	}
	must(t, unix.Mkfifo(dir+"/pipe", 0o600))
	for _, bad := range []string{dir + "/pipe", dir + "/f"} {
		if _, err := OpenIn(bad, "f"); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestFileAboveTheLimitIsNotRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put("f")(t, dir, "")
	if data, err := Read(dir+"/f", 4); err != nil || string(data) != "text" {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := Read(dir+"/f", 3); !errors.Is(err, ErrTooLarge) || data != nil || !strings.Contains(err.Error(), dir+"/f") {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := ReadIn(dir, "f", 3); !errors.Is(err, ErrTooLarge) || data != nil {
		t.Errorf("%q, %v", data, err)
	}
	// A file in /proc reports size 0.
	if data, err := Read("/proc/self/status", 64<<10); err != nil || len(data) == 0 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if _, err := Read("/proc/self/status", 8); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}
