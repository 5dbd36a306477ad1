package cli

import (
	"fmt"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"muster/internal/sandbox"
)

// fleet: cluster prod has 12 instances in 3 zones, two services and a group. sick: one agent
// is not connected, one service is short of a task. dark: the group sleeps. wakes: it has woken. Cluster staging is empty.
// fargate: it runs a service on Fargate. others: it has an external instance and a managed one.
func fleetWorld(ts *testscript.TestScript, _ bool, args []string) {
	b := box(ts)
	switch {
	case len(args) == 0:
		awake(b)
	case args[0] == "sick":
		awake(b)
		for _, ci := range b.ContainerInstances("prod")[7:8] {
			b.EditContainerInstance(ci.Arn, func(ci *sandbox.ContainerInstance) { ci.AgentConnected = false })
		}
		b.EditService("prod", "web", func(s *sandbox.Service) {
			s.RunningCount = 11
			s.Events = []sandbox.ServiceEvent{
				{
					ID:        "1",
					CreatedAt: sandbox.Epoch{Time: time.Now()},
					Message: "(service web) was unable to place a task because no container instance met all of its requirements. The closest " +
						"matching (container-instance 0a1b) has insufficient memory available.",
				},
			}
		})
	case args[0] == "dark":
		dark(b)
	case args[0] == "fargate":
		b.AddService("staging", sandbox.Service{Name: "api", LaunchType: "FARGATE", DesiredCount: 2, RunningCount: 2})
	case args[0] == "others":
		b.AddCapacityProvider("staging", sandbox.CapacityProvider{Name: "managed", Managed: true})
		for id, provider := range map[string]string{"mi-0123456789abcdef0": "", "i-0123456789abcdeff": "managed"} {
			b.AddContainerInstance("staging", sandbox.ContainerInstance{EC2InstanceID: id, Status: "ACTIVE", CapacityProviderName: provider,
				RegisteredResources: sandbox.Resources(2048, 7764), RemainingResources: sandbox.Resources(2048, 7764)})
		}
	case args[0] == "wakes":
		b.EditGroup("prod-workers", func(g *sandbox.ScalingGroup) { g.Desired = 12 })
		members(b)
		for _, name := range []string{"web", "cache"} {
			b.EditService("prod", name, func(s *sandbox.Service) { s.RunningCount = 12 })
		}
	default:
		ts.Fatalf("unknown world %s", args[0])
	}
}

func number(n int) *int { return &n }

func groupOf(b *sandbox.Sandbox, desired int) {
	b.AddCapacityProvider("prod", sandbox.CapacityProvider{Name: "workers", Group: "prod-workers"})
	next := time.Now().UTC().Truncate(time.Minute).Add(12 * time.Hour)
	b.AddGroup(
		sandbox.ScalingGroup{Name: "prod-workers", Max: 18, Desired: desired, Zones: []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"},
			Tags: map[string]string{"muster:cluster": "prod"},
			Scheduled: []sandbox.ScheduledAction{
				{Name: "wake", Recurrence: "0 6 * * 1-5", TimeZone: "Europe/Berlin", Start: next, Min: number(0), Desired: number(12)},
			}},
	)
}

func services(b *sandbox.Sandbox, running int) {
	for _, name := range []string{"cache", "web"} {
		b.AddService("prod", sandbox.Service{Name: name, DesiredCount: 12, RunningCount: running, Rebalancing: "ENABLED",
			Providers: []sandbox.ProviderItem{{CapacityProvider: "workers", Weight: 1}}})
	}
}

func awake(b *sandbox.Sandbox) {
	groupOf(b, 12)
	services(b, 12)
	members(b)
}

// members launches and registers the instances of the group, with a task of each service.
func members(b *sandbox.Sandbox) {
	var all []sandbox.GroupMember
	for n := range 12 {
		id, zone := fmt.Sprintf("i-0a1b2c3d4e5f6%04d", n), "eu-west-1"+string(rune('a'+n%3))
		b.AddInstance(sandbox.Instance{ID: id, Type: "m7i.large", Zone: zone, Launched: time.Now().Add(-63 * time.Hour),
			Tags: map[string]string{"aws:autoscaling:groupName": "prod-workers"},
			Interfaces: []sandbox.Interface{
				{ID: fmt.Sprintf("eni-%d", n), Addrs: []string{fmt.Sprintf("10.0.1.%d", 100+n)}, Groups: []string{"sg-0aa11bb22cc33dd44"}},
			}})
		arn := b.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: id, Status: "ACTIVE", AgentConnected: true,
			CapacityProviderName: "workers", VersionInfo: &sandbox.VersionInfo{AgentVersion: "1.105.1"},
			Attributes: []sandbox.Attribute{
				{Name: "ecs.availability-zone", Value: zone},
				{Name: "ecs.instance-type", Value: "m7i.large"},
				{Name: "muster.version", Value: "0.9.0"},
			},
			RegisteredResources: sandbox.Resources(2048, 7764), RemainingResources: sandbox.Resources(1024, 3668)})
		for _, service := range []string{"cache", "web"} {
			b.AddTask("prod", sandbox.RunningTask{Service: service, ContainerInstance: arn})
		}
		all = append(all, sandbox.GroupMember{ID: id, Zone: zone, Type: "m7i.large"})
	}
	b.EditGroup("prod-workers", func(g *sandbox.ScalingGroup) { g.Members = all })
}

func dark(b *sandbox.Sandbox) {
	groupOf(b, 0)
	services(b, 0)
	b.EditGroup("prod-workers", func(g *sandbox.ScalingGroup) {
		g.Activities = []sandbox.Activity{
			{Start: time.Now().Add(-2 * time.Hour), Description: "Terminating EC2 instance: i-0a1b2c3d4e5f60011",
				Cause: "At 2026-11-27T19:00:05Z a scheduled action update of AutoScalingGroup constraints to min: 0, max: 18, desired: 0 changing " +
					"the desired capacity from 12 to 0.  At 2026-11-27T19:00:15Z an instance was taken out of service in response to a difference " +
					"between desired and actual capacity, shrinking the capacity from 12 to 11."},
		}
	})
}
