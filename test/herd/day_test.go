package herd

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/registration"
	"muster/internal/awsapi"
	"muster/internal/host/ecsagent"
)

// A day of a fleet costs little: the watch of each instance asks ECS by the size of the cluster.
// The limits are those that agent/registration documents: 5 reads a second for up to 6,000
// instances, and more for larger fleets, because the interval ends at 20 minutes. ECS refills
// the bucket of these reads by 20 a second.
func TestADayOfTheFleet(t *testing.T) {
	sizes := []int{100}
	if *full {
		sizes = []int{1000, 10_000}
	}
	for _, n := range sizes {
		d := day(t, n)
		// PutMetricData is sent once a minute by each instance (docs/reference/metrics.md).
		fmt.Printf("a day of %d instances\n", n)
		fmt.Printf("  ecs:DescribeContainerInstances  %8.1f a minute on average, %d in the busiest (limit %d; ECS allows 1,200)\n",
			d.average(d.asked), slices.Max(d.asked), busiest(n))
		fmt.Printf("  ecs:DescribeClusters            %8.1f a minute on average, %d in the busiest after the first, in which all start\n",
			d.average(d.sized), slices.Max(d.sized[1:]))
		fmt.Printf("  cloudwatch:PutMetricData        %8.1f a minute, one for each instance\n\n", float64(n))
		if most := slices.Max(d.asked); most > busiest(n) {
			t.Errorf("%d instances: %d reads in a minute, more than %d", n, most, busiest(n))
		}
		if want := 5 * n; len(d.sized) < 1440 || sum(d.sized) > want || sum(d.sized) < 4*n {
			t.Errorf("%d instances ask %d times for the size of the cluster in a day, want 4 to 5 times each", n, sum(d.sized))
		}
	}
}

// busiest is how many reads a minute may have: half more than the interval gives on average.
func busiest(n int) int {
	return int(float64(n) * float64(time.Minute) / float64(registration.Interval(n)) * 1.5)
}

func sum(of []int) (n int) {
	for _, v := range of {
		n += v
	}
	return n
}

// daily counts the calls of each minute of a day.
type daily struct {
	instances    int
	began        time.Time
	mu           sync.Mutex
	asked, sized []int
}

func (d *daily) average(of []int) float64 { return float64(sum(of)) / float64(len(of)) }

func (d *daily) count(of []int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if minute := int(time.Since(d.began) / time.Minute); minute < len(of) {
		of[minute]++
	}
}

// ContainerInstance implements registration.ContainerInstances.
func (d *daily) ContainerInstance(_ context.Context, _, arn string) (awsapi.ContainerInstance, error) {
	d.count(d.asked)
	return awsapi.ContainerInstance{ARN: arn, Status: "ACTIVE", Connected: true, EC2InstanceID: "i-" + arn, Health: "OK"}, nil
}

// RegisteredInstances implements registration.ContainerInstances.
func (d *daily) RegisteredInstances(context.Context, string) (int, error) {
	d.count(d.sized)
	return d.instances, nil
}

// day runs the watch of every instance for a day of virtual time, whenever it is due.
func day(t *testing.T, instances int) *daily {
	d := &daily{instances: instances, asked: make([]int, 24*60), sized: make([]int, 24*60)}
	synctest.Test(t, func(t *testing.T) {
		d.began = time.Now()
		var done sync.WaitGroup
		for n := range instances {
			arn := fmt.Sprintf("%017x", n)
			w := &registration.Watch{
				Agent: registered(arn), ECS: d, Expected: cluster, Log: slog.New(slog.DiscardHandler), Changed: func(registration.Change) {},
			}
			done.Go(func() {
				for time.Since(d.began) < 24*time.Hour {
					w.Update(t.Context())
					// Simulated time: the test runs in a synctest bubble.
					time.Sleep(max(time.Until(w.Due()), time.Second))
				}
			})
		}
		done.Wait()
	})
	return d
}

// registered is an ECS agent that is registered.
type registered string

func (r registered) Metadata(context.Context) (ecsagent.Metadata, error) {
	return ecsagent.Metadata{Cluster: cluster, ContainerInstanceARN: string(r), Version: "1.105.1"}, nil
}
