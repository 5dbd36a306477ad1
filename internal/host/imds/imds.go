// Package imds asks the instance metadata service who this instance is. It
// speaks IMDSv2 only and never falls back to version 1. What the answers mean
// for the cluster, the launch hook or a signal is decided elsewhere.
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
	// A link-local service answers in milliseconds; what takes longer than
	// this is tried again.
	attemptTimeout = 2 * time.Second
	firstPause     = 100 * time.Millisecond
	longestPause   = 2 * time.Second
	// maxAnswer bounds what is read of one answer. User data, the longest thing
	// that the service holds, has at most 16 KiB.
	maxAnswer = 64 << 10
	// An instance id is part of paths and lines: nothing else may be in it. A region is
	// part of host names, so it must look like one too.
	idLetters = "abcdefghijklmnopqrstuvwxyz0123456789-"
)

// Identity is who this instance is, from its identity document.
type Identity struct {
	InstanceID       string `json:"instanceId"`
	Region           string `json:"region"`
	AvailabilityZone string `json:"availabilityZone"`
	InstanceType     string `json:"instanceType"`
	AccountID        string `json:"accountId"`
	ImageID          string `json:"imageId"`
}

// Client asks the metadata service. Its methods try again until their context
// ends, or at most for the client's patience.
type Client struct {
	api      *sdk.Client
	endpoint string
	patience time.Duration
}

// New makes a client that waits up to patience for a service that comes up
// late. An empty endpoint is http://169.254.169.254.
func New(endpoint string, patience time.Duration) *Client {
	if endpoint == "" {
		endpoint = "http://169.254.169.254"
	}
	return &Client{api: sdk.New(Options(endpoint)), endpoint: endpoint, patience: patience}
}

// WithPatience is the same client, session token included, that waits up to patience.
func (c *Client) WithPatience(patience time.Duration) *Client {
	return &Client{api: c.api, endpoint: c.endpoint, patience: patience}
}

// Options are the SDK's, set to IMDSv2 only, one attempt a call, no proxy, no
// redirect: the session token and the role's credentials go to this address alone.
// The credentials of the instance role come through a client made with them too.
func Options(endpoint string) sdk.Options {
	return sdk.Options{
		Endpoint:              endpoint,
		EnableFallback:        aws.FalseTernary,
		DisableDefaultTimeout: true,
		Retryer:               aws.NopRetryer{},
		HTTPClient: witness{&http.Client{
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
	err := c.patiently(ctx, func(ctx context.Context) error {
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
		return Identity{}, fmt.Errorf("the identity document is not the JSON that it should be: %w", err)
	}
	if !strings.HasPrefix(id.InstanceID, "i-") || strings.Trim(strings.ToLower(id.InstanceID), idLetters) != "" || !cluster.IsRegion(id.Region) {
		return Identity{}, fmt.Errorf("the identity document names no instance id and region: instanceId %+.40q, region %+.40q", id.InstanceID, id.Region)
	}
	return id, nil
}

// Signed is the identity document as it is, and its base64 RSA signature
// without line ends: what CloudFormation accepts as CFN_V1 authorisation.
func (c *Client) Signed(ctx context.Context) (document []byte, signature string, err error) {
	err = c.patiently(ctx, func(ctx context.Context) error {
		if document, err = c.dynamic(ctx, "instance-identity/document"); err != nil {
			return err
		}
		raw, err := c.dynamic(ctx, "instance-identity/signature")
		signature = strings.Join(strings.Fields(string(raw)), "")
		return err
	})
	return document, signature, err
}

// Metadata reads one path below /latest/meta-data/. A path that the service
// does not have is ok == false and no error.
func (c *Client) Metadata(ctx context.Context, path string) (value string, ok bool, err error) {
	err = c.patiently(ctx, func(ctx context.Context) error {
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

// Tag reads an instance tag. It is not ok when the instance has no such tag,
// and when tags are not allowed in its metadata.
func (c *Client) Tag(ctx context.Context, key string) (value string, ok bool, err error) {
	// A tag with a slash or a blank never stands in the metadata (EC2 user
	// guide, "Work with instance tags in instance metadata").
	if key == "" || strings.ContainsAny(key, "/ ") || key == "." || key == ".." {
		return "", false, nil
	}
	return c.Metadata(ctx, "tags/instance/"+url.PathEscape(key))
}

// LifecycleState is the Auto Scaling target state: InService, Warmed:Stopped
// and the like. It is empty outside an Auto Scaling group.
func (c *Client) LifecycleState(ctx context.Context) (string, error) {
	state, _, err := c.Metadata(ctx, "autoscaling/target-lifecycle-state")
	return strings.TrimSpace(state), err
}

// UserData reads user data, which may hold secrets; ok is false where there is
// none. It is for its form and its settings, and is never shown.
func (c *Client) UserData(ctx context.Context) (data []byte, ok bool, err error) {
	err = c.patiently(ctx, func(ctx context.Context) error {
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

// Date is the time by the service's clock, to the second.
func (c *Client) Date(ctx context.Context) (date time.Time, err error) {
	err = c.patiently(ctx, func(ctx context.Context) error {
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
		err = fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	return data, err
}

// patiently calls attempt until it succeeds, until its failure cannot pass, or
// until patience or ctx ends. The error is an *Error.
func (c *Client) patiently(ctx context.Context, attempt func(context.Context) error) error {
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
		if failure == nil || ctx.Err() == nil { // an attempt cut off by the end says nothing
			failure = saw.failure(err)
		}
		failure.Endpoint, failure.Waited, failure.Attempts = c.endpoint, time.Since(started), n+1
		if failure.Kind.Final() || ctx.Err() != nil {
			return failure
		}
		select {
		case <-ctx.Done():
			return failure
		case <-time.After(rand.N(min(longestPause, firstPause<<min(n, 10)))): // full jitter
		}
	}
}
