// Package redact decides what may be shown. A setting's value is hidden when
// its key says that it is a secret; a URL loses the password that it carries.
package redact

import (
	"regexp"
	"strings"
)

// Mask stands where a secret stood. It has one length for every secret, so
// that it does not tell the length.
const Mask = "********"

// secretKey matches the keys whose values are never shown: ECS_ENGINE_AUTH_DATA
// holds registry passwords (ECS agent configuration), the rest goes by name.
var secretKey = regexp.MustCompile(`(?i)AUTH_DATA|PASSW(OR)?D|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY`)

// urlPassword finds user:password@ in anything that looks like a URL.
var urlPassword = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)?([^\s/:@"]+):([^\s/@"]+)@`)

// SecretKey says whether the value of this key is a secret.
func SecretKey(key string) bool { return secretKey.MatchString(key) }

// Value is what may be shown of key's value.
func Value(key, value string) string {
	if value != "" && SecretKey(key) {
		return Mask
	}
	return URLs(value)
}

// URLs hides the passwords of all URLs in the text.
func URLs(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	return urlPassword.ReplaceAllString(text, "${1}${2}:"+Mask+"@")
}
