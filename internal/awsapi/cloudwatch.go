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
	once := &tracing{client: c.http}
	_, err := c.cw.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: metricData(at, data)}, func(o *cloudwatch.Options) {
		o.HTTPClient, o.Retryer = once, aws.NopRetryer{}
	})
	return metricError(err, once.connected.Load())
}

func metricData(at time.Time, data []Datum) []types.MetricDatum {
	out := make([]types.MetricDatum, len(data))
	for i := range data {
		d := &data[i]
		dimensions := make([]types.Dimension, len(d.Dimensions))
		for j := range d.Dimensions {
			dimensions[j] = types.Dimension{Name: &d.Dimensions[j].Name, Value: &d.Dimensions[j].Value}
		}
		out[i] = types.MetricDatum{MetricName: &d.Name, Unit: types.StandardUnit(d.Unit), Value: &d.Value, Timestamp: &at, Dimensions: dimensions}
	}
	return out
}

// metricError tells what became of the data. Before there was a connection
// nothing can have been taken. A 4xx is a refusal even if the rest of its
// answer is missing; a 2xx that cannot be read may be CloudWatch's or not.
func metricError(err error, connected bool) error {
	var answer *smithyhttp.ResponseError
	status := 0
	if errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	var e *Error
	err = named("cloudwatch:PutMetricData", err)
	switch refused := status >= 400 && status < 500; {
	case err == nil || !connected:
		return err
	case !refused:
		return fmt.Errorf("%w: %w", ErrUnanswered, err)
	case status == http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case status == http.StatusBadRequest && errors.As(err, &e) && e.Kind == Failed && e.Code != "":
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return err
}

// tracing is an HTTP client that knows whether it had a connection. It stands
// below the signing, so that it does not see the calls that get credentials.
type tracing struct {
	client    aws.HTTPClient
	connected atomic.Bool
}

// Do implements aws.HTTPClient.
func (t *tracing) Do(r *http.Request) (*http.Response, error) {
	return t.client.Do(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { t.connected.Store(true) },
	})))
}
