package awsapi

import (
	"errors"
	"strings"
)

// LoginExpired recognises a session of IAM Identity Center that is over, or was never begun,
// from the texts of the SDK: InvalidTokenError and SSOTokenProvider of package
// credentials/ssocreds, which hands out no type for the second.
func LoginExpired(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Kind != NoIdentity {
		return false
	}
	text := e.Err.Error()
	return strings.Contains(text, "SSO session") || strings.Contains(text, "SSO token")
}
