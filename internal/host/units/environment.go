package units

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"muster/internal/file/safefile"
)

// maxDropIn limits the bytes read of a drop-in.
const maxDropIn = 1 << 20

// Assignment is a variable that a drop-in of a service sets.
type Assignment struct {
	Key, Value string
	File       string // relative to the root
	Line       int    // counts from 1
}

// Environment reads the Environment= settings in the drop-ins of a service, in systemd's order: by file name, where
// earlier directories hide the same name in later ones (systemd.unit(5)). It does not read the unit file,
// EnvironmentFile= or generators. If a variable is set twice, the last one wins.
func Environment(root, unit string) ([]Assignment, error) {
	files := map[string]string{} // by name
	for _, dir := range []string{"/usr/lib/systemd/system", "/run/systemd/system", "/etc/systemd/system"} {
		dir = filepath.Join(dir, unit+".d")
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".conf") {
				files[e.Name()] = filepath.Join(dir, e.Name())
			}
		}
	}
	var all []Assignment
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data, err := safefile.Read(filepath.Join(root, files[name]), maxDropIn)
		if err != nil {
			return nil, err
		}
		all = assignments(all, files[name], string(data))
	}
	return all, nil
}

// assignments appends the assignments of one file to those of earlier files.
func assignments(all []Assignment, file, text string) []Assignment {
	section, joined := "", ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = joined + strings.TrimSpace(line)
		if rest, continues := strings.CutSuffix(line, `\`); continues {
			joined = rest + " "
			continue
		}
		joined = ""
		if strings.HasPrefix(line, "[") {
			section = line
		}
		key, value, is := strings.Cut(line, "=")
		if !is || section != "[Service]" || strings.TrimSpace(key) != "Environment" {
			continue
		}
		if strings.TrimSpace(value) == "" {
			all = nil // an empty value resets all earlier ones
		}
		for _, word := range words(value) {
			if k, v, is := strings.Cut(word, "="); is {
				all = append(all, Assignment{k, v, file, n})
			}
		}
	}
	return all
}

// words splits text at blanks outside quotes, and removes the quotes.
func words(text string) []string {
	var out []string
	var word strings.Builder
	quote, inside := rune(0), false
	for _, r := range text {
		switch {
		case r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, inside = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if inside {
				out = append(out, word.String())
				word.Reset()
			}
			inside = false
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	if inside {
		out = append(out, word.String())
	}
	return out
}
