package sandbox_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"muster/internal/sandbox"
)

// passed counts the calls out of n that are not throttled.
func passed(t *testing.T, n int, call func() error) int {
	t.Helper()
	var ok int
	for range n {
		if err := call(); err != nil {
			wantCode(t, err, "ThrottlingException")
			continue
		}
		ok++
	}
	return ok
}

func TestClusterListsDrainOneBucketOf50AndRefillBy20(t *testing.T) {
	clock := sandbox.NewManualClock()
	s := start(t, sandbox.Options{Clock: clock})
	c := sdk(t, s)
	describe := func() error { _, err := c.describeClusters(t); return err }
	list := func() error {
		_, err := c.ecs.ListClusters(t.Context(), &ecs.ListClustersInput{})
		return err
	}
	if got := passed(t, 30, describe) + passed(t, 30, list); got != 50 {
		t.Errorf("%d calls passed, want the burst of 50", got)
	}
	clock.Advance(time.Second)
	if got := passed(t, 30, describe); got != 20 {
		t.Errorf("%d calls passed after a second, want 20", got)
	}
	clock.Advance(time.Hour)
	if got := passed(t, 60, list); got != 50 {
		t.Errorf("%d calls passed after an hour, want no more than the burst of 50", got)
	}
}

func TestContainerInstanceReadsShareOneBucketOf100(t *testing.T) {
	s := start(t, sandbox.Options{Clock: sandbox.NewManualClock(), Clusters: []string{"prod"}})
	c, prod := sdk(t, s), aws.String("prod")
	list := func() error {
		_, err := c.ecs.ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{Cluster: prod})
		return err
	}
	describe := func() error {
		_, err := c.ecs.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{
			Cluster: prod, ContainerInstances: []string{"x"}})
		return err
	}
	if got := passed(t, 60, list) + passed(t, 60, describe); got != 100 {
		t.Errorf("%d calls passed, want 100", got)
	}
	if _, err := c.describeClusters(t); err != nil {
		t.Errorf("another bucket is empty too: %v", err)
	}
}

// The rows of "Request Token Bucket Sizes and Refill Rates" for the reads of muster fleet and muster fit
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html): each category has a bucket of its own.
func TestEachCategoryOfReadsHasItsOwnBucket(t *testing.T) {
	s := start(t, sandbox.Options{Clock: sandbox.NewManualClock(), Clusters: []string{"prod"}})
	c, prod := sdk(t, s), aws.String("prod")
	for _, category := range []struct {
		burst int
		calls []func() error
	}{
		{50, []func() error{func() error { _, err := c.describeClusters(t); return err }}},
		{50, []func() error{func() error {
			_, err := c.ecs.DescribeCapacityProviders(t.Context(), &ecs.DescribeCapacityProvidersInput{})
			return err
		}}},
		{50, []func() error{func() error {
			_, err := c.ecs.ListTaskDefinitionFamilies(t.Context(), &ecs.ListTaskDefinitionFamiliesInput{})
			return err
		}}},
		{100, []func() error{func() error {
			_, err := c.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: prod})
			return err
		}, func() error {
			_, err := c.ecs.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: prod, Tasks: []string{"x"}})
			return err
		}}},
		{100, []func() error{func() error {
			_, err := c.ecs.ListServices(t.Context(), &ecs.ListServicesInput{Cluster: prod})
			return err
		}, func() error {
			_, err := c.ecs.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: prod, Services: []string{"x"}})
			return err
		}}},
	} {
		got := 0
		for _, call := range category.calls {
			got += passed(t, category.burst/len(category.calls)+10, call)
		}
		if got != category.burst {
			t.Errorf("%d calls passed, want the burst of %d", got, category.burst)
		}
	}
}
