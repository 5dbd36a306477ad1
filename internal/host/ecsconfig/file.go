// Package ecsconfig models the settings of the ECS agent: every key (keys.go), the
// merged settings of all files as the agent reads them (Read), the problems of a file
// line by line (File.Problems), their repair (File.Repair), and the atomic write of
// ecs.config (Write).
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
// It does not choose settings, lock against concurrent runs, or check values against
// the machine or AWS.
package ecsconfig

import (
	"slices"
	"strings"
)

// DefaultPath is the settings file of the user, as read by ecs-init.
const DefaultPath = "/etc/ecs/ecs.config"

// File holds an ecs.config line by line and verbatim. The zero value is an empty file.
type File struct {
	lines []string // each with its line ending; only the last may lack one
}

// Parse splits data into lines. It accepts any input; Problems reports what the agent would misread.
func Parse(data []byte) *File {
	lines := strings.SplitAfter(string(data), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	return &File{lines}
}

// read parses a line like the agent (getEnvVars): no comments, no unquoting, no trimming around the first "=".
func read(line string) (key, value string, ok bool) {
	return strings.Cut(strings.TrimSpace(line), "=")
}

// Get returns the value that the agent reads for key. The last line wins.
func (f *File) Get(key string) (value string, ok bool) {
	for _, line := range slices.Backward(f.lines) {
		if k, v, ok := read(line); ok && k == key {
			return v, true
		}
	}
	return "", false
}

// Line returns the number of the line with the value that Get returns, counted from 1, or 0 if there is none.
func (f *File) Line(key string) int {
	for i, line := range slices.Backward(f.lines) {
		if k, _, ok := read(line); ok && k == key {
			return i + 1
		}
	}
	return 0
}

// Keys returns every key that the agent reads, once, in the order of first use. The agent reads "#X=y" as the key "#X".
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

// Set sets key to value. It replaces the last line that sets key, or was meant to, and removes the others. If there is
// none, it appends a line. It keeps other settings on the same line. If Validate returns an error, f is unchanged.
func (f *File) Set(key, value string) error {
	if err := Validate(key, value); err != nil {
		return err
	}
	f.splitOff(key)
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

// splitOff moves key to a line of its own if it shares one with other settings, and converts the file to UTF-8.
func (f *File) splitOff(key string) {
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

// Bytes returns the content of the file.
func (f *File) Bytes() []byte {
	return []byte(strings.Join(f.lines, ""))
}

// dropEmptied removes lines that were set to "". Parse never produces such a line.
func (f *File) dropEmptied() {
	f.lines = slices.DeleteFunc(f.lines, func(line string) bool { return line == "" })
}

// add appends text as a line, with the line ending of the first line.
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

// assign returns line rewritten as key=value with its line ending. It returns line unchanged if the agent already reads
// exactly that.
func assign(line, key, value string) string {
	if k, v, ok := read(line); ok && k == key && v == value {
		return line
	}
	return key + "=" + value + line[len(strings.TrimRight(line, "\r\n")):]
}
