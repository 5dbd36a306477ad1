package survey_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"muster/internal/awsapi"
	"muster/internal/sandbox"
)

// size is a cluster's.
type size struct{ instances, services, tasks, groups, providers int }

// world is a sandbox with a cluster prod of this size. Its instances have the attributes
// of an instance of Amazon Linux 2023 (ECS developer guide, "Amazon ECS container instance
// attributes"), of which there are some forty.
func world(t testing.TB, n size) *sandbox.Sandbox {
	t.Helper()
	box, err := sandbox.New(sandbox.Options{Root: t.TempDir(), Clusters: []string{"prod"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	for g := range n.groups {
		box.AddGroup(sandbox.ScalingGroup{Name: fmt.Sprintf("workers-%d", g), Max: 10, Tags: map[string]string{"muster:cluster": "prod"}})
	}
	for p := range n.providers {
		box.AddCapacityProvider("prod", sandbox.CapacityProvider{Name: fmt.Sprintf("p-%d", p)})
	}
	arns := make([]string, 0, n.instances)
	for i := range n.instances {
		arns = append(arns, addInstance(box, i))
	}
	for s := range n.services {
		box.AddService(
			"prod",
			sandbox.Service{Name: fmt.Sprintf("svc-%04d", s), DesiredCount: n.tasks / max(n.services, 1), Events: steady()},
		)
	}
	for k := range n.tasks {
		task := sandbox.RunningTask{Service: fmt.Sprintf("svc-%04d", k%max(n.services, 1))}
		if len(arns) > 0 {
			task.ContainerInstance = arns[k%len(arns)]
		}
		box.AddTask("prod", task)
	}
	return box
}

func zone(i int) string { return "eu-central-1" + string(rune('a'+i%3)) }

func addInstance(box *sandbox.Sandbox, i int) string {
	id := fmt.Sprintf("i-%017x", i+1)
	attributes := []sandbox.Attribute{{Name: "ecs.availability-zone", Value: zone(i)}, {Name: "ecs.instance-type", Value: "m7i.large"},
		{Name: "ecs.subnet-id", Value: fmt.Sprintf("subnet-%d", i%3)}, {Name: "ecs.os-type", Value: "linux"}}
	for c := range 36 {
		attributes = append(attributes, sandbox.Attribute{Name: fmt.Sprintf("com.amazonaws.ecs.capability.number-%02d", c)})
	}
	box.AddInstance(sandbox.Instance{ID: id, Type: "m7i.large", Zone: zone(i), Launched: time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC),
		Tags: map[string]string{"aws:autoscaling:groupName": "workers-0"}})
	return box.AddContainerInstance("prod", sandbox.ContainerInstance{
		EC2InstanceID: id, Status: "ACTIVE", AgentConnected: true, Attributes: attributes, CapacityProviderName: "p-0",
		VersionInfo:         &sandbox.VersionInfo{AgentVersion: "1.105.1", DockerVersion: "DockerVersion: 25.0.8"},
		RegisteredResources: sandbox.Resources(2048, 7764), RemainingResources: sandbox.Resources(1024, 3764, "8080"),
	})
}

func steady() []sandbox.ServiceEvent {
	var out []sandbox.ServiceEvent
	for n := range 100 { // ECS returns up to 100
		out = append(
			out,
			sandbox.ServiceEvent{ID: fmt.Sprint(n), CreatedAt: sandbox.Epoch{Time: time.Date(2026, 11, 27, 20, 0, -n, 0, time.UTC)},
				Message: "(service web) has reached a steady state."},
		)
	}
	return out
}

// inProcess serves the SDK without a connection, after the latency, in the time of the
// bubble that calls it.
type inProcess struct {
	handler http.Handler
	latency time.Duration
}

// Do implements aws.HTTPClient.
func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	if p.latency > 0 {
		<-time.After(p.latency)
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	w.Body = &bytes.Buffer{}
	p.handler.ServeHTTP(w, r)
	out := w.Result()
	out.Request = r
	return out, nil
}

func client(box *sandbox.Sandbox, latency time.Duration) *awsapi.Client {
	cfg := box.AWSConfig()
	cfg.HTTPClient = inProcess{box.AWS(), latency}
	cfg.BaseEndpoint = aws.String("http://sandbox")
	return awsapi.FromConfig(cfg).Polite()
}

func contextAfter(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
