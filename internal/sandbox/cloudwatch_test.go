package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"muster/internal/sandbox"
)

func metric(at time.Time, dimensions int) types.MetricDatum {
	d := types.MetricDatum{MetricName: aws.String("Up"), Value: aws.Float64(1), Timestamp: aws.Time(at)}
	for i := range dimensions {
		d.Dimensions = append(d.Dimensions, types.Dimension{Name: aws.String(string(rune('A' + i))), Value: aws.String("x")})
	}
	return d
}

func named(at time.Time, value string) types.MetricDatum {
	d := metric(at, 1)
	d.Dimensions[0].Value = &value
	return d
}

func TestPutMetricDataLimits(t *testing.T) {
	s := start(t, sandbox.Options{})
	c := cloudwatch.NewFromConfig(s.AWSConfig(), func(o *cloudwatch.Options) { o.RetryMaxAttempts = 1 })
	now := time.Now()
	many := make([]types.MetricDatum, 1001)
	for i := range many {
		many[i] = metric(now, 1)
	}
	for name, data := range map[string][]types.MetricDatum{
		"1,001 datums":        many,
		"no datum":            {},
		"31 dimensions":       {metric(now, 1), metric(now, 31)},
		"older than 2 weeks":  {metric(now.Add(-15*24*time.Hour), 1)},
		"3 hours ahead":       {metric(now.Add(3*time.Hour), 1)},
		"one bad among good":  {metric(now, 1), {MetricName: aws.String("NoValue"), Timestamp: aws.Time(now)}},
		"a hostile dimension": {named(now, "caché")},
		"an empty dimension":  {named(now, " ")},
		"256 characters":      {named(now, strings.Repeat("x", 256))},
		"an empty name":       {metric(now, 1), {MetricName: aws.String(""), Value: aws.Float64(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("n"), MetricData: data})
			wantCode(t, err, "InvalidParameterValueException")
			if got := s.Metrics(); len(got) != 0 {
				t.Errorf("kept %v", got)
			}
		})
	}
	if _, err := c.PutMetricData(
		t.Context(),
		&cloudwatch.PutMetricDataInput{Namespace: aws.String("n"), MetricData: []types.MetricDatum{metric(now, 2)}},
	); err != nil {
		t.Fatal(err)
	}
	if got := s.Metrics(); len(got) != 1 || got[0].Namespace != "n" || got[0].Dimensions["B"] != "x" || got[0].Value != 1 {
		t.Errorf("kept %+v", got)
	}
}

func TestCloudWatchErrorFormat(t *testing.T) {
	for kind, code := range map[sandbox.Kind]string{
		sandbox.KindAccessDenied: "AccessDeniedException", sandbox.KindThrottled: "ThrottlingException",
		sandbox.KindExpiredToken: "ExpiredTokenException",
	} {
		s := start(t, sandbox.Options{})
		s.Inject(sandbox.Fault{Service: sandbox.CloudWatch, Kind: kind})
		c := cloudwatch.NewFromConfig(s.AWSConfig(), func(o *cloudwatch.Options) { o.RetryMaxAttempts = 1 })
		_, err := c.PutMetricData(
			t.Context(),
			&cloudwatch.PutMetricDataInput{Namespace: aws.String("n"), MetricData: []types.MetricDatum{metric(time.Now(), 1)}},
		)
		wantCode(t, err, code)
	}
}

// A call that returned an error may still have been executed.
func TestFaultAfterTheAction(t *testing.T) {
	for name, f := range map[string]sandbox.Fault{
		"reset": {Reset: true, Done: true}, "failing": {Kind: sandbox.KindServer, Done: true}, "half an answer": {Cut: true},
	} {
		s := start(t, sandbox.Options{})
		s.Inject(f)
		c := cloudwatch.NewFromConfig(s.AWSConfig(), func(o *cloudwatch.Options) { o.RetryMaxAttempts = 1 })
		_, err := c.PutMetricData(
			t.Context(),
			&cloudwatch.PutMetricDataInput{Namespace: aws.String("n"), MetricData: []types.MetricDatum{metric(time.Now(), 1)}},
		)
		if err == nil || len(s.Metrics()) != 1 {
			t.Errorf("%s: %v, %d kept", name, err, len(s.Metrics()))
		}
	}
}

func TestLargeRequestIsRejectedByUncompressedSize(t *testing.T) {
	s := start(t, sandbox.Options{})
	c := cloudwatch.NewFromConfig(s.AWSConfig(), func(o *cloudwatch.Options) { o.RetryMaxAttempts = 1 })
	data := make([]types.MetricDatum, 1000)
	for i := range data {
		data[i] = metric(time.Now(), 5)
		for j := range data[i].Dimensions {
			data[i].Dimensions[j].Value = aws.String(strings.Repeat("x", 255))
		}
	}
	_, err := c.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("n"), MetricData: data})
	wantCode(t, err, "RequestEntityTooLarge")
}
