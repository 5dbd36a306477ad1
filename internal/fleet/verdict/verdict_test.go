package verdict

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"muster/internal/fleet/inventory"
)

// Friday evening.
var now = time.Date(2026, 11, 27, 21, 0, 0, 0, time.UTC)

func number(n int) *int { return &n }

// healthy is a cluster of six instances in three zones, with one even service.
func healthy() *inventory.Inventory {
	inv := &inventory.Inventory{Region: "eu-west-1", At: now, Cluster: inventory.Cluster{Name: "prod", Status: "ACTIVE", Instances: 6}}
	g := inventory.Group{
		Name:           "workers",
		Min:            0,
		Max:            9,
		Desired:        6,
		Zones:          []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"},
		Provider:       "ec2",
		ActivitiesRead: true,
	}
	for n := range 6 {
		zone := g.Zones[n%3]
		id := fmt.Sprintf("i-%d", n)
		inv.Instances = append(
			inv.Instances,
			inventory.Instance{ARN: "arn:aws:ecs:eu-west-1:1:container-instance/prod/" + id, ID: id, Kind: inventory.EC2,
				Zone: zone, Type: "m7i.large", Status: "ACTIVE", Connected: true, State: "running", Group: "workers",
				Free: inventory.Resources{CPU: 512, Memory: 900}},
		)
		g.Members = append(g.Members, inventory.Member{ID: id, Zone: zone, Lifecycle: "InService", Health: "Healthy"})
		inv.Tasks = append(inv.Tasks, inventory.TaskCount{Group: "service:web", Zone: zone, Instance: id, Status: "RUNNING", Tasks: 1})
	}
	inv.Groups = []inventory.Group{g}
	inv.Providers = []inventory.Provider{{Name: "ec2", Group: "workers"}}
	inv.Services = []inventory.Service{
		{Name: "web", Status: "ACTIVE", LaunchType: "EC2", Scheduling: "REPLICA", Controller: "ECS", Desired: 6, Running: 6,
			Rebalancing: "DISABLED", MaxPercent: 200, Deployments: []inventory.Deployment{{Status: "PRIMARY", Rollout: "COMPLETED",
				Definition: "web:7", Desired: 6, Running: 6}},
			Events: []inventory.Event{{At: now.Add(-time.Hour), Message: "(service web) has reached a steady state."}}},
	}
	return inv
}

func TestTheFirstLineSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		edit   func(*inventory.Inventory)
		status Status
		line   string
		ids    string // of all problems
		fix    string // a part of the first one's
	}{
		"healthy": {
			func(*inventory.Inventory) {},
			Pass,
			"Healthy: 6 of 6 container instances connected, 1 of 1 service at the desired count",
			"",
			"",
		},
		"an agent is not connected": {func(inv *inventory.Inventory) { inv.Instances[4].Connected = false }, Fail,
			"Problem: 1 of 6 container instances is not connected to ECS", "instance-disconnected",
			"aws ssm start-session --target i-4 --region eu-west-1"},
		"an instance is stopped on purpose": {func(inv *inventory.Inventory) {
			inv.Instances[4].Connected, inv.Instances[4].State = false,
				"stopped"
		}, Pass,
			"Healthy: 5 of 6", "", ""},
		"a registration without an instance": {func(inv *inventory.Inventory) { inv.Instances[4].State = "" }, Fail,
			"Problem: 1 container instance is registered that EC2 does not have", "instance-gone", "--force --container-instance i-4"},
		"EC2 may not be asked": {func(inv *inventory.Inventory) {
			inv.Instances[4].State = ""
			inv.Unread = []inventory.Unread{{Part: inventory.PartEC2, Action: "ec2:DescribeInstances", Reason: "UnauthorizedOperation",
				Denied: true}}
		}, Unknown, "Unknown: could not read the EC2 instances: ec2:DescribeInstances is not allowed", "unread", "packaging/iam/fleet.json"},
		"an impaired instance": {func(inv *inventory.Inventory) { inv.Instances[0].Health = "IMPAIRED" }, Fail,
			"Problem: ECS reports 1 container instance as impaired", "instance-impaired", "sudo muster debug"},
		"an instance did not register": {func(inv *inventory.Inventory) { inv.Instances = inv.Instances[:5] }, Fail,
			"Problem: 1 instance is in service in an Auto Scaling group and not registered in the cluster", "instance-unregistered", "--target i-5"},
		"an instance is still starting": {func(inv *inventory.Inventory) {
			inv.Instances = inv.Instances[:5]
			inv.Groups[0].Activities = []inventory.Activity{{Description: "Launching a new EC2 instance: i-5", Start: now.Add(-2 * time.Minute),
				Status: "Successful"}}
		}, Info, "Healthy: 5 of 5", "instance-starting", ""},
		"a group cannot launch": {func(inv *inventory.Inventory) {
			inv.Groups[0].Desired = 7
			inv.Groups[0].Activities = []inventory.Activity{{Status: "Failed", Start: now, Description: "Launching a new EC2 instance.",
				Message: "We currently do not have sufficient m7i.large capacity"}}
		}, Fail, "Problem: group workers has 6 of 7 instances in service", "group-short", "describe-scaling-activities"},
		"a group is launching": {
			func(inv *inventory.Inventory) { inv.Groups[0].Desired = 7 },
			Warn,
			"Warning: group workers has 6 of 7 instances in service",
			"group-short",
			"",
		},
		"launches are suspended": {func(inv *inventory.Inventory) { inv.Groups[0].Suspended = []string{"AZRebalance", "Launch"} }, Warn,
			"Warning: group workers has suspended processes: Launch", "group-suspended", "--scaling-processes Launch"},
		"no room for a task": {func(inv *inventory.Inventory) {
			inv.Services[0].Desired = 7
			inv.Services[0].Events = append([]inventory.Event{{At: now, Message: "(service web) was unable to place a task because no container " +
				"instance met all of its requirements. The closest matching (container-instance 1) has insufficient memory available."}},
				inv.Services[0].Events...)
		}, Fail, "Problem: service web runs 6 of 7 tasks", "service-short", "muster fit --service web --cluster prod --region eu-west-1"},
		"the event is older than the steady state": {func(inv *inventory.Inventory) {
			inv.Services[0].Events = append(inv.Services[0].Events, inventory.Event{At: now.Add(-2 * time.Hour),
				Message: "(service web) was unable to place a task."})
		}, Pass, "Healthy", "", ""},
		"the circuit breaker ended a deployment": {func(inv *inventory.Inventory) {
			inv.Services[0].Deployments[0].Rollout = "FAILED"
			inv.Services[0].Deployments[0].Reason = "ECS deployment circuit breaker: tasks failed to start."
		}, Fail, "Problem: service web: the deployment of web:7 failed", "deployment-failed", "describe-tasks"},
		"tasks of a deployment fail": {func(inv *inventory.Inventory) {
			inv.Services[0].Deployments[0] = inventory.Deployment{Status: "PRIMARY", Rollout: "IN_PROGRESS", Definition: "web:8", Desired: 6,
				Failed: 4, Created: now.Add(-5 * time.Minute)}
		}, Fail, "Problem: service web: 4 tasks of the deployment of web:8 failed", "deployment-stuck", ""},
		"a deployment goes on for hours": {func(inv *inventory.Inventory) {
			inv.Services[0].Deployments[0] = inventory.Deployment{Status: "PRIMARY", Rollout: "IN_PROGRESS", Definition: "web:8", Desired: 6,
				Running: 2, Created: now.Add(-3 * time.Hour)}
		}, Fail, "Problem: service web: the deployment of web:8 has been in progress for 3h", "deployment-stuck", ""},
		"a rolling update": {func(inv *inventory.Inventory) {
			inv.Services[0].Running = 5
			inv.Services[0].Deployments[0] = inventory.Deployment{Status: "PRIMARY", Rollout: "IN_PROGRESS", Definition: "web:8", Desired: 6,
				Running: 2, Created: now.Add(-3 * time.Minute)}
		}, Pass, "Healthy", "", ""},
		"a deployment below its minimum": {func(inv *inventory.Inventory) {
			inv.Services[0].Running, inv.Services[0].Pending, inv.Services[0].MinPercent = 0, 6, 50
			inv.Services[0].Deployments[0] = inventory.Deployment{Status: "PRIMARY", Rollout: "IN_PROGRESS", Definition: "web:1", Desired: 6,
				Created: now.Add(-3 * time.Minute)}
		}, Warn, "Warning: service web runs 0 of 6 tasks", "service-short", ""},
		"instances outside EC2": {func(inv *inventory.Inventory) {
			inv.Instances = append(inv.Instances, inventory.Instance{ID: "mi-1", Kind: inventory.External, Status: "ACTIVE"},
				inventory.Instance{ID: "i-m", Kind: inventory.Managed, Status: "ACTIVE"})
		}, Pass, "Healthy: 6 of 6 container instances connected, 2 instances not evaluated", "", ""},
		"Fargate only": {func(inv *inventory.Inventory) {
			inv.Instances, inv.Groups, inv.Services[0].LaunchType = nil, nil, "FARGATE"
		}, Pass, "Healthy: no EC2 instances to evaluate, 1 of 1 service at the desired count", "", ""},
		"no instances": {func(inv *inventory.Inventory) { inv.Instances, inv.Groups, inv.Services[0].Running = nil, nil, 0 }, Fail,
			"Problem: ", "service-short no-instances", ""},
		"an empty cluster": {func(inv *inventory.Inventory) {
			*inv = inventory.Inventory{Cluster: inventory.Cluster{Name: "new", Status: "ACTIVE"}}
		}, Pass, "Healthy: no EC2 instances to evaluate, 0 of 0 services", "", ""},
		"the cluster is being deleted": {
			func(inv *inventory.Inventory) { inv.Cluster.Status = "DEPROVISIONING" },
			Fail,
			"Problem: cluster prod is DEPROVISIONING",
			"cluster-status",
			"",
		},
		"tasks left out on purpose": {func(inv *inventory.Inventory) {
			inv.Unread = []inventory.Unread{{Part: inventory.PartTasks, Reason: "left out by --no-tasks"}}
		}, Pass, "Healthy", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inv := healthy()
			c.edit(inv)
			v := Evaluate(inv, now)
			var ids []string
			for _, p := range v.Problems {
				ids = append(ids, p.ID)
				if p.Status != Info && p.Fix.IsZero() && p.ID != "cluster-status" {
					t.Errorf("%s has no fix", p.ID)
				}
			}
			if v.Status != c.status || !strings.HasPrefix(v.Line, c.line) || c.ids != "" && !sameWords(strings.Join(ids, " "), c.ids) ||
				c.ids == "" && len(ids) > 0 {
				t.Errorf("%s: %q, problems %q", v.Status, v.Line, ids)
			}
			if c.fix != "" && !strings.Contains(v.Problems[0].Fix.String(), c.fix) {
				t.Errorf("fix: %s", v.Problems[0].Fix)
			}
		})
	}
}

func sameWords(a, b string) bool {
	count := map[string]int{}
	for w := range strings.FieldsSeq(a) {
		count[w]++
	}
	for w := range strings.FieldsSeq(b) {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// Whether a skew matters follows the ECS developer guide, "Balancing an Amazon ECS service
// across Availability Zones" and "Use strategies to define Amazon ECS task placement".
func TestASkewSaysWhetherItMatters(t *testing.T) {
	byZone := func(counts ...int) func(*inventory.Inventory) {
		return func(inv *inventory.Inventory) {
			inv.Tasks = nil
			for z, n := range counts {
				inv.Tasks = append(
					inv.Tasks,
					inventory.TaskCount{Group: "service:web", Zone: inv.Groups[0].Zones[z], Status: "RUNNING", Tasks: n},
				)
			}
		}
	}
	unplaced := inventory.Event{
		At:      now,
		Message: "service web is unable to place a task in eu-west-1c because no container instance met all of its requirements.",
	}
	for name, c := range map[string]struct {
		counts  []int
		edit    func(*inventory.Inventory, *inventory.Service)
		skew    int
		matters bool
		why     string
	}{
		"even":               {[]int{2, 2, 2}, nil, 0, false, ""},
		"one more is even":   {[]int{3, 2, 2}, nil, 1, false, ""},
		"rebalancing is off": {[]int{4, 1, 1}, nil, 3, true, "rebalancing is off"},
		"rebalancing is on": {
			[]int{4, 1, 1},
			func(_ *inventory.Inventory, s *inventory.Service) { s.Rebalancing = "ENABLED" },
			3,
			false,
			"ECS moves tasks by itself",
		},
		"on, and finds no room": {[]int{4, 2, 0}, func(_ *inventory.Inventory, s *inventory.Service) {
			s.Rebalancing, s.Events = "ENABLED", []inventory.Event{unplaced}
		}, 4, true, "512 CPU units and 900 MiB free"},
		"spread over zones": {[]int{4, 1, 1}, func(_ *inventory.Inventory, s *inventory.Service) {
			s.Strategy = []inventory.Strategy{{Type: "spread", Field: "attribute:ecs.availability-zone"}}
		}, 3, true, "rebalancing is off"},
		"binpack": {[]int{6, 0, 0}, func(_ *inventory.Inventory, s *inventory.Service) {
			s.Strategy = []inventory.Strategy{{Type: "binpack", Field: "memory"}}
		}, 6, false, "binpack memory, which does not spread over zones"},
		"spread over instances": {[]int{6, 0, 0}, func(_ *inventory.Inventory, s *inventory.Service) {
			s.Strategy = []inventory.Strategy{{Type: "spread", Field: "instanceId"}}
		}, 6, false, "spread instanceId"},
		"a daemon": {
			[]int{4, 1, 1},
			func(_ *inventory.Inventory, s *inventory.Service) { s.Scheduling = "DAEMON" },
			3,
			false,
			"once on each instance",
		},
		"a constraint": {[]int{4, 0, 0}, func(_ *inventory.Inventory, s *inventory.Service) {
			s.Constraints = []inventory.Constraint{{Type: "memberOf", Expression: "attribute:ecs.availability-zone == eu-west-1a"}}
		}, 4, false, "limits the zones"},
		"a zone without instances": {[]int{3, 3, 0}, func(inv *inventory.Inventory, _ *inventory.Service) {
			inv.Instances[2].Connected, inv.Instances[5].Connected = false, false
		}, 3, true, "eu-west-1c has no usable container instance"},
		"Fargate": {
			[]int{4, 1, 1},
			func(_ *inventory.Inventory, s *inventory.Service) { s.LaunchType = "FARGATE" },
			3,
			true,
			"rebalancing is off",
		},
		"the tasks were not read": {nil, func(inv *inventory.Inventory, _ *inventory.Service) {
			inv.Unread = []inventory.Unread{{Part: inventory.PartTasks, Action: "ecs:ListTasks", Denied: true}}
		}, 0, false, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			inv := healthy()
			byZone(c.counts...)(inv)
			if c.edit != nil {
				c.edit(inv, &inv.Services[0])
			}
			got := Evaluate(inv, now).Services[0].Spread
			if got.Skew != c.skew || got.Matters != c.matters || !strings.Contains(got.Why, c.why) || c.why == "" && got.Why != "" ||
				got.Matters == got.Fix.IsZero() {
				t.Errorf("%+v", got)
			}
		})
	}
}
