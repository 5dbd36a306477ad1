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

// maxDropIn bounds what is read of a drop-in, in bytes.
const maxDropIn = 1 << 20

// Assignment is one variable that a drop-in of a service sets.
type Assignment struct {
	Key, Value string
	File       string // below the root
	Line       int    // counted from 1
}

// Environment reads what the drop-ins of a service set with Environment=, in
// systemd's order: by file name, a directory that stands first hiding the same
// name in the others (systemd.unit(5)). The unit itself, EnvironmentFile= and
// generators are not read. Of two settings of one variable the last counts.
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

// assignments adds what one file says to what those before it said.
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
			all = nil // an empty one takes all before it back
		}
		for _, word := range words(value) {
			if k, v, is := strings.Cut(word, "="); is {
				all = append(all, Assignment{k, v, file, n})
			}
		}
	}
	return all
}

// words splits at blanks that stand outside of quotes, and drops the quotes.
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
