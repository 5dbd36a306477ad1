// Package cloudformation_test holds what the stack watches to what muster says:
// its alarms and its dashboard to the metrics, its rule to the events. What the
// stack builds is seen in test/integration.
package cloudformation_test

import (
	stdcmp "cmp"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"muster/agent/announce"
	"muster/internal/awsapi"
)

// metric is one as CloudFormation names it.
type metric struct {
	Namespace  string `yaml:"Namespace"`
	MetricName string `yaml:"MetricName"`
	Dimensions []struct {
		Name  string    `yaml:"Name"`
		Value yaml.Node `yaml:"Value"`
	} `yaml:"Dimensions"`
}

// query is one of an alarm on metric math: a metric, or an expression on others.
type query struct {
	ID         string    `yaml:"Id"`
	Expression yaml.Node `yaml:"Expression"`
	MetricStat struct {
		Metric metric `yaml:"Metric"`
	} `yaml:"MetricStat"`
}

type resource struct {
	Type       string `yaml:"Type"`
	Properties struct {
		metric    `yaml:",inline"`
		AlarmName string  `yaml:"AlarmName"`
		Metrics   []query `yaml:"Metrics"`

		Statistic          string `yaml:"Statistic"`
		ComparisonOperator string `yaml:"ComparisonOperator"`
		Threshold          string `yaml:"Threshold"`
		Period             string `yaml:"Period"`
		EvaluationPeriods  string `yaml:"EvaluationPeriods"`
		DatapointsToAlarm  string `yaml:"DatapointsToAlarm"`

		DashboardBody []yaml.Node `yaml:"DashboardBody"` // !Sub of a text and what stands for its names
		EventPattern  struct {
			Source     []string               `yaml:"source"`
			DetailType []string               `yaml:"detail-type"`
			Detail     map[string][]yaml.Node `yaml:"detail"`
		} `yaml:"EventPattern"`
	} `yaml:"Properties"`
}

// text is a value, with CloudFormation's tag if it has one: "!Ref Cluster".
func text(node yaml.Node) string {
	if strings.HasPrefix(node.Tag, "!!") {
		return node.Value
	}
	return node.Tag + " " + node.Value
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func resources(t *testing.T) map[string]resource {
	t.Helper()
	var stack struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "stack.yaml")), &stack); err != nil {
		t.Fatal(err)
	}
	all := map[string]resource{}
	for name, node := range stack.Resources {
		var kind struct {
			Type string `yaml:"Type"`
		}
		if err := node.Decode(&kind); err != nil {
			t.Fatal(err)
		}
		switch kind.Type {
		case "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Events::Rule":
			var r resource
			if err := node.Decode(&r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all[name] = r
		}
	}
	return all
}

// published are the metrics of the page, each with the dimensions that it has
// unasked: those on request (K and I) the stack does not ask for.
func published(t *testing.T) map[string][]string {
	t.Helper()
	dimensions := map[string]string{"C": "ClusterName=!Ref Cluster", "S": "ClusterName=!Ref Cluster ServiceName=!GetAtt Service.Name"}
	all := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| \\w+ \\| ([A-Z ]+) \\|").FindAllStringSubmatch(read(t,
		"../../docs/reference/metrics.md"), -1) {
		for set := range strings.FieldsSeq(row[2]) {
			if dimensions[set] != "" {
				all[row[1]] = append(all[row[1]], dimensions[set])
			}
		}
	}
	return all
}

// watch says what is wrong with a metric of muster's that somebody looks at.
func watch(t *testing.T, who, name, dimensions string) {
	t.Helper()
	sets := published(t)[name]
	if sets == nil {
		t.Errorf("%s: docs/reference/metrics.md has no metric %s", who, name)
	} else if !slices.Contains(sets, dimensions) {
		t.Errorf("%s: %s is not published for %q, but for %q", who, name, dimensions, sets)
	}
}

// dimensions are those of the metric, each with what it refers to.
func (m metric) dimensions() string {
	var all []string
	for _, d := range m.Dimensions {
		all = append(all, d.Name+"="+text(d.Value))
	}
	return strings.Join(all, " ")
}

// amazons are the metrics of AWS that the stack uses, with their dimensions, by the user
// guides of EC2 Auto Scaling ("Amazon CloudWatch metrics for Amazon EC2 Auto Scaling")
// and Elastic Load Balancing ("CloudWatch metrics for your Application Load Balancer").
func amazons() map[string]string {
	const group = "AutoScalingGroupName=!Ref Workers"
	const target = "LoadBalancer=!GetAtt Balancer.LoadBalancerFullName TargetGroup=!GetAtt Targets.TargetGroupFullName"
	return map[string]string{
		"AWS/AutoScaling GroupDesiredCapacity": group, "AWS/AutoScaling GroupInServiceInstances": group,
		"AWS/ApplicationELB HealthyHostCount": target, "AWS/ApplicationELB UnHealthyHostCount": target,
	}
}

// published checks that somebody publishes a metric: muster or AWS.
func (m metric) published(t *testing.T, who string) {
	t.Helper()
	if m.Namespace == "Muster" {
		watch(t, who, m.MetricName, m.dimensions())
		return
	}
	if want, is := amazons()[m.Namespace+" "+m.MetricName]; !is || m.dimensions() != want {
		t.Errorf("%s: %s %s for %q, want %q", who, m.Namespace, m.MetricName, m.dimensions(), want)
	}
}

func TestEachAlarmIsOnAMetricThatIsPublished(t *testing.T) {
	for name, r := range resources(t) {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		if r.Properties.Metrics == nil {
			r.Properties.published(t, name)
		}
		for _, q := range r.Properties.Metrics {
			if q.Expression.Value == "" {
				q.MetricStat.Metric.published(t, name)
			}
		}
	}
}

// The page of the metrics recommends an alarm for each of these: `Maximum > 0`, 5 minutes.
// Of the other alarms, some wait longer in the stack than on the page.
func TestTheAlarmsOnASingleInstanceAreThoseThatThePageRecommends(t *testing.T) {
	page, comparisons := read(
		t,
		"../../docs/reference/metrics.md",
	), map[string]string{
		"<": "LessThanThreshold",
		">": "GreaterThanThreshold",
	}
	for name, metric := range map[string]string{"Disconnected": "Connected", "Impaired": "Impaired", "Orphans": "Orphans"} {
		row := regexp.MustCompile("(?m)^\\| `" + metric + "` .*\\| `(\\w+) ([<>]) (\\d+)`(?:, (\\d+) minutes?)? \\|$").
			FindStringSubmatch(page)
		if row == nil {
			t.Errorf("docs/reference/metrics.md recommends no alarm on %s", metric)
			continue
		}
		p := resources(t)[name].Properties
		got := []string{p.MetricName, p.Statistic, p.ComparisonOperator, p.Threshold, p.EvaluationPeriods, p.DatapointsToAlarm, p.Period}
		want := []string{metric, row[1], comparisons[row[2]], row[3], stdcmp.Or(row[4], "1"), "", "60"}
		if !slices.Equal(got, want) {
			t.Errorf("%s is %q, and the page recommends %q", name, got, want)
		}
	}
}

// CloudFormation's limit ("Maximum size of a template body that you can pass in a request").
func TestTheTemplateFitsIntoARequest(t *testing.T) {
	if size := len(read(t, "stack.yaml")); size > 51_200 {
		t.Errorf("the template has %d bytes", size)
	}
}

func TestTheDashboardShowsMetricsThatArePublishedAndEveryAlarm(t *testing.T) {
	all := resources(t)
	body := all["Dashboard"].Properties.DashboardBody
	if len(body) != 2 {
		t.Fatalf("the dashboard is a !Sub of %d", len(body))
	}
	var names map[string]yaml.Node
	if err := body[1].Decode(&names); err != nil {
		t.Fatal(err)
	}
	filled := regexp.MustCompile(`\$\{(.*?)\}`).ReplaceAllStringFunc(body[0].Value, func(ref string) string {
		name := ref[2 : len(ref)-1]
		if given, is := names[name]; is {
			return text(given)
		}
		return "!Ref " + name
	})
	var dashboard struct {
		Widgets []struct {
			Properties struct {
				Title   string
				Alarms  []string
				Metrics [][]any
			}
		}
	}
	if err := json.Unmarshal([]byte(filled), &dashboard); err != nil {
		t.Fatalf("%v in %s", err, filled)
	}
	var want, got []string
	for _, r := range all {
		if r.Type == "AWS::CloudWatch::Alarm" {
			want = append(want, r.Properties.AlarmName)
		}
	}
	for _, w := range dashboard.Widgets {
		p := w.Properties
		for _, arn := range p.Alarms {
			_, name, _ := strings.Cut(arn, ":alarm:")
			got = append(got, name)
		}
		if len(p.Alarms)+len(p.Metrics) == 0 {
			t.Errorf("%q shows nothing", p.Title)
		}
		var before []string
		for _, m := range p.Metrics {
			before = expanded(m, before)
			shown(t, p.Title, before)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the alarms of the stack and of the dashboard (-stack +dashboard):\n%s", diff)
	}
}

// expanded returns the words of a metric of a widget: namespace, name, and pairs of a dimension's name and value. A "."
// repeats the word of the metric before (CloudWatch, "Dashboard body structure and syntax").
func expanded(metric []any, before []string) (words []string) {
	for i, of := range metric {
		word, is := of.(string)
		if !is {
			continue // its options
		}
		if word == "." && i < len(before) {
			word = before[i]
		}
		words = append(words, word)
	}
	return words
}

// shown checks that somebody publishes a metric of a widget.
func shown(t *testing.T, title string, words []string) {
	t.Helper()
	switch {
	case len(words) < 4 || len(words)%2 != 0:
		t.Errorf("%q: %q is no metric with its dimensions", title, words)
	case words[0] == "Muster":
		var dimensions []string
		for pair := range slices.Chunk(words[2:], 2) {
			dimensions = append(dimensions, strings.Join(pair, "="))
		}
		watch(t, title, words[1], strings.Join(dimensions, " "))
	case amazons()[words[0]+" "+words[1]] == "":
		t.Errorf("%q: nobody publishes into %s", title, words[0])
	}
}

// bus keeps what EventBridge would get.
type bus struct{ events []awsapi.Event }

func (b *bus) PutEvents(_ context.Context, _ string, events []awsapi.Event) ([]error, error) {
	b.events = append(b.events, events...)
	return make([]error, len(events)), nil
}

// matches is EventBridge's rule, as far as the pattern uses it: a value that is
// listed, or anything but those that are.
func (r resource) matches(t *testing.T, e awsapi.Event) bool {
	t.Helper()
	var detail map[string]any
	if err := json.Unmarshal([]byte(e.Detail), &detail); err != nil {
		t.Fatal(err)
	}
	pattern := r.Properties.EventPattern
	all := slices.Contains(pattern.Source, e.Source) && (pattern.DetailType == nil || slices.Contains(pattern.DetailType, e.DetailType))
	for field, allowed := range pattern.Detail {
		value, _ := detail[field].(string)
		all = all && slices.ContainsFunc(allowed, func(one yaml.Node) bool {
			if one.Kind == yaml.ScalarNode {
				return text(one) == value
			}
			var not map[string][]string
			if err := one.Decode(&not); err != nil || len(not) != 1 || not["anything-but"] == nil {
				t.Fatalf("%s: %v, %v: a filter that this test does not know", field, not, err)
			}
			return !slices.Contains(not["anything-but"], value)
		})
	}
	return all
}

func TestTheRulePassesWhatAPersonIsToKnow(t *testing.T) {
	wakes := map[announce.Kind]bool{
		announce.Unhealthy: true, announce.OutOfMemory: true, announce.ChildOutOfMemory: true, announce.CrashLoop: true,
		announce.CrashLoopOver: true, announce.RegistrationLost: true, announce.RegistrationRegained: true,
		announce.Orphan: true, announce.OrphanOver: true, announce.StartFailed: true,
		announce.Recovered: false, announce.Leaving: false,
	}
	rule, rules := resource{}, 0
	for _, r := range resources(t) {
		if r.Type == "AWS::Events::Rule" && slices.Contains(r.Properties.EventPattern.Source, "muster") {
			rule, rules = r, rules+1
		}
	}
	if rules != 1 {
		t.Fatalf("%d rules", rules)
	}
	rows := regexp.MustCompile("(?m)^\\| ([A-Z][A-Za-z ]+) \\| `([a-z-]+)` \\|").
		FindAllStringSubmatch(read(t, "../../docs/reference/events.md"), -1)
	if len(rows) != len(wakes) {
		t.Errorf("docs/reference/events.md has %d kinds, and this test %d", len(rows), len(wakes))
	}
	for _, row := range rows {
		kind := announce.Kind(row[2])
		passes, known := wakes[kind]
		for cluster, want := range map[string]bool{"!Ref Cluster": passes, "another": false} {
			b := &bus{}
			a := announce.New(announce.Options{Log: slog.New(slog.DiscardHandler), Bus: b})
			a.Announce(announce.Event{Kind: kind, At: time.Unix(0, 0), Cluster: cluster})
			if err := a.Flush(t.Context()); err != nil || len(b.events) != 1 || b.events[0].DetailType != row[1] || !known {
				t.Fatalf("%s is sent as %+v, %v", kind, b.events, err)
			}
			e := b.events[0]
			if got := rule.matches(t, e); got != want {
				t.Errorf("%s in %s: passes: %v", kind, cluster, got)
			}
			e.Source = "aws.ecs"
			if rule.matches(t, e) {
				t.Errorf("%s of another source passes", kind)
			}
		}
	}
}
