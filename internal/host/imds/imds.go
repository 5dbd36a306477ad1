// Package imds reads the identity of this instance from the instance metadata service. It uses only IMDSv2, and never
// falls back to version 1. It does not interpret the answers for the cluster, the launch hook or a signal.
package imds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"muster/internal/base/cluster"
)

const (
	// A link-local service responds within milliseconds. Slower requests are retried.
	attemptTimeout = 2 * time.Second
	firstPause     = 100 * time.Millisecond
	longestPause   = 2 * time.Second
	// maxAnswer limits the bytes read of a response. User data, the longest, has at most 16 KiB.
	maxAnswer = 64 << 10
	// An instance ID becomes part of paths and lines, and a region part of host names, so both are validated.
	idLetters = "abcdefghijklmnopqrstuvwxyz0123456789-"
)

// Identity is the identity of this instance, from its identity document.
type Identity struct {
	InstanceID       string `json:"instanceId"`
	Region           string `json:"region"`
	AvailabilityZone string `json:"availabilityZone"`
	InstanceType     string `json:"instanceType"`
	AccountID        string `json:"accountId"`
	ImageID          string `json:"imageId"`
}

// Client queries the metadata service. Its methods retry until their context ends, or for at most the client's patience.
type Client struct {
	api      *sdk.Client
	endpoint string
	patience time.Duration
}

// New returns a client that waits up to patience for a service that starts late. An empty endpoint means
// http://169.254.169.254.
func New(endpoint string, patience time.Duration) *Client {
	if endpoint == "" {
		endpoint = "http://169.254.169.254"
	}
	return &Client{api: sdk.New(Options(endpoint)), endpoint: endpoint, patience: patience}
}

// WithPatience returns the same client, session token included, that waits up to patience.
func (c *Client) WithPatience(patience time.Duration) *Client {
	return &Client{api: c.api, endpoint: c.endpoint, patience: patience}
}

// Options returns options for the SDK: IMDSv2 only, one attempt per call, no proxy, no redirects. The session token and
// the credentials of the role are sent only to this address. The client for the role's credentials uses these options
// too.
func Options(endpoint string) sdk.Options {
	return sdk.Options{
		Endpoint:              endpoint,
		EnableFallback:        aws.FalseTernary,
		DisableDefaultTimeout: true,
		Retryer:               aws.NopRetryer{},
		HTTPClient: recorder{&http.Client{
			Timeout:       attemptTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{Proxy: nil, DialContext: (&net.Dialer{Timeout: attemptTimeout}).DialContext, DisableKeepAlives: true,
				DisableCompression: true, MaxResponseHeaderBytes: maxAnswer},
		}},
	}
}

// Identity reads the identity document.
func (c *Client) Identity(ctx context.Context) (Identity, error) {
	var id Identity
	err := c.retryAll(ctx, func(ctx context.Context) error {
		document, err := c.dynamic(ctx, "instance-identity/document")
		if err != nil {
			return err
		}
		id, err = decodeIdentity(document)
		return err
	})
	return id, err
}

func decodeIdentity(document []byte) (Identity, error) {
	var id Identity
	if err := json.Unmarshal(document, &id); err != nil {
		return Identity{}, fmt.Errorf("the identity document is not valid JSON: %w", err)
	}
	if !strings.HasPrefix(id.InstanceID, "i-") || strings.Trim(strings.ToLower(id.InstanceID), idLetters) != "" ||
		!cluster.IsRegion(id.Region) {
		return Identity{}, fmt.Errorf(
			"the identity document has no valid instance ID and region: instanceId %+.40q, region %+.40q",
			id.InstanceID,
			id.Region,
		)
	}
	return id, nil
}

// Signed returns the unmodified identity document and its base64 RSA signature without line breaks, as CloudFormation
// accepts them for CFN_V1 authorization.
func (c *Client) Signed(ctx context.Context) (document []byte, signature string, err error) {
	err = c.retryAll(ctx, func(ctx context.Context) error {
		if document, err = c.dynamic(ctx, "instance-identity/document"); err != nil {
			return err
		}
		raw, err := c.dynamic(ctx, "instance-identity/signature")
		signature = strings.Join(strings.Fields(string(raw)), "")
		return err
	})
	return document, signature, err
}

// Metadata reads a path below /latest/meta-data/. A missing path returns ok == false and no error.
func (c *Client) Metadata(ctx context.Context, path string) (value string, ok bool, err error) {
	err = c.retry(ctx, func(ctx context.Context) error {
		out, err := c.api.GetMetadata(ctx, &sdk.GetMetadataInput{Path: path})
		if err != nil {
			return err
		}
		data, err := read(out.Content)
		value, ok = string(data), err == nil
		return err
	})
	var failure *Error
	if errors.As(err, &failure) && failure.Kind == NotFound {
		return "", false, nil
	}
	return value, ok, err
}

// Tag reads an instance tag. ok is false if the instance does not have the tag, or if tags in instance metadata are
// disabled.
func (c *Client) Tag(ctx context.Context, key string) (value string, ok bool, err error) {
	// The metadata never contains a tag with a slash or a blank (EC2 user guide, "Work with instance tags in instance
	// metadata").
	if key == "" || strings.ContainsAny(key, "/ ") || key == "." || key == ".." {
		return "", false, nil
	}
	return c.Metadata(ctx, "tags/instance/"+url.PathEscape(key))
}

// LifecycleState returns the Auto Scaling target state, such as InService or Warmed:Stopped. It is empty outside an Auto
// Scaling group.
func (c *Client) LifecycleState(ctx context.Context) (string, error) {
	state, _, err := c.Metadata(ctx, "autoscaling/target-lifecycle-state")
	return strings.TrimSpace(state), err
}

// UserData reads user data. ok is false if there is none. User data may contain secrets, so callers use only its format
// and its settings, and never show it.
func (c *Client) UserData(ctx context.Context) (data []byte, ok bool, err error) {
	err = c.retry(ctx, func(ctx context.Context) error {
		out, err := c.api.GetUserData(ctx, &sdk.GetUserDataInput{})
		if err == nil {
			data, err = read(out.Content)
		}
		return err
	})
	var failure *Error
	if errors.As(err, &failure) && failure.Kind == NotFound {
		return nil, false, nil
	}
	return data, err == nil, err
}

// Date returns the service's time, to the second.
func (c *Client) Date(ctx context.Context) (date time.Time, err error) {
	err = c.retryAll(ctx, func(ctx context.Context) error {
		out, err := c.api.GetMetadata(ctx, &sdk.GetMetadataInput{Path: "instance-id"})
		if err != nil {
			return err
		}
		defer out.Content.Close()
		saw, _ := ctx.Value(outcomeKey{}).(*outcome)
		date, err = http.ParseTime(saw.date)
		return err
	})
	return date, err
}

func (c *Client) dynamic(ctx context.Context, path string) ([]byte, error) {
	out, err := c.api.GetDynamicData(ctx, &sdk.GetDynamicDataInput{Path: path})
	if err != nil {
		return nil, err
	}
	return read(out.Content)
}

func read(content io.ReadCloser) ([]byte, error) {
	defer content.Close()
	data, err := io.ReadAll(io.LimitReader(content, maxAnswer+1))
	if err == nil && len(data) > maxAnswer {
		err = fmt.Errorf("the response has more than %d bytes", maxAnswer)
	}
	return data, err
}

// retry calls attempt until it succeeds or fails permanently, or until patience or ctx ends. The error is an *Error.
func (c *Client) retry(ctx context.Context, attempt func(context.Context) error) error {
	return c.retryUnless(ctx, Kind.Final, attempt)
}

// retryAll is retry for a path that every instance has. It also retries a 404, because the service may not have the
// path yet.
func (c *Client) retryAll(ctx context.Context, attempt func(context.Context) error) error {
	return c.retryUnless(ctx, func(k Kind) bool { return k.Final() && k != NotFound }, attempt)
}

func (c *Client) retryUnless(ctx context.Context, final func(Kind) bool, attempt func(context.Context) error) error {
	started := time.Now()
	ctx, stop := context.WithTimeout(ctx, c.patience)
	defer stop()
	var failure *Error
	for n := 0; ; n++ {
		saw := &outcome{}
		err := attempt(context.WithValue(ctx, outcomeKey{}, saw))
		if err == nil {
			return nil
		}
		if failure == nil || ctx.Err() == nil { // ignore an attempt that the end of ctx interrupted
			failure = saw.failure(err)
		}
		failure.Endpoint, failure.Waited, failure.Attempts = c.endpoint, time.Since(started), n+1
		if final(failure.Kind) || ctx.Err() != nil {
			return failure
		}
		select {
		case <-ctx.Done():
			return failure
		case <-time.After(rand.N(min(longestPause, firstPause<<min(n, 10)))): // full jitter
		}
	}
}
