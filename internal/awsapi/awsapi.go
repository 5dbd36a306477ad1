// Package awsapi makes muster's calls to the AWS APIs: ECS, EC2, Auto Scaling, CloudFormation, CloudWatch and
// EventBridge. It returns muster's own types, includes the IAM action in every error, and counts the requests, because
// all instances of an account share its API rate limits. It makes no decisions.
package awsapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

const (
	// A call makes up to three attempts, with full jitter between them. Calls that the caller retries (signals,
	// heartbeats, metrics, events) make only one, so that there is only one retry layer.
	maxAttempts = 3
	maxBackoff  = 5 * time.Second
	// In a subnet without a route to AWS, every connection attempt ends with this timeout.
	dialTimeout   = 3 * time.Second
	answerTimeout = 10 * time.Second
	// maxAnswer is the limit on a response body in bytes, after decompression. Decoding JSON takes about eight times as
	// much memory. Responses of EC2 may be longer, because they describe up to 1,000 instances with about 10 kB of XML
	// each.
	maxAnswer    = 10 << 20
	maxAnswerEC2 = 32 << 20
)

// Client calls the AWS APIs in one region.
type Client struct {
	ecs  *ecs.Client
	asg  *autoscaling.Client
	cfn  *cloudformation.Client
	ec2  *ec2.Client
	cw   *cloudwatch.Client
	http *counting

	events *eventbridge.Client

	credentials aws.CredentialsProvider
	once        aws.Retryer // retryer for calls that the caller retries
	patient     aws.Retryer // retryer for calls that the caller retries when they are throttled
}

// New returns a client for the region, or for the region in the environment if region is empty. On an instance, the
// client gets the credentials of the instance role from the metadata service at imdsEndpoint.
func New(ctx context.Context, region, imdsEndpoint string) (*Client, error) {
	cfg, err := load(ctx, region, imdsEndpoint)
	if err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	return FromConfig(cfg), nil
}

// FromConfig returns a client with the region, credentials, HTTP client and retryer of cfg.
func FromConfig(cfg aws.Config) *Client {
	counted := &counting{client: cfg.HTTPClient}
	cfg.HTTPClient = counted
	cache := aws.NewCredentialsCache(marking{cfg.Credentials})
	cfg.Credentials = cache
	base := cfg.Retryer
	if base == nil {
		base = func() aws.Retryer { return retry.NewStandard() }
	}
	cfg.Retryer = func() aws.Retryer { return retryer{base(), cache} }
	return &Client{
		ecs:  ecs.NewFromConfig(cfg),
		asg:  autoscaling.NewFromConfig(cfg),
		cfn:  cloudformation.NewFromConfig(cfg),
		ec2:  ec2.NewFromConfig(cfg),
		cw:   cloudwatch.NewFromConfig(cfg),
		http: counted,

		events:      eventbridge.NewFromConfig(cfg),
		credentials: cfg.Credentials,
		once:        once{retryer{base(), cache}},
		patient:     patient{retryer{base(), cache}},
	}
}

// Calls returns the number of requests sent so far, including retries.
func (c *Client) Calls() int { return int(c.http.n.Load()) }

// counting is an HTTP client that counts its requests.
type counting struct {
	client aws.HTTPClient
	n      atomic.Int64
}

// Do replaces the request body with a copy. The SDK closes the body as soon as it receives the response headers
// (smithy-go transport/http client.go). If that happens before the body is fully written, the connection is lost and
// the SDK retries.
func (c *counting) Do(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	if r.Body != nil && r.Body != http.NoBody {
		body, err := io.ReadAll(r.Body)
		if err := errors.Join(err, r.Body.Close()); err != nil {
			return nil, err
		}
		r.Body = watched{bytes.NewReader(body), r.Context().Value(sentKey{})}
	}
	answer, err := c.client.Do(r)
	if err == nil && answer.Body != nil {
		limit := maxAnswer
		if strings.HasPrefix(r.URL.Host, "ec2.") {
			limit = maxAnswerEC2
		}
		answer.Body = &bounded{body: answer.Body, left: limit, limit: limit}
	}
	return answer, err
}

// bounded is the body of a response. A longer body is an error, because the SDK keeps all of it in memory.
type bounded struct {
	body        io.ReadCloser
	left, limit int // bytes
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the response has more than %d MB", b.limit>>20)
	}
	n, err := b.body.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (b *bounded) Close() error { return b.body.Close() }

// sentKey is the context key of an *atomic.Bool that is set to true before the last byte of the request body is sent.
type sentKey struct{}

// watched is a request body that records when it has been read completely. Until then it cannot have been sent
// completely.
type watched struct {
	body *bytes.Reader
	sent any // an *atomic.Bool, or nil
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	if sent, ok := w.sent.(*atomic.Bool); ok && w.body.Len() == 0 {
		sent.Store(true)
	}
	return n, err
}

func (w watched) Close() error { return nil }
