package contract

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

func metricClauses() []clause {
	return []clause{
		{"GetMetricStatistics returns data of PutMetricData, and counts repeated data twice", returnsMetric},
		{"PutMetricData accepts a thousand datums, compressed by the SDK", manyMetrics},
		{"PutMetricData separates series with different dimensions", dimensionsCount},
		{"PutMetricData rejects NaN", rejectsNonNumbers},
	}
}

func datum(name string, value float64, service string) types.MetricDatum {
	return types.MetricDatum{MetricName: aws.String(name), Value: aws.Float64(value), Unit: types.StandardUnitCount,
		Timestamp: aws.Time(time.Now().Truncate(time.Minute)), Dimensions: []types.Dimension{
			{Name: aws.String("ClusterName"), Value: aws.String("prod")}, {Name: aws.String("ServiceName"), Value: aws.String(service)}}}
}

func (c *clients) put(ctx context.Context, data ...types.MetricDatum) error {
	_, err := c.cw.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("muster"), MetricData: data})
	return err
}

// sums returns the sum and the sample count of a series over the last minutes.
func (c *clients) sums(ctx context.Context, name, service string) (sum, count float64, err error) {
	now := time.Now()
	out, err := c.cw.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("muster"), MetricName: aws.String(name), Period: aws.Int32(60),
		StartTime: aws.Time(now.Add(-10 * time.Minute)), EndTime: aws.Time(now.Add(10 * time.Minute)),
		Dimensions: datum(name, 0, service).Dimensions,
		Statistics: []types.Statistic{types.StatisticSum, types.StatisticSampleCount},
	})
	if err != nil {
		return 0, 0, err
	}
	for _, p := range out.Datapoints {
		sum, count = sum+deref(p.Sum), count+deref(p.SampleCount)
	}
	return sum, count, nil
}

func returnsMetric(ctx context.Context, c *clients) error {
	for range 2 {
		if err := c.put(ctx, datum("Unhealthy", 3, "web")); err != nil {
			return err
		}
	}
	sum, count, err := c.sums(ctx, "Unhealthy", "web")
	if err == nil && (sum != 6 || count != 2) {
		err = fmt.Errorf("sum %v of %v samples, want 6 of 2", sum, count)
	}
	return err
}

func manyMetrics(ctx context.Context, c *clients) error {
	data := make([]types.MetricDatum, 1000)
	for i := range data {
		data[i] = datum(fmt.Sprintf("Many%d", i), float64(i), "web")
	}
	if err := c.put(ctx, data...); err != nil {
		return err
	}
	sum, _, err := c.sums(ctx, "Many999", "web")
	if err != nil {
		return err
	}
	return want("sum", sum, 999)
}

func dimensionsCount(ctx context.Context, c *clients) error {
	if err := c.put(ctx, datum("Apart", 1, "web"), datum("Apart", 10, "cache")); err != nil {
		return err
	}
	sum, _, err := c.sums(ctx, "Apart", "cache")
	if err != nil {
		return err
	}
	return want("sum", sum, 10)
}

func rejectsNonNumbers(ctx context.Context, c *clients) error {
	return wantCode(c.put(ctx, datum("Nothing", math.NaN(), "web")), "InvalidParameterValueException")
}
