package fieldcase

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"
)

// Read reads the case file at path. An error names the file and, where one is at
// fault, the line.
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

// Parse reads a case. Its errors begin with a line number and a colon, or with a
// blank, so that "FILE:" can be put in front.
func Parse(data []byte) (*Case, error) {
	c := &Case{}
	archive := txtar.Parse(data)
	at := markerLines(data)
	seen := map[string]bool{}
	for i, section := range archive.Files {
		line := 1
		if len(at) == len(archive.Files) {
			line = at[i]
		}
		if seen[section.Name] {
			return nil, fmt.Errorf("%d: section %q appears twice", line, section.Name)
		}
		seen[section.Name] = true
		if section.Name == "case.yaml" {
			if err := c.decode(section.Data); err != nil {
				return nil, shift(err, line)
			}
			continue
		}
		if err := c.add(section); err != nil {
			return nil, fmt.Errorf("%d: section %q: %w", line, section.Name, err)
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

// decode reads case.yaml. Its errors carry line numbers of that section.
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
func (c *Case) add(section txtar.File) error {
	f, err := unmark(section.Name, section.Data)
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

// markerLines returns the numbers of the lines that begin a section, by txtar's
// rule: "-- NAME --".
func markerLines(data []byte) []int {
	var at []int
	for i, line := range strings.Split(string(data), "\n") {
		name, ok := strings.CutPrefix(line, "-- ")
		if !ok {
			continue
		}
		if name, ok = strings.CutSuffix(name, " --"); ok && strings.TrimSpace(name) != "" {
			at = append(at, i+1)
		}
	}
	return at
}

var lineNumber = regexp.MustCompile(`\bline (\d+): `)

// shift turns an error with line numbers of a section into one that begins with
// the first line's number in the file. The section's marker is on line marker.
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
