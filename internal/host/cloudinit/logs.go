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

// Logs lists cloud-init's own log and the log of its programs' output.
var Logs = []string{"/var/log/cloud-init-output.log", "/var/log/cloud-init.log"}

// maxLog limits the bytes read from the end of a log.
const maxLog = 1 << 20

// Failure is a problem with user data in cloud-init's logs.
type Failure struct {
	// Ignored means that cloud-init did not recognize user data, or a part of it.
	Ignored bool
	// Part is the script that failed, such as part-001. It is empty if no script failed.
	Part string
	Text string // a sentence that quotes no user data
	// Earlier means that the failure is from a boot before the newest one. Scripts run only once per instance, so it may
	// still explain a missing setting.
	Earlier bool
}

// Messages of cloud-init 18 to 25: handlers/__init__.py, subp.py (runparts), util.py (load_yaml), user_data.py.
var (
	unhandled  = regexp.MustCompile(`Unhandled (?:non-multipart|unknown content-type) \([^)]*\) userdata`)
	scriptFail = regexp.MustCompile(`Failed (?:to run|running) (/\S*/scripts/\S+) (\[[^\]]*\](?: [A-Z][\w ]*)?)`)
	badYAML    = regexp.MustCompile(
		`Failed loading yaml blob\.? ?(Invalid format at line \d+ column \d+|unacceptable character #x[0-9a-f]+)?`,
	)
	mergeFail = regexp.MustCompile(`Failed at merging in cloud config part from (\S+?):? `)
)

// Failures returns the failures of user data in the logs below root, each once. A missing log is skipped.
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

// tail reads the end of a log. On Ubuntu, the group syslog can write to /var/log.
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

// Messages of cloud-init at the start of a boot, at the start of the stage that runs user data scripts, and at its end
// (cloudinit/cmd/main.py, cc_final_message).
const (
	newBoot  = "running 'init-local'"
	scripts  = "running 'modules:final'"
	finished = " finished at "
)

// scan finds the failures in one log. A reboot interrupts running scripts, and cloud-init does not run them again.
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
					Failure{Text: path + ": the instance rebooted while user data was running, and the rest of it did not run"},
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

// failure parses one line. It returns the zero Failure if the line reports none.
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

// RanScripts reports whether cloud-init found scripts in user data of this instance. It stores each one as a file
// (cloudinit/handlers/shell_script.py).
func RanScripts(root string) bool {
	entries, err := os.ReadDir(filepath.Join(root, "/var/lib/cloud/instance/scripts"))
	return err == nil && len(entries) > 0
}
