package iam_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"muster/packaging/iam"
)

// request is what a service asks IAM: may the caller do this to that?
type request struct {
	action, resource string
	keys             map[string]string // the condition keys that the service and IAM give, by lower-case name
}

// allows evaluates one statement as IAM does (IAM user guide, "Policy evaluation logic",
// "IAM JSON policy elements" and "Variables and tags"), for what muster's policies use:
// Allow, actions and resources with wildcards, string and ARN operators with one value,
// and policy variables.
func allows(t *testing.T, s iam.Statement, r request) bool {
	t.Helper()
	if s.Effect != "Allow" {
		t.Fatalf("%s: this test does not evaluate %s", s.Sid, s.Effect)
	}
	resource, known := resolve(s.Resource, r.keys)
	if !known || !like(resource, r.resource) || !slices.ContainsFunc(actionsOf(s), func(a string) bool { return like(a, r.action) }) {
		return false
	}
	for operator, conditions := range s.Condition { // all of them, and all keys of each
		for key, pattern := range conditions {
			value, given := r.keys[strings.ToLower(key)]
			pattern, known := resolve(pattern, r.keys)
			if !given || !known || !compare(t, operator, pattern, value) {
				return false
			}
		}
	}
	return true
}

func actionsOf(s iam.Statement) []string {
	if one, is := s.Action.(string); is {
		return []string{one}
	}
	var all []string
	for _, a := range s.Action.([]any) {
		all = append(all, a.(string))
	}
	return all
}

func compare(t *testing.T, operator, pattern, value string) bool {
	t.Helper()
	switch operator {
	case "StringEquals":
		return pattern == value
	case "StringLike":
		return like(pattern, value)
	case "ArnEquals", "ArnLike": // they behave identically: each component for itself
		patterns, values := strings.SplitN(pattern, ":", 6), strings.SplitN(value, ":", 6)
		return len(patterns) == 6 && slices.EqualFunc(patterns, values, like)
	}
	t.Fatalf("this test does not evaluate %s", operator)
	return false
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// resolve puts the values of the request in for the variables. One without a value makes
// a condition and a resource match nothing ("Policy variables with no value").
func resolve(text string, keys map[string]string) (resolved string, known bool) {
	known = true
	return variable.ReplaceAllStringFunc(text, func(v string) string {
		value, given := keys[strings.ToLower(v[2:len(v)-1])]
		known = known && given
		return value
	}), known
}

// like matches * and ?.
func like(pattern, text string) bool {
	quoted := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile(`\A(?s:` + quoted + `)\z`).MatchString(text)
}

// The evaluator, by the examples and sentences of the IAM user guide.
func TestTheEvaluatorIsIAMs(t *testing.T) {
	statement := func(resource string, condition map[string]map[string]string) iam.Statement {
		return iam.Statement{
			Sid:       "X",
			Effect:    "Allow",
			Action:    []any{"s3:GetObject", "iam:*AccessKey*"},
			Resource:  resource,
			Condition: condition,
		}
	}
	tagged := map[string]map[string]string{"StringEquals": {"aws:ResourceTag/Team": "${aws:PrincipalTag/Team}"}}
	arn := map[string]map[string]string{"ArnLike": {"aws:SourceArn": "arn:*:sns:*:123456789012:topic-*"}}
	for name, c := range map[string]struct {
		statement iam.Statement
		request   request
		want      bool
	}{
		"the action of the list":  {statement("*", nil), request{"s3:GetObject", "arn:aws:s3:::b/k", nil}, true},
		"a wildcard in an action": {statement("*", nil), request{"iam:DeleteAccessKey", "*", nil}, true},
		"another action":          {statement("*", nil), request{"s3:PutObject", "arn:aws:s3:::b/k", nil}, false},
		"another resource": {statement("arn:aws:s3:::b/*", nil), request{"s3:GetObject", "arn:aws:s3:::c/k", nil},
			false},
		"a variable in a resource": {statement("arn:aws:s3:::b-${aws:PrincipalTag/Team}/*", nil),
			request{"s3:GetObject", "arn:aws:s3:::b-red/k", map[string]string{"aws:principaltag/team": "red"}}, true},
		"a variable of another value": {statement("arn:aws:s3:::b-${aws:PrincipalTag/Team}/*", nil),
			request{"s3:GetObject", "arn:aws:s3:::b-blue/k", map[string]string{"aws:principaltag/team": "red"}}, false},
		"a variable without a value in a resource": {statement("arn:aws:s3:::b-${aws:PrincipalTag/Team}/*", nil),
			request{"s3:GetObject", "arn:aws:s3:::b-/k", nil}, false},
		"both tags alike": {statement("*", tagged), request{"s3:GetObject", "arn:aws:s3:::b/k",
			map[string]string{"aws:principaltag/team": "red", "aws:resourcetag/team": "red"}}, true},
		"another tag": {statement("*", tagged), request{"s3:GetObject", "arn:aws:s3:::b/k",
			map[string]string{"aws:principaltag/team": "red", "aws:resourcetag/team": "Red"}}, false},
		"no tag on the resource": {statement("*", tagged), request{"s3:GetObject", "arn:aws:s3:::b/k",
			map[string]string{"aws:principaltag/team": "red"}}, false},
		"no tag on either": {statement("*", tagged), request{"s3:GetObject", "arn:aws:s3:::b/k", nil}, false},
		"an ARN with wildcards": {statement("*", arn),
			request{"s3:GetObject", "*", map[string]string{"aws:sourcearn": "arn:aws-cn:sns:cn-north-1:123456789012:topic-1"}}, true},
		"an ARN of another account": {statement("*", arn),
			request{"s3:GetObject", "*", map[string]string{"aws:sourcearn": "arn:aws:sns:eu-west-1:999999999999:topic-1"}}, false},
		"a wildcard does not cross an ARN's columns": {statement("*", arn),
			request{"s3:GetObject", "*", map[string]string{"aws:sourcearn": "arn:aws:sns:x:y:123456789012:topic-1"}}, false},
		"a value that is no ARN": {statement("*", arn),
			request{"s3:GetObject", "*", map[string]string{"aws:sourcearn": "topic-1"}}, false},
	} {
		if got := allows(t, c.statement, c.request); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// place is where a request goes, and whose role sends it.
type place struct {
	cluster, group, stack string // names
	tag, role             string // muster:cluster of the group or stack, and of the role; empty: none
	namespace, source     string
}

var own = place{cluster: "prod", group: "web-workers", stack: "web", tag: "prod", role: "prod", namespace: "Muster", source: "muster"}

// outside are the places that the policies do not reach, by what is different there.
func outside() map[string]place {
	all := map[string]place{}
	for name, change := range map[string]func(*place){
		"another cluster":                   func(p *place) { p.cluster = "staging" },
		"a cluster whose name begins alike": func(p *place) { p.cluster = "prod2" },
		"a cluster whose name ends alike":   func(p *place) { p.cluster = "preprod" },
		"another tag":                       func(p *place) { p.tag = "staging" },
		"no tag on the resource":            func(p *place) { p.tag = "" },
		"no tag on the role":                func(p *place) { p.role = "" },
		"no tag on either":                  func(p *place) { p.tag, p.role = "", "" },
		"a role of another cluster":         func(p *place) { p.role = "staging" },
		"another namespace":                 func(p *place) { p.namespace = "AWS/EC2" },
		"another source":                    func(p *place) { p.source = "aws.ec2" },
	} {
		p := own
		change(&p)
		all[name] = p
	}
	return all
}

// reference is what the Service Authorization Reference says of an action: the type of
// its resource ("" for none), the condition keys of the action and that type, and which
// part of a place they make a difference for.
type reference struct {
	resource string
	keys     []string
	// wide is why a policy that could be narrower is not, and wideIn are the policies that
	// are wide for that reason; without any: all.
	wide   string
	wideIn []string
}

// isWide reports whether a statement, "POLICY/SID", is wide for a reason.
func (r reference) isWide(statement string) bool {
	policy, _, _ := strings.Cut(statement, "/")
	return r.wide != "" && (r.wideIn == nil || slices.Contains(r.wideIn, policy))
}

var references = map[string]reference{
	"ecs:DescribeClusters": {
		resource: "cluster",
		wide:     "bootstrap, debug and fleet ask for the cluster as it was typed, to find out whether it exists",
		wideIn:   []string{"bootstrap", "debug", "fleet"},
	},
	"ecs:ListClusters":               {},
	"ecs:ListContainerInstances":     {resource: "cluster"},
	"ecs:DescribeContainerInstances": {resource: "container-instance", keys: []string{"ecs:cluster"}},
	"ecs:ListTasks":                  {resource: "container-instance", keys: []string{"ecs:cluster"}},
	"ecs:DescribeTasks":              {resource: "task", keys: []string{"ecs:cluster"}},
	"ecs:ListServices":               {keys: []string{"ecs:cluster"}},
	"ecs:DescribeServices":           {resource: "service", keys: []string{"ecs:cluster"}},
	"ecs:DescribeTaskDefinition":     {},
	"ecs:ListTaskDefinitionFamilies": {},
	"ec2:DescribeInstanceTypes":      {},
	"ecs:DescribeCapacityProviders":  {resource: "capacity-provider", wide: "no policy knows the names of a cluster's capacity providers"},
	"ecs:PutAttributes":              {resource: "container-instance", keys: []string{"ecs:cluster"}},

	"autoscaling:RecordLifecycleActionHeartbeat": {
		resource: "autoScalingGroup",
		keys:     []string{"aws:ResourceTag/muster:cluster", "autoscaling:ResourceTag/muster:cluster"},
	},
	"autoscaling:CompleteLifecycleAction": {
		resource: "autoScalingGroup",
		keys:     []string{"aws:ResourceTag/muster:cluster", "autoscaling:ResourceTag/muster:cluster"},
	},
	"autoscaling:SetInstanceHealth": {
		resource: "autoScalingGroup",
		keys:     []string{"aws:ResourceTag/muster:cluster", "autoscaling:ResourceTag/muster:cluster"},
	},
	"autoscaling:DescribeAutoScalingGroups":    {},
	"autoscaling:DescribeAutoScalingInstances": {},
	"autoscaling:DescribeLifecycleHooks":       {},
	"autoscaling:DescribeTags":                 {},
	"autoscaling:DescribeScheduledActions":     {},
	"autoscaling:DescribeScalingActivities":    {},

	"cloudformation:SignalResource":  {resource: "stack", keys: []string{"aws:ResourceTag/muster:cluster"}},
	"cloudwatch:GetMetricStatistics": {},
	"cloudwatch:PutMetricData":       {keys: []string{"cloudwatch:namespace"}},
	"events:PutEvents":               {resource: "event-bus", keys: []string{"events:source"}},

	"ec2:DescribeInstances":           {},
	"ec2:DescribeNetworkInterfaces":   {},
	"ec2:DescribeSecurityGroups":      {},
	"ec2:DescribeSecurityGroupRules":  {},
	"ec2:DescribeNetworkAcls":         {},
	"ec2:DescribeRouteTables":         {},
	"ec2:DescribeNatGateways":         {},
	"ec2:DescribeVpcEndpoints":        {},
	"ec2:DescribeVpcAttribute":        {resource: "vpc", wide: "no policy knows the VPC's id"},
	"ec2:GetManagedPrefixListEntries": {resource: "prefix-list", wide: "no policy knows the lists that the security groups name"},
}

// to is the request for an action at a place, with the keys that the service gives.
func to(t *testing.T, action string, p place) request {
	t.Helper()
	ref, known := references[action]
	if !known {
		t.Fatalf("the test has no reference of %s", action)
	}
	const account = "eu-central-1:123456789012"
	clusterARN := "arn:aws:ecs:" + account + ":cluster/" + p.cluster
	r := request{action: action, keys: map[string]string{}, resource: map[string]string{
		"":                   "*",
		"cluster":            clusterARN,
		"container-instance": "arn:aws:ecs:" + account + ":container-instance/" + p.cluster + "/0123",
		"task":               "arn:aws:ecs:" + account + ":task/" + p.cluster + "/0123",
		"service":            "arn:aws:ecs:" + account + ":service/" + p.cluster + "/web",
		"capacity-provider":  "arn:aws:ecs:" + account + ":capacity-provider/workers",
		"autoScalingGroup":   "arn:aws:autoscaling:" + account + ":autoScalingGroup:0-1-2-3:autoScalingGroupName/" + p.group,
		"stack":              "arn:aws:cloudformation:" + account + ":stack/" + p.stack + "/0-1-2-3",
		"event-bus":          "arn:aws:events:" + account + ":event-bus/default",
		"vpc":                "arn:aws:ec2:" + account + ":vpc/vpc-1",
		"prefix-list":        "arn:aws:ec2:" + account + ":prefix-list/pl-1",
	}[ref.resource]}
	if p.role != "" {
		r.keys["aws:principaltag/muster:cluster"] = p.role
	}
	for _, key := range ref.keys {
		value := map[string]string{"ecs:cluster": clusterARN, "cloudwatch:namespace": p.namespace, "events:source": p.source}[key]
		if strings.Contains(key, "ResourceTag") {
			value = p.tag
		}
		if value != "" {
			r.keys[strings.ToLower(key)] = value
		}
	}
	return r
}

// differs reports whether an action is another request at another place, whether IAM can
// tell them apart at all, and the statement should.
func differs(t *testing.T, statement, action string, p place) bool {
	t.Helper()
	ref := references[action]
	if len(ref.keys) == 0 && ref.resource == "" || ref.isWide(statement) {
		return false
	}
	a, b := to(t, action, own), to(t, action, p)
	scoped := ref.resource == "cluster" || slices.Contains(ref.keys, "ecs:cluster") || strings.Contains(fmt.Sprint(ref.keys), "ResourceTag")
	if !scoped { // the role's tag makes no difference for a namespace or a source
		delete(a.keys, "aws:principaltag/muster:cluster")
		delete(b.keys, "aws:principaltag/muster:cluster")
	}
	return a.resource != b.resource || !maps.Equal(a.keys, b.keys)
}

func everyStatement(t *testing.T) map[string]iam.Statement {
	t.Helper()
	all := map[string]iam.Statement{}
	for _, policy := range iam.Policies() {
		statements, err := iam.Statements(policy)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statements {
			all[policy+"/"+s.Sid] = s
		}
	}
	return all
}

// A role with all policies does what muster needs in its own cluster, and nothing of it
// elsewhere.
func TestThePoliciesReachOneCluster(t *testing.T) {
	all := everyStatement(t)
	for name, s := range all {
		for _, action := range actionsOf(s) {
			if !allows(t, s, to(t, action, own)) {
				t.Errorf("%s does not allow %s in its own cluster", name, action)
			}
			for where, p := range outside() {
				for by, other := range all {
					if differs(t, by, action, p) && allows(t, other, to(t, action, p)) {
						t.Errorf("%s allows %s at %s", by, action, where)
					}
				}
			}
		}
	}
}

// What IAM could limit is limited, or the table above says why not.
func TestNoPolicyIsWiderThanItMustBe(t *testing.T) {
	for name, s := range everyStatement(t) {
		for _, action := range actionsOf(s) {
			reached := 0
			for _, p := range outside() {
				if allows(t, s, to(t, action, p)) {
					reached++
				}
			}
			ref := references[action]
			if limitable := ref.resource != "" || len(ref.keys) > 0; limitable && !ref.isWide(name) && reached == len(outside()) {
				t.Errorf("%s allows %s everywhere", name, action)
			}
		}
	}
}

// Without a condition, or without the cluster in the resource, a statement reaches
// further, and the test above would see it.
func TestAPolicyThatIsWidenedIsNoticed(t *testing.T) {
	widened := 0
	for name, s := range everyStatement(t) {
		var wider []iam.Statement
		for operator, keys := range s.Condition {
			for key := range keys {
				w := s
				w.Condition = map[string]map[string]string{}
				for o, k := range s.Condition {
					w.Condition[o] = maps.Clone(k)
				}
				delete(w.Condition[operator], key)
				wider = append(wider, w)
			}
		}
		if strings.Contains(s.Resource, "${") {
			w := s
			w.Resource = "*"
			wider = append(wider, w)
		}
		for _, w := range wider {
			widened++
			for _, action := range actionsOf(w) {
				noticed := false
				for _, p := range outside() {
					noticed = noticed || differs(t, name, action, p) && allows(t, w, to(t, action, p))
				}
				if !noticed {
					t.Errorf("nothing notices that %s is wider for %s: %+v", name, action, w)
				}
			}
		}
	}
	if widened != 20 { // 13 conditions and 7 resources
		t.Errorf("%d statements are widened", widened)
	}
}

// The stack's role is narrower still: it names its cluster and its group.
func TestTheStacksRoleReachesItsOwnClusterAndGroup(t *testing.T) {
	var role []iam.Statement
	for _, s := range stacksRole(t) {
		role = append(role, s.resolved(t))
	}
	elsewhere := outside()
	for _, name := range []string{"no tag on the role", "no tag on either", "a role of another cluster"} {
		delete(elsewhere, name) // its policies name the cluster themselves
	}
	group := own
	group.group = "other-workers"
	elsewhere["another group with the tag"] = group
	for _, s := range role {
		for _, action := range actionsOf(s) {
			if !allows(t, s, to(t, action, own)) {
				t.Errorf("%s does not allow %s", s.Sid, action)
			}
			for where, p := range elsewhere {
				for _, other := range role {
					if to(t, action, own).resource != "*" && differs(t, "stack/"+other.Sid, action, p) &&
						allows(t, other, to(t, action, p)) {
						t.Errorf("%s allows %s at %s", other.Sid, action, where)
					}
				}
			}
		}
	}
}
