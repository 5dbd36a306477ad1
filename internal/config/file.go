package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"muster/internal/file/safefile"
)

// FilePath is the path of muster's settings file.
const FilePath = "/etc/muster/muster.env"

// File is the parsed settings file. Values holds muster's variables. Passed holds variables of other libraries, which
// the file may also set (proxy and AWS_*).
type File struct {
	Path   string
	Values map[string]string
	Passed map[string]string
	lines  map[string]int
}

func (f File) where(variable string) string { return fmt.Sprintf("%s:%d", f.Path, f.lines[variable]) }

// maxFile is the maximum size of the settings file in bytes.
const maxFile = 1 << 20

// ReadFile reads the settings file. If it does not exist, ReadFile returns an empty File.
func ReadFile(path string) (File, error) {
	data, err := safefile.Read(path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return File{Path: path}, nil
	case errors.Is(err, safefile.ErrNotRegular), errors.Is(err, safefile.ErrTooLarge):
		return File{}, fmt.Errorf("reading settings: %w: move it away", err)
	case errors.Is(err, fs.ErrPermission): // muster-agent runs as its own user
		var mode string
		if info, err := os.Stat(path); err == nil {
			mode = fmt.Sprintf("its mode is %04o, and ", info.Mode().Perm())
		}
		return File{}, fmt.Errorf("reading settings: %w: %severy user must be able to read it: chmod 644 %s", err, mode, path)
	case err != nil:
		return File{}, fmt.Errorf("reading settings: %w", err)
	}
	return ParseFile(path, data)
}

var assignment = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)=(.*)$`)

// passed matches the variables of other libraries that the settings file may set. An instance in a private subnet may
// need them for every command, so setting them in user data is not enough.
var passed = regexp.MustCompile(`^(AWS_[A-Z0-9_]+|(?i:https?_proxy|no_proxy))$`)

// ParseFile parses the text of a settings file: KEY=VALUE lines, blank lines and lines that begin with #. It removes
// single or double quotes around a value, and expands nothing. It ignores a byte order mark. It reports all invalid
// lines at once.
func ParseFile(path string, data []byte) (File, error) {
	f := File{Path: path, Values: map[string]string{}, Passed: map[string]string{}, lines: map[string]int{}}
	var errs []error
	for i, line := range strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := f.add(i+1, line); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", path, i+1, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return File{}, err
	}
	return f, nil
}

// add parses one line. Its errors never contain the value, which may be secret.
func (f *File) add(number int, line string) error {
	if !utf8.ValidString(line) || strings.ContainsRune(line, 0) {
		return errors.New("the line is not UTF-8 text")
	}
	m := assignment.FindStringSubmatch(line)
	if m == nil {
		return errors.New("the line is not KEY=VALUE (no blanks around =, no export)")
	}
	key := m[1]
	value, err := unquote(m[2])
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if first, twice := f.lines[key]; twice {
		return fmt.Errorf("%s is set twice, first in line %d", key, first)
	}
	f.lines[key] = number
	switch {
	case strings.HasPrefix(key, Prefix):
		f.Values[key] = value
	case passed.MatchString(key):
		f.Passed[key] = value
	default:
		return fmt.Errorf("%s does not belong here: only %s*, AWS_* and the proxy variables do", key, Prefix)
	}
	return nil
}

func unquote(value string) (string, error) {
	if value == "" || value[0] != '"' && value[0] != '\'' {
		return value, nil
	}
	if len(value) < 2 || value[len(value)-1] != value[0] || strings.ContainsRune(value[1:len(value)-1], rune(value[0])) {
		return "", errors.New("the quotes do not match")
	}
	return value[1 : len(value)-1], nil
}
