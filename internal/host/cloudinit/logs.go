package cloudinit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"muster/internal/file/safefile"
)

// Logs are cloud-init's two: its own, and what the programs that it runs print.
var Logs = []string{"/var/log/cloud-init-output.log", "/var/log/cloud-init.log"}

// maxLog is how much is read of the end of a log.
const maxLog = 1 << 20

// Failure is something that cloud-init logged about user data.
type Failure struct {
	// Ignored: cloud-init did not know what user data, or a part of it, is.
	Ignored bool
	// Part is the script that failed, such as part-001; empty without one.
	Part string
	Text string // a sentence, which quotes no user data
	// Earlier: it was in a boot before the newest one. Scripts run once in the life of
	// an instance, so that it may still be why something is missing.
	Earlier bool
}

// The messages of cloud-init, of versions 18 to 25: handlers/__init__.py,
// subp.py (runparts), util.py (load_yaml), user_data.py.
var (
	unhandled  = regexp.MustCompile(`Unhandled (?:non-multipart|unknown content-type) \([^)]*\) userdata`)
	scriptFail = regexp.MustCompile(`Failed (?:to run|running) (/\S*/scripts/\S+) (\[[^\]]*\](?: [A-Z][\w ]*)?)`)
	badYAML    = regexp.MustCompile(
		`Failed loading yaml blob\.? ?(Invalid format at line \d+ column \d+|unacceptable character #x[0-9a-f]+)?`,
	)
	mergeFail = regexp.MustCompile(`Failed at merging in cloud config part from (\S+?):? `)
)

// Failures are what the logs below root say went wrong with user data, each thing
// once. A log that is not there says nothing.
func Failures(root string) ([]Failure, error) {
	var all []Failure
	var bad error
	for _, path := range Logs {
		data, err := tail(filepath.Join(root, path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			bad = err
		}
		for _, f := range scan(path, data) {
			same := func(o Failure) bool {
				return o.Ignored == f.Ignored && o.Part == f.Part && (f.Part != "" || f.Ignored || o.Text == f.Text)
			}
			if i := slices.IndexFunc(all, same); i >= 0 {
				all[i].Earlier = all[i].Earlier && f.Earlier
			} else {
				all = append(all, f)
			}
		}
	}
	return all, bad
}

// tail reads the end of a log. On Ubuntu the group syslog may write to /var/log.
func tail(path string) ([]byte, error) {
	file, err := safefile.OpenIn(filepath.Dir(path), filepath.Base(path))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-maxLog), maxLog))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return data, nil
}

// What cloud-init logs at the beginning of a boot, at the beginning of the stage that
// runs user data's scripts, and at its end (cloudinit/cmd/main.py, cc_final_message).
const (
	newBoot  = "running 'init-local'"
	scripts  = "running 'modules:final'"
	finished = " finished at "
)

// scan finds the failures in one log. Scripts that had begun when the next boot did
// were cut off by a reboot, and do not run again.
func scan(path string, data []byte) []Failure {
	var found []Failure
	running := false
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxLog)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.Contains(line, newBoot):
			if running {
				found = append(
					found,
					Failure{Text: path + ": the instance rebooted while user data was running, and what was left did not run"},
				)
			}
			running = false
			for i := range found {
				found[i].Earlier = true
			}
		case strings.Contains(line, scripts):
			running = true
		case strings.Contains(line, finished):
			running = false
		}
		if f := failure(line); f.Text != "" {
			f.Text = path + ": " + f.Text
			found = append(found, f)
		}
	}
	return found
}

// failure is what one line says; its zero value is nothing.
func failure(line string) Failure {
	if unhandled.MatchString(line) {
		return Failure{Ignored: true, Text: `"` + unhandled.FindString(line) + `": cloud-init did not run it`}
	}
	if m := scriptFail.FindStringSubmatch(line); m != nil {
		return Failure{Part: filepath.Base(m[1]), Text: strings.TrimSpace("Failed to run " + m[1] + " " + m[2])}
	}
	if m := badYAML.FindStringSubmatch(line); m != nil {
		return Failure{Text: strings.TrimSpace("Failed loading yaml blob. " + m[1])}
	}
	if m := mergeFail.FindStringSubmatch(line); m != nil {
		return Failure{Part: m[1], Text: "Failed at merging in cloud config part from " + m[1]}
	}
	return Failure{}
}

// RanScripts says whether cloud-init took scripts from user data for this
// instance: it keeps each as a file (cloudinit/handlers/shell_script.py).
func RanScripts(root string) bool {
	entries, err := os.ReadDir(filepath.Join(root, "/var/lib/cloud/instance/scripts"))
	return err == nil && len(entries) > 0
}
