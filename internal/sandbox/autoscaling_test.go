package sandbox_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"muster/internal/sandbox"
)

const self = "i-0123456789abcdef0"

func hooked(clock sandbox.Clock) sandbox.Options {
	return sandbox.Options{Clock: clock, Group: &sandbox.Group{Name: "workers",
		Hooks: []sandbox.Hook{{Name: "ready", Timeout: time.Minute}, {Name: "extra", DefaultResult: "CONTINUE"}}}}
}

func complete(t *testing.T, c clients, hook, result string) error {
	_, err := c.asg.CompleteLifecycleAction(t.Context(), &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: aws.String("workers"), LifecycleHookName: &hook,
		InstanceId: aws.String(self), LifecycleActionResult: &result})
	return err
}

func heartbeat(t *testing.T, c clients, group, hook, id string) error {
	_, err := c.asg.RecordLifecycleActionHeartbeat(t.Context(), &autoscaling.RecordLifecycleActionHeartbeatInput{
		AutoScalingGroupName: &group, LifecycleHookName: &hook, InstanceId: &id})
	return err
}

func member(t *testing.T, c clients) types.AutoScalingInstanceDetails {
	t.Helper()
	out, err := c.asg.DescribeAutoScalingInstances(t.Context(), &autoscaling.DescribeAutoScalingInstancesInput{
		InstanceIds: []string{self}})
	if err != nil || len(out.AutoScalingInstances) != 1 {
		t.Fatalf("describing the instance: %+v, %v", out, err)
	}
	return out.AutoScalingInstances[0]
}

func TestInstanceWaitsUntilEveryHookContinues(t *testing.T) {
	s := start(t, hooked(nil))
	c := sdk(t, s)
	if got := *member(t, c).LifecycleState; got != "Pending:Wait" {
		t.Errorf("at the start: %s", got)
	}
	if err := complete(t, c, "ready", "CONTINUE"); err != nil || s.Hook("ready").Result != "CONTINUE" {
		t.Errorf("completing: %+v, %v", s.Hook("ready"), err)
	}
	if got := *member(t, c).LifecycleState; got != "Pending:Wait" {
		t.Errorf("after the first of two hooks: %s", got)
	}
	if err := complete(t, c, "extra", "CONTINUE"); err != nil {
		t.Error(err)
	}
	if got := *member(t, c).LifecycleState; got != "InService" {
		t.Errorf("after both: %s", got)
	}
	wantCode(t, complete(t, c, "ready", "CONTINUE"), "ValidationError")
}

func TestAbandonedInstanceTerminates(t *testing.T) {
	s := start(t, hooked(nil))
	c := sdk(t, s)
	if err := complete(t, c, "ready", "ABANDON"); err != nil {
		t.Fatal(err)
	}
	if got := *member(t, c).LifecycleState; got != "Terminating:Wait" {
		t.Errorf("state %s", got)
	}
}

func TestHookTimesOutWithoutHeartbeats(t *testing.T) {
	clock := sandbox.NewManualClock()
	s := start(t, hooked(clock))
	c := sdk(t, s)
	for range 3 {
		clock.Advance(50 * time.Second)
		if err := heartbeat(t, c, "workers", "ready", self); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Hook("ready"); got.Heartbeats != 3 || got.Result != "" {
		t.Errorf("while it beats: %+v", got)
	}
	clock.Advance(61 * time.Second)
	if got := s.Hook("ready"); got.Result != "ABANDON" || !got.TimedOut {
		t.Errorf("a minute after the last: %+v", got)
	}
	wantCode(t, heartbeat(t, c, "workers", "ready", self), "ValidationError")
}

func TestInvalidLifecycleCallsAreRejected(t *testing.T) {
	s := start(t, hooked(nil))
	c := sdk(t, s)
	wantCode(t, heartbeat(t, c, "others", "ready", self), "ValidationError")
	wantCode(t, heartbeat(t, c, "workers", "other", self), "ValidationError")
	wantCode(t, heartbeat(t, c, "workers", "ready", "i-other"), "ValidationError")
	wantCode(t, complete(t, c, "ready", "PERHAPS"), "ValidationError")
	if s.Hook("other") != (sandbox.HookState{}) {
		t.Error("an unknown hook has a state")
	}
}

func TestInstanceHealth(t *testing.T) {
	s := start(t, hooked(nil))
	c := sdk(t, s)
	set := func(health string) error {
		_, err := c.asg.SetInstanceHealth(t.Context(), &autoscaling.SetInstanceHealthInput{
			InstanceId: aws.String(self), HealthStatus: &health})
		return err
	}
	if err := set("Unhealthy"); err != nil || s.InstanceHealth() != "Unhealthy" {
		t.Errorf("health %s, %v", s.InstanceHealth(), err)
	}
	if got := *member(t, c).HealthStatus; got != "UNHEALTHY" {
		t.Errorf("DescribeAutoScalingInstances says %s", got)
	}
	wantCode(t, set("Sick"), "ValidationError")
}

func TestInstanceWithoutAGroup(t *testing.T) {
	s := start(t, sandbox.Options{})
	c := sdk(t, s)
	out, err := c.asg.DescribeAutoScalingInstances(t.Context(), &autoscaling.DescribeAutoScalingInstancesInput{
		InstanceIds: []string{self}})
	if err != nil || len(out.AutoScalingInstances) != 0 {
		t.Errorf("got %+v, %v", out, err)
	}
	wantCode(t, heartbeat(t, c, "workers", "ready", self), "ValidationError")
	s.SetTargetState("InService")
	if s.InstanceHealth() != "" {
		t.Errorf("health %q", s.InstanceHealth())
	}
}

func TestGroupTagFiltersAreChecked(t *testing.T) {
	s := start(t, sandbox.Options{Group: &sandbox.Group{Name: "workers", Tags: map[string]string{"a": "1", "b": "2"}}})
	c := sdk(t, s)
	describe := func(name, value string) (int, error) {
		out, err := c.asg.DescribeTags(t.Context(), &autoscaling.DescribeTagsInput{
			Filters: []types.Filter{{Name: &name, Values: []string{value}}}})
		if err != nil {
			return 0, err
		}
		return len(out.Tags), nil
	}
	if n, err := describe("value", "2"); n != 1 || err != nil {
		t.Errorf("by value: %d, %v", n, err)
	}
	if n, err := describe("auto-scaling-group", "others"); n != 0 || err != nil {
		t.Errorf("another group: %d, %v", n, err)
	}
	_, err := describe("colour", "red")
	wantCode(t, err, "ValidationError")
}
