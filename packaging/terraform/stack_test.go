package terraform_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// counterparts are the resources of the stack and of the module.
func counterparts() map[string]string {
	return map[string]string{
		"Cluster": "aws_ecs_cluster.this", "InstanceRole": "aws_iam_role.instance", "InstanceProfile": "aws_iam_instance_profile.this",
		"BalancerGroup": "aws_security_group.balancer", "FromClients": "aws_vpc_security_group_ingress_rule.clients_https",
		"InstanceGroup": "aws_security_group.instances", "TaskGroup": "aws_security_group.tasks",
		"FromBalancer": "aws_vpc_security_group_ingress_rule.from_balancer",
		"Replication":  "aws_vpc_security_group_ingress_rule.replication",
		"Discovery":    "aws_vpc_security_group_ingress_rule.discovery", "LaunchTemplate": "aws_launch_template.this",
		"Workers": "aws_autoscaling_group.workers", "Capacity": "aws_ecs_capacity_provider.this",
		"CapacityOfCluster": "aws_ecs_cluster_capacity_providers.this",
		"Pool":              "aws_autoscaling_group.workers", // its block warm_pool
		"Sleeper":           "aws_sfn_state_machine.sleeper", "SleeperRole": "aws_iam_role.sleeper", "StarterRole": "aws_iam_role.starter",
		"Sleep": "aws_scheduler_schedule.sleep", "WakeGroup": "aws_scheduler_schedule.wake_group",
		"WakeService": "aws_scheduler_schedule.wake_service",
		"Logs":        "aws_cloudwatch_log_group.this", "ExecutionRole": "aws_iam_role.execution", "Task": "aws_ecs_task_definition.this",
		"Service": "aws_ecs_service.this", "Balancer": "aws_lb.this", "Targets": "aws_lb_target_group.this",
		"Listener": "aws_lb_listener.this",
		"Redirect": "aws_lb_listener.redirect", "Topic": "aws_sns_topic.this", "TopicPolicy": "aws_sns_topic_policy.this",
		"Email": "aws_sns_topic_subscription.email", "Transitions": "aws_cloudwatch_event_rule.transitions",
		"SleepFailed": "aws_cloudwatch_event_rule.sleep_failed", "Dashboard": "aws_cloudwatch_dashboard.this",
	}
}

// parts are resources of the module that are properties of one in the stack.
func parts() []string {
	return []string{
		"aws_iam_role_policy.instance", "aws_iam_role_policy_attachment.instance", "aws_iam_role_policy.execution",
		"aws_iam_role_policy_attachment.execution",
		"aws_iam_role_policy.sleeper", "aws_iam_role_policy.starter", "aws_cloudwatch_event_target.transitions",
		"aws_cloudwatch_event_target.sleep_failed",
		"aws_vpc_security_group_ingress_rule.clients_http", "aws_vpc_security_group_egress_rule.all",
	}
}

func TestEachResourceOfTheStackIsInTheModule(t *testing.T) {
	s, m, pairs := readStack(t), parse(t, "."), counterparts()
	for name, r := range s.Resources {
		if r.Type == "AWS::CloudWatch::Alarm" {
			continue // the next test
		}
		if pairs[name] == "" {
			t.Errorf("%s of the stack has no counterpart in the module", name)
		}
	}
	known := append(slices.Collect(maps.Values(pairs)), parts()...)
	for name := range pairs {
		if s.Resources[name].Type == "" {
			t.Errorf("%s is not in the stack", name)
		}
	}
	resources := m.of("resource")
	for _, name := range known {
		if resources[name] == nil {
			t.Errorf("%s is not in the module", name)
		}
	}
	for name := range resources {
		if !slices.Contains(known, name) {
			t.Errorf("%s of the module has no counterpart in the stack", name)
		}
	}
}

// alarm is one as both write it.
type alarm struct {
	Description, Expression, Label, Threshold, Comparison string
	Metrics                                               map[string]metric
	Periods, Datapoints                                   string
	OK                                                    bool
}

type metric struct{ Namespace, Name, Dimensions, Statistic, Period string }

func (s stack) alarms(t *testing.T) map[string]alarm {
	t.Helper()
	kinds := map[string]string{
		"ClusterName":              "cluster",
		"ClusterName ServiceName":  "service",
		"AutoScalingGroupName":     "group",
		"LoadBalancer TargetGroup": "targets",
	}
	read := func(of map[string]any, statistic, period any) metric {
		var names []string
		dimensions, _ := of["Dimensions"].([]any)
		for _, d := range dimensions {
			names = append(names, fmt.Sprint(d.(map[string]any)["Name"]))
		}
		return metric{
			fmt.Sprint(of["Namespace"]),
			fmt.Sprint(of["MetricName"]),
			kinds[strings.Join(names, " ")],
			fmt.Sprint(statistic),
			fmt.Sprint(period),
		}
	}
	all := map[string]alarm{}
	for name, r := range s.Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		p := map[string]any{}
		for key, node := range r.Properties {
			p[key] = s.value(t, node)
		}
		a := alarm{
			Description: s.text(t, name, "AlarmDescription"),
			Threshold:   s.text(t, name, "Threshold"),
			Comparison:  s.text(t, name, "ComparisonOperator"),
			Periods: s.text(
				t,
				name,
				"EvaluationPeriods",
			),
			Datapoints: s.text(t, name, "DatapointsToAlarm"),
			OK:         p["OKActions"] != nil,
			Metrics:    map[string]metric{},
		}
		queries, _ := p["Metrics"].([]any)
		for _, q := range queries {
			of := q.(map[string]any)
			if of["Expression"] != nil {
				a.Expression, a.Label = fmt.Sprint(of["Expression"]), fmt.Sprint(of["Label"])
				continue
			}
			stat := of["MetricStat"].(map[string]any)
			a.Metrics[fmt.Sprint(of["Id"])] = read(stat["Metric"].(map[string]any), stat["Stat"], stat["Period"])
		}
		if queries == nil {
			a.Metrics["one"] = read(p, p["Statistic"], p["Period"])
		}
		if p["TreatMissingData"] != "notBreaching" {
			t.Errorf("%s breaches on missing data", name)
		}
		all[strings.TrimPrefix(s.text(t, name, "AlarmName"), "${AWS::StackName}-")] = a
	}
	return all
}

func TestTheAlarmsAreThoseOfTheStack(t *testing.T) {
	value := evaluate(
		t,
		parse(t, "modules/alarms").locals()["alarms"],
		map[string]cty.Value{"var": object(map[string]string{"tasks": "${Tasks}"})},
	)
	var decoded map[string]struct {
		Description, Expression, Label, Comparison         string
		Threshold, Evaluation_periods, Datapoints_to_alarm int
		OK                                                 bool
		Metrics                                            map[string]struct {
			Namespace, Name, Dimensions, Statistic string
			Period                                 int
		}
	}
	decode(t, value, &decoded)
	got := map[string]alarm{}
	for name, d := range decoded {
		a := alarm{
			Description: d.Description,
			Expression:  d.Expression,
			Label:       d.Label,
			Comparison:  d.Comparison,
			OK:          d.OK,
			Metrics:     map[string]metric{},
			Threshold:   strconv.Itoa(d.Threshold),
			Periods:     strconv.Itoa(d.Evaluation_periods),
		}
		if d.Datapoints_to_alarm > 0 {
			a.Datapoints = strconv.Itoa(d.Datapoints_to_alarm)
		}
		for id, m := range d.Metrics {
			a.Metrics[id] = metric{m.Namespace, m.Name, m.Dimensions, m.Statistic, strconv.Itoa(m.Period)}
		}
		got[name] = a
	}
	if diff := cmp.Diff(readStack(t).alarms(t), got); diff != "" {
		t.Errorf("the alarms (-stack +module):\n%s", diff)
	}
}

// decode reads a value of Terraform's into Go, by way of JSON.
func decode(t *testing.T, value cty.Value, into any) {
	t.Helper()
	text, err := ctyjson.Marshal(value, value.Type())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// asIn writes what the module refers to as the stack does.
func asIn() map[string]cty.Value {
	one := func(attribute, value string) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"sleeper": cty.TupleVal([]cty.Value{object(map[string]string{attribute: value})}),
			"this": object(map[string]string{attribute: value}), "workers": object(map[string]string{attribute: value})})
	}
	return map[string]cty.Value{
		"var": object(
			map[string]string{
				"cluster_arn":  "!GetAtt Cluster.Arn",
				"cluster_name": "!Ref Cluster",
				"group_name":   "${AWS::StackName}-workers",
			},
		),
		"local": object(
			map[string]string{"partition": "${AWS::Partition}", "region": "${AWS::Region}", "account": "${AWS::AccountId}"},
		),
		"aws_ecs_service":       one("id", "!Ref Service"),
		"aws_sfn_state_machine": one("arn", "!Ref Sleeper"),
		"aws_autoscaling_group": one(
			"arn",
			"arn:${AWS::Partition}:autoscaling:${AWS::Region}:${AWS::AccountId}:"+
				"autoScalingGroup:*:autoScalingGroupName/${AWS::StackName}-workers",
		),
	}
}

func TestThePoliciesAreThoseOfTheStack(t *testing.T) {
	s, root := readStack(t), parse(t, ".")
	for role, statements := range map[string]func() cty.Value{
		"InstanceRole": func() cty.Value { return evaluate(t, parse(t, "modules/instance").locals()["statements"], asIn()) },
		"SleeperRole":  func() cty.Value { return policy(t, root, "aws_iam_role_policy.sleeper") },
		"StarterRole":  func() cty.Value { return policy(t, root, "aws_iam_role_policy.starter") },
	} {
		var got []any
		decode(t, statements(), &got)
		policies := s.property(t, role, "Policies").([]any)
		want := policies[0].(map[string]any)["PolicyDocument"].(map[string]any)["Statement"]
		if diff := cmp.Diff(want, any(got)); diff != "" || len(policies) != 1 {
			t.Errorf("%s, %d policies (-stack +module):\n%s", role, len(policies), diff)
		}
	}
}

// policy are the statements that a resource of the module encodes.
func policy(t *testing.T, m module, resource string) cty.Value {
	t.Helper()
	call, is := m.of("resource")[resource].Body.Attributes["policy"].Expr.(*hclsyntax.FunctionCallExpr)
	if !is || call.Name != "jsonencode" {
		t.Fatalf("%s is no jsonencode(...)", resource)
	}
	return evaluate(t, call.Args[0], asIn()).GetAttr("Statement")
}

func TestTheVariablesAreTheParametersOfTheStack(t *testing.T) {
	s, variables := readStack(t), parse(t, ".").of("variable")
	// A parameter is a text, so that the stack takes one secret and a file; the module takes maps.
	others := map[string]string{"Vpc": "vpc_id", "EnvironmentFile": "environment", "Secret": "secrets", "SecretName": "secrets"}
	var known []string
	for name, p := range s.Parameters {
		variable := others[name]
		if variable == "" {
			variable = strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(name, "${1}_$2"))
		}
		known = append(known, variable)
		v := variables[variable]
		if v == nil {
			t.Errorf("no variable %s for %s", variable, name)
			continue
		}
		if d := v.Body.Attributes["default"]; p.Default != nil && others[name] == "" {
			var got any
			if decode(t, evaluate(t, d.Expr, nil), &got); fmt.Sprint(got) != fmt.Sprint(p.Default) {
				t.Errorf("the default of %s is %v, and of %s %v", variable, got, name, p.Default)
			}
		} else if p.Default == nil && d != nil {
			t.Errorf("%s has a default, and %s none", variable, name)
		}
	}
	for name := range variables {
		if !slices.Contains(known, name) && name != "name" { // the name of the stack
			t.Errorf("variable %s is no parameter of the stack", name)
		}
	}
}

// But for the signal, which CloudFormation alone has.
func TestTheUserDataIsThatOfTheStack(t *testing.T) {
	s, locals := readStack(t), parse(t, "modules/instance").locals()
	node := s.Resources["LaunchTemplate"].Properties["LaunchTemplateData"]
	data := s.value(t, node).(map[string]any)["UserData"].(map[string]any)["Fn::Base64"].(string)
	want := strings.NewReplacer("${Fetch}", "FETCH", "${Ports}", "PORTS", "${Cluster}", "CLUSTER", "${Target}", "TARGET",
		"${GateFlag}", "GATE", "${AwaitFlag}", "AWAIT").Replace(data)
	want = strings.Replace(want, "--cfn-stack ${AWS::StackName} --cfn-resource Workers ", "", 1)
	script := evaluate(t, locals["user_data"], map[string]cty.Value{
		"var": object(
			map[string]string{
				"muster_url":    "https://example.com",
				"cluster_name":  "CLUSTER",
				"target_port":   "TARGET",
				"launch_hook":   "ready",
				"await_service": "web-app",
			},
		),
		"local": object(
			map[string]string{
				"fetch":      "FETCH",
				"ports":      "PORTS",
				"gate_flag":  "GATE",
				"await_flag": "AWAIT",
				"hook": evaluate(
					t,
					locals["hook"],
					map[string]cty.Value{"var": object(map[string]string{"launch_hook": "ready"})},
				).AsString(),
			},
		),
	}).AsString()
	flat := func(script string) string { return regexp.MustCompile(`\s*\\\n\s*`).ReplaceAllString(script, " ") }
	if diff := cmp.Diff(flat(want), flat(script)); diff != "" {
		t.Errorf("(-stack +module):\n%s", diff)
	}
}
