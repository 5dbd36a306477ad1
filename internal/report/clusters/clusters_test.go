package clusters_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"muster/internal/base/exitcode"
	"muster/internal/file/jsonfile"
	"muster/internal/fleet/inventory"
	"muster/internal/fleet/verdict"
	"muster/internal/report/clusters"
	"muster/internal/term"
	"muster/test/golden"
)

// Friday evening in Berlin, in winter.
var now = time.Date(2026, 11, 27, 21, 0, 0, 0, time.UTC)

var berlin = time.FixedZone("CET", 3600)

func number(n int) *int { return &n }

// twelve is a cluster of 12 instances in 3 zones with two services and a group.
func twelve() *inventory.Inventory {
	inv := &inventory.Inventory{
		Region:  "eu-west-1",
		At:      now,
		Calls:   14,
		Cluster: inventory.Cluster{Name: "prod", Status: "ACTIVE", Instances: 12},
	}
	g := inventory.Group{
		Name:           "prod-workers",
		Max:            18,
		Desired:        12,
		Zones:          []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"},
		Provider:       "workers",
		ActivitiesRead: true,
		WarmPool:       &inventory.WarmPool{State: "Stopped", Size: 2},
		Scheduled: []inventory.ScheduledAction{
			{
				Name:       "sleep",
				Recurrence: "0 20 * * 1-5",
				TimeZone:   "Europe/Berlin",
				Start:      time.Date(2026, 11, 30, 19, 0, 0, 0, time.UTC),
				Min:        number(0),
				Desired:    number(0),
			},
			{
				Name:       "wake",
				Recurrence: "0 6 * * 1-5",
				TimeZone:   "Europe/Berlin",
				Start:      time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC),
				Min:        number(0),
				Desired:    number(12),
			}},
	}
	for n := range 12 {
		id, zone := fmt.Sprintf("i-0a1b2c3d4e5f6%04d", n), g.Zones[n%3]
		inv.Instances = append(
			inv.Instances,
			inventory.Instance{ARN: "arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/" + id, ID: id, Kind: inventory.EC2,
				Zone: zone, Type: "m7i.large", Status: "ACTIVE", Connected: true, State: "running", Group: g.Name, Agent: "1.105.1", Running: 2,
				Provider: "workers",
				Launched: now.Add(
					-63 * time.Hour,
				), Total: inventory.Resources{CPU: 2048, Memory: 7764}, Free: inventory.Resources{CPU: 1024, Memory: 3668}},
		)
		g.Members = append(g.Members, inventory.Member{ID: id, Zone: zone, Lifecycle: "InService", Health: "Healthy"})
		for _, service := range []string{"web", "cache"} {
			inv.Tasks = append(
				inv.Tasks,
				inventory.TaskCount{Group: "service:" + service, Zone: zone, Instance: id, Status: "RUNNING", Tasks: 1},
			)
		}
	}
	inv.Groups = []inventory.Group{g}
	for n := range inv.Instances[1:] { // the agent of the first instance published none
		inv.Instances[n+1].Attributes = []inventory.Attribute{{Name: "muster.version", Value: "0.9.0"}}
	}
	for _, name := range []string{"cache", "web"} {
		inv.Services = append(
			inv.Services,
			inventory.Service{
				Name:        name,
				Status:      "ACTIVE",
				Definition:  name + ":41",
				Providers:   []string{"workers"},
				Scheduling:  "REPLICA",
				Controller:  "ECS",
				Desired:     12,
				Running:     12,
				Rebalancing: "ENABLED",
				MaxPercent:  200,
				Breaker:     true,
				Deployments: []inventory.Deployment{
					{Status: "PRIMARY", Rollout: "COMPLETED", Definition: name + ":41", Desired: 12, Running: 12},
				},
			},
		)
	}
	inv.Providers = []inventory.Provider{{Name: "workers", Group: g.Name, Scaling: true, Target: 100}}
	return inv
}

// states are clusters by what is wrong with them.
func states() map[string]*inventory.Inventory {
	sick := twelve()
	sick.Instances[7].Connected = false
	sick.Services[1].Running, sick.Services[1].Rebalancing = 11, "DISABLED"
	sick.Services[1].Events = []inventory.Event{
		{
			At: now.Add(-4 * time.Minute),
			Message: "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching " +
				"(container-instance 0a1b) has insufficient memory available.",
		},
	}
	sick.Tasks = append(sick.Tasks, inventory.TaskCount{Group: "service:web", Zone: "eu-west-1a", Status: "RUNNING", Tasks: 3})
	sick.Groups[0].Activities = []inventory.Activity{
		{Status: "Successful", Start: now.Add(-time.Hour)},
		{
			Status:      "Failed",
			Start:       now.Add(-2 * time.Hour),
			Description: "Launching a new EC2 instance.",
			Message:     "We currently do not have sufficient m7i.large capacity in the Availability Zone you requested (eu-west-1b).",
		},
	}

	dark := twelve()
	dark.Instances, dark.Tasks, dark.Groups[0].Members, dark.Groups[0].Desired = nil, nil, nil, 0
	dark.Services[0].Running, dark.Services[1].Running = 0, 0
	dark.Providers[0].Scaling = false
	dark.Groups[0].Activities = []inventory.Activity{
		{
			Status: "Successful",
			Start:  now.Add(-2 * time.Hour),
			Cause: "At 2026-11-27T19:00:05Z a scheduled action update of AutoScalingGroup constraints to min: 0, max: 18, desired: 0 changing " +
				"the desired capacity from 12 to 0.",
		},
	}

	denied := twelve()
	denied.Tasks = nil
	denied.Unread = []inventory.Unread{{Part: inventory.PartTasks, Action: "ecs:ListTasks", Reason: "AccessDeniedException", Denied: true},
		{Part: inventory.PartGroups, Action: "autoscaling:DescribeAutoScalingGroups", Reason: "AccessDenied", Denied: true}}
	denied.Groups = nil
	return map[string]*inventory.Inventory{"healthy": twelve(), "sick": sick, "dark": dark, "denied": denied}
}

func document(names ...string) clusters.Document {
	var all []clusters.Cluster
	for _, name := range names {
		inv := states()[name]
		all = append(all, clusters.Of(inv, verdict.Evaluate(inv, now), nil))
	}
	return clusters.New("eu-west-1", now, all...)
}

func shown(t *testing.T, show func(io.Writer) error) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := show(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Both widths are read by people: see testdata.
func TestTheTableFitsTheTerminal(t *testing.T) {
	for name := range states() {
		for _, width := range []int{80, 140} {
			out := shown(t, func(w io.Writer) error { return document(name).Table(w, term.Style{Width: width}, berlin) })
			golden.File(t, fmt.Sprintf("%s-%d.txt", name, width), out)
			for line := range strings.Lines(string(out)) {
				command := strings.Contains(line, "aws ") || strings.Contains(line, "muster ")
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width && !command {
					t.Errorf("%s at %d: a line of %d: %s", name, width, n, line)
				}
			}
			if n := bytes.Count(out, []byte("\n")); name == "healthy" && n > 40 {
				t.Errorf("%d lines are more than a screen", n)
			}
		}
	}
}

func TestTheFirstLineAndTheExitCodeAgree(t *testing.T) {
	for name, c := range map[string]struct {
		first string
		exit  int
	}{
		"healthy": {"Healthy: 12 of 12 container instances connected, 2 of 2 services at the desired count", exitcode.Healthy},
		"sick":    {"Problem: 1 of 12 container instances is not connected to ECS", exitcode.Failed},
		"dark":    {"Asleep: group prod-workers has been asleep since 2026-11-27T19:00:05Z and wakes at 2026-11-30T05:00:00Z", exitcode.Healthy},
		"denied":  {"Unknown: could not read the groups: autoscaling:DescribeAutoScalingGroups is not allowed", exitcode.Undetermined},
	} {
		d := document(name)
		out := shown(t, func(w io.Writer) error { return d.Table(w, term.Style{}, berlin) })
		first, _, _ := strings.Cut(string(out), "\n")
		if got := exitcode.Of(d.Err()); first != c.first && name != "denied" ||
			!strings.HasPrefix(first, "Unknown: ") && name == "denied" ||
			got != c.exit ||
			d.Clusters[0].ExitCode != c.exit {
			t.Errorf("%s: exit %d: %s", name, got, first)
		}
	}
	if got := exitcode.Of(document("healthy", "denied", "sick").Err()); got != exitcode.Failed {
		t.Errorf("the worst cluster decides: %d", got)
	}
}

func schemaOf(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../../docs/schema/fleet.json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	forbidOthers(value)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("fleet.json", value); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("fleet.json")
}

// forbidOthers makes the schema strict: it describes every field.
func forbidOthers(node any) {
	switch node := node.(type) {
	case map[string]any:
		if node["properties"] != nil && node["type"] == "object" {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			forbidOthers(child)
		}
	case []any:
		for _, child := range node {
			forbidOthers(child)
		}
	}
}

func TestThePublishedSchemaDescribesTheJSON(t *testing.T) {
	schema := schemaOf(t)
	for _, d := range []clusters.Document{document(), document("healthy"), document("sick"), document("dark"), document("denied", "sick")} {
		text := shown(t, func(w io.Writer) error { return jsonfile.Print(w, d) })
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Error(err)
		}
	}
}

func TestJUnitFailsWhereTheExitCodeDoes(t *testing.T) {
	for name, want := range map[string]struct{ failures, errors int }{"healthy": {0, 0}, "sick": {3, 0}, "dark": {0, 0}, "denied": {0, 3}} {
		out := shown(t, document(name).JUnit)
		var suite struct {
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
		}
		if err := xml.Unmarshal(out, &suite); err != nil {
			t.Fatal(err)
		}
		if suite.Failures != want.failures || suite.Errors != want.errors {
			t.Errorf("%s: %d failures, %d errors", name, suite.Failures, suite.Errors)
		}
	}
}

// What AWS quotes from others, such as a tag or an event, cannot break the page or the
// terminal.
func TestHostileTextStaysText(t *testing.T) {
	const hostile = "<script>alert(1)</script>\x1b[2J\u202e"
	inv := twelve()
	inv.Services[0].Name, inv.Groups[0].Name, inv.Instances[0].Type = hostile, hostile, hostile
	inv.Services[0].Running = 0
	inv.Services[0].Events = []inventory.Event{{At: now, Message: "unable to " + hostile}}
	d := clusters.New("eu-west-1", now, clusters.Of(inv, verdict.Evaluate(inv, now), nil))
	for name, show := range map[string]func(io.Writer) error{
		"html":  func(w io.Writer) error { return d.HTML(w, berlin) },
		"table": func(w io.Writer) error { return d.Table(w, term.Style{Width: 100, UTF8: true}, berlin) },
		"junit": d.JUnit,
	} {
		out := string(shown(t, show))
		if strings.Contains(out, "\x1b[2J") || strings.Contains(out, "\u202e") || name == "html" && strings.Contains(out, "<script") {
			t.Errorf("%s: %.300s", name, out)
		}
	}
}
