package awsapi

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// passing are the codes of errors that AWS documents as temporary, beside throttling:
// the SDK's DefaultRetryableErrorCodes and botocore's transient codes, the server errors
// of "Common errors" in the API references, EventBridge's PutEventsResultEntry, and
// ResourceContention of Auto Scaling. An error that is about one entry of a request has
// a code and no HTTP status.
var passing = []string{
	"RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete", "RequestAbortedException",
	"InternalFailure", "InternalError", "InternalException", "InternalServerError", "InternalServiceFault", "ServerException",
	"ServiceUnavailable", "ServiceUnavailableException", "Unavailable", "ResourceContention",
}

// expiredCodes are the codes of credentials that were valid once.
var expiredCodes = []string{"ExpiredToken", "ExpiredTokenException"}

// MayPass reports whether the same call may succeed later without anybody changing
// anything: throttling, a failure of the server, of the network or of the metadata
// service, a clock that is about to be set, credentials that the client reads afresh.
// A refusal is final, and so is an error that is not of a call.
func MayPass(err error) bool {
	var e *Error
	if !errors.As(err, &e) || errors.Is(err, context.Canceled) {
		return false
	}
	switch e.Kind {
	case Throttled, Unreachable, Exhausted, ClockSkew:
		return true
	case NoIdentity:
		return Expired(err) || e.Code == "" && !refused(e.Err)
	case Failed:
		return e.unclear()
	}
	return false
}

// Expired reports whether AWS refused the credentials as expired. The client reads new
// ones for the next call.
func Expired(err error) bool {
	var e *Error
	return errors.As(err, &e) && slices.Contains(expiredCodes, e.Code)
}

// MayHaveBeenTaken reports whether a call that failed may have had its effect: it was
// sent, and no clear answer came. A request that is throttled is denied before it is
// processed, and one without a connection was never sent.
func MayHaveBeenTaken(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case Unreachable:
		return !withoutConnection(e.Err)
	case Failed:
		return e.unclear()
	}
	return false
}

// withoutConnection reports whether the endpoint's name, address or certificate stood in
// the way, so that nothing was sent.
func withoutConnection(err error) bool {
	var name *net.DNSError
	var dial *net.OpError
	var certificate *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	return errors.As(err, &name) || errors.As(err, &dial) && dial.Op == "dial" || errors.As(err, &certificate) || errors.As(err, &notTLS)
}

// unclear is a failure of the server, or an answer that cannot be read. A refusal that
// names no code is not AWS's own (a proxy's page), and is still a refusal.
func (e *Error) unclear() bool {
	switch {
	case e.Status >= http.StatusInternalServerError, e.Status == http.StatusRequestTimeout, slices.Contains(passing, e.Code):
		return true
	case e.Status >= http.StatusBadRequest:
		return false
	}
	return e.Code == ""
}

// refused reports whether the metadata service answered that there are no credentials.
func refused(err error) bool {
	var answer *smithyhttp.ResponseError
	return errors.As(err, &answer) && answer.HTTPStatusCode() >= 400 && answer.HTTPStatusCode() < 500
}

// retryer retries what MayPass allows, and not only what the SDK knows: the SDK stops retrying
// at HTTP 429 without a code, at RequestExpired, and at expired credentials, which it
// keeps until the time that it has for their end.
type retryer struct {
	aws.Retryer
	credentials *aws.CredentialsCache
}

// IsErrorRetryable is asked by the SDK about each attempt, the last one included.
func (r retryer) IsErrorRetryable(err error) bool {
	failed := named("", err)
	if Expired(failed) {
		r.credentials.Invalidate()
	}
	var canceled interface{ CanceledError() bool }
	if errors.As(err, &canceled) && canceled.CanceledError() {
		return false // the caller's time is over
	}
	return r.Retryer.IsErrorRetryable(err) || MayPass(failed)
}

// once makes one attempt: the caller retries, because it must know what became of each.
type once struct{ retryer }

// MaxAttempts implements aws.Retryer.
func (once) MaxAttempts() int { return 1 }

// IsErrorRetryable notes expired credentials.
func (o once) IsErrorRetryable(err error) bool {
	_ = o.retryer.IsErrorRetryable(err)
	return false
}

// throttledKey is the context key of WithoutThrottleRetries.
type throttledKey struct{}

// WithoutThrottleRetries returns a context for a call that the client does not repeat when it is
// throttled, but only for other reasons: three quick attempts of each instance of a fleet that
// boots at once would keep the shared bucket empty. The caller repeats the call later, with
// jitter, or does without the answer.
func WithoutThrottleRetries(ctx context.Context) context.Context {
	return context.WithValue(ctx, throttledKey{}, true)
}

// patient retries like retryer, but not what was throttled.
type patient struct{ retryer }

// IsErrorRetryable implements aws.Retryer.
func (p patient) IsErrorRetryable(err error) bool {
	return p.retryer.IsErrorRetryable(err) && KindOf(named("", err)) != Throttled
}

// retries is the retryer for a call with this context.
func (c *Client) retries(ctx context.Context) func(*ecs.Options) {
	return func(o *ecs.Options) {
		if ctx.Value(throttledKey{}) != nil {
			o.Retryer = c.patient
		}
	}
}
