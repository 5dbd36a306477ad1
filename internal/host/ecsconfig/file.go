// Package ecsconfig knows what the ECS agent reads: every key of its settings
// (keys.go), the merged settings of all files as the agent ends up with them
// (Read), what is wrong with a file line by line (File.Problems), how that is
// repaired (File.Repair), and how ecs.config is written atomically (Write).
//
// One line has two readers. ecs-init's own parser (getEnvVars in
// ecs-init/docker/docker.go of amazon-ecs-agent 1.105.1) feeds the agent's
// container, and keeps quotes, comments and most blanks. systemd's
// EnvironmentFile= feeds only ecs-init, and removes quotes:
//
//	ECS_CLUSTER="prod"          the agent reads "prod" with its quotes
//	ECS_CLUSTER= prod           the agent reads prod: it trims this value
//	ECS_RESERVED_MEMORY= 256    the agent reads nothing: it does not trim this one
//	ECS_LOG_OPTS='{"a":"b"}'    ecs-init reads {"a":"b"}: systemd has removed the quotes
//
// Which settings to write, the lock that keeps two runs apart, and checks of a
// value against the machine or against AWS live elsewhere.
package ecsconfig

import (
	"slices"
	"strings"
)

// DefaultPath is where ecs-init looks for the user's settings.
const DefaultPath = "/etc/ecs/ecs.config"

// File is the content of an ecs.config, line by line and verbatim. Its zero value is an
// empty file.
type File struct {
	lines []string // each with its line ending; only the last may lack one
}

// Parse splits data into lines. Every input is a File: Problems
// reports what the agent would misread in it.
func Parse(data []byte) *File {
	lines := strings.SplitAfter(string(data), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	return &File{lines}
}

// read is the agent's reading of one line (getEnvVars): no comments, no unquoting, no
// trimming on either side of the first "=".
func read(line string) (key, value string, ok bool) {
	return strings.Cut(strings.TrimSpace(line), "=")
}

// Get returns the value that the agent sees for key: of several lines the last one wins.
func (f *File) Get(key string) (value string, ok bool) {
	for _, line := range slices.Backward(f.lines) {
		if k, v, ok := read(line); ok && k == key {
			return v, true
		}
	}
	return "", false
}

// Line is the number of the line whose value Get returns, counted from 1; 0 without one.
func (f *File) Line(key string) int {
	for i, line := range slices.Backward(f.lines) {
		if k, _, ok := read(line); ok && k == key {
			return i + 1
		}
	}
	return 0
}

// Keys returns every key that the agent sees, once, in the order of their first lines.
// To the agent "#X=y" is the key "#X".
func (f *File) Keys() []string {
	var keys []string
	seen := map[string]bool{}
	for _, line := range f.lines {
		if key, _, ok := read(line); ok && !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	return keys
}

// Set makes key=value what both the agent and a reader of the file see. The last line
// that sets key, or was meant to, is replaced in place and the others are dropped;
// without one a line is appended. Other settings on the same line are kept. The
// error is that of Validate, and leaves f as it was.
func (f *File) Set(key, value string) error {
	if err := Validate(key, value); err != nil {
		return err
	}
	f.separate(key)
	found := false
	for i, line := range slices.Backward(f.lines) {
		switch {
		case intended(line).key != key:
		case found:
			f.lines[i] = ""
		default:
			found = true
			f.lines[i] = assign(line, key, value)
		}
	}
	f.dropEmptied()
	if !found {
		f.add(key + "=" + value)
	}
	return nil
}

// separate gives key a line of its own, where it shares one with other settings,
// and makes the file UTF-8.
func (f *File) separate(key string) {
	if plain, ok := fromUTF16(f.Bytes()); ok {
		f.lines = Parse(plain).lines
	}
	var lines []string
	for _, line := range f.lines {
		var d draft
		if strings.Contains(line, key) {
			d.add(0, line)
		}
		if len(d.lines) < 2 || !slices.ContainsFunc(d.lines, func(l string) bool { return intended(l).key == key }) {
			d.lines = []string{line}
		}
		lines = append(lines, d.lines...)
	}
	f.lines = lines
}

// Bytes returns the file's content.
func (f *File) Bytes() []byte {
	return []byte(strings.Join(f.lines, ""))
}

// dropEmptied removes the lines that were set to "", which no parsed line ever is.
func (f *File) dropEmptied() {
	f.lines = slices.DeleteFunc(f.lines, func(line string) bool { return line == "" })
}

// add appends text as a line, with the line ending that the file begins with.
func (f *File) add(text string) {
	newline := "\n"
	if len(f.lines) > 0 && strings.HasSuffix(f.lines[0], "\r\n") {
		newline = "\r\n"
	}
	if last := len(f.lines) - 1; last >= 0 && !strings.HasSuffix(f.lines[last], "\n") {
		f.lines[last] += newline
	}
	f.lines = append(f.lines, text+newline)
}

// assign returns line rewritten as key=value with its line ending kept, or untouched
// where the agent already reads just that.
func assign(line, key, value string) string {
	if k, v, ok := read(line); ok && k == key && v == value {
		return line
	}
	return key + "=" + value + line[len(strings.TrimRight(line, "\r\n")):]
}
