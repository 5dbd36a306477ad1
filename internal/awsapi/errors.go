package awsapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"muster/internal/base/ownlimit"
	"muster/internal/redact"
)

// Kind classifies failed calls by what to do about them.
type Kind string

// The kinds of failure.
const (
	Denied      Kind = "denied"      // an IAM policy or a VPC endpoint policy denies the call
	NoIdentity  Kind = "no identity" // no credentials, or expired credentials
	ClockSkew   Kind = "clock skew"
	Throttled   Kind = "throttled"
	Unreachable Kind = "unreachable" // DNS, routing or TLS error, or timeout
	Exhausted   Kind = "exhausted"   // out of a local resource, such as open files; no request was sent
	Failed      Kind = "failed"      // the API returned another error
)

// Error is a failed call. Unless Kind is Failed, the error says nothing about the resource: "could not check" does not
// mean "no".
type Error struct {
	Action string // in IAM's spelling: ecs:DescribeClusters
	Kind   Kind
	Code   string // error code from the API, if it responded
	Status int    // HTTP status of the response; 0 without a response, and for an error about one entry of a batch
	Err    error
}

func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string {
	switch e.Kind {
	case Denied:
		if by := DenialOf(e.Err.Error()); by.Policy != "" && (by.Explicit || by.Policy != identityPolicy) {
			return fmt.Sprintf(
				"%s is not allowed: the %s decides, and the instance role cannot override it: %v",
				e.Action,
				by.Policy,
				e.Err,
			)
		}
		return fmt.Sprintf(
			"%s is not allowed: add it to the instance role (and to the policy of the VPC endpoint, if there is one)%s: %v",
			e.Action,
			scopeHint(e.Action),
			e.Err,
		)
	case NoIdentity:
		return fmt.Sprintf(
			"%s: no valid credentials: attach an instance profile whose role trusts ec2.amazonaws.com, or, away from an instance, set "+
				"AWS_PROFILE or AWS_ACCESS_KEY_ID: %v",
			e.Action,
			e.Err,
		)
	case ClockSkew:
		return fmt.Sprintf("%s: the clock of this instance is wrong: set chrony to use 169.254.169.123: %v", e.Action, e.Err)
	case Throttled:
		return fmt.Sprintf("%s: the account's request rate limit is reached: %v", e.Action, e.Err)
	case Unreachable:
		switch {
		case isDialTimeout(e.Err):
			return fmt.Sprintf(
				"%s: the endpoint cannot be reached: the subnet needs a NAT gateway, a public address or a VPC endpoint, and port 443 open to it: %v",
				e.Action,
				e.Err,
			)
		case isTimeout(e.Err):
			return fmt.Sprintf("%s: no response from AWS in time: %v", e.Action, e.Err)
		case MayHaveBeenTaken(e):
			return fmt.Sprintf("%s: the connection was closed before the response: %v", e.Action, e.Err)
		}
		return fmt.Sprintf("%s: the endpoint cannot be reached: %v", e.Action, e.Err)
	case Exhausted:
		return fmt.Sprintf("%s: could not ask: %s: %v", e.Action, ownlimit.Of(e.Err), e.Err)
	default:
		return fmt.Sprintf("%s: %v", e.Action, e.Err)
	}
}

// isDialTimeout reports whether connecting timed out, which means that packets are dropped on the path. A missing
// response on an open connection does not mean that.
func isDialTimeout(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && op.Timeout()
}

// isTimeout reports whether a call timed out, before or after the connection was established.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, errNoAnswer)
}

var errNoAnswer = errors.New("no response in time")

// codes maps the error codes of the services to kinds. The protocols use different codes for the same error:
// AccessDeniedException in JSON, AccessDenied in the query protocol.
var codes = map[Kind][]string{
	Denied: {
		"AccessDenied",
		"AccessDeniedException",
		"UnauthorizedOperation",
		"UnauthorizedException",
		"OptInRequired",
		"NotAuthorizedForSourceException",
		"NotAuthorizedForDetailTypeException",
	},
	NoIdentity: {
		"ExpiredToken",
		"ExpiredTokenException",
		"UnrecognizedClientException",
		"InvalidClientTokenId",
		"AuthFailure",
		"MissingAuthenticationToken",
		"MissingAuthenticationTokenException",
	},
	ClockSkew: {"RequestExpired", "RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch"},
	Throttled: slices.Sorted(maps.Keys(retry.DefaultThrottleErrorCodes)),
}

// named converts the error of a call to an *Error with its action and kind. A nil err stays nil.
func named(action string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Action: action, Kind: Failed, Err: err}
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		e.Status = answer.HTTPStatusCode()
	}
	var api smithy.APIError
	var unreadable *smithy.DeserializationError
	var dial net.Error
	var noCredentials *credentialsError
	switch {
	case errors.As(err, &noCredentials):
		e.Kind, e.Err, e.Status = NoIdentity, noCredentials.err, 0
		if ownlimit.Of(err) != "" {
			e.Kind = Exhausted
		}
	case errors.As(err, &api) && api.ErrorCode() != unknownCode:
		status := e.Status
		e = coded(action, plainCode(api.ErrorCode()), api.ErrorMessage())
		e.Status = status
	case errors.As(err, &api), errors.As(err, &unreadable) && e.Status >= http.StatusBadRequest:
		e.Err = fmt.Errorf("HTTP status %d without an AWS error code: a proxy may have answered", e.Status)
	case ownlimit.Of(err) != "":
		e.Kind = Exhausted
	case errors.As(err, &dial):
		e.Kind, e.Err = Unreachable, dial
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind, e.Err = Unreachable, errNoAnswer
	}
	if e.Status == http.StatusTooManyRequests {
		e.Kind = Throttled
	}
	return e
}

// coded returns an Error for an error code from the API. The message is redacted, because it may quote the request: the
// response to a wrong signature contains the session token and the signature.
func coded(action, code, message string) *Error {
	e := &Error{Action: action, Kind: Failed, Code: code, Err: fmt.Errorf("%s: %s", code, redact.Log(message))}
	for kind, known := range codes {
		if slices.Contains(known, code) {
			e.Kind = kind
		}
	}
	return e
}

// unknownCode is the code that the SDK uses if a response contains none (query protocol, GetErrorResponseComponents).
const unknownCode = "UnknownError"

// plainCode removes the namespace from a code. CloudWatch's client does not remove it
// (com.amazonaws.cloudwatch#ThrottlingException).
func plainCode(code string) string { return code[strings.LastIndex(code, "#")+1:] }

// KindOf returns the kind of a failed call, or "" for any other error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// credentialsError marks an error from getting credentials. Without it, only the error's text would survive the SDK's
// wrapping.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

// marking is a credentials provider that wraps its errors in credentialsError.
type marking struct{ aws.CredentialsProvider }

func (m marking) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := m.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = &credentialsError{err}
	}
	return credentials, err
}
