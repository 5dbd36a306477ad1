package redact

import (
	"strings"

	"muster/internal/base/lazyregexp"
)

// Secrets below a line that does not end with their name: in an object, in a list of
// users, and after a message.

var (
	// objectOf matches a line that begins the object of a name.
	objectOf = lazyregexp.New(`["']?([\w./-]+)["']?\s*[:=]\s*\{\s*$|\[\\*["']?([\w./-]+)\\*["']?\]\s*=>\s*$`)
	// newPassword matches a message after which a line shows the password.
	newPassword  = lazyregexp.New(`(?i)\bpassword\b.*\b(?:reset|changed|generated|created)\.?\s*$`)
	adminSetting = lazyregexp.New(`^[\s#]*[\w.@-]+\s*=\s*([^\s\[]\S*)\s*$`) // in the section admins of CouchDB
	moduleUser   = lazyregexp.New(`\buser_[\w.-]+\s*=\s*\\*["']([^"'\\]+)`)
)

// opens records a line below which a field or a message shows a secret.
func (f *Filter) opens(end string) bool {
	if m := objectOf.Get().FindStringSubmatch(end); m != nil && strengthOf(m[1]+m[2]) >= wordName {
		f.inside, f.left = inField, 4
	} else if newPassword.Get().MatchString(end) {
		f.inside, f.left = inField, 1
	}
	return f.inside == inField
}

// inAdmins is a step in a list of settings, each a user and a password.
func (f *Filter) inAdmins(line string) ([]span, bool) {
	m := adminSetting.Get().FindStringSubmatchIndex(line)
	if m == nil {
		return nil, false
	}
	return append([]span{}, firstGroup(line, m)...), true
}

// inLoginModule is a step in the options of a login module, which end with a semicolon.
func (f *Filter) inLoginModule(line string) ([]span, bool) {
	m := moduleUser.Get().FindStringSubmatchIndex(line)
	if m == nil && f.hidden > maxString {
		return nil, false
	}
	return append([]span{}, firstGroup(line, m)...), !strings.HasSuffix(strings.TrimSpace(line), ";")
}
