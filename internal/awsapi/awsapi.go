// Package awsapi makes muster's few calls to the AWS APIs: ECS, EC2, Auto
// Scaling, CloudFormation, CloudWatch and EventBridge. It answers in muster's words, names the IAM action in
// every error, and counts what it sends, because the APIs are a budget that a
// whole fleet shares. It decides nothing.
package awsapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	// One call is three attempts at most, with full jitter between them. What the
	// caller retries itself (signals, heartbeats, metrics, events) is one attempt:
	// there is one retry layer.
	maxAttempts = 3
	maxBackoff  = 5 * time.Second
	// In a subnet without a route every dial runs into this.
	dialTimeout   = 3 * time.Second
	answerTimeout = 10 * time.Second
	// maxAnswer is how many bytes of an answer are read, after decompression. The
	// longest is a page of 1000 network interfaces or security groups.
	maxAnswer = 10 << 20
)

// Client calls the APIs of one region.
type Client struct {
	ecs  *ecs.Client
	asg  *autoscaling.Client
	cfn  *cloudformation.Client
	ec2  *ec2.Client
	cw   *cloudwatch.Client
	http *counting

	events *eventbridge.Client

	credentials aws.CredentialsProvider
	once        aws.Retryer // of the calls that the caller retries
}

// New makes a client for the region, or for the environment's if that is
// empty. On an instance the credentials are its role's, through the metadata
// service at imdsEndpoint.
func New(ctx context.Context, region, imdsEndpoint string) (*Client, error) {
	cfg, err := load(ctx, region, imdsEndpoint)
	if err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	return FromConfig(cfg), nil
}

// FromConfig makes a client with the region, the credentials, the HTTP client
// and the retryer of cfg.
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
	}
}

// Calls is how many requests went out so far, retries included.
func (c *Client) Calls() int { return int(c.http.n.Load()) }

// counting is an HTTP client that counts.
type counting struct {
	client aws.HTTPClient
	n      atomic.Int64
}

// Do sends a body of its own. The SDK closes the request's body as soon as it
// has the head of the answer (smithy-go transport/http client.go); an answer
// that is quicker than the end of the writing then loses its connection, and
// the SDK asks again.
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
		answer.Body = &bounded{body: answer.Body, left: maxAnswer}
	}
	return answer, err
}

// bounded is the body of an answer. A longer one is an error, because the SDK keeps the
// whole in memory.
type bounded struct {
	body io.ReadCloser
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the answer has more than %d MB", maxAnswer>>20)
	}
	n, err := b.body.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (b *bounded) Close() error { return b.body.Close() }

// sentKey is the context key of an *atomic.Bool that becomes true before the last byte
// of the request's body is sent.
type sentKey struct{}

// watched is a request's body. What has not been read of it cannot have been sent.
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
