//go:build integration

package metrics_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/encoding/cbor"

	"muster/agent/metrics"
	"muster/internal/awsapi"
	"muster/test/need"
)

const region = "eu-central-1"

// bridge translates requests for moto 5.2.1, which supports only CloudWatch's query protocol. The SDK uses rpc-v2-cbor
// with the same parameters.
func bridge(t *testing.T, moto string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if z, bad := gzip.NewReader(bytes.NewReader(body)); bad == nil && r.Header.Get("Content-Encoding") == "gzip" {
			body, err = io.ReadAll(z)
		}
		in, bad := cbor.Decode(body)
		if err != nil || bad != nil {
			http.Error(w, fmt.Sprint(err, bad), http.StatusBadRequest)
			return
		}
		form := url.Values{"Action": {r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]}, "Version": {"2010-08-01"}}
		spell(form, "", in)
		ask, _ := http.NewRequestWithContext(r.Context(), http.MethodPost, moto+"/", strings.NewReader(form.Encode()))
		ask.Header = http.Header{
			"Content-Type":  {"application/x-www-form-urlencoded"},
			"Authorization": r.Header["Authorization"],
			"X-Amz-Date":    r.Header["X-Amz-Date"],
		}
		answer, err := http.DefaultClient.Do(ask)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		w.WriteHeader(answer.StatusCode)
		_, _ = w.Write(cbor.Encode(cbor.Map{}))
	}))
	t.Cleanup(s.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return s.URL
}

// spell writes a value under its path: MetricData.member.1.Dimensions.member.2.Name.
func spell(form url.Values, path string, v cbor.Value) {
	switch v := v.(type) {
	case cbor.Map:
		for name, member := range v {
			spell(form, strings.TrimPrefix(path+"."+name, "."), member)
		}
	case cbor.List:
		for i, member := range v {
			spell(form, fmt.Sprintf("%s.member.%d", path, i+1), member)
		}
	case *cbor.Tag:
		at, _ := cbor.AsTime(v)
		form.Set(path, at.UTC().Format(time.RFC3339))
	case cbor.Float64:
		form.Set(path, fmt.Sprint(float64(v)))
	case cbor.String:
		form.Set(path, string(v))
	}
}

// sums uses the AWS CLI to read a series from moto, one value per minute from start on. A minute with more than one
// sample is an error.
func sums(t *testing.T, moto, metric, service string, start time.Time, minutes int) (sums []float64) {
	t.Helper()
	cmd := exec.Command(
		need.Program(t, "aws", "pip install awscli"),
		"cloudwatch",
		"get-metric-statistics",
		"--endpoint-url",
		moto,
		"--region",
		region,
		"--output",
		"json",
		"--namespace",
		"muster",
		"--metric-name",
		metric,
		"--period",
		"60",
		"--statistics",
		"Sum",
		"SampleCount",
		"--dimensions",
		"Name=ClusterName,Value=prod",
		"Name=ServiceName,Value="+service,
		"--start-time",
		start.UTC().Format(time.RFC3339),
		"--end-time",
		start.Add(time.Duration(minutes)*time.Minute).UTC().Format(time.RFC3339),
	)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test")
	out, err := cmd.CombinedOutput()
	var answer struct {
		Datapoints []struct{ Sum, SampleCount float64 }
	}
	if err := errors.Join(err, json.Unmarshal(out, &answer)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, p := range answer.Datapoints {
		if sums = append(sums, p.Sum); p.SampleCount != 1 {
			t.Errorf("%+v", p)
		}
	}
	slices.Sort(sums) // the API guarantees no order
	return sums
}

func TestMotoReceivesTheMetrics(t *testing.T) {
	moto := need.Moto(t)
	client := awsapi.FromConfig(aws.Config{
		Region: region, BaseEndpoint: aws.String(bridge(t, moto)), HTTPClient: http.DefaultClient,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	p := metrics.NewPublisher(metrics.Options{Dir: t.TempDir(), Sender: client, Namespace: "muster", Log: log})
	build := metrics.NewBuilder(log)
	start := time.Now().Truncate(time.Minute).Add(-5 * time.Minute)
	for i := range 3 {
		for service := range 60 { // requests are compressed from 10 KiB on
			dims := []metrics.Dimension{
				{Name: "ClusterName", Value: "prod"},
				{Name: "ServiceName", Value: fmt.Sprintf("service-%d", service)},
			}
			build.Gauge("UnhealthyContainers", metrics.UnitCount, float64(10*service+i), dims...)
			build.Gauge("Restarts", metrics.UnitCount, 1, dims...)
		}
		p.Add(build.Minute(start.Add(time.Duration(i) * time.Minute)))
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Sent != 360 || s.Calls != 3 {
		t.Errorf("%+v", s)
	}
	if got := sums(t, moto, "UnhealthyContainers", "service-7", start, 3); !slices.Equal(got, []float64{70, 71, 72}) {
		t.Errorf("unhealthy containers: %v", got)
	}
	if got := sums(t, moto, "Restarts", "service-59", start, 2); !slices.Equal(got, []float64{1, 1}) {
		t.Errorf("restarts: %v", got)
	}
}
