package awsapi

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"muster/internal/sandbox"
)

func datum(i int) Datum {
	return Datum{Name: fmt.Sprint("Metric", i), Unit: "Count", Value: float64(i), Dimensions: []Dimension{{"ClusterName", "prod"},
		{"ServiceName", "web"}}}
}

func TestMetricErrorsSayWhetherDataWasAccepted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault sandbox.Fault
		want  error // nil: not accepted
		taken int
	}{
		"throttled":             {sandbox.Throttled("", "", 0), nil, 0},
		"429":                   {sandbox.Fault{Status: 429, Code: "TooManyRequestsException"}, nil, 0},
		"denied":                {sandbox.AccessDenied("", ""), nil, 0},
		"403 of a proxy":        {sandbox.Fault{Status: 403, Body: "<html>"}, nil, 0},
		"400 of a proxy":        {sandbox.Fault{Status: 400, Body: "<html>"}, nil, 0},
		"expired":               {sandbox.ExpiredToken("", ""), nil, 0},
		"invalid":               {sandbox.Fault{Status: 400, Code: "InvalidParameterValueException"}, ErrInvalid, 0},
		"too large":             {sandbox.Fault{Status: 413, Code: "RequestEntityTooLarge"}, ErrTooLarge, 0},
		"half a refusal":        {sandbox.Fault{Kind: sandbox.KindThrottled, Cut: true}, nil, 0},
		"500":                   {sandbox.ServerError("", "", 0), ErrUnanswered, 0},
		"500 after it was done": {sandbox.Fault{Kind: sandbox.KindServer, Done: true}, ErrUnanswered, 1},
		"503":                   {sandbox.Fault{Status: 503, Code: "ServiceUnavailable"}, ErrUnanswered, 0},
		"503 throttled":         {sandbox.Fault{Status: 503, Code: "SlowDown"}, nil, 0},
		"aborted":               {sandbox.Fault{Status: 400, Code: "RequestAbortedException"}, ErrUnanswered, 0},
		"hang":                  {sandbox.Fault{Hang: true}, ErrUnanswered, 0},
		"200 too late":          {sandbox.Fault{Done: true, Delay: time.Hour}, ErrUnanswered, 1},
		"reset":                 {sandbox.Fault{Reset: true}, ErrUnanswered, 0},
		"reset after the deed":  {sandbox.Fault{Reset: true, Done: true}, ErrUnanswered, 1},
		"half an answer":        {sandbox.Fault{Cut: true}, ErrUnanswered, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := everything(t)
			s.Inject(test.fault)
			c := client(t, s.AWSConfig())
			err := c.PutMetricData(t.Context(), "n", time.Now(), []Datum{datum(1)})
			for _, class := range []error{ErrUnanswered, ErrInvalid, ErrTooLarge} {
				if errors.Is(err, class) != (class == test.want) {
					t.Errorf("%v: is %v: %v", err, class, errors.Is(err, class))
				}
			}
			if err == nil || !strings.Contains(err.Error(), "cloudwatch:PutMetricData") || c.Calls() != 1 || len(s.Metrics()) != test.taken {
				t.Errorf("%v after %d calls, %d taken", err, c.Calls(), len(s.Metrics()))
			}
		})
	}
}

func TestUnsentDataIsNotAccepted(t *testing.T) {
	t.Parallel()
	s := everything(t)
	refusing, unknown := s.AWSConfig(), s.AWSConfig()
	refusing.BaseEndpoint = aws.String(s.IntrospectionURL())
	unknown.BaseEndpoint = aws.String("http://nowhere.invalid")
	for _, cfg := range []aws.Config{refusing, unknown} {
		err := client(t, cfg).PutMetricData(t.Context(), "n", time.Now(), []Datum{datum(1)})
		if err == nil || errors.Is(err, ErrUnanswered) || KindOf(err) != Unreachable {
			t.Errorf("%v", err)
		}
	}
}

// early is an HTTP client that returns a response or an error after reading a number of bytes of the body. -1 means
// all.
type early struct {
	bytes  int64
	status int
	err    error
}

func (e early) Do(r *http.Request) (*http.Response, error) {
	if e.bytes < 0 {
		e.bytes = r.ContentLength
	}
	httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{})
	_, _ = io.CopyN(io.Discard, r.Body, e.bytes)
	if e.err != nil {
		return nil, e.err
	}
	return &http.Response{StatusCode: e.status, Header: http.Header{"Smithy-Protocol": {"rpc-v2-cbor"}},
		Body: io.NopCloser(bytes.NewReader([]byte{0xa0}))}, nil
}

// The signature covers the hash of the whole body, so CloudWatch cannot use an incomplete one.
func TestIncompleteRequestIsNotAccepted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		early
		ambiguous bool
	}{
		"503 before the body":     {early{0, 503, nil}, false},
		"500 amid the body":       {early{50, 500, nil}, false},
		"500 after the body":      {early{-1, 500, nil}, true},
		"reset amid the body":     {early{50, 0, syscall.ECONNRESET}, false},
		"reset after the body":    {early{-1, 0, syscall.ECONNRESET}, true},
		"no descriptor is left":   {early{0, 0, &net.OpError{Op: "dial", Err: syscall.EMFILE}}, false},
		"no buffer for the dial":  {early{0, 0, &net.OpError{Op: "dial", Err: syscall.ENOBUFS}}, false},
		"refused before the body": {early{0, 0, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, false},
	} {
		c := FromConfig(aws.Config{Region: "eu-central-1", HTTPClient: test.early, Credentials: credentials.NewStaticCredentialsProvider("a", "b",
			"")})
		err := c.PutMetricData(t.Context(), "n", time.Now(), []Datum{datum(1)})
		if err == nil || errors.Is(err, ErrUnanswered) != test.ambiguous {
			t.Errorf("%s: %v", name, err)
		}
		if own := errors.Is(test.err, syscall.EMFILE) || errors.Is(test.err, syscall.ENOBUFS); own != (KindOf(err) == Exhausted) {
			t.Errorf("%s: kind %s: %v", name, KindOf(err), err)
		}
	}
}

// sized is an HTTP client that measures the uncompressed size of bodies.
type sized struct{ n int }

func (s *sized) Do(r *http.Request) (*http.Response, error) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	data, _ := io.ReadAll(body)
	s.n = len(data)
	return &http.Response{StatusCode: 200, Header: http.Header{"Smithy-Protocol": {"rpc-v2-cbor"}},
		Body: io.NopCloser(bytes.NewReader([]byte{0xa0}))}, nil
}

func TestTheSizeOfARequestIsKnownBeforeItIsMade(t *testing.T) {
	t.Parallel()
	text := func(most int) string { return strings.Repeat("x", 1+rand.IntN(most)) }
	for range 200 {
		size, data := 0, make([]Datum, 1+rand.IntN(MaxData))
		for i := range data {
			data[i] = Datum{Name: text(255), Unit: text(20), Value: rand.NormFloat64()}
			for range rand.IntN(5) {
				data[i].Dimensions = append(data[i].Dimensions, Dimension{text(40), text(255)})
			}
			size += data[i].Size()
		}
		var wire sized
		c := FromConfig(aws.Config{Region: "eu-central-1", HTTPClient: &wire, Credentials: credentials.NewStaticCredentialsProvider("a", "b",
			"")})
		if err := c.PutMetricData(t.Context(), text(255), time.Now(), data); err != nil {
			t.Fatal(err)
		}
		if wire.n > size+headSize || float64(wire.n) < 0.8*float64(size) {
			t.Fatalf("%d bytes, of which %d were expected, in %d data", wire.n, size, len(data))
		}
	}
	if (Datum{Value: math.MaxFloat64}).Size() > 100 {
		t.Error("a datum without texts is not that large")
	}
}

func TestEachEventHasItsOwnResult(t *testing.T) {
	t.Parallel()
	s := everything(t)
	c := client(t, s.AWSConfig())
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	good := Event{Source: "muster", DetailType: "Test", Detail: `{"a":1}`, Resources: []string{"arn:x"}, Time: at}
	bad := good
	bad.Detail = "{"
	taken, err := c.PutEvents(t.Context(), "bus", []Event{good, bad, good})
	if err != nil || len(taken) != 3 || taken[0] != nil || taken[2] != nil || KindOf(taken[1]) != Failed ||
		!strings.Contains(taken[1].Error(), "MalformedDetail") {
		t.Fatalf("%v, %v", taken, err)
	}
	if got := s.Events(); len(got) != 2 || got[0].Bus != "bus" || !got[0].Time.Equal(at) || got[0].Resources[0] != "arn:x" ||
		string(got[0].Detail) != good.Detail {
		t.Errorf("%+v", got)
	}
	s.Inject(sandbox.AccessDenied("", ""))
	if _, err := c.PutEvents(t.Context(), "bus", []Event{good}); KindOf(err) != Denied ||
		!strings.HasPrefix(err.Error(), "events:PutEvents") || c.Calls() != 2 {
		t.Errorf("%v after %d calls", err, c.Calls())
	}
}

// A load balancer or proxy responds in its own format.
func TestResponseOfAProxyIsRecognized(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("<html>no server is available</html>"))
	}))
	defer server.Close()
	c := client(t, aws.Config{Region: "eu-central-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("k", "s", "")})
	err := c.PutMetricData(t.Context(), "Muster", time.Now(), []Datum{datum(1)})
	if err == nil || !strings.Contains(err.Error(), "HTTP status 503 without an AWS error code: a proxy may have answered") {
		t.Errorf("error %v", err)
	}
}
