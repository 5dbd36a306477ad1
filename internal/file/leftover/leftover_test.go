package leftover_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"muster/internal/bundle"
	"muster/internal/file/jsonfile"
	"muster/internal/file/leftover"
	"muster/internal/host/units"
	"muster/test/need"
)

func TestOnlyOldTemporaryFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	hours := func(n int) time.Time { return time.Now().Add(time.Duration(-n) * time.Hour) }
	for name, f := range map[string]struct {
		at   time.Time
		mode os.FileMode
		gone bool
	}{
		"state.json":                          {hours(9), 0, false},
		".state.json4611686018427387904":      {hours(2), 0, true},
		".state.json123456789012":             {hours(2), 0, true},
		".state.json9223372036854775807":      {time.Now(), 0, false}, // of a running writer
		".state.json9223372036854775806":      {hours(-2), 0, false},  // the clock was set back
		".state.json461168601842738790":       {hours(2), os.ModeDir, false},
		".state.json461168601842738791":       {hours(2), os.ModeSymlink, false},
		".state.json20260102":                 {hours(2), 0, false}, // a user's backup
		".state.json.4611686018427387904":     {hours(2), 0, false},
		".state.json4611686018427387904.save": {hours(2), 0, false},
		".state.json-4611686018427387904":     {hours(2), 0, false},
		".state.json46116860184273879041":     {hours(2), 0, false}, // not a 63-bit number
		".state.json":                         {hours(2), 0, false},
		".bootstrap.json4611686018427387904":  {hours(2), 0, false}, // of another file
		"state.json4611686018427387904":       {hours(2), 0, false},
		".my.state.json4611686018427387904":   {hours(2), 0, false},
		".state.jsonx4611686018427387904":     {hours(2), 0, false},
		".state.json４６１１６８６０１８４２７３８７９０４":      {hours(2), 0, false},
	} {
		path := filepath.Join(dir, name)
		var err error
		switch f.mode {
		case os.ModeDir:
			err = os.Mkdir(path, 0o700)
		case os.ModeSymlink:
			err = os.Symlink("/nowhere", path)
		default:
			err = errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, f.at, f.at))
		}
		if err != nil {
			t.Fatal(err)
		}
		leftover.Remove(filepath.Join(dir, "state.json"))
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) != f.gone {
			t.Errorf("%s: gone %v, want %v", name, !f.gone, f.gone)
		}
	}
	leftover.Remove("/nowhere/state.json")
}

func TestFilesOfOtherUsersAreKept(t *testing.T) {
	if os.Geteuid() != 0 {
		need.Missing(t, "root")
	}
	path := filepath.Join(t.TempDir(), ".b.tgz4611686018427387904")
	hoursAgo := time.Now().Add(-9 * time.Hour)
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, hoursAgo, hoursAgo), os.Chown(path, 1000, 1000)); err != nil {
		t.Fatal(err)
	}
	leftover.Remove(filepath.Join(filepath.Dir(path), "b.tgz"))
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

// writeUntilKilled writes repeatedly until the parent kills this process.
func writeUntilKilled(what, dir string) {
	big := slices.Repeat([]string{"a line of a report"}, 100_000)
	for {
		if err := write(what, dir, append(big, time.Now().String())); err != nil {
			panic(err)
		}
	}
}

func write(what, dir string, lines []string) error {
	switch what {
	case "f.json":
		return jsonfile.Write(filepath.Join(dir, what), lines, 0o600)
	case "b.tgz":
		return bundle.Place(filepath.Join(dir, what), func(out io.Writer) error {
			for _, line := range append([]string{"\x1f\x8b"}, lines...) { // a gzip, which may be replaced
				if _, err := io.WriteString(out, line); err != nil {
					return err
				}
			}
			return nil
		})
	default:
		text := "[Service]\nExecStart=/usr/bin/muster agent\n# " + strings.Join(lines, "\n# ") + "\n"
		_, err := units.Install(dir, "/usr/local/bin/muster", []units.Unit{{Name: what, Content: []byte(text)}})
		return err
	}
}

// A writer is really killed during a write. A later write removes its leftover once it is old.
func TestLeftoverOfAKilledWriterIsRemoved(t *testing.T) {
	if what := os.Getenv("LEFTOVER_TEST_WRITE"); what != "" {
		writeUntilKilled(what, os.Getenv("LEFTOVER_TEST_DIR"))
	}
	for what, place := range map[string]string{"f.json": "", "b.tgz": "", "muster-agent.service": "etc/systemd/system"} {
		t.Run(what, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, place)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			left := func() []string {
				names, _ := filepath.Glob(filepath.Join(dir, "."+what+"*"))
				return names
			}
			for try := 0; len(left()) == 0; try++ {
				if try == 20 {
					t.Fatal("no kill interrupted a write")
				}
				killAtWrite(t, what, root, dir)
			}
			if err := write(what, root, nil); err != nil {
				t.Fatal(err)
			}
			if len(left()) == 0 {
				t.Error("it removed a young file")
			}
			hoursAgo := time.Now().Add(-2 * time.Hour)
			for _, path := range left() {
				if err := os.Chtimes(path, hoursAgo, hoursAgo); err != nil {
					t.Fatal(err)
				}
			}
			if err := write(what, root, []string{"the last"}); err != nil {
				t.Fatal(err)
			}
			if now := left(); len(now) != 0 {
				t.Errorf("left behind: %v", now)
			}
		})
	}
}

// killAtWrite starts a writer, and kills it as soon as there is a new file in dir.
func killAtWrite(t *testing.T, what, root, dir string) {
	t.Helper()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watch)
	if _, err := unix.InotifyAddWatch(watch, dir, unix.IN_CREATE); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLeftoverOfAKilledWriterIsRemoved$")
	child.Env = append(os.Environ(), "LEFTOVER_TEST_WRITE="+what, "LEFTOVER_TEST_DIR="+root)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(watch), Events: unix.POLLIN}}, 30_000); n != 1 {
		t.Errorf("the writer made no file: %v", err)
	}
	_ = child.Process.Signal(syscall.SIGKILL)
	_ = child.Wait()
}
