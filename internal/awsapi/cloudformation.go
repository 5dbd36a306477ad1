package awsapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
	"github.com/hashicorp/go-retryablehttp"
)

// Signal is the signal that a CloudFormation resource with a CreationPolicy or UpdatePolicy waits for.
type Signal struct {
	Stack, Resource string
	InstanceID      string // used as the signal's UniqueId: CloudFormation counts one signal per id
	Success         bool
}

func (s Signal) status() types.ResourceSignalStatus {
	if s.Success {
		return types.ResourceSignalStatusSuccess
	}
	return types.ResourceSignalStatusFailure
}

// ErrNotWaiting means that the stack exists but is not waiting for a signal, because its creation or update is
// complete. Instances that the group launches later always get this error.
var ErrNotWaiting = errors.New("the stack is not waiting for a signal")

const signalAction = "cloudformation:SignalResource"

// SignalSigV4 sends the signal with the credentials of the instance role. It makes only one attempt.
func (c *Client) SignalSigV4(ctx context.Context, s Signal) error {
	_, err := c.cfn.SignalResource(ctx, &cloudformation.SignalResourceInput{
		StackName: aws.String(s.Stack), LogicalResourceId: aws.String(s.Resource),
		UniqueId: aws.String(s.InstanceID), Status: s.status(),
	}, func(o *cloudformation.Options) { o.Retryer = c.once })
	return signalError(named(signalAction, err))
}

// SignalIdentity sends the signal without IAM credentials: like cfn-signal (aws-cfn-bootstrap), it authorizes the
// request with the instance identity document and its signature (CFN_V1), which the SDK does not support. It retries
// only throttled requests, because AWS rejects these before processing them. The caller retries other errors.
func (c *Client) SignalIdentity(ctx context.Context, s Signal, document []byte, signature string) error {
	endpoint, err := c.signalEndpoint(ctx)
	if err != nil {
		return err
	}
	endpoint.RawQuery = url.Values{
		"Action": {"SignalResource"}, "Version": {"2010-05-15"}, "ContentType": {"JSON"},
		"StackName": {s.Stack}, "LogicalResourceId": {s.Resource}, "UniqueId": {s.InstanceID}, "Status": {string(s.status())},
	}.Encode()
	request, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, endpoint.String(), nil)
	if err != nil {
		return fmt.Errorf("%s: %w", signalAction, err)
	}
	request.Header.Set("Authorization", "CFN_V1 "+base64.StdEncoding.EncodeToString(document)+":"+signature)
	response, err := c.signalClient().Do(request)
	if err != nil {
		return named(signalAction, err)
	}
	defer response.Body.Close()
	return signalError(signalAnswer(response))
}

// signalClient returns a client that sends requests through the same counting HTTP client as the SDK.
func (c *Client) signalClient() *retryablehttp.Client {
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{Transport: roundTripper{c.http}}
	client.RetryMax, client.RetryWaitMin, client.RetryWaitMax = maxAttempts-1, maxBackoff/25, maxBackoff
	client.CheckRetry = func(ctx context.Context, response *http.Response, err error) (bool, error) {
		if err == nil {
			err = signalAnswer(response)
		}
		return ctx.Err() == nil && KindOf(named(signalAction, err)) == Throttled, nil
	}
	client.Backoff = retryablehttp.LinearJitterBackoff
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	client.Logger = nil
	return client
}

type roundTripper struct{ client *counting }

func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return t.client.Do(r) }

// signalAnswer returns the error in CloudFormation's response, or nil if CloudFormation accepted the signal. The body
// can be read again afterwards.
func signalAnswer(response *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	response.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(body), response.Body}
	switch {
	// A status of 200 is not sufficient. For example, moto responds with a list of S3 buckets.
	case response.StatusCode == http.StatusOK && bytes.Contains(body, []byte("SignalResourceResponse")):
		return nil
	case err != nil && response.StatusCode < http.StatusBadRequest:
		return named(signalAction, err)
	}
	return named(signalAction, &statusError{response.StatusCode, decodeError(response.StatusCode, body)})
}

// statusError adds the HTTP status to an error, in the same way as the SDK's errors.
type statusError struct {
	status int
	error
}

func (a *statusError) Unwrap() error       { return a.error }
func (a *statusError) HTTPStatusCode() int { return a.status }

// signalEndpoint returns the endpoint that the SDK would use. The SDK handles partitions, FIPS, dual stack and
// AWS_ENDPOINT_URL.
func (c *Client) signalEndpoint(ctx context.Context) (*url.URL, error) {
	o := c.cfn.Options()
	at, err := o.EndpointResolverV2.ResolveEndpoint(ctx, cloudformation.EndpointParameters{
		Region: aws.String(o.Region), Endpoint: o.BaseEndpoint,
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
	})
	if err != nil {
		return nil, fmt.Errorf("%s: finding the endpoint: %w", signalAction, err)
	}
	if at.URI.Path == "" {
		at.URI.Path = "/"
	}
	return &at.URI, nil
}

// decodeError decodes an error of the query protocol. It is JSON because of the ContentType parameter, or XML if the
// server ignores that parameter.
func decodeError(status int, body []byte) error {
	var answer struct {
		Error struct{ Code, Message string }
	}
	err := json.Unmarshal(body, &answer)
	if err != nil {
		err = xml.Unmarshal(body, &answer)
	}
	if err != nil || answer.Error.Code == "" {
		return fmt.Errorf("HTTP status %d and a response that is not an error document: %+.120q", status, body)
	}
	return &smithy.GenericAPIError{Code: answer.Error.Code, Message: answer.Error.Message}
}

// notWaiting matches both spellings that AWS uses.
var notWaiting = regexp.MustCompile(`can ?not be signaled`)

// signalError recognizes a stack that is not waiting for a signal: ValidationError, "Stack arn:... is in
// CREATE_COMPLETE state and can not be signaled".
func signalError(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Code == "ValidationError" && notWaiting.MatchString(e.Err.Error()) {
		return fmt.Errorf("%w: %w", ErrNotWaiting, err)
	}
	return err
}
