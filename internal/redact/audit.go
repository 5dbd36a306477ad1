package redact

import (
	"encoding/hex"
	"strings"

	"muster/internal/base/lazyregexp"
)

// The kernel's audit log, which is also in the journal, quotes the arguments of a command one by one. It writes an
// argument or a whole command line in hexadecimal digits if it contains blanks or NUL bytes:
//
//	type=EXECVE msg=audit(1764291723.123:456): argc=3 a0="mysql" a1="-u" a2="-px9Kq2"
//	type=PROCTITLE msg=audit(1764291723.123:456): proctitle=6D7973716C002D7078394B7132

var (
	auditHex  = lazyregexp.New(`\b(?:proctitle|cmd|a[0-9]{1,3})=([0-9A-F]{8,})\b`)
	auditKeys = lazyregexp.New(`\bdata=([0-9A-F]{2,})\b`) // what was typed at a terminal
)

// audited finds the secrets in a record of the audit log.
func audited(line string, depth int, found []span) []span {
	if depth >= maxDepth || !strings.Contains(line, "audit") {
		return found
	}
	for _, m := range auditHex.Get().FindAllStringSubmatchIndex(line, -1) {
		text, err := hex.DecodeString(line[m[2] : m[3]-(m[3]-m[2])%2])
		if err == nil && len(secretsIn(string(text), maxDepth)) > 0 {
			found = append(found, span{m[2], m[3], "command-line"})
		}
	}
	for _, m := range auditKeys.Get().FindAllStringSubmatchIndex(line, -1) {
		found = append(found, span{m[2], m[3], "command-line"})
	}
	return found
}
