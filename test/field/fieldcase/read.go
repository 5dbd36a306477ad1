package fieldcase

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Read reads the case file at path. An error names the file and, if known, the line.
func Read(path string) (*Case, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	c.Name = strings.TrimSuffix(filepath.Base(path), ".txtar")
	return c, nil
}

// Parse parses a case. Its errors begin with a line number and a colon, or with a blank, so that callers can prepend
// "FILE:".
func Parse(data []byte) (*Case, error) {
	c := &Case{}
	seen := map[string]bool{}
	for _, sec := range sections(data) {
		if seen[sec.name] {
			return nil, fmt.Errorf("%d: section %q appears twice", sec.line, sec.name)
		}
		seen[sec.name] = true
		if sec.name == "case.yaml" {
			if err := c.decode(sec.data); err != nil {
				return nil, shift(err, sec.line)
			}
			continue
		}
		if err := c.add(sec); err != nil {
			return nil, fmt.Errorf("%d: section %q: %w", sec.line, sec.name, err)
		}
	}
	if !seen["case.yaml"] {
		return nil, errors.New(" no section case.yaml")
	}
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf(" %w", err)
	}
	return c, nil
}

// decode parses case.yaml. Its errors have line numbers relative to that section.
func (c *Case) decode(data []byte) error {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return err
	}
	if root.Kind == 0 {
		return errors.New("case.yaml is empty")
	}
	if err := unknownKey(&root, reflect.TypeFor[Case]()); err != nil {
		return err
	}
	return root.Decode(c)
}

// add reads a section other than case.yaml.
func (c *Case) add(sec section) error {
	f, err := unmark(sec.name, sec.data)
	if err != nil {
		return err
	}
	if f.Name == "user-data" {
		c.UserData = string(f.Data)
		return nil
	}
	top, below, _ := strings.Cut(f.Name, "/")
	if !filepath.IsLocal(below) {
		return errors.New("want case.yaml, user-data, root/PATH or later/PATH")
	}
	f.Name = below
	switch top {
	case "root":
		c.Files = append(c.Files, f)
	case "later":
		c.Later = append(c.Later, f)
	default:
		return errors.New("want case.yaml, user-data, root/PATH or later/PATH")
	}
	return nil
}

// section is a file of a txtar archive, and the line of its marker.
type section struct {
	name string
	line int
	data []byte
}

// sections splits a txtar archive at its markers, the lines "-- NAME --". Text above the first one is a comment. A
// missing final line break is added.
func sections(archive []byte) []section {
	var all []section
	line := 0
	for text := range bytes.Lines(archive) {
		line++
		if name, ok := marker(string(text)); ok {
			all = append(all, section{name: name, line: line})
			continue
		}
		if !bytes.HasSuffix(text, []byte("\n")) {
			text = append(bytes.Clone(text), '\n')
		}
		if len(all) > 0 {
			last := &all[len(all)-1]
			last.data = append(last.data, text...)
		}
	}
	return all
}

func marker(line string) (name string, ok bool) {
	name, ok = strings.CutPrefix(strings.TrimRight(line, "\r\n"), "-- ")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, " --")
	name = strings.TrimSpace(name)
	return name, ok && name != ""
}

var lineNumber = regexp.MustCompile(`\bline (\d+): `)

// shift converts the line numbers of an error from the section to the file. The section's marker is on line marker.
func shift(err error, marker int) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.Join(strings.Fields(strings.TrimPrefix(text, "unmarshal errors:")), " ")
	first := marker
	found := false
	text = lineNumber.ReplaceAllStringFunc(text, func(s string) string {
		n, convErr := strconv.Atoi(lineNumber.FindStringSubmatch(s)[1])
		if convErr != nil {
			return s
		}
		if !found {
			first, found = marker+n, true
			return ""
		}
		return fmt.Sprintf("line %d: ", marker+n)
	})
	return fmt.Errorf("%d: %s", first, text)
}
