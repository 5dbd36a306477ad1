package awsapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Limits of PutMetricData (CloudWatch API reference).
const (
	MaxData = 1000 // a request
	// MaxRequestSize is 1 MB; whether that is a million bytes or 2^20 is not
	// said. It is meant before compression. Left aside is the head of the
	// request, with a namespace of 255 characters.
	MaxRequestSize = 1_000_000 - headSize
	headSize       = 300
)

// Dimension is a part of a metric's identity.
type Dimension struct{ Name, Value string }

// Datum is a metric's one value of a minute.
type Datum struct {
	Name       string
	Unit       string // one of CloudWatch's: Count, Bytes, Percent, Seconds, ...
	Dimensions []Dimension
	Value      float64
}

// Size is at least the bytes that the datum takes in a request, and not much
// more: keys, heads, tag and numbers of rpc-v2-cbor, and the texts.
func (d Datum) Size() int {
	size := 71 + len(d.Name) + len(d.Unit)
	for _, dim := range d.Dimensions {
		size += 18 + len(dim.Name) + len(dim.Value)
	}
	return size
}

// What became of data that were not accepted. Any other error of PutMetricData
// means that CloudWatch did not take them.
var (
	// ErrUnanswered says that the request went out and no whole answer came
	// back, or one of the server's failures: the data may have been taken.
	ErrUnanswered = errors.New("sent, and not known to be taken")
	// ErrInvalid says that CloudWatch refused the request for what is in it.
	ErrInvalid = errors.New("refused as invalid")
	// ErrTooLarge says that a smaller request may pass.
	ErrTooLarge = errors.New("refused as too large")
)

// PutMetricData publishes at most MaxData data, of at most MaxRequestSize, all
// with the same timestamp. It tries once: what is sent twice counts twice.
func (c *Client) PutMetricData(ctx context.Context, namespace string, at time.Time, data []Datum) error {
	sent := &marked{client: c.http}
	_, err := c.cw.PutMetricData(
		ctx,
		&cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: metricData(at, data)},
		func(o *cloudwatch.Options) {
			o.HTTPClient, o.Retryer = sent, c.once
		},
	)
	return metricError(err, sent.connected.Load() && sent.sent.Load())
}

func metricData(at time.Time, data []Datum) []types.MetricDatum {
	out := make([]types.MetricDatum, len(data))
	for i := range data {
		d := &data[i]
		dimensions := make([]types.Dimension, len(d.Dimensions))
		for j := range d.Dimensions {
			dimensions[j] = types.Dimension{Name: &d.Dimensions[j].Name, Value: &d.Dimensions[j].Value}
		}
		out[i] = types.MetricDatum{
			MetricName: &d.Name,
			Unit:       types.StandardUnit(d.Unit),
			Value:      &d.Value,
			Timestamp:  &at,
			Dimensions: dimensions,
		}
	}
	return out
}

// metricError classifies what became of the data.
//
//   - A body that was not sent to its end was not taken: the signature covers its hash
//     (IAM User Guide, "Create a signed AWS API request", HashedPayload), so CloudWatch
//     cannot even authenticate the request. That holds for every failure to connect, and
//     for a 5xx or a reset that comes before the end of the body.
//   - A 4xx is a refusal of the whole request, even if the rest of the answer is missing:
//     "Validation errors in the metric data will fail the entire request, and no data
//     will be ingested" (CloudWatch API Reference, PutMetricData, StrictEntityValidation).
//     The one that is not is RequestAbortedException, for a request that was aborted
//     before the reply was sent (Common Errors).
//   - Throttling denies a request before it is processed, with whatever status.
//   - Every other 5xx is ambiguous: InternalServiceFault, "request processing has failed
//     due to some unknown error", and ServiceUnavailable, "a temporary failure of the
//     server", do not say how far it came; a 502 or 504 is a proxy's. PutMetricData has
//     no client token, so the SDKs' own retry of these would count data twice.
//   - A 2xx that cannot be read may be CloudWatch's or not.
func metricError(err error, sent bool) error {
	if err == nil {
		return nil
	}
	var answer *smithyhttp.ResponseError
	status := 0
	if errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	err = named("cloudwatch:PutMetricData", err)
	var e *Error
	_ = errors.As(err, &e) // named makes no other
	aborted := e.Code == "RequestAbortedException"
	switch refused := status >= 400 && status < 500 && !aborted; {
	case status == http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case status == http.StatusBadRequest && refused && e.Kind == Failed && e.Code != "":
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	case refused, e.Kind == Throttled, !sent:
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnanswered, err)
}

// marked is an HTTP client that knows whether it had a connection, and whether the whole
// request was sent. It stands below the signing, so that it does not see the calls that
// get credentials.
type marked struct {
	client          aws.HTTPClient
	connected, sent atomic.Bool
}

// Do implements aws.HTTPClient.
func (m *marked) Do(r *http.Request) (*http.Response, error) {
	ctx := context.WithValue(r.Context(), sentKey{}, &m.sent)
	return m.client.Do(r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { m.connected.Store(true) },
	})))
}
