package redact

import (
	"regexp"
	"strings"
	"sync"
)

// tables are follows, forms, vendors and commands, made ready to search.
type tables struct {
	index    *index
	stems    hints // of names of secrets
	vendors  []hints
	forms    []row
	commands []row
	follows  []follow
	between  []anchored
}

// row is a row of a table whose hints say whether it may concern a line.
type row struct {
	hints
	program, pattern *regexp.Regexp
}

// anchored is a pattern for what a text begins with.
type anchored struct {
	pattern *regexp.Regexp
	first   [256]bool
}

// ready makes the tables when they are first used: a boot has no use for them.
var ready = sync.OnceValue(func() *tables {
	x := indexer{known: map[string]int{}}
	t := &tables{stems: x.add(stems...), follows: follows()}
	for _, v := range vendors {
		t.vendors = append(t.vendors, x.add(fieldsOf(strings.ToLower(v.prefixes))...))
	}
	for _, f := range forms {
		t.forms = append(t.forms, row{hints: x.add(fieldsOf(f.hints)...), pattern: regexp.MustCompile(f.pattern)})
	}
	for _, c := range commands {
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

// compile makes the patterns of a command, whose arguments may be those of an
// argument vector.
func (c command) compile(x *indexer) row {
	var quoted, pieces []string
	for name := range strings.FieldsSeq(c.programs) {
		quoted = append(quoted, regexp.QuoteMeta(name))
		for _, end := range []string{" ", `"`, "'", `\`, ".exe", ".sh", "\t"} {
			pieces = append(pieces, name+end)
		}
	}
	const before = `(?:^|[\s"'/=(;|&\[` + "`" + `\\$>:])`
	return row{
		x.add(pieces...),
		regexp.MustCompile(before + `(?:` + strings.Join(quoted, "|") + `)(?:\.exe|\.sh)?` + argument),
		regexp.MustCompile(`(?:^|` + argument + `)` + strings.ReplaceAll(c.before, "ARG", argument)),
	}
}
