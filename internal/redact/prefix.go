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

// prefixed returns the length of such a prefix, or 0.
func prefixed(line string) int {
	if line == "" || line[0] == ' ' || line[0] == '"' {
		return 0
	}
	if m := linePrefix.Get().FindStringIndex(line[:min(len(line), 160)]); m != nil {
		return m[1]
	}
	return 0
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
