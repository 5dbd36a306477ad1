// Package redact masks secrets in text that muster shows or collects. It reads and
// writes no files. IDs, ARNs, digests and times stay readable.
//
// A line is searched in five ways. Each is a table that is easy to extend:
//
//	names.go, follow.go  a name such as DB_PASSWORD, then its value: --db-password x
//	pairs.go             a name and a value in two fields: {"name": ..., "value": ...}
//	forms.go             a shape without a name: postgres://user:x@host
//	vendors.go           a known prefix: ghp_x
//	commands.go          an argument of a known program: mysql -px
//
// runs.go finds long random text, nested.go searches the strings in a line, and
// lines.go handles secrets that span lines. Filter puts them together:
//
//	password := "hunter2"   becomes   password := "[masked]"
package redact

import "muster/internal/base/lazyregexp"

// Mask replaces a secret. It does not reveal the length.
const Mask = "[masked]"

// secretWord is part of the names of secrets.
const secretWord = `(?:pass|pwd|secret|token|cred|auth_?data|(?:access|account|api|encryption|license|private|` +
	`signing)[-_ ]?key)`

var (
	secretText  = lazyregexp.New(`(?i)` + secretWord)
	secretName  = lazyregexp.New(`(?i)` + secretWord + `|_key$|^_?auth$`)
	secretField = lazyregexp.New(`(?i)` + secretWord + `[^:=]*[:=]`) // as in {"splunk-token":
	proxyName   = lazyregexp.New(`(?i)_proxy$`)
	userInfo    = lazyregexp.New(`(?s)://.*@`) // to the last "@": a password may hold one, or a slash
	proxyUser   = lazyregexp.New(`(?s)^([\s"']*[A-Za-z][A-Za-z0-9+.-]*://)?.*@`)
)

// Value masks the value of a variable.
func Value(name, value string) string {
	switch {
	case value == "":
		return value
	case secretName.Get().MatchString(name), secretField.Get().MatchString(value):
		return Mask
	case proxyName.Get().MatchString(name): // its scheme may be left out
		return Log(proxyUser.Get().ReplaceAllString(value, "${1}"+Mask+"@"))
	}
	return userInfo.Get().ReplaceAllLiteralString(Log(value), "://"+Mask+"@")
}

// Text masks a line of free text. A line that mentions a secret is masked as a whole.
func Text(line string) string {
	if secretText.Get().MatchString(line) {
		return Mask
	}
	return userInfo.Get().ReplaceAllLiteralString(Log(line), "://"+Mask+"@")
}

// Log masks the secrets in the output of another program. Other text is unchanged: "no valid credentials" is what the
// reader needs.
func Log(text string) string { return new(Filter).Text(text) }
