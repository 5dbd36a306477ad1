package awsapi

import (
	"errors"
	"strings"
)

// LoginExpired reports whether the IAM Identity Center session has expired or does not exist. It compares the text of
// the SDK's errors (package credentials/ssocreds, InvalidTokenError and SSOTokenProvider), because one of them has no
// exported type.
func LoginExpired(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Kind != NoIdentity {
		return false
	}
	text := e.Err.Error()
	return strings.Contains(text, "SSO session") || strings.Contains(text, "SSO token")
}
