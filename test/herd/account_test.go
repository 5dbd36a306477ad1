package herd

import (
	"context"
	"errors"
	"sync"
	"time"

	"muster/internal/awsapi"
	"muster/internal/fleet/inventory"
	"muster/internal/sandbox"
)

// account answers verify without HTTP and without the SDK: the sandbox with its handlers takes too
// long for ten thousand instances. What it throttles is not repeated by the SDK in the real client
// either (awsapi.WithoutThrottleRetries), and the other calls have no documented bucket.
type account struct {
	mu              sync.Mutex
	began           time.Time
	clusters, reads *bucket
	instances       map[string]awsapi.ContainerInstance // by ARN
	calls           []sandbox.Call
}

// bucket is a token bucket of AWS's: ECS API reference, request throttling.
type bucket struct {
	burst, refill, tokens float64
	last                  time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.refill)
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func newAccount() *account {
	now := time.Now()
	return &account{
		began: now, instances: map[string]awsapi.ContainerInstance{},
		clusters: &bucket{50, 20, 50, now}, reads: &bucket{100, 20, 100, now},
	}
}

func (a *account) register(arn, id string, connected bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.instances[arn] = awsapi.ContainerInstance{ARN: arn, EC2InstanceID: id, Status: "ACTIVE", Connected: connected}
}

// call counts a call, and takes a token if the action has a bucket.
func (a *account) call(service, action string, from *bucket) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := sandbox.Call{Service: service, Action: action, Time: time.Now(), Status: 200}
	defer func() { a.calls = append(a.calls, c) }()
	if from == nil || from.take(c.Time) {
		return nil
	}
	c.Status, c.Code = 400, "ThrottlingException"
	return &awsapi.Error{Action: service + ":" + action, Kind: awsapi.Throttled, Code: c.Code, Status: 400, Err: errors.New("Rate exceeded")}
}

// client is the account as one instance calls it. It implements bootstrap.AWS.
type client struct {
	*account
	of *boot
}

func (c client) count(err error) error {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.of.calls++
	return err
}

func (c client) ClusterStatus(context.Context, string) (string, error) {
	return "ACTIVE", c.count(c.call("ecs", "DescribeClusters", c.clusters))
}

func (c client) ContainerInstance(_ context.Context, _, arn string) (awsapi.ContainerInstance, error) {
	if err := c.count(c.call("ecs", "DescribeContainerInstances", c.reads)); err != nil {
		return awsapi.ContainerInstance{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.instances[arn], nil
}

func (c client) Hook(context.Context, string, string) (awsapi.Hook, error) {
	return awsapi.Hook{Group: group, Name: hook, Heartbeat: 10 * time.Minute}, c.count(c.call("autoscaling", "DescribeLifecycleHooks", nil))
}

func (c client) Heartbeat(context.Context, awsapi.Hook, string) error {
	return c.count(c.call("autoscaling", "RecordLifecycleActionHeartbeat", nil))
}

func (c client) Complete(context.Context, awsapi.Hook, string, string) error {
	return c.count(c.call("autoscaling", "CompleteLifecycleAction", nil))
}

func (c client) SignalSigV4(context.Context, awsapi.Signal) error {
	return c.count(c.call("cloudformation", "SignalResource", nil))
}

// What verify does not call in this boot.
var errUnused = errors.New("not part of this boot")

func (client) ClusterNames(context.Context) ([]string, error) { return nil, errUnused }
func (client) Group(context.Context, string) (awsapi.Group, error) {
	return awsapi.Group{}, errUnused
}
func (client) GroupTag(context.Context, string, string) (string, bool, error) {
	return "", false, errUnused
}
func (client) SignalIdentity(context.Context, awsapi.Signal, []byte, string) error { return errUnused }
func (client) PutAttribute(context.Context, string, string, string, string) error  { return errUnused }
func (client) SetUnhealthy(context.Context, string, bool) error                    { return errUnused }
func (client) DescribeServices(context.Context, string, []string) ([]inventory.Service, error) {
	return nil, errUnused
}
func (client) TaskGroups(context.Context, string, []string) (map[string]string, error) {
	return nil, errUnused
}
func (c client) Calls() int {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	return c.of.calls
}
