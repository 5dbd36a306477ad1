package rootonly

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"muster/test/need"
)

// lookIn returns lstat(2) results from a map: "uid mode" or "-> target".
func lookIn(system map[string]string) func(string) (entry, error) {
	return func(path string) (entry, error) {
		text, ok := system[path]
		if !ok {
			return entry{}, &fs.PathError{Op: "lstat", Path: path, Err: fs.ErrNotExist}
		}
		if target, is := strings.CutPrefix(text, "-> "); is {
			return entry{mode: fs.ModeSymlink | 0o777, uid: 1000, target: target}, nil
		}
		var e entry
		var mode uint32
		if _, err := fmt.Sscanf(text, "%d %o", &e.uid, &mode); err != nil {
			panic(text)
		}
		e.mode = fs.FileMode(mode & 0o777)
		if mode&0o1000 != 0 {
			e.mode |= fs.ModeSticky
		}
		if mode&0o2000 != 0 {
			e.mode |= fs.ModeSetgid
		}
		return e, nil
	}
}

func TestEveryReplaceableProgramIsInsecure(t *testing.T) {
	for name, test := range map[string]struct {
		path     string
		system   map[string]string // in addition to base
		insecure string
	}{
		"a package's program": {"/usr/bin/muster", map[string]string{"/usr/bin/muster": "0 0755"}, ""},
		"owned by the one who deploys": {"/usr/bin/muster", map[string]string{"/usr/bin/muster": "1000 0755"},
			"/usr/bin/muster belongs to uid 1000"},
		"written by a group": {"/usr/bin/muster", map[string]string{"/usr/bin/muster": "0 0775"},
			"/usr/bin/muster can be written by its group"},
		"written by all": {"/usr/bin/muster", map[string]string{"/usr/bin/muster": "0 0757"},
			"/usr/bin/muster can be written by every user"},
		"in a user's directory": {"/srv/deploy/muster", map[string]string{"/srv/deploy": "1000 0755",
			"/srv/deploy/muster": "0 0755"}, "/srv/deploy belongs to uid 1000"},
		"two levels below a user's directory": {"/srv/deploy/bin/muster", map[string]string{"/srv/deploy": "1000 0755",
			"/srv/deploy/bin": "0 0755", "/srv/deploy/bin/muster": "0 0755"}, "/srv/deploy belongs to uid 1000"},
		"in a directory that a group writes to": {"/srv/deploy/muster", map[string]string{"/srv/deploy": "0 2775",
			"/srv/deploy/muster": "0 0755"}, "/srv/deploy can be written by its group or through an ACL (mode 2775)"},
		"below /tmp, sticky or not": {"/tmp/muster", map[string]string{"/tmp/muster": "0 0755"},
			"/tmp can be written by every user (mode 1777)"},
		"a link from a safe place to a user's": {"/usr/bin/muster", map[string]string{"/usr/bin/muster": "-> /srv/deploy/muster",
			"/srv/deploy": "1000 0755", "/srv/deploy/muster": "0 0755"}, "/srv/deploy belongs"},
		"a link from a user's to a safe place": {"/srv/deploy/muster", map[string]string{"/srv/deploy": "1000 0755",
			"/srv/deploy/muster": "-> /usr/bin/muster", "/usr/bin/muster": "0 0755"}, "/srv/deploy belongs"},
		"a link to a safe place": {"/opt/muster", map[string]string{"/opt/muster": "-> ../usr/bin/muster",
			"/usr/bin/muster": "0 0755"}, ""},
		"a linked directory, as /bin is": {"/bin/muster", map[string]string{"/bin": "-> usr/bin", "/usr/bin/muster": "0 0755"}, ""},
		"a linked directory that leads to /tmp": {"/opt/bin/muster", map[string]string{"/opt/bin": "-> /tmp", "/tmp/muster": "0 0755"},
			"/tmp can be written"},
		"a chain of links": {"/opt/muster", map[string]string{"/opt/muster": "-> a", "/opt/a": "-> b",
			"/opt/b": "-> /srv/deploy/muster", "/srv/deploy": "1000 0755", "/srv/deploy/muster": "0 0755"}, "/srv/deploy belongs"},
		"through .. of a user's directory": {"/opt/up/muster", map[string]string{"/opt/up": "-> /srv/deploy/../bin",
			"/srv/deploy": "1000 0755", "/srv/bin": "0 0755", "/srv/bin/muster": "0 0755"}, "/srv/deploy belongs"},
		"a root directory that all may write to": {"/usr/bin/muster", map[string]string{"/": "0 0777", "/usr/bin/muster": "0 0755"},
			"/ can be written by every user"},
	} {
		t.Run(name, func(t *testing.T) {
			system := map[string]string{
				"/":        "0 0755",
				"/usr":     "0 0755",
				"/usr/bin": "0 0755",
				"/opt":     "0 0755",
				"/srv":     "0 0755",
				"/tmp":     "0 1777",
			}
			for path, text := range test.system {
				system[path] = text
			}
			last, err := walk(test.path, 0, lookIn(system))
			switch test.insecure {
			case "":
				if err != nil || system[last] != "0 0755" {
					t.Errorf("%s, %v", last, err)
				}
			default:
				if d, is := Is(err); !is || !strings.Contains(d.Error(), test.insecure) {
					t.Errorf("%v, want %s", err, test.insecure)
				}
			}
		})
	}
}

func TestUnreadableComponentIsAnError(t *testing.T) {
	system := map[string]string{"/": "0 0755", "/a": "-> b", "/b": "-> a"}
	for path, want := range map[string]error{"/a": syscall.ELOOP, "/nothing": fs.ErrNotExist} {
		_, err := walk(path, 0, lookIn(system))
		if _, is := Is(err); is || !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

func TestTheOwnerOfTheRootCountsAsRoot(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "usr/bin/muster")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Check(root, "/usr/bin/muster"); err != nil {
		t.Error(err)
	}
	for mode, want := range map[fs.FileMode]string{
		0o775: "can be written by its group or through an ACL (mode 0775)",
		0o757: "can be written by every user (mode 0757)",
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if d, is := Is(Check(root, "/usr/bin/muster")); !is || d.Path != "/usr/bin/muster" || d.Why != want {
			t.Errorf("%v: %v, want %s", mode, d, want)
		}
	}
}

// The magic numbers come from linux/magic.h.
func TestRemoteFileSystemIsInsecureUnlessItHoldsTheRoot(t *testing.T) {
	const ext4, xfs, overlay, tmpfs, nfs, fuse = 0xEF53, 0x58465342, 0x794c7630, 0x01021994, 0x6969, 0x65735546
	for _, c := range []struct {
		at, top  int64
		insecure bool
	}{
		{ext4, ext4, false}, {xfs, ext4, false}, {overlay, overlay, false}, {tmpfs, xfs, false},
		{nfs, ext4, true}, {fuse, xfs, true}, {nfs, fuse, true},
		{nfs, nfs, false}, {fuse, fuse, false}, {ext4, nfs, false},
	} {
		d, is := Is(foreign("/srv/muster", c.at, c.top))
		if is != c.insecure || is && (!d.Remote || d.Path != "/srv/muster") {
			t.Errorf("%#x below %#x: %v", c.at, c.top, d)
		}
	}
}

// Only root can change the owner of a file.
func TestFilesOfAnotherUserAreInsecure(t *testing.T) {
	if os.Geteuid() != 0 {
		need.Missing(t, "root")
	}
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "srv/deploy"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "srv/deploy/muster"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/srv/deploy/muster", "/srv/deploy"} {
		if err := os.Chown(filepath.Join(root, path), 1000, 1000); err != nil {
			t.Fatal(err)
		}
		if d, is := Is(Check(root, "/srv/deploy/muster")); !is || d.Path != path || d.Why != "belongs to uid 1000" {
			t.Errorf("%v, want %s", d, path)
		}
	}
}
