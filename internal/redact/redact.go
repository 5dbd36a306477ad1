// Package redact decides what may be shown. A setting's value is hidden when
// its key, or a field in it, says that it is a secret; a text loses what the
// rules (see Rules) know for one. When in doubt it hides, but what names things
// (ids, ARNs, digests, times) stays. It reads nothing and writes no file.
package redact

import "regexp"

// Mask stands where a secret stood. It does not tell the secret's length.
const Mask = "[masked]"

// secretWord is part of the names of secrets.
const secretWord = `(?:pass|pwd|secret|token|cred|auth_?data|(?:access|account|api|encryption|license|private|` +
	`signing)[-_ ]?key)` //nolint:gosec // a pattern, no credential

var (
	secretText  = regexp.MustCompile(`(?i)` + secretWord)
	secretName  = regexp.MustCompile(`(?i)` + secretWord + `|_key$|^_?auth$`)
	secretField = regexp.MustCompile(`(?i)` + secretWord + `[^:=]*[:=]`) // as in {"splunk-token":
	proxyName   = regexp.MustCompile(`(?i)_proxy$`)
	userInfo    = regexp.MustCompile(`(?s)://.*@`) // to the last "@": a password may hold one, or a slash
	proxyUser   = regexp.MustCompile(`(?s)^([\s"']*[A-Za-z][A-Za-z0-9+.-]*://)?.*@`)
)

// Value is what may be shown of the value of the variable that is so named.
func Value(name, value string) string {
	switch {
	case value == "":
		return value
	case secretName.MatchString(name), secretField.MatchString(value):
		return Mask
	case proxyName.MatchString(name): // its scheme may be left out
		return Log(proxyUser.ReplaceAllString(value, "${1}"+Mask+"@"))
	}
	return Log(userInfo.ReplaceAllLiteralString(value, "://"+Mask+"@"))
}

// Text is what may be shown of a line of free text: nothing of one that speaks
// of a secret.
func Text(line string) string {
	if secretText.MatchString(line) {
		return Mask
	}
	return Log(userInfo.ReplaceAllLiteralString(line, "://"+Mask+"@"))
}

// Log is what may be shown of a text of another program, such as a line of its
// log: without what the rules know for a secret. The rest stays, because "no
// valid credentials" is just what such a line is read for.
func Log(text string) string { return new(Filter).Text(text) }
