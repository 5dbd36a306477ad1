package awsapi

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"muster/internal/fleet/inventory"
	"muster/internal/fleet/schedule"
)

// answer is an example that AWS publishes, with the page that has it: testdata/answers.
type answer struct {
	Source, Action string
	Answer         json.RawMessage
}

// published serves the answer of a file for every request. ECS's JSON is that of the AWS CLI. Auto Scaling answers in
// XML, from which the AWS CLI makes its JSON; queryXML reverses that.
func published(t *testing.T, name string) *Client {
	t.Helper()
	data, err := os.ReadFile("testdata/answers/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(data, &a); err != nil || a.Source == "" {
		t.Fatalf("%s: %v, source %q", name, err, a.Source)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") != "" {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			_, _ = w.Write(a.Answer)
			return
		}
		var tree any
		if err := json.Unmarshal(a.Answer, &tree); err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", a.Action, queryXML(tree))
	}))
	t.Cleanup(server.Close)
	credentials := aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
	})
	return client(t, aws.Config{Region: "us-west-2", BaseEndpoint: &server.URL, Credentials: credentials})
}

// queryXML writes a value as AWS's query protocol does: an element for each member, and <member> for those of a list.
func queryXML(value any) string {
	var out strings.Builder
	switch value := value.(type) {
	case map[string]any:
		for name, child := range value {
			fmt.Fprintf(&out, "<%[1]s>%[2]s</%[1]s>", name, queryXML(child))
		}
	case []any:
		for _, child := range value {
			fmt.Fprintf(&out, "<member>%s</member>", queryXML(child))
		}
	default:
		_ = xml.EscapeText(&out, []byte(fmt.Sprint(value)))
	}
	return out.String()
}

func same[T any](t *testing.T, want, got T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPublishedAnswersOfECSAreRead(t *testing.T) {
	ctx := t.Context()
	all := inventory.Resources{CPU: 2048, Memory: 3955, TCP: []uint16{22, 2375, 2376, 51678}}
	instances, err := published(t, "container-instances").DescribeInstances(ctx, "update", []string{"53ac7152-dcd1-4102-81f5-208962864132"})
	same(t, []inventory.Instance{{
		ARN: "arn:aws:ecs:us-west-2:<aws_account_id>:container-instance/53ac7152-dcd1-4102-81f5-208962864132", ID: "i-f3c1de3a",
		Kind: inventory.EC2, Status: "ACTIVE", Connected: true, Agent: "1.0.0", Docker: "1.5.0", Total: all, Free: all,
		Attributes: []inventory.Attribute{},
	}}, instances, err)

	created := time.Date(2016, 6, 24, 20, 56, 48, 595e6, time.UTC) // 1466801808.595
	services, err := published(t, "services").DescribeServices(ctx, "default", []string{"my-http-service"})
	same(t, []inventory.Service{{
		ARN: "arn:aws:ecs:us-west-2:123456789012:service/my-http-service", Name: "my-http-service", Status: "ACTIVE",
		Definition: "amazon-ecs-sample:1", Controller: "ECS", Desired: 10, Running: 10,
		Deployments: []inventory.Deployment{{ID: "ecs-svc/1234567890123456789", Status: "PRIMARY", Definition: "amazon-ecs-sample:1",
			Desired: 10, Running: 10, Created: created, Updated: time.Date(2015, 4, 6, 13, 18, 32, 703e6, time.UTC)}},
		Events: []inventory.Event{{At: created.Add(3840 * time.Millisecond), Message: "(service my-http-service) has reached a steady state."}},
	}}, services, err)

	providers, err := published(t, "capacity-providers").DescribeProviders(ctx, "default")
	same(t, []inventory.Provider{
		{Name: "MyCapacityProvider", Status: "ACTIVE", Group: "MyAutoScalingGroup", Scaling: true, Target: 100},
		{Name: "FARGATE", Status: "ACTIVE"}, {Name: "FARGATE_SPOT", Status: "ACTIVE"},
	}, providers, err)
}

func TestPublishedAnswersOfAutoScalingAreRead(t *testing.T) {
	ctx := t.Context()
	groups, err := published(t, "auto-scaling-groups").GroupsNamed(ctx, []string{"my-asg"})
	same(t, []inventory.Group{{
		Name: "my-asg", Max: 1, Desired: 1, Zones: []string{"us-west-2a", "us-west-2b", "us-west-2c"}, Tags: map[string]string{},
		Members: []inventory.Member{{ID: "i-06905f55584de02da", Zone: "us-west-2a", Type: "t2.micro", Lifecycle: "InService", Health: "Healthy"}},
	}}, groups, err)

	two, four, six := 2, 4, 6
	actions, _, err := published(t, "scheduled-actions").ScheduledActions(ctx, "my-auto-scaling-group", 1)
	same(t, []inventory.ScheduledAction{{
		Group: "my-auto-scaling-group", Name: "sample-scheduled-action", Start: time.Date(2019, 12, 1, 0, 30, 0, 0, time.UTC),
		Recurrence: "30 0 1 12 0", Min: &two, Desired: &four, Max: &six,
	}}, actions, err)

	activities, err := published(t, "scaling-activities").Activities(ctx, "my-asg")
	if err != nil || len(activities) != 1 {
		t.Fatal(activities, err)
	}
	a := activities[0]
	if a.Status != "Successful" || !strings.HasSuffix(a.Description, ": i-0d44425630326060f") ||
		!a.Start.Equal(time.Date(2020, 10, 30, 19, 36, 9, 766e6, time.UTC)) {
		t.Errorf("%+v", a)
	}
	changes := schedule.ParseCause(a.Cause)
	if len(changes) == 0 || changes[0].By != schedule.ByRequest || changes[0].From != 0 || changes[0].To != 16 ||
		!changes[0].At.Equal(time.Date(2020, 10, 30, 19, 35, 51, 0, time.UTC)) {
		t.Errorf("%+v", changes)
	}
}
