package imds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"muster/internal/base/ownlimit"
)

// Kind classifies a failure of the metadata service.
type Kind string

// Kinds of failure.
const (
	Unreachable Kind = "unreachable" // nothing is listening, or there is no route
	TimedOut    Kind = "silent"      // no response within the timeout
	Disabled    Kind = "disabled"    // 403 to the token request
	NotFound    Kind = "not found"   // 404
	Refused     Kind = "refused"     // 401 or another 4xx
	Broken      Kind = "broken"      // 5xx
	Malformed   Kind = "garbled"     // not a response of the metadata service
	TurnedOff   Kind = "turned off"  // by AWS_EC2_METADATA_DISABLED in the environment of this process
	Unknown     Kind = "unknown"     // a local limit prevented the request, such as no free descriptor or memory
)

// Final reports whether a retry cannot help. A new token can resolve a 401. A 404 is a valid response for a path that
// some instances lack.
func (k Kind) Final() bool { return k == Disabled || k == NotFound || k == TurnedOff }

// Error is a failure of the metadata service, with its fix.
type Error struct {
	Kind     Kind
	Endpoint string
	Waited   time.Duration
	Attempts int
	Err      error
}

func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string {
	return fmt.Sprintf("instance metadata service at %s: %s (%d attempts in %s): %s. %s",
		e.Endpoint, e.Kind, e.Attempts, e.Waited.Round(100*time.Millisecond), e.Err, remedies[e.Kind])
}

var remedies = map[Kind]string{
	Unreachable: "This is not an EC2 instance, its network is not up yet, or a host firewall or route blocks 169.254.169.254",
	TimedOut: "If this runs in a container, the hop limit is too low: aws ec2 modify-instance-metadata-options " +
		"--http-put-response-hop-limit 2 (a host process needs 1)",
	Disabled:  "The endpoint is disabled on this instance: aws ec2 modify-instance-metadata-options --http-endpoint enabled",
	NotFound:  "The service does not have this path",
	Refused:   "The service rejected the request, or a proxy answered instead",
	Broken:    "The service returns errors; if they continue, stop and start the instance",
	TurnedOff: "Unset AWS_EC2_METADATA_DISABLED",
	Unknown:   "The state of the metadata service is unknown",
	Malformed: "Something other than the metadata service responds at this address",
}

// turnedOff is the variable that disables the SDK's client. Its error has no type of its own, but contains the name of
// the variable (imds.disableImds of v1.20).
const turnedOff = "AWS_EC2_METADATA_DISABLED"

// outcome is the result of the last request of an attempt. It is recorded in the HTTP client, because the SDK's token
// errors cannot be unwrapped (imds.retryableError of v1.20 has no Unwrap).
type outcome struct {
	token  bool // it was the token request
	status int  // 0: no response
	date   string
	err    error
}

type outcomeKey struct{}

// recorder is the HTTP client of the SDK. It records each outcome in the request's context.
type recorder struct{ client *http.Client }

// Do also limits the response body, because the SDK reads tokens and credentials completely.
func (w recorder) Do(r *http.Request) (*http.Response, error) {
	resp, err := w.client.Do(r)
	if resp != nil {
		resp.Body = limitedBody{io.LimitReader(resp.Body, maxAnswer+1), resp.Body}
	}
	if saw, ok := r.Context().Value(outcomeKey{}).(*outcome); ok {
		*saw = outcome{token: r.Method == http.MethodPut, err: err}
		if resp != nil {
			saw.status, saw.date = resp.StatusCode, resp.Header.Get("Date")
		}
	}
	return resp, err
}

// limitedBody is a response body with a limit on the bytes read.
type limitedBody struct {
	io.Reader
	io.Closer
}

// failure classifies err, and replaces the SDK's text with the recorded outcome, which is more useful on an instance.
func (o *outcome) failure(err error) *Error {
	switch {
	case o.status == 0 && o.err == nil && strings.Contains(err.Error(), turnedOff):
		return &Error{Kind: TurnedOff, Err: errors.New(turnedOff + "=true")}
	case ownlimit.Of(o.err) != "":
		return &Error{Kind: Unknown, Err: fmt.Errorf("%s: %w", ownlimit.Of(o.err), innermost(o.err))}
	case o.status >= 400:
		return &Error{Kind: o.refusal(), Err: fmt.Errorf("HTTP status %d", o.status)}
	case o.status >= 300:
		return &Error{Kind: Malformed, Err: fmt.Errorf("a redirect (HTTP status %d), which is not followed", o.status)}
	case o.err != nil && isTimeout(o.err), errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: TimedOut, Err: errors.New("no response in time")}
	case o.err != nil:
		return &Error{Kind: Unreachable, Err: innermost(o.err)}
	default:
		return &Error{Kind: Malformed, Err: err}
	}
}

// refusal classifies a response with an error status.
func (o *outcome) refusal() Kind {
	switch {
	case o.token && o.status == http.StatusForbidden:
		return Disabled
	case o.token && o.status == http.StatusNotFound, o.status >= 500:
		return Broken // a service without tokens is not IMDSv2, or has not started yet
	case o.status == http.StatusNotFound:
		return NotFound
	}
	return Refused
}

// innermost returns the network error: dial tcp ...: connection refused.
func innermost(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return err
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
