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

// passing lists error codes, other than throttling, that AWS documents as temporary: the SDK's
// DefaultRetryableErrorCodes, botocore's transient codes, the server errors in "Common errors" of the API references,
// those of EventBridge's PutEventsResultEntry, and ResourceContention of Auto Scaling. An error about one entry of a
// batch has a code but no HTTP status.
var passing = []string{
	"RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete", "RequestAbortedException",
	"InternalFailure", "InternalError", "InternalException", "InternalServerError", "InternalServiceFault", "ServerException",
	"ServiceUnavailable", "ServiceUnavailableException", "Unavailable", "ResourceContention",
}

// expiredCodes are the codes for credentials that have expired.
var expiredCodes = []string{"ExpiredToken", "ExpiredTokenException"}

// MayPass reports whether the same call may succeed later without any change by the user: throttling, a failure of the
// server, the network or the metadata service, clock skew that may be corrected, or credentials that the client reads
// again. A rejected request is final, and so is any error that is not a failed call.
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

// Expired reports whether AWS rejected the credentials as expired. The client gets new credentials for the next call.
func Expired(err error) bool {
	var e *Error
	return errors.As(err, &e) && slices.Contains(expiredCodes, e.Code)
}

// MayHaveBeenTaken reports whether a failed call may have taken effect: the request was sent, and the result is
// unclear. A throttled request is rejected before it is processed, and a request without a connection was never sent.
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

// withoutConnection reports whether no connection was established because of the endpoint's name, address or
// certificate, so nothing was sent.
func withoutConnection(err error) bool {
	var name *net.DNSError
	var dial *net.OpError
	var certificate *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	return errors.As(err, &name) || errors.As(err, &dial) && dial.Op == "dial" || errors.As(err, &certificate) || errors.As(err, &notTLS)
}

// unclear reports whether the server failed or its response is unreadable. A 4xx without an error code does not come
// from AWS (it may be a proxy's page), but still counts as a rejection.
func (e *Error) unclear() bool {
	switch {
	case e.Status >= http.StatusInternalServerError, e.Status == http.StatusRequestTimeout, slices.Contains(passing, e.Code):
		return true
	case e.Status >= http.StatusBadRequest:
		return false
	}
	return e.Code == ""
}

// refused reports whether the metadata service responded that there are no credentials.
func refused(err error) bool {
	var answer *smithyhttp.ResponseError
	return errors.As(err, &answer) && answer.HTTPStatusCode() >= 400 && answer.HTTPStatusCode() < 500
}

// retryer retries everything that MayPass allows. The SDK alone would not retry an HTTP 429 without a code,
// RequestExpired, or expired credentials, which it caches until their nominal expiry.
type retryer struct {
	aws.Retryer
	credentials *aws.CredentialsCache
}

// IsErrorRetryable is called by the SDK after each attempt, including the last one.
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

// once makes only one attempt. The caller retries, because it has to know the result of each attempt.
type once struct{ retryer }

// MaxAttempts implements aws.Retryer.
func (once) MaxAttempts() int { return 1 }

// IsErrorRetryable always returns false. It calls retryer's method to discard expired credentials.
func (o once) IsErrorRetryable(err error) bool {
	_ = o.retryer.IsErrorRetryable(err)
	return false
}

// throttledKey is the context key of WithoutThrottleRetries.
type throttledKey struct{}

// WithoutThrottleRetries returns a context for a call that the client does not retry if it is throttled. If a whole
// fleet boots at once, three quick attempts of each instance would keep the shared bucket empty. The caller retries
// later, with jitter, or continues without the result. Other errors are retried as usual.
func WithoutThrottleRetries(ctx context.Context) context.Context {
	return context.WithValue(ctx, throttledKey{}, true)
}

// patient retries like retryer, except after throttling.
type patient struct{ retryer }

// IsErrorRetryable implements aws.Retryer.
func (p patient) IsErrorRetryable(err error) bool {
	return p.retryer.IsErrorRetryable(err) && KindOf(named("", err)) != Throttled
}

// retries returns the retryer for a call with this context.
func (c *Client) retries(ctx context.Context) func(*ecs.Options) {
	return func(o *ecs.Options) {
		if ctx.Value(throttledKey{}) != nil {
			o.Retryer = c.patient
		}
	}
}
