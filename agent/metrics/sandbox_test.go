package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"muster/agent/metrics"
	"muster/internal/awsapi"
	"muster/internal/sandbox"
)

// hasty returns a client with shorter timeouts than the real one, whose credentials can expire.
func hasty(t *testing.T, s *sandbox.Sandbox) *awsapi.Client {
	t.Helper()
	transport := &http.Transport{ResponseHeaderTimeout: 500 * time.Millisecond}
	t.Cleanup(transport.CloseIdleConnections)
	cfg := s.AWSConfig()
	cfg.HTTPClient = &http.Client{Transport: transport}
	return awsapi.FromConfig(cfg)
}

type wireFault struct {
	fault sandbox.Fault
	want  int // number of data points of the second minute, out of two, that arrive
}

func faults() map[string]wireFault {
	return map[string]wireFault{
		"400 invalid":         {sandbox.Fault{Status: 400, Code: "InvalidParameterValueException"}, 2},
		"400 throttled":       {sandbox.Fault{Kind: sandbox.KindThrottled}, 2},
		"403":                 {sandbox.Fault{Kind: sandbox.KindAccessDenied}, 2},
		"413":                 {sandbox.Fault{Status: 413, Code: "RequestEntityTooLarge"}, 2},
		"429":                 {sandbox.Fault{Status: 429, Code: "TooManyRequestsException"}, 2},
		"expired credentials": {sandbox.Fault{Kind: sandbox.KindExpiredToken}, 2},
		"500":                 {sandbox.Fault{Kind: sandbox.KindServer}, 0},
		"500, though taken":   {sandbox.Fault{Kind: sandbox.KindServer, Done: true}, 2},
		"503":                 {sandbox.Fault{Status: 503, Code: "ServiceUnavailable"}, 0},
		"hang":                {sandbox.Fault{Hang: true}, 0},
		"hang, though taken":  {sandbox.Fault{Hang: true, Done: true}, 2},
		"200 late":            {sandbox.Fault{Delay: time.Minute, Done: true}, 2},
		"half an answer":      {sandbox.Fault{Cut: true}, 2},
		"reset":               {sandbox.Fault{Reset: true}, 0},
		"reset, though taken": {sandbox.Fault{Reset: true, Done: true}, 2},
		"clock skew":          {sandbox.Fault{Skew: time.Hour}, 2},
	}
}

// The test uses the real client. Each fault hits the second of three minutes. What CloudWatch accepted determines which
// data it must have at the end, never twice.
func TestEveryFaultOverTheWire(t *testing.T) {
	for name, test := range faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := sandbox.New(sandbox.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			test.fault.Service, test.fault.Skip, test.fault.Times = sandbox.CloudWatch, 1, 1
			s.Inject(test.fault)
			w := &world{dir: t.TempDir()}
			p := metrics.NewPublisher(metrics.Options{Dir: w.dir, Sender: hasty(t, s), Namespace: "muster", Log: w.Logger()})
			start := time.Now().Add(-10 * time.Minute)
			for i := range 3 {
				p.Add(minute(start.Add(time.Duration(i)*time.Minute), 2))
				send(t, p)
			}
			for p.Stats().Minutes > 0 {
				send(t, p)
			}
			if got := arrived(t, s); got != 4+test.want {
				t.Errorf("%d data arrived, want %d; %+v\n%s", got, 4+test.want, p.Stats(), w.String())
			}
			if st := p.Stats(); st.Failed != 1 || st.Calls < 4 && st.Dropped[metrics.Ambiguous] != 2 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// send makes one request, because a Flush with an ended context does not wait for a second one.
func send(t *testing.T, p *metrics.Publisher) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 900*time.Millisecond)
	defer stop()
	if err := p.Flush(ctx); errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// arrived returns the number of data points that CloudWatch has. It fails the test if one is there twice.
func arrived(t *testing.T, s *sandbox.Sandbox) int {
	t.Helper()
	times := map[string]int{}
	for _, d := range s.Metrics() {
		key := fmt.Sprint(d.Timestamp, d.Name, d.Dimensions)
		if times[key]++; times[key] > 1 || d.Namespace != "muster" || d.Timestamp.Second() != 0 {
			t.Errorf("%+v arrived %d times", d, times[key])
		}
	}
	return len(times)
}

// Requests to an unavailable CloudWatch are retried, also by a new process, until all data has arrived.
func TestAnEndpointThatWasAway(t *testing.T) {
	s, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	away := s.AWSConfig()
	away.BaseEndpoint = aws.String(s.IntrospectionURL()) // it refuses connections
	w := &world{dir: t.TempDir()}
	p := metrics.NewPublisher(metrics.Options{Dir: w.dir, Sender: awsapi.FromConfig(away), Namespace: "muster", Log: w.Logger()})
	start := time.Now().Add(-30 * time.Minute)
	for i := range 20 {
		p.Add(minute(start.Add(time.Duration(i)*time.Minute), 3))
	}
	send(t, p)
	if p.Stats().Minutes != 20 || p.Stats().Failed != 1 {
		t.Fatalf("%+v", p.Stats())
	}
	p.Close()
	p = metrics.NewPublisher(metrics.Options{Dir: w.dir, Sender: hasty(t, s), Namespace: "muster", Log: w.Logger()})
	for p.Stats().Minutes > 0 {
		send(t, p)
	}
	if got := arrived(t, s); got != 60 || s.CallCount(sandbox.CloudWatch, "PutMetricData") != 20 {
		t.Errorf("%d data arrived", got)
	}
}

// BenchmarkMinute measures the publisher's whole work for a minute of 60 services: writing the file, recording the
// progress, sending, and removing the file.
func BenchmarkMinute(b *testing.B) {
	p := metrics.NewPublisher(
		metrics.Options{
			Dir:    b.TempDir(),
			Sender: &cloud{fail: func([]metrics.Datum) (bool, error) { return false, nil }},
			Log:    (&journal{}).Logger(),
		},
	)
	build := metrics.NewBuilder((&journal{}).Logger())
	services := make([][]metrics.Dimension, 60)
	for i := range services {
		services[i] = service(fmt.Sprintf("team-%d-some-service-%d", i%7, i))
	}
	at := time.Now().Add(-13 * 24 * time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		for i, dims := range services {
			for _, name := range []string{"Healthy", "Unhealthy", "Starting", "Running", "Restarts", "Crashes", "OutOfMemory", "CrashLoops"} {
				build.Gauge(name, metrics.UnitCount, float64(i), dims...)
			}
		}
		at = at.Add(time.Minute)
		if p.Stats().Dropped != (metrics.Stats{}.Dropped) {
			b.Fatal(p.Stats())
		}
		p.Add(build.Minute(at))
		if err := p.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
