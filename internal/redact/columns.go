package redact

import (
	"strings"

	"muster/internal/base/lazyregexp"
)

// secureCell matches a parameter in a table of the AWS CLI. The columns are in alphabetical order, so the value is to
// the right of its type.
var secureCell = lazyregexp.New(`\|\s*SecureString\s*\|\s*([^|]*[^|\s])`)

// secureCells finds the values of parameters in a row of such a table.
func secureCells(line string, found []span) []span {
	if strings.Contains(line, "SecureString") {
		for _, m := range secureCell.Get().FindAllStringSubmatchIndex(line, -1) {
			found = append(found, firstGroup(line, m)...)
		}
	}
	return found
}
