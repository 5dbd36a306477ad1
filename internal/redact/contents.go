package redact

import (
	"strings"

	"muster/internal/base/lazyregexp"
)

// cloud-init, Ansible, Terraform and shells write files. The path can be the only text that names a secret, and is above
// or below the content:
//
//	- path: /etc/app/db_password
//	  content: |
//	    x9Kq2
//
//	echo x9Kq2 > /etc/app/db_password

var (
	pathField    = lazyregexp.New(`^[\s#+~-]*["']?(?:path|dest|filename)["']?\s*[:=]\s*["']?([\w./-]*/[\w./-]+)["']?,?\s*$`)
	contentField = lazyregexp.New(`^(?:(.*\w:?\s+)?[\s#+~-]*)["']?contents?["']?\s*[:=]\s*` +
		`(?:[|>][0-9+-]*\s*$|["']?([^\s"'|>][^"']*?)["']?,?\s*$)`)
	// besideContent matches the fields that can be between the two.
	besideContent = lazyregexp.New(`^[\s#+~-]*["']?(?:permissions|owner|group|mode|encoding|append|defer|\w+_permission)["']?\s*[:=]`)
	// printedTo matches a command that writes an argument to a file, and toFile the file of a here-document.
	printedTo = lazyregexp.New(`\b` + printed + `\s*(?:>>?|>\||\\+u003e)\s*["']?([\w./~-]*/[\w.-]+)`)
	toFile    = lazyregexp.New(`(?:>>?|>\||\btee\s+(?:-a\s+)?)\s*["']?([\w./~-]*/[\w.-]+)`)
	// structured matches files whose secrets are recognized by the names in them.
	structured = lazyregexp.New(`\.(?:sh|bash|py|pl|rb|js|service|timer|socket|conf|cfg|cnf|ini|json|ya?ml|toml|xml|` +
		`properties|env|rules|repo|list|md)$`)
)

// contents finds the content of a file in a line if the path below it names a secret. If the line is such a path, the
// state changes.
func (f *Filter) contents(line string, below []string) []span {
	switch {
	case f.inside != nothing:
	case isSecretPath(line):
		f.inside, f.left = inContent, 5
	case len(below) > 0 && strings.Contains(line, "content"):
		m := contentField.Get().FindStringSubmatchIndex(line)
		if m == nil {
			return nil
		}
		below = withoutPrefixes(below)
		indent := fieldIndent(line)
		if m[2] >= 0 { // in a log message, words precede the first line
			indent = fieldIndent(below[0])
		}
		if secretPathBelow(indent, below) {
			return f.content(line)
		}
	}
	return nil
}

// content finds the content of a file in the line where it starts. It returns nil if it does not start there.
func (f *Filter) content(line string) []span {
	m := contentField.Get().FindStringSubmatchIndex(line)
	if m == nil {
		return nil
	}
	if m[4] < 0 {
		f.inside, f.indent = inBlock, fieldIndent(line)
		return []span{}
	}
	f.inside = nothing
	return append([]span{}, firstGroup(line, append(m[:2], m[4:]...))...)
}

// secretPathBelow reports whether a field of the same object is a path that names a secret.
func secretPathBelow(indent int, below []string) bool {
	for _, line := range below {
		switch at := fieldIndent(line); {
		case strings.TrimSpace(line) == "" || at > indent:
		case at < indent || strings.HasPrefix(strings.TrimLeft(line, " \t#"), "- "):
			return false
		case isSecretPath(line):
			return true
		}
	}
	return false
}

func isSecretPath(line string) bool {
	if len(line) > 256 || !strings.Contains(line, "/") {
		return false
	}
	m := pathField.Get().FindStringSubmatch(line)
	return m != nil && namesSecret(m[1])
}

// namesSecret reports whether a path is the name of a secret, and the file has no names of its own.
func namesSecret(path string) bool {
	return strengthOf(path) >= wordName && !structured.Get().MatchString(path)
}

// writtenTo finds the argument that a command in the line writes to a file whose path names a secret.
func writtenTo(line string) []span {
	if !strings.Contains(line, "echo") && !strings.Contains(line, "printf") {
		return nil
	}
	m := printedTo.Get().FindStringSubmatchIndex(line)
	if m == nil || !namesSecret(line[m[4]:m[5]]) {
		return nil
	}
	return firstGroup(line, m)
}

// hereFile reports whether a here-document in the line is written to a file whose path names a secret.
func hereFile(line string) bool {
	m := toFile.Get().FindStringSubmatch(line)
	return m != nil && namesSecret(m[1])
}

// fieldIndent returns the column at which a field starts, after the dash of a list.
func fieldIndent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t#+~-")) }
