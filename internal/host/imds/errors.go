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

// Kind says in which way the metadata service failed.
type Kind string

// The kinds of failure.
const (
	Unreachable Kind = "unreachable" // nothing listens, or no route
	Silent      Kind = "silent"      // connected, or not, but no answer in time
	Disabled    Kind = "disabled"    // 403 to the token request
	NotFound    Kind = "not found"   // 404
	Refused     Kind = "refused"     // 401 or another 4xx
	Broken      Kind = "broken"      // 5xx
	Garbled     Kind = "garbled"     // an answer that is none
	TurnedOff   Kind = "turned off"  // by AWS_EC2_METADATA_DISABLED in this process's environment
	Unknown     Kind = "unknown"     // this process could not ask: no descriptor, no memory
)

// Final reports whether trying again cannot help. A 401 passes with a new token;
// a 404 of a path is an answer.
func (k Kind) Final() bool { return k == Disabled || k == NotFound || k == TurnedOff }

// Error is a failure of the metadata service, and says what to do about it.
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
	Silent:      "If this runs in a container, the hop limit is too low: aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2 (a host process needs 1)",
	Disabled:    "The endpoint is disabled on this instance: aws ec2 modify-instance-metadata-options --http-endpoint enabled",
	NotFound:    "The service does not have this path",
	Refused:     "The service rejected the request, or a proxy answered instead",
	Broken:      "The service returns errors; if they continue, stop and start the instance",
	TurnedOff:   "Unset AWS_EC2_METADATA_DISABLED",
	Unknown:     "This says nothing about the metadata service",
	Garbled:     "Something other than the metadata service answers at this address",
}

// turnedOff is the variable by which the SDK asks nothing. Its error is of no type
// of its own, and names the variable (imds.disableImds of v1.20).
const turnedOff = "AWS_EC2_METADATA_DISABLED"

// outcome is what the last request of an attempt met. The SDK's token errors
// cannot be unwrapped (imds.retryableError of v1.20 has no Unwrap), so it is
// seen at the HTTP client.
type outcome struct {
	token  bool // it was the request for a token
	status int  // 0: no answer
	date   string
	err    error
}

type outcomeKey struct{}

// witness is the HTTP client of the SDK's; it notes each outcome in the
// request's context.
type witness struct{ client *http.Client }

// Do also bounds what the SDK reads, which reads tokens and credentials whole.
func (w witness) Do(r *http.Request) (*http.Response, error) {
	resp, err := w.client.Do(r)
	if resp != nil {
		resp.Body = bounded{io.LimitReader(resp.Body, maxAnswer+1), resp.Body}
	}
	if saw, ok := r.Context().Value(outcomeKey{}).(*outcome); ok {
		*saw = outcome{token: r.Method == http.MethodPut, err: err}
		if resp != nil {
			saw.status, saw.date = resp.StatusCode, resp.Header.Get("Date")
		}
	}
	return resp, err
}

// bounded is a body of which no more is read than an answer can have.
type bounded struct {
	io.Reader
	io.Closer
}

// failure says of which kind err is, and replaces the SDK's words for it, which
// help nobody on an instance, by what was seen.
func (o *outcome) failure(err error) *Error {
	switch {
	case o.status == 0 && o.err == nil && strings.Contains(err.Error(), turnedOff):
		return &Error{Kind: TurnedOff, Err: errors.New(turnedOff + "=true")}
	case ownlimit.Of(o.err) != "":
		return &Error{Kind: Unknown, Err: fmt.Errorf("%s: %w", ownlimit.Of(o.err), innermost(o.err))}
	case o.status >= 300 && o.status < 400:
		return &Error{Kind: Garbled, Err: fmt.Errorf("a redirect (HTTP status %d), which is not followed", o.status)}
	case o.token && o.status == http.StatusForbidden:
		return &Error{Kind: Disabled, Err: o.problem()}
	case o.token && o.status == http.StatusNotFound, o.status >= 500:
		// A service without tokens is not IMDSv2, or not up yet.
		return &Error{Kind: Broken, Err: o.problem()}
	case o.status == http.StatusNotFound:
		return &Error{Kind: NotFound, Err: o.problem()}
	case o.status >= 400:
		return &Error{Kind: Refused, Err: o.problem()}
	case o.err != nil && isTimeout(o.err), errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: Silent, Err: errors.New("no answer in time")}
	case o.err != nil:
		return &Error{Kind: Unreachable, Err: innermost(o.err)}
	default:
		return &Error{Kind: Garbled, Err: err}
	}
}

func (o *outcome) problem() error {
	return fmt.Errorf("HTTP status %d", o.status)
}

// innermost is the network's own word: dial tcp ...: connection refused.
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
