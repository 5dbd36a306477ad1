// Package redact masks secrets in text that muster shows or collects. It does not read or write files. IDs, ARNs,
// digests and times stay readable.
//
// A line is searched in five ways, each with a table that is easy to extend:
//
//	names.go, follow.go  a name such as DB_PASSWORD, then its value: --db-password x
//	pairs.go             a name and a value in two fields: {"name": ..., "value": ...}
//	forms.go             a shape without a name: postgres://user:x@host
//	vendors.go           a known prefix: ghp_x
//	commands.go          an argument of a known program: mysql -px
//
// runs.go finds long random text, nested.go searches quoted strings, and lines.go handles secrets that span lines.
// Filter combines them:
//
//	password := "hunter2"   becomes   password := "[masked]"
package redact

import "muster/internal/base/lazyregexp"

// Mask replaces a secret. It does not reveal the secret's length.
const Mask = "[masked]"

// secretWord matches words that occur in names of secrets.
const secretWord = `(?:pass|pwd|secret|token|cred|auth_?data|(?:access|account|api|encryption|license|private|` +
	`signing)[-_ ]?key)`

var (
	secretText  = lazyregexp.New(`(?i)` + secretWord)
	secretName  = lazyregexp.New(`(?i)` + secretWord + `|_key$|^_?auth$`)
	secretField = lazyregexp.New(`(?i)` + secretWord + `[^:=]*[:=]`) // as in {"splunk-token":
	proxyName   = lazyregexp.New(`(?i)_proxy$`)
	userInfo    = lazyregexp.New(`(?s)://.*@`) // up to the last "@", because a password may contain "@" or a slash
	proxyUser   = lazyregexp.New(`(?s)^([\s"']*[A-Za-z][A-Za-z0-9+.-]*://)?.*@`)
)

// Value masks the value of a variable if the variable's name or the value itself indicates a secret.
func Value(name, value string) string {
	switch {
	case value == "":
		return value
	case secretName.Get().MatchString(name), secretField.Get().MatchString(value):
		return Mask
	case proxyName.Get().MatchString(name): // the URL may lack a scheme
		return Log(proxyUser.Get().ReplaceAllString(value, "${1}"+Mask+"@"))
	}
	return userInfo.Get().ReplaceAllLiteralString(Log(value), "://"+Mask+"@")
}

// Text masks a line of free text. If the line mentions a secret, the whole line is masked.
func Text(line string) string {
	if secretText.Get().MatchString(line) {
		return Mask
	}
	return userInfo.Get().ReplaceAllLiteralString(Log(line), "://"+Mask+"@")
}

// Log masks the secrets in the output of another program. It keeps other text unchanged, such as "no valid
// credentials", because the reader needs it.
func Log(text string) string { return new(Filter).Text(text) }
