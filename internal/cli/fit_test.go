package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"muster/internal/awsapi"
	"muster/internal/sandbox"
)

// room: a cluster of three instances in two zones. Two tasks of batch fill most of the first; the
// agent of the third is not connected. The service web lacks two copies, and ECS has said why.
// used: muster-agent has published what the service's tasks used in three hours.
func room(ts *testscript.TestScript, _ bool, args []string) {
	b := box(ts)
	if len(args) == 0 {
		addRoom(b)
		return
	}
	of := []awsapi.Dimension{{Name: "ClusterName", Value: "prod"}, {Name: "ServiceName", Value: "web"}}
	for n, percent := range []float64{12, 30.2, 21} {
		ts.Check(awsapi.FromConfig(b.AWSConfig()).PutMetricData(context.Background(), "Muster", time.Now().Add(-time.Duration(n+1)*time.Hour),
			[]awsapi.Datum{{Name: "MemoryUsed", Unit: "Percent", Dimensions: of, Value: percent},
				{Name: "CPUThrottled", Unit: "Percent", Dimensions: of, Value: percent / 3}}))
	}
}

func addRoom(b *sandbox.Sandbox) {
	add := func(n, cpu, memory int, connected bool) string {
		zone := []string{"eu-west-1a", "eu-west-1a", "eu-west-1b"}[n-1]
		return b.AddContainerInstance("prod", sandbox.ContainerInstance{
			Arn:           fmt.Sprintf("arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/%032d", n),
			EC2InstanceID: fmt.Sprintf("i-0bbbbbbbbbbbbbbb%d", n), Status: "ACTIVE", AgentConnected: connected,
			VersionInfo: &sandbox.VersionInfo{AgentVersion: "1.105.1"}, CapacityProviderName: "workers",
			RegisteredResources: sandbox.Resources(2048, 7764), RemainingResources: sandbox.Resources(cpu, memory),
			Attributes: []sandbox.Attribute{
				{Name: "ecs.availability-zone", Value: zone}, {Name: "ecs.instance-type", Value: "m7i.large"},
				{Name: "ecs.os-type", Value: "linux"}, {Name: "ecs.cpu-architecture", Value: "x86_64"},
				{Name: "ecs.capability.task-eni"}, {Name: "ecs.subnet-id", Value: "subnet-" + zone},
			},
		})
	}
	b.AddCapacityProvider("prod", sandbox.CapacityProvider{Name: "workers", Group: "workers"})
	first := add(1, 1024, 764, true)
	add(2, 2048, 7764, true)
	add(3, 2048, 7764, false)
	for n := range 2 {
		b.AddTask("prod", sandbox.RunningTask{
			Arn:     fmt.Sprintf("arn:aws:ecs:eu-west-1:123456789012:task/prod/%032d", n+1),
			Service: "batch", ContainerInstance: first, CPU: "512", Memory: "3500",
		})
	}
	addDefinitions(b)
	b.AddService("prod", sandbox.Service{
		Name: "web", TaskDefinition: "web:2", DesiredCount: 4, RunningCount: 2,
		Constraints: []sandbox.PlacementItem{{Type: "memberOf", Expression: "attribute:ecs.instance-type =~ m7i.*"}},
		Events: []sandbox.ServiceEvent{
			{ID: "2", CreatedAt: sandbox.Epoch{Time: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)},
				Message: "(service web) was unable to place a task " +
					"because no container instance met all of its requirements. The closest matching container-instance " +
					"00000000000000000000000000000001 has insufficient memory available. For more information, see the Troubleshooting section."},
		},
	})
}

func addDefinitions(b *sandbox.Sandbox) {
	b.AddTaskDefinition(sandbox.TaskDefinition{Family: "web", Status: "INACTIVE", CPU: "256", Memory: "512"})
	b.AddTaskDefinition(sandbox.TaskDefinition{Family: "web", CPU: "512", Memory: "4096", Platform: &sandbox.RuntimePlatform{OS: "LINUX",
		Arch: "X86_64"}})
	b.AddTaskDefinition(sandbox.TaskDefinition{Family: "proxy", NetworkMode: "host", Containers: []sandbox.ContainerDefinition{
		{Name: "a", CPU: 64, Memory: 512, MemoryReservation: 100, Ports: []sandbox.PortMapping{{ContainerPort: 22, Protocol: "tcp"}}},
	}})
	b.AddTaskDefinition(sandbox.TaskDefinition{Family: "api", NetworkMode: "awsvpc", CPU: "256", Memory: "256",
		RequiresAttributes: []sandbox.Attribute{{Name: "ecs.capability.task-eni"}}})
	b.AddTaskDefinition(sandbox.TaskDefinition{Family: "odd", CPU: "256", Memory: "256",
		Constraints: []sandbox.PlacementItem{{Type: "memberOf", Expression: "colour == blue"}}})
	b.AddTaskDefinition(sandbox.TaskDefinition{Family: "serverless", CPU: "256", Memory: "512", Compatibilities: []string{"FARGATE"}})
}
