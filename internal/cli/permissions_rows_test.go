package cli

import (
	"maps"
	"testing"

	"muster/internal/sandbox"
)

// features returns the features of the policies that muster's commands and the healer use.
// testdata/script/agent-denied.txtar covers the agent's own policies.
func features() map[string]feature {
	all := bootFeatures()
	maps.Copy(all, watchFeatures())
	maps.Copy(all, portFeatures())
	maps.Copy(all, fleetFeatures())
	maps.Copy(all, fitFeatures())
	return all
}

func bootFeatures() map[string]feature {
	const unasked = "tag muster:cluster of the Auto Scaling group could not be read"
	const hook, stack = "signal      launch hook ready: CONTINUE", "signal      CloudFormation stack web: SUCCESS for Workers"
	tell := []string{
		"bootstrap",
		"--cluster",
		"prod",
		"--lifecycle-hook",
		"ready",
		"--cfn-stack",
		"web",
		"--cfn-resource",
		"Workers",
		"--cfn-auth",
		"sigv4",
	}
	return map[string]feature{
		"the cluster from the group's tag": {
			policies: []string{"bootstrap"}, lines: [][]string{{"bootstrap"}}, works: "ecs.config written",
			without: map[string]lack{
				"ecs:DescribeClusters":                     {"cluster     not confirmed", "ecs.config written"},
				"autoscaling:DescribeTags":                 {unasked, "report.json"},
				"autoscaling:DescribeAutoScalingInstances": {unasked, "report.json"},
			}},
		"near matches of a mistyped name": {
			policies: []string{
				"bootstrap",
			},
			lines: [][]string{{"bootstrap", "--cluster", "prdo"}},
			works: "no cluster prdo in region eu-west-1, account 123456789012: did you mean prod",
			without: map[string]lack{
				"ecs:DescribeClusters": {"cluster     not confirmed", "ecs.config written"},
				"ecs:ListClusters":     {"could not look for similar names", "no cluster prdo in region eu-west-1"},
			},
		},
		"verify, with a hook and a stack": {
			policies: []string{
				"bootstrap",
				"verify",
				"launch-hook",
				"signal-sigv4",
			},
			lines: [][]string{tell, {"agent"}, {"verify", "--timeout", "20s"}},
			works: stack + "\n",
			without: map[string]lack{
				"ecs:DescribeContainerInstances":           {"verify      not confirmed", stack + "\n"},
				"autoscaling:DescribeAutoScalingInstances": {hook + " not delivered", stack + "\n"},
				"autoscaling:DescribeLifecycleHooks":       {"no heartbeats", hook + "\n"},
				"autoscaling:CompleteLifecycleAction":      {hook + " not delivered", stack + "\n"},
				"cloudformation:SignalResource":            {stack + " not delivered", hook + "\n"},
			},
		},
		"a service that is awaited": {
			policies: []string{"bootstrap", "verify", "await-service"},
			use: func(t *testing.T, s *sandbox.Sandbox) string {
				s.Agent.SetTasks(sandbox.Task{Arn: s.AddTask("prod", sandbox.RunningTask{Service: "web"}), KnownStatus: "RUNNING"})
				return typed(t, s, [][]string{{"bootstrap", "--cluster", "prod"}, {"agent"},
					{"verify", "--await-service", "grid", "--timeout", "6s"}})
			},
			works: "did not wait for service grid: cluster prod has no such service",
			without: map[string]lack{
				"ecs:DescribeTasks":    {"did not wait for service grid: ", "registered in cluster prod"},
				"ecs:DescribeServices": {"ECS did not describe the service: ", "no task of service grid is on this instance"},
			}},
		"a hook that is kept waiting": {
			policies: []string{
				"launch-hook",
			},
			lines: [][]string{{"verify", "--cluster", "prod", "--lifecycle-hook", "ready", "--timeout", "2s"}},
			works: "sending a heartbeat every 24m0s",
			without: map[string]lack{
				"autoscaling:RecordLifecycleActionHeartbeat": {"heartbeat not delivered", "did NOT register in cluster prod"},
			},
		},
	}
}

func watchFeatures() map[string]feature {
	const marked, held = "marked this instance as unhealthy in its Auto Scaling group",
		"this instance is not marked unhealthy: could not read "
	return map[string]feature{
		"the replacement of an instance that did not register": {
			policies: []string{
				"replace",
			},
			lines: [][]string{{"verify", "--cluster", "prod", "--timeout", "1s", "--on-failure", "unhealthy"}},
			works: "Auto Scaling: set to Unhealthy, to be replaced\n",
			without: map[string]lack{
				"autoscaling:SetInstanceHealth": {
					"Auto Scaling: set to Unhealthy, to be replaced not delivered",
					"did NOT register in cluster prod",
				},
			},
		},
		"the metric Connected": {
			policies: []string{"agent"}, use: heard, works: "registered, connected true, which is known true",
			without: map[string]lack{
				"ecs:DescribeContainerInstances": {
					"could not get the connection status from ECS",
					"registered, connected false, which is known false",
				},
				"ecs:DescribeClusters": {
					"could not get the number of instances from ECS",
					"registered, connected true, which is known true",
				},
			}},
		"the replacement of a long disconnected instance": {
			policies: []string{"replace"}, use: considered, works: marked,
			without: map[string]lack{
				"autoscaling:DescribeAutoScalingInstances": {held + "its group", "because=disconnected for=2h0m0s"},
				"autoscaling:DescribeAutoScalingGroups":    {held + "its group", "because=disconnected for=2h0m0s"},
				"ecs:ListContainerInstances":               {held + "the other instances", "because=disconnected for=2h0m0s"},
				"autoscaling:SetInstanceHealth": {
					"this instance is not marked unhealthy: the Auto Scaling group could not be updated",
					"because=disconnected for=2h0m0s",
				},
			}},
	}
}

func portFeatures() map[string]feature {
	ports := func(args ...string) [][]string { return [][]string{append([]string{"ports"}, args...)} }
	unfound := lack{"finding the peers in ", ""}
	return map[string]feature{
		"the ports of the cluster's peers": {
			policies: []string{"ports"}, lines: ports("--cluster", "prod"), works: "2 instances, 2 port ranges: 4 open",
			without: map[string]lack{
				"ecs:ListContainerInstances":     unfound,
				"ecs:DescribeContainerInstances": unfound,
				"ec2:DescribeInstances":          {"no pair of addresses to evaluate", "2 instances"},
				"ec2:DescribeNetworkAcls":        {"at source ACL of i-0aaaaaaaaaaaaaaa1, 47500-47599 is not known", "2 instances"},
				"ec2:GetManagedPrefixListEntries": {
					"at destination ingress of i-0aaaaaaaaaaaaaaa2, 47500-47599 is not known",
					"2 unknown, 2 open",
				},
				"ec2:DescribeRouteTables":        {"could not check the routes between subnets", "4 open"},
				"ec2:DescribeSecurityGroups":     {"security groups are known only from their rules", "4 open"},
				"ec2:DescribeSecurityGroupRules": {"rules are shown without their IDs", "4 open"},
			}},
		"the ports of the group's members": {
			policies: []string{"ports"}, lines: ports("--asg", "workers"), works: "Auto Scaling group workers in eu-west-1: 3 instances",
			without: map[string]lack{"autoscaling:DescribeAutoScalingGroups": unfound}},
		"the ports of a service's tasks": {
			policies: []string{
				"ports",
			},
			lines:   ports("--cluster", "prod", "--service", "web"),
			works:   "service web in eu-west-1: 2 tasks, 2 port ranges: 4 open",
			without: map[string]lack{"ecs:ListTasks": unfound, "ecs:DescribeTasks": unfound},
		},
		"the ports of tasks with interfaces of their own": {
			policies: []string{
				"ports",
			},
			lines:   ports("--cluster", "prod", "--service", "own"),
			works:   "service own in eu-west-1: 2 tasks, 2 port ranges: 4 open",
			without: map[string]lack{"ec2:DescribeNetworkInterfaces": {"47500-47599 is not known", "2 tasks"}},
		},
		"the gate": {
			policies: []string{"bootstrap", "verify", "ports", "gate"},
			lines: [][]string{{"bootstrap", "--cluster", "prod", "--ports", "tcp/47500", "--gate", "muster.ports"}, {"agent"},
				{"verify", "--timeout", "20s"}},
			works:   "set attribute muster.ports=open of this container instance",
			without: map[string]lack{"ecs:PutAttributes": {"attribute muster.ports was not set to open", "registered in cluster prod"}},
		},
	}
}

func fleetFeatures() map[string]feature {
	unread := func(part string) lack { return lack{"could not read the " + part + ": ", "2 instances, 1 service"} }
	return map[string]feature{
		"a whole cluster": {
			policies: []string{"fleet"}, lines: [][]string{{"fleet", "--cluster", "prod"}}, works: "2 instances, 1 service, 1 group",
			without: map[string]lack{
				"ecs:DescribeClusters":                  unread("cluster"),
				"ecs:DescribeCapacityProviders":         unread("capacity providers"),
				"ecs:ListContainerInstances":            {"INSTANCES unknown: ", "? instances, 1 service"},
				"ecs:DescribeContainerInstances":        {"INSTANCES unknown: ", "? instances, 1 service"},
				"ec2:DescribeInstances":                 unread("EC2 instances"),
				"ecs:ListServices":                      {"SERVICES unknown: ", "2 instances, ? services"},
				"ecs:DescribeServices":                  {"SERVICES unknown: ", "2 instances, ? services"},
				"ecs:ListTasks":                         unread("tasks"),
				"ecs:DescribeTasks":                     unread("tasks"),
				"autoscaling:DescribeAutoScalingGroups": {"GROUPS unknown: ", "2 instances, 1 service, ? groups"},
				"autoscaling:DescribeScheduledActions":  unread("scheduled actions"),
				"autoscaling:DescribeScalingActivities": unread("scaling activities"),
			}},
		"every cluster of the region": {
			policies: []string{"fleet"}, lines: [][]string{{"fleet", "--all"}}, works: "staging: Healthy",
			without: map[string]lack{"ecs:ListClusters": {"is not allowed", "packaging/iam/fleet.json"}}},
	}
}

func fitFeatures() map[string]feature {
	fits := func(args ...string) func(*testing.T, *sandbox.Sandbox) string {
		return func(t *testing.T, s *sandbox.Sandbox) string {
			addRoom(s)
			return typed(t, s, [][]string{append([]string{"fit"}, args...)})
		}
	}
	policies := []string{"fit"}
	const one = "1 copy fits"
	denied := lack{"is not allowed", ""}
	names := func(what string) lack { return lack{what, "could not look for similar names"} }
	return map[string]feature{
		"where a task fits": {
			policies: policies, use: fits("web", "--cluster", "prod"), works: "web:2 in cluster prod in eu-west-1: " + one,
			without: map[string]lack{
				"ecs:DescribeTaskDefinition":     denied,
				"ecs:ListContainerInstances":     denied,
				"ecs:DescribeContainerInstances": denied,
				"ecs:ListTasks":                  {"the tasks of the instances are not known", one},
				"ecs:DescribeTasks":              {"the tasks of the instances are not known", one},
				"ecs:DescribeCapacityProviders":  {"could not check whether instances are Managed Instances", one},
			}},
		"where a task with an interface of its own fits": {
			policies: policies, use: fits("api", "--cluster", "prod"), works: "api:1 in cluster prod in eu-west-1: " + one,
			without: map[string]lack{"ec2:DescribeInstanceTypes": {"the limits of network interfaces come from muster's table",
				"unknown whether a copy fits"}}},
		"why a service's task does not fit": {
			policies: policies, use: fits("--service", "web", "--cluster", "prod"),
			works: "service web (web:2) in cluster prod in eu-west-1: 1 of 2 copies fit",
			without: map[string]lack{
				"ecs:DescribeServices":           denied,
				"cloudwatch:GetMetricStatistics": {"memory: unknown: cloudwatch:GetMetricStatistics is not allowed", "1 of 2 copies fit"},
			}},
		"similar task definitions": {
			policies: policies, use: fits("wbe", "--cluster", "prod"), works: "did you mean web?",
			without: map[string]lack{"ecs:ListTaskDefinitionFamilies": names("no such task definition: wbe")}},
		"similar services": {
			policies: policies, use: fits("--service", "wbe", "--cluster", "prod"), works: "did you mean web?",
			without: map[string]lack{"ecs:ListServices": names("no such service in the cluster: wbe in prod")}},
		"similar clusters": {
			policies: policies, use: fits("web", "--cluster", "prdo"), works: "did you mean prod?",
			without: map[string]lack{"ecs:ListClusters": names("no such cluster: prdo")}},
	}
}
