package sandbox

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// Limits of PutMetricData (CloudWatch API reference).
const (
	maxDatums     = 1000
	maxDimensions = 30
	maxMetricAge  = 14 * 24 * time.Hour
	maxMetricLead = 2 * time.Hour
	maxMetricSize = 1_000_000 // of a request, uncompressed
)

// Datum is a metric value from PutMetricData.
type Datum struct {
	Namespace, Name, Unit string
	Dimensions            map[string]string
	Value                 float64
	Timestamp             time.Time
}

// Metrics returns the data points that CloudWatch accepted, in order of arrival.
func (s *Sandbox) Metrics() []Datum {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.metrics)
}

// cloudWatchService implements rpc-v2-cbor (service/cloudwatch api_client.go). It stores single values, and rejects
// statistic sets and value arrays.
func (s *Sandbox) cloudWatchService() *service {
	return &service{
		name:     CloudWatch,
		rpc:      "GraniteServiceVersion20100801",
		protocol: rpcCBOR{},
		actions: map[string]action{
			"PutMetricData":       s.putMetricData,
			"GetMetricStatistics": s.getMetricStatistics,
		},
		rates: map[string]rate{"PutMetricData": {"metrics", 500, 500}},
	}
}

func (s *Sandbox) putMetricData(r *request) (any, *apiError) {
	in, err := r.cbor()
	if err != nil {
		return nil, err
	}
	list, _ := in["MetricData"].(cbor.List)
	if len(list) == 0 || len(list) > maxDatums {
		return nil, badMetric("MetricData has %d members, it may have 1 to %d", len(list), maxDatums)
	}
	data := make([]Datum, 0, len(list))
	for _, v := range list {
		d, err := s.datum(text(in["Namespace"]), v)
		if err != nil {
			return nil, err // all data points are accepted, or none
		}
		data = append(data, d)
	}
	s.metrics = append(s.metrics, data...)
	return cbor.Map{}, nil
}

func (s *Sandbox) datum(namespace string, v cbor.Value) (Datum, *apiError) {
	m, _ := v.(cbor.Map)
	d := Datum{
		Namespace:  namespace,
		Name:       text(m["MetricName"]),
		Unit:       text(m["Unit"]),
		Dimensions: dimensions(m["Dimensions"]),
		Timestamp:  s.clock.Now(),
	}
	if at, ok := m["Timestamp"]; ok {
		d.Timestamp, _ = cbor.AsTime(at)
	}
	value, err := cbor.AsFloat64(m["Value"])
	d.Value = value
	age := s.clock.Now().Sub(d.Timestamp)
	switch {
	case namespace == "" || d.Name == "":
		return d, badMetric("Namespace and MetricName are required")
	case err != nil || math.IsNaN(value) || math.Abs(value) > 0x1p360:
		return d, badMetric("the value of %s is no number", d.Name)
	case len(d.Dimensions) > maxDimensions:
		return d, badMetric("%s has %d dimensions, it may have %d", d.Name, len(d.Dimensions), maxDimensions)
	case !allowed(d.Dimensions):
		return d, badMetric("%s has a dimension that is empty, too long or not of printable ASCII: %q", d.Name, d.Dimensions)
	case age > maxMetricAge || -age > maxMetricLead:
		return d, badMetric("the timestamp of %s is out of range", d.Name)
	}
	return d, nil
}

// allowed reports whether the dimensions are valid (CloudWatch API reference, Dimension).
func allowed(dimensions map[string]string) bool {
	for name, value := range dimensions {
		for _, text := range []string{name, value} {
			odd := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
			if odd >= 0 || len(text) > 255 || strings.TrimSpace(text) == "" {
				return false
			}
		}
		if name[0] == ':' {
			return false
		}
	}
	return true
}

func badMetric(format string, args ...any) *apiError {
	return invalid("InvalidParameterValueException", format, args...)
}

// getMetricStatistics returns all statistics, regardless of the requested ones.
func (s *Sandbox) getMetricStatistics(r *request) (any, *apiError) {
	in, err := r.cbor()
	if err != nil {
		return nil, err
	}
	from, _ := cbor.AsTime(in["StartTime"])
	to, _ := cbor.AsTime(in["EndTime"])
	seconds, bad := cbor.AsInt64(in["Period"])
	if bad != nil || seconds <= 0 {
		return nil, badMetric("Period must be above zero")
	}
	period := time.Duration(seconds) * time.Second
	want := dimensions(in["Dimensions"])
	points := map[time.Time][]float64{}
	units := map[time.Time]string{}
	for _, d := range s.metrics {
		if d.Namespace == text(in["Namespace"]) && d.Name == text(in["MetricName"]) && maps.Equal(d.Dimensions, want) &&
			!d.Timestamp.Before(from) && d.Timestamp.Before(to) {
			at := d.Timestamp.Truncate(period)
			points[at], units[at] = append(points[at], d.Value), d.Unit
		}
	}
	var list cbor.List
	for _, at := range slices.SortedFunc(maps.Keys(points), time.Time.Compare) {
		list = append(list, datapoint(at, units[at], points[at]))
	}
	return cbor.Map{"Label": in["MetricName"], "Datapoints": list}, nil
}

func datapoint(at time.Time, unit string, values []float64) cbor.Map {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return cbor.Map{
		"Timestamp": &cbor.Tag{ID: 1, Value: cbor.Float64(at.Unix())}, "Unit": cbor.String(unit),
		"SampleCount": cbor.Float64(len(values)), "Sum": cbor.Float64(sum), "Average": cbor.Float64(sum / float64(len(values))),
		"Minimum": cbor.Float64(slices.Min(values)), "Maximum": cbor.Float64(slices.Max(values)),
	}
}

func text(v cbor.Value) string {
	s, _ := v.(cbor.String)
	return string(s)
}

func dimensions(v cbor.Value) map[string]string {
	out := map[string]string{}
	list, _ := v.(cbor.List)
	for _, v := range list {
		if m, ok := v.(cbor.Map); ok {
			out[text(m["Name"])] = text(m["Value"])
		}
	}
	return out
}

// cbor decodes a request body, which the SDK compresses from 10 KiB on.
func (r *request) cbor() (cbor.Map, *apiError) {
	body := r.body
	if r.http.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(io.LimitReader(z, 4<<20))
		}
		if err != nil {
			return nil, invalid("SerializationException", "unpacking the body: %v", err)
		}
	}
	if len(body) > maxMetricSize {
		return nil, &apiError{
			http.StatusRequestEntityTooLarge,
			"RequestEntityTooLarge",
			fmt.Sprintf("%d bytes are above the limit of %d", len(body), maxMetricSize),
		}
	}
	v, err := cbor.Decode(body)
	in, ok := v.(cbor.Map)
	if err != nil || !ok {
		return nil, invalid("SerializationException", "the body is no CBOR map: %v", err)
	}
	return in, nil
}

// rpcCBOR is the protocol rpc-v2-cbor (CloudWatch). Results are cbor.Values.
type rpcCBOR struct{}

func (rpcCBOR) result(_, requestID string, v any) answer {
	body, ok := v.(cbor.Value)
	if !ok {
		panic(fmt.Sprintf("sandbox: %T is no CBOR value", v)) // a bug in the sandbox, not bad input
	}
	return cborAnswer(http.StatusOK, requestID, body)
}

func (rpcCBOR) failure(requestID string, e *apiError) answer {
	a := cborAnswer(
		e.status,
		requestID,
		cbor.Map{"__type": cbor.String("com.amazonaws.cloudwatch#" + e.code), "message": cbor.String(e.message)},
	)
	a.code = e.code
	return a
}

func cborAnswer(status int, requestID string, v cbor.Value) answer {
	return answer{status: status, body: cbor.Encode(v), header: http.Header{
		"Content-Type": {"application/cbor"}, "Smithy-Protocol": {"rpc-v2-cbor"}, "X-Amzn-Requestid": {requestID},
	}}
}

func (rpcCBOR) kind(k Kind) apiError { return awsJSON{}.kind(k) }
