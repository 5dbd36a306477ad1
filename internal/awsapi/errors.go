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

// Kind says in which way a call failed, as far as it decides what to do.
type Kind string

// The kinds of failure.
const (
	Denied      Kind = "denied"      // IAM, or a VPC endpoint's policy, says no
	NoIdentity  Kind = "no identity" // no credentials, or expired ones
	ClockSkew   Kind = "clock skew"
	Throttled   Kind = "throttled"
	Unreachable Kind = "unreachable" // DNS, route, TLS or time
	Exhausted   Kind = "exhausted"   // of this process or host, such as open files: nothing was asked
	Failed      Kind = "failed"      // the API answered with another error
)

// Error is a failed call. Unless its Kind is Failed, the call says nothing
// about what was asked: "could not look" is not "no".
type Error struct {
	Action string // as IAM spells it: ecs:DescribeClusters
	Kind   Kind
	Code   string // the API's error code, if it answered
	Status int    // the answer's HTTP status; 0 without an answer, and for an entry of a request
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
			"%s: no valid credentials: attach an instance profile whose role trusts ec2.amazonaws.com, or, away from an instance, set AWS_PROFILE or AWS_ACCESS_KEY_ID: %v",
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
			return fmt.Sprintf("%s: no answer from AWS in time: %v", e.Action, e.Err)
		case MayHaveBeenTaken(e):
			return fmt.Sprintf("%s: the connection ended before the answer: %v", e.Action, e.Err)
		}
		return fmt.Sprintf("%s: the endpoint cannot be reached: %v", e.Action, e.Err)
	case Exhausted:
		return fmt.Sprintf("%s: could not ask: %s: %v", e.Action, ownlimit.Of(e.Err), e.Err)
	default:
		return fmt.Sprintf("%s: %v", e.Action, e.Err)
	}
}

// isDialTimeout: packets were dropped on the way. An answer that does not come says
// nothing about the way.
func isDialTimeout(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && op.Timeout()
}

// isTimeout also holds where the connection stands and the answer does not come.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, errNoAnswer)
}

var errNoAnswer = errors.New("no answer in time")

// The error codes of the services, by what they mean. The protocols differ
// (JSON has AccessDeniedException, the query protocol AccessDenied).
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

// named gives a failed call its action and kind. A nil err stays nil.
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
		e.Err = fmt.Errorf("HTTP status %d without an error code of AWS: a proxy may have answered", e.Status)
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

// coded is an error that the API gave a code. Its message may quote the request: an
// answer to a wrong signature holds the session token and the signature.
func coded(action, code, message string) *Error {
	e := &Error{Action: action, Kind: Failed, Code: code, Err: fmt.Errorf("%s: %s", code, redact.Log(message))}
	for kind, known := range codes {
		if slices.Contains(known, code) {
			e.Kind = kind
		}
	}
	return e
}

// unknownCode is the SDK's for an answer that names no code (query protocol,
// GetErrorResponseComponents).
const unknownCode = "UnknownError"

// plainCode takes the namespace off a code: CloudWatch's client leaves it there
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

// credentialsError marks an error as one of getting credentials, which the SDK
// wraps in plain text on its way through a call.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

// marking is a credentials provider whose errors can be recognised.
type marking struct{ aws.CredentialsProvider }

func (m marking) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := m.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = &credentialsError{err}
	}
	return credentials, err
}
