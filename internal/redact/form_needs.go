package redact

import (
	"strings"

	"muster/internal/base/lazyregexp"
)

// The functions below tell a secret from other text in the place where a form expects one.

// isUserInfo rejects a URL path that contains an "@".
func isUserInfo(s string) bool {
	host, _, path := strings.Cut(s, "/")
	return !path || strings.Contains(host, "@") || strings.Contains(host, ":") && !hostAndPort.Get().MatchString(host)
}

var hostAndPort = lazyregexp.New(`^(?:[\w.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$`)

// isNoJDBC rejects JDBC URLs of Oracle, which another form handles.
func isNoJDBC(s string) bool { return !strings.HasPrefix(s, "jdbc:") }

// isHeader rejects a sentence about a header.
func isHeader(s string) bool {
	first, rest, _ := strings.Cut(s, " ")
	return isValue(s) && !variable.Get().MatchString(rest) &&
		(strings.ContainsAny(first, "=;") || isRandom(first) || isRandom(rest) && rest != "")
}

// isPassword rejects the rest of a URL, as in "-u https://...", and a numeric user and group, as in "-u 1000:1000".
func isPassword(s string) bool {
	return isValue(s) && !strings.HasPrefix(s, "//") && !ids.Get().MatchString(s)
}

var ids = lazyregexp.New(`^[0-9]{1,6}$`)

// isPair accepts a password after a user name, but not a port or the rest of a URL or ARN.
func isPair(s string) bool {
	return isPassword(s) && isRandom(s) && !resource.Get().MatchString("arn:"+s)
}

// isSetting rejects the last word of a sentence about the name of a setting.
func isSetting(s string) bool { return isValue(s) && !isStop(s) && !nouns.Get().MatchString(s) }

var nouns = lazyregexp.New(`(?i)^(?:options?|settings?|directives?|parameters?|config\w*|passwords?|values?|first|again|instead)[.,;:!?]?$`)

// isChange accepts a pair of an old and a new password, but not prose.
func isChange(s string) bool {
	old, after, _ := strings.Cut(s, " to ")
	return isRandom(strings.TrimSpace(old)) && isRandom(strings.TrimSpace(after)) && !identifier.Get().MatchString(old)
}

// isNoMechanism rejects the name of an authentication mechanism.
func isNoMechanism(s string) bool {
	return isValue(s) && s != "PLAIN" && s != "LOGIN" && s != "NONE" && !strings.HasPrefix(s, "CRAM-") && !strings.HasPrefix(s, "SCRAM-")
}

// isStored accepts a password or its MD5 hash after a user in quotes. It rejects other text, because a message can
// contain any two strings next to each other.
func isStored(s string) bool { return looksSecret(s) && (isMixed(s) || md5Hash.Get().MatchString(s)) }

var md5Hash = lazyregexp.New(`^md5[0-9a-f]{32}$`)
