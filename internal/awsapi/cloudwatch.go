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
	MaxData = 1000 // per request
	// MaxRequestSize is the limit of 1 MB before compression, minus the size of the rest of the request with a
	// namespace of 255 characters. The reference does not say whether 1 MB means 10^6 or 2^20 bytes.
	MaxRequestSize = 1_000_000 - headSize
	headSize       = 300
)

// Dimension is part of the identity of a metric.
type Dimension struct{ Name, Value string }

// Datum is the value of a metric for one minute.
type Datum struct {
	Name       string
	Unit       string // one of CloudWatch's: Count, Bytes, Percent, Seconds, ...
	Dimensions []Dimension
	Value      float64
}

// Size returns an upper bound for the encoded size of the datum in bytes. It is close to the actual size in
// rpc-v2-cbor: keys, type headers, tags, numbers and strings.
func (d Datum) Size() int {
	size := 71 + len(d.Name) + len(d.Unit)
	for _, dim := range d.Dimensions {
		size += 18 + len(dim.Name) + len(dim.Value)
	}
	return size
}

// Results of PutMetricData. With any other error, CloudWatch did not accept the data.
var (
	// ErrUnanswered means that the request was sent but the result is unknown: the response was incomplete or missing,
	// or the server failed. CloudWatch may have accepted the data.
	ErrUnanswered = errors.New("sent, but the result is unknown")
	// ErrInvalid means that CloudWatch rejected the content of the request.
	ErrInvalid = errors.New("rejected as invalid")
	// ErrTooLarge means that a smaller request may succeed.
	ErrTooLarge = errors.New("rejected as too large")
)

// PutMetricData publishes up to MaxData data points of up to MaxRequestSize bytes in total, all with the same
// timestamp. It makes only one attempt, because CloudWatch counts data twice if it is sent twice.
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

// metricError returns an error that says whether CloudWatch accepted the data.
//
//   - A request whose body was not sent completely is never accepted: the signature covers the
//     hash of the body (IAM User Guide, "Create a signed AWS API request", HashedPayload), so
//     CloudWatch cannot authenticate the request. This applies to every failure to connect,
//     and to a 5xx or a connection reset before the end of the body.
//   - With a 4xx the whole request is rejected, even if the rest of the response is missing:
//     "Validation errors in the metric data will fail the entire request, and no data
//     will be ingested" (CloudWatch API Reference, PutMetricData, StrictEntityValidation).
//     The exception is RequestAbortedException, for a request that was aborted before the
//     reply was sent (Common Errors).
//   - A throttled request is rejected before it is processed, regardless of the status.
//   - Every other 5xx is ambiguous. InternalServiceFault, "request processing has failed
//     due to some unknown error", and ServiceUnavailable, "a temporary failure of the
//     server", do not say how far the request was processed. A 502 or 504 comes from a proxy.
//     PutMetricData has no client token, so if the SDK retried these, data could count twice.
//   - An unreadable 2xx may or may not come from CloudWatch.
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
	_ = errors.As(err, &e) // named always returns an *Error
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

// marked is an HTTP client that records whether it got a connection and whether the whole request was sent. It is used
// only for the signed request itself, not for the requests that fetch credentials.
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

// HighestMetric returns the maximum of a metric since a time, and the number of hours with data points. The value is nil
// if there are none. One call returns up to 1,440 hours (API reference, GetMetricStatistics).
func (c *Client) HighestMetric(
	ctx context.Context,
	namespace, name string,
	dimensions []Dimension,
	since time.Time,
) (value *float64, hours int, err error) {
	in := &cloudwatch.GetMetricStatisticsInput{
		Namespace: &namespace, MetricName: &name, StartTime: &since, EndTime: aws.Time(time.Now()),
		Period: aws.Int32(3600), Statistics: []types.Statistic{types.StatisticMaximum},
	}
	for _, d := range dimensions {
		in.Dimensions = append(in.Dimensions, types.Dimension{Name: &d.Name, Value: &d.Value})
	}
	out, err := c.cw.GetMetricStatistics(ctx, in)
	if err != nil {
		return nil, 0, named("cloudwatch:GetMetricStatistics", err)
	}
	for _, p := range out.Datapoints {
		if p.Maximum != nil && (value == nil || *p.Maximum > *value) {
			value = p.Maximum
		}
	}
	return value, len(out.Datapoints), nil
}
