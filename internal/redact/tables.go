package redact

import (
	"regexp"
	"strings"
	"sync"
)

// tables holds the compiled follows, forms, vendors and commands.
type tables struct {
	index    *index
	stems    hints
	vendors  []hints
	forms    []row
	commands []row
	programs map[string]bool // programs whose arguments may be on separate lines
	follows  []follow
	between  []anchored
}

// row is a compiled row of a table.
type row struct {
	hints
	program, pattern *regexp.Regexp
}

// anchored is a pattern that matches only at the start of a text.
type anchored struct {
	pattern *regexp.Regexp
	first   [256]bool
}

// ready compiles the tables on first use, because a normal boot does not need them.
var ready = sync.OnceValue(func() *tables {
	x := indexer{known: map[string]int{}}
	t := &tables{stems: x.add(stems...), follows: follows}
	for _, v := range vendors {
		t.vendors = append(t.vendors, x.add(fieldsOf(strings.ToLower(v.prefixes))...))
	}
	for _, f := range forms {
		t.forms = append(t.forms, row{hints: x.add(fieldsOf(f.hints)...), pattern: regexp.MustCompile(f.pattern)})
	}
	t.programs = map[string]bool{"wget": true, "redis-server": true}
	for _, c := range commands {
		for name := range strings.FieldsSeq(c.programs) {
			t.programs[name] = true
		}
		t.commands = append(t.commands, c.compile(&x))
	}
	for _, f := range t.follows {
		pattern := `^(?i:` + f.between + `)`
		t.between = append(t.between, anchored{regexp.MustCompile(pattern), firstBytes(pattern)})
	}
	t.index = newIndex(x.pieces)
	return t
})

func fieldsOf(hints string) []string {
	all := strings.Fields(hints)
	for i, h := range all {
		all[i] = strings.ReplaceAll(h, "~", " ")
	}
	return all
}

// compile compiles a command. The pattern also matches arguments that are strings of a JSON array.
func (c command) compile(x *indexer) row {
	var quoted, pieces []string
	for name := range strings.FieldsSeq(c.programs) {
		quoted = append(quoted, regexp.QuoteMeta(name))
		for _, end := range []string{" ", `"`, "'", `\`, ".exe", ".sh", "\t", ",", "\x00"} {
			pieces = append(pieces, name+end)
		}
	}
	const before = `(?:^|[\s"'/=(;|&\[` + "`" + `\\$>:\x00])`
	return row{
		x.add(pieces...),
		regexp.MustCompile(before + `(?:` + strings.Join(quoted, "|") + `)(?:\.exe|\.sh)?(?:` + argument + `|'\s*,\s*)`),
		regexp.MustCompile(`(?:^|` + argument + `|:\s*\[\s*)["']?` + strings.ReplaceAll(c.before, "ARG", argument)),
	}
}
