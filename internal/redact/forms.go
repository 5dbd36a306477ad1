package redact

import (
	"regexp"
	"slices"
)

// A form is a secret that is recognizable without a preceding name. To support another one, add a row; a test masks
// each example.
type form struct {
	rule    string // ID of a Rule
	what    string
	example string // « and » enclose the secret
	hints   string // lower case, ~ means a space; lines without any of them are skipped
	pattern string // the first group is the secret
	needs   func(secret string) bool
}

const (
	// argument separates two arguments, also in a JSON array, YAML on one line, an audit record, and a Bash array.
	argument   = `(?:\s+(?:-\s+|\[)?|` + nul + `|` + quotes + `\s*,?\s*(?:a[0-9]{1,3}=|\[[0-9]{1,3}\]=)?` + quotes + `|,\s*)`
	nul        = `(?:\x00|\\+u0000|\\+x00)` // separates the arguments of a process
	stringText = `(?:\\*"[^"]*"|'[^']*')`
	bare       = `[^\s"'` + "`" + `\\<>]`
	at         = `@(?:[^s]|s[^h]|sh[^a]|sha[^2]|$)` // an "@", but not that of @sha256: in an image reference
	queryKey   = `(?:x-(?:amz|goog|oss|ms)-(?:signature|security-token|credential)|access_?token|id_?token|refresh_?token|` +
		`auth_?token|token|sig|signature|` +
		`api_?key|apikey|auth|client_?secret|password|passwd|pass|pwd|secret|assertion|samlresponse|ticket|jwt|hmac|otp|` +
		`awsaccesskeyid|subscription-key)`
)

// forms are all forms.
var forms = slices.Concat(
	privateKeyForms, urlForms, commandForms, shellForms, serverForms, applicationForms, awsForms, tokenForms,
)

// formed finds secrets written in one of the forms.
func (t *tables) formed(line string, has []bool, found []span) []span {
	for i, f := range forms {
		if len(t.forms[i].hints) == 0 || t.forms[i].any(has) {
			found = findAll(t.forms[i].pattern, line, f.rule, f.needs, found)
		}
	}
	return found
}

// findAll finds all matches. The search continues directly after each secret, because the character that ends one
// secret can also introduce the next.
func findAll(p *regexp.Regexp, line, rule string, needs func(string) bool, found []span) []span {
	for from := 0; from < len(line); {
		m := p.FindStringSubmatchIndex(line[from:])
		if m == nil || m[3] <= 0 {
			return found
		}
		v := value{from: m[2], to: m[3]}
		if inner := readValue(line[from+m[2]:from+m[3]], false); inner.quoted {
			v = value{from: m[2] + inner.from, to: m[2] + inner.to}
		}
		if needs == nil || needs(line[from+v.from:from+v.to]) {
			found = append(found, span{from + v.from, from + v.to, rule})
		}
		from += m[3]
	}
	return found
}
