package redact

import "muster/internal/base/lazyregexp"

// Some programs print another program's output with a prefix on each line: journald and
// syslog, cloud-init's lines on the console, docker compose, and runners of CI. The rest
// of such a line continues the rest of the line before it:
//
//	Nov 27 12:00:00 ip-10-0-0-7 app[812]:     "name": "DB_PASSWORD",
//	Nov 27 12:00:00 ip-10-0-0-7 app[812]:     "value": "x9Kq2"

// linePrefix matches such a prefix with the one blank that ends it.
var linePrefix = lazyregexp.New(`^(?:# )?(?:` +
	`[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [\w.-]+ [\w./@-]+(?:\[[0-9]+\])?: |` + // syslog, journalctl
	`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,]+(?:Z|[+-][0-9]{2}:?[0-9]{2}) ` + // GitHub's runner, and journalctl -o short-iso
	`(?:[\w.-]+ [\w./@-]+(?:\[[0-9]+\])?: )?|` +
	`\[[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z\] |` + // Jenkins
	`\[ *[0-9]+\.[0-9]+\] [\w./-]+(?:\[[0-9]+\])?: |` + // the console
	`[\w.-]+ +\| )`) // docker compose

// maxPrefixes is the number of prefixes that programs put in front of each other: cloud-init's line on the console, read
// by journald, printed by docker compose.
const maxPrefixes = 3

// prefixed returns the length of the prefixes of a line, or 0.
func prefixed(line string) (n int) {
	for range maxPrefixes {
		rest := line[n:]
		if rest == "" || rest[0] == ' ' || rest[0] == '"' {
			return n
		}
		m := linePrefix.Get().FindStringIndex(rest[:min(len(rest), 160)])
		if m == nil {
			return n
		}
		n += m[1]
	}
	return n
}

// withoutPrefixes returns the lines without their prefixes.
func withoutPrefixes(lines []string) []string {
	for i := range lines {
		if prefixed(lines[i]) > 0 {
			rest := make([]string, len(lines))
			for k, line := range lines {
				rest[k] = line[prefixed(line):]
			}
			return rest
		}
	}
	return lines
}

// moved moves spans by n bytes.
func moved(found []span, n int) []span {
	for i := range found {
		found[i].from += n
		found[i].to += n
	}
	return found
}
