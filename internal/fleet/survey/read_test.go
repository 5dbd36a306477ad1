package survey_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/awsapi"
	"muster/internal/fleet/inventory"
	"muster/internal/fleet/survey"
	"muster/internal/sandbox"
)

func number(n int) *int { return &n }

var evening = time.Date(2026, 11, 26, 19, 0, 0, 0, time.UTC)

// small is a cluster with one instance of each kind, one service and one group.
func small(t *testing.T) *sandbox.Sandbox {
	box := world(t, size{})
	box.AddCapacityProvider("prod", sandbox.CapacityProvider{Name: "p-0", Group: "workers", Target: 90})
	box.AddCapacityProvider("prod", sandbox.CapacityProvider{Name: "hosted", Managed: true})
	arn := addInstance(box, 0)
	box.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: "mi-0123456789abcdef0", Status: "ACTIVE"})
	box.AddContainerInstance(
		"prod",
		sandbox.ContainerInstance{EC2InstanceID: "i-0123456789abcdeff", Status: "ACTIVE", CapacityProviderName: "hosted"},
	)
	box.AddService("prod", sandbox.Service{
		Name: "web", DesiredCount: 2, RunningCount: 1, Rebalancing: "DISABLED",
		Strategy:    []sandbox.PlacementItem{{Type: "spread", Field: "attribute:ecs.availability-zone"}},
		Constraints: []sandbox.PlacementItem{{Type: "memberOf", Expression: "attribute:rack == r7"}},
		Configuration: &sandbox.DeploymentConfiguration{MaximumPercent: 150, MinimumHealthyPercent: 50,
			CircuitBreaker: &sandbox.CircuitBreaker{Enable: true, Rollback: true}},
		Deployments: []sandbox.Deployment{
			{ID: "ecs-svc/1", Status: "ACTIVE", TaskDefinition: "web:1", RunningCount: 1, RolloutState: "COMPLETED"},
			{ID: "ecs-svc/2", Status: "PRIMARY", TaskDefinition: "web:2", DesiredCount: 2, FailedTasks: 3, RolloutState: "IN_PROGRESS",
				RolloutReason: "ECS deployment ecs-svc/2 in progress.", CreatedAt: sandbox.Epoch{Time: evening},
				UpdatedAt: sandbox.Epoch{Time: evening}},
		},
		Events: steady(),
	})
	box.AddTask("prod", sandbox.RunningTask{Service: "web", ContainerInstance: arn, Definition: "web:1"})
	box.AddTask("prod", sandbox.RunningTask{Service: "web", ContainerInstance: arn, Definition: "web:2", LastStatus: "PENDING"})
	box.AddGroup(sandbox.ScalingGroup{
		Name: "workers", Min: 0, Max: 4, Desired: 1, Zones: []string{"eu-central-1a"}, Suspended: []string{"AZRebalance"},
		Members:  []sandbox.GroupMember{{ID: "i-00000000000000001", Zone: "eu-central-1a", Type: "m7i.large"}},
		WarmPool: &sandbox.WarmPool{State: "Stopped", MinSize: 1, Size: 1},
		Scheduled: []sandbox.ScheduledAction{{Name: "wake", Recurrence: "0 6 * * 1-5", TimeZone: "Europe/Berlin",
			Start: evening.Add(10 * time.Hour), Min: number(0), Desired: number(3)}},
		Activities: []sandbox.Activity{{Status: "Failed", Start: evening, Description: "Launching a new EC2 instance.",
			Cause: "At 2026-11-26T19:00:00Z an instance was started in response to a difference between desired and actual capacity, increasing " +
				"the capacity from 0 to 1.", Message: "We currently do not have sufficient m7i.large capacity."}},
	})
	return box
}

func read(t *testing.T, box *sandbox.Sandbox, o survey.Options) (inv *inventory.Inventory, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		inv, err = survey.Read(t.Context(), client(box, 0), o)
	})
	return inv, err
}

func TestEveryFieldIsRead(t *testing.T) {
	inv, err := read(t, small(t), survey.Options{Cluster: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Unread) > 0 || len(inv.Instances) != 3 {
		t.Fatalf("unread %v, %d instances", inv.Unread, len(inv.Instances))
	}
	i := inv.Instances[slices.IndexFunc(inv.Instances, func(i inventory.Instance) bool { return i.ID == "i-00000000000000001" })]
	if subnet, ok := i.Attribute("ecs.subnet-id"); !ok || subnet != "subnet-0" || len(i.Attributes) != 40 {
		t.Errorf("%d attributes, subnet %q", len(i.Attributes), subnet)
	}
	arn := i.ARN
	i.ARN, i.Attributes, i.Registered = "", nil, time.Time{}
	if diff := cmp.Diff(inventory.Instance{
		ID: "i-00000000000000001", Kind: inventory.EC2, Zone: "eu-central-1a", Type: "m7i.large", Status: "ACTIVE", Connected: true,
		Agent: "1.105.1", Docker: "25.0.8", Running: 1, Pending: 1, Provider: "p-0", State: "running", Group: "workers-0",
		Launched: time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC),
		Total:    inventory.Resources{CPU: 2048, Memory: 7764, TCP: []uint16{22, 2375, 2376, 51678, 51679}, UDP: []uint16{}},
		Free:     inventory.Resources{CPU: 1024, Memory: 3764, TCP: []uint16{22, 2375, 2376, 8080, 51678, 51679}, UDP: []uint16{}},
	}, i); diff != "" {
		t.Error(diff)
	}
	assertKinds(t, inv.Instances)
	s := inv.Services[0]
	if len(s.Events) != inventory.MaxEvents || !s.Events[0].At.After(s.Events[1].At) {
		t.Errorf("%d events", len(s.Events))
	}
	s.ARN, s.Events = "", nil
	if diff := cmp.Diff(inventory.Service{
		Name: "web", Status: "ACTIVE", Definition: "web:1", LaunchType: "EC2", Scheduling: "REPLICA", Controller: "ECS", Desired: 2, Running: 1,
		Strategy:    []inventory.Strategy{{Type: "spread", Field: "attribute:ecs.availability-zone"}},
		Constraints: []inventory.Constraint{{Type: "memberOf", Expression: "attribute:rack == r7"}},
		Rebalancing: "DISABLED", MaxPercent: 150, MinPercent: 50, Breaker: true, Rollback: true,
		Deployments: []inventory.Deployment{
			{ID: "ecs-svc/2", Status: "PRIMARY", Definition: "web:2", Desired: 2, Failed: 3, Rollout: "IN_PROGRESS",
				Reason: "ECS deployment ecs-svc/2 in progress.", Created: evening, Updated: evening},
			{ID: "ecs-svc/1", Status: "ACTIVE", Definition: "web:1", Running: 1, Rollout: "COMPLETED",
				Created: inv.Services[0].Deployments[1].Created,
				Updated: inv.Services[0].Deployments[1].Updated},
		},
	}, s); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]inventory.TaskCount{
		{Group: "service:web", Definition: "web:1", Zone: "eu-central-1a", Instance: arn, Status: "RUNNING", Tasks: 1},
		{Group: "service:web", Definition: "web:2", Zone: "eu-central-1a", Instance: arn, Status: "PENDING", Tasks: 1},
	}, inv.Tasks); diff != "" {
		t.Error(diff)
	}
	assertGroup(t, inv.Groups[0])
	if !slices.Contains(inv.Notes, "Auto Scaling group workers-0 does not exist") {
		t.Errorf("notes: %q", inv.Notes)
	}
}

func assertGroup(t *testing.T, g inventory.Group) {
	t.Helper()
	if diff := cmp.Diff(inventory.Group{
		Name: "workers", Max: 4, Desired: 1, Zones: []string{"eu-central-1a"}, Suspended: []string{"AZRebalance"}, Provider: "p-0",
		Tags: map[string]string{},
		Members: []inventory.Member{{ID: "i-00000000000000001", Zone: "eu-central-1a", Type: "m7i.large", Lifecycle: "InService",
			Health: "Healthy"}},
		WarmPool: &inventory.WarmPool{State: "Stopped", Size: 1, Min: 1},
		Scheduled: []inventory.ScheduledAction{{Group: "workers", Name: "wake", Start: evening.Add(10 * time.Hour), Recurrence: "0 6 * * 1-5",
			TimeZone: "Europe/Berlin", Min: number(0), Desired: number(3)}},
		Activities: []inventory.Activity{{Group: "workers", Status: "Failed", Start: evening, Description: "Launching a new EC2 instance.",
			Cause: g.Activities[0].Cause, Message: "We currently do not have sufficient m7i.large capacity."}},
		ActivitiesRead: true,
	}, g); diff != "" {
		t.Error(diff)
	}
}

func assertKinds(t *testing.T, all []inventory.Instance) {
	t.Helper()
	for _, i := range all {
		if want := map[string]inventory.Kind{"mi-0123456789abcdef0": inventory.External, "i-0123456789abcdeff": inventory.Managed,
			"i-00000000000000001": inventory.EC2}[i.ID]; i.Kind != want {
			t.Errorf("%s is %s, want %s", i.ID, i.Kind, want)
		}
	}
}

// A missing permission leaves one part unknown, with its action, and the others known.
func TestWhatMayNotBeReadIsUnknown(t *testing.T) {
	for action, part := range map[string]inventory.Part{
		"ecs:DescribeClusters":                  inventory.PartCluster,
		"ecs:DescribeCapacityProviders":         inventory.PartProviders,
		"ecs:ListContainerInstances":            inventory.PartInstances,
		"ecs:DescribeContainerInstances":        inventory.PartInstances,
		"ec2:DescribeInstances":                 inventory.PartEC2,
		"ecs:ListServices":                      inventory.PartServices,
		"ecs:DescribeServices":                  inventory.PartServices,
		"ecs:ListTasks":                         inventory.PartTasks,
		"ecs:DescribeTasks":                     inventory.PartTasks,
		"autoscaling:DescribeAutoScalingGroups": inventory.PartGroups,
		"autoscaling:DescribeScheduledActions":  inventory.PartScheduled,
		"autoscaling:DescribeScalingActivities": inventory.PartActivities,
	} {
		t.Run(action, func(t *testing.T) {
			box := small(t)
			service, name, _ := strings.Cut(action, ":")
			box.Inject(sandbox.AccessDenied(service, name))
			inv, err := read(t, box, survey.Options{Cluster: "prod"})
			if err != nil {
				t.Fatal(err)
			}
			if len(inv.Unread) != 1 || inv.Unread[0].Part != part || inv.Unread[0].Action != action || !inv.Unread[0].Denied {
				t.Errorf("unread: %+v", inv.Unread)
			}
		})
	}
}

func TestWithoutAnyPermissionEveryActionIsNamed(t *testing.T) {
	box := small(t)
	box.Inject(sandbox.AccessDenied("", ""))
	_, err := read(t, box, survey.Options{Cluster: "prod"})
	var nothing *survey.NothingError
	if !errors.As(err, &nothing) {
		t.Fatalf("error %v", err)
	}
	for _, action := range []string{"ecs:DescribeClusters", "ecs:ListContainerInstances", "ecs:ListServices", "ecs:ListTasks"} {
		if !strings.Contains(err.Error(), action) {
			t.Errorf("%s is missing in: %v", action, err)
		}
	}
}

func TestAnUnknownClusterHasNearNames(t *testing.T) {
	_, err := read(t, small(t), survey.Options{Cluster: "prid"})
	var unknown *survey.UnknownClusterError
	if !errors.As(err, &unknown) || !errors.Is(err, awsapi.ErrNoSuchCluster) || !slices.Equal(unknown.Names, []string{"prod"}) {
		t.Errorf("%v: %+v", err, unknown)
	}
}

// Somebody else uses the account's buckets: each page is asked for again until it comes, at
// half the rate after each refusal.
func TestThrottlingSlowsTheSurveyDownAndLosesNothing(t *testing.T) {
	box := world(t, size{instances: 300, services: 30, tasks: 600})
	for _, action := range []string{"ListContainerInstances", "DescribeContainerInstances", "DescribeServices", "DescribeTasks"} {
		box.Inject(sandbox.Fault{Service: sandbox.ECS, Action: action, Skip: 1, Times: 4, Kind: sandbox.KindThrottled})
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		inv, err := survey.Read(t.Context(), client(box, 50*time.Millisecond), survey.Options{Cluster: "prod"})
		if err != nil {
			t.Fatal(err)
		}
		if len(inv.Unread) > 0 || len(inv.Instances) != 300 || len(inv.Services) != 30 {
			t.Errorf("unread %v, %d instances, %d services", inv.Unread, len(inv.Instances), len(inv.Services))
		}
		if took := time.Since(began); took < time.Second || took > time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

func TestACancelledSurveyEndsAtOnce(t *testing.T) {
	box := world(t, size{instances: 2000})
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, stop := contextAfter(t, 500*time.Millisecond)
		defer stop()
		_, err := survey.Read(ctx, client(box, 100*time.Millisecond), survey.Options{Cluster: "prod"})
		if err == nil || time.Since(began) > time.Second {
			t.Errorf("error %v after %s", err, time.Since(began))
		}
	})
}
