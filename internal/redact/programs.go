package redact

import (
	"regexp"
	"strings"
)

// docker inspect, and every tool that sorts keys, prints the arguments of a container above its entry point:
//
//	"Cmd": [
//	    "-p",
//	    "sunflower"
//	],
//	"Entrypoint": [
//	    "sshpass"
//	]

// cmdLine matches the line above the arguments in a task definition, a compose file, or Terraform's jsonencode.
const cmdLine = `^(?:.*[\s"'])?command["']?\s*[:=]\s*\[?\s*$`

var (
	entryBegins = regexp.MustCompile(`^(?:[^"]*[^"\w])?["']?[Ee]ntry_?[Pp]oint["']?\s*[:=]\s*\[?\s*$`)
	entryOnLine = regexp.MustCompile(`^(?:[^"]*[^"\w])?["']?[Ee]ntry_?[Pp]oint["']?\s*[:=]\s*\[([^\[\]]+)\],?\s*$`)
	between     = regexp.MustCompile(`\s*,\s*`)
)

// programBelow starts a command with the entry point that follows the arguments which begin after the line.
func (f *Filter) programBelow(line string, below []string) {
	if len(below) == 0 || f.inside != nothing || !cmdBegins.MatchString(line) {
		return
	}
	entry := entryPoint(withoutPrefixes(below))
	if len(entry) == 0 {
		return
	}
	f.argv.text, f.argv.args = `["`+strings.Join(entry, `","`), len(entry)
	if strengthOf(entry[len(entry)-1]) >= wordName && strings.HasPrefix(entry[len(entry)-1], "-") {
		f.inside, f.left = inOperand, 1
	}
}

// entryPoint returns the arguments of the first entry point in the lines, up to the arguments of another container.
func entryPoint(lines []string) (entry []string) {
	inEntry := false
	for _, line := range lines {
		m := argElement.FindStringSubmatch(line)
		switch {
		case inEntry && m == nil, !inEntry && cmdBegins.MatchString(line):
			return entry
		case inEntry:
			entry = append(entry, strings.ReplaceAll(strings.Join(m[1:], ""), `"`, "'"))
		case entryBegins.MatchString(line):
			inEntry = true
		default:
			if m := entryOnLine.FindStringSubmatch(line); m != nil {
				for _, arg := range between.Split(strings.TrimSpace(m[1]), maxArgs) {
					entry = append(entry, strings.Trim(arg, `"'`))
				}
				return entry
			}
		}
	}
	return entry
}
