//go:build integration

package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"muster/bootstrap/bootreport"
	"muster/internal/sandbox"
)

const (
	region = "eu-central-1"
	group  = "workers"
)

// template creates a group with one instance. The launch hook waits for the instance, and the stack waits for a signal.
// The AMI is one of moto's.
const template = `{"Resources": {
	"Launch": {"Type": "AWS::AutoScaling::LaunchConfiguration", "Properties": {
		"LaunchConfigurationName": "workers", "ImageId": "ami-12c6146b", "InstanceType": "m5.large"}},
	"Workers": {"Type": "AWS::AutoScaling::AutoScalingGroup",
		"CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": "PT15M"}},
		"Properties": {"AutoScalingGroupName": "workers", "LaunchConfigurationName": {"Ref": "Launch"},
			"MinSize": "1", "MaxSize": "1", "DesiredCapacity": "1", "AvailabilityZones": ["eu-central-1a"],
			"Tags": [{"Key": "muster:cluster", "Value": "prod", "PropagateAtLaunch": true}]}}}}`

// moto is an AWS account simulated by moto, with one instance in a group.
type moto struct {
	url      string
	instance string
	ecs      *ecs.Client
	asg      *autoscaling.Client
}

func newMoto(t *testing.T) moto {
	t.Helper()
	_, cfg := startMoto(t)
	m := moto{url: *cfg.BaseEndpoint, ecs: ecs.NewFromConfig(cfg), asg: autoscaling.NewFromConfig(cfg)}
	m.furnish(t, cloudformation.NewFromConfig(cfg))
	return m
}

// furnish creates clusters, and a stack with a group.
func (m *moto) furnish(t *testing.T, cfn *cloudformation.Client) {
	t.Helper()
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"prod", "prod-batch", "staging"} {
		must(m.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &name}))
	}
	must(cfn.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String("web"), TemplateBody: aws.String(template)}))
	must(m.asg.PutLifecycleHook(ctx, &autoscaling.PutLifecycleHookInput{
		AutoScalingGroupName: aws.String(group), LifecycleHookName: aws.String("ready"),
		LifecycleTransition: aws.String("autoscaling:EC2_INSTANCE_LAUNCHING"), HeartbeatTimeout: aws.Int32(600),
	}))
	out, err := m.asg.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{})
	must(out, err)
	if len(out.AutoScalingInstances) != 1 {
		t.Fatalf("moto launched %d instances, want 1", len(out.AutoScalingInstances))
	}
	m.instance = aws.ToString(out.AutoScalingInstances[0].InstanceId)
}

// register registers the instance as the ECS agent does, and returns the ARN.
func (m moto) register(t *testing.T, cluster, document string) string {
	t.Helper()
	out, err := m.ecs.RegisterContainerInstance(t.Context(), &ecs.RegisterContainerInstanceInput{
		Cluster: &cluster, InstanceIdentityDocument: &document, InstanceIdentityDocumentSignature: aws.String("-"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.ContainerInstance.ContainerInstanceArn)
}

// health returns the instance's health as its group reports it.
func (m moto) health(t *testing.T) string {
	t.Helper()
	out, err := m.asg.DescribeAutoScalingInstances(
		t.Context(),
		&autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{m.instance}},
	)
	if err != nil || len(out.AutoScalingInstances) != 1 {
		t.Fatal(out, err)
	}
	return strings.ToUpper(aws.ToString(out.AutoScalingInstances[0].HealthStatus))
}

// introspection starts an introspection API that returns this ARN and cluster, and returns its URL.
func introspection(t *testing.T, cluster, arn string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"Cluster": %q, "ContainerInstanceArn": %q, "Version": "Amazon ECS Agent - v1.105.1 (8dfceca6)"}`, cluster, arn)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// metadata starts the sandbox's metadata service for the instance.
func (m moto) metadata(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	box, err := sandbox.New(sandbox.Options{Region: region, InstanceID: m.instance, Group: &sandbox.Group{Name: group}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	return box
}

func TestAgainstMoto(t *testing.T) {
	m := newMoto(t)
	box := m.metadata(t)
	world := []string{"AWS_ENDPOINT_URL=" + m.url, "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + box.IMDSURL()}
	arn := m.register(t, "prod", box.IdentityDocument())
	elsewhere := m.register(t, "staging", box.IdentityDocument())

	t.Run("a cluster that exists is confirmed", func(t *testing.T) {
		h := newHost(t, world...)
		r := h.muster(t, "bootstrap", "--cluster", "prod", "--ecs", `ECS_INSTANCE_ATTRIBUTES={"rack": "r7"}`)
		r.want(t, 0, "prod, from flag --cluster")
		if strings.Contains(r.stderr, "warning") {
			t.Error("warns")
		}
		if got, want := h.file(t, "etc/ecs/ecs.config"), "ECS_CLUSTER=prod\nECS_INSTANCE_ATTRIBUTES={\"rack\": \"r7\"}\n"; got != want {
			t.Errorf("wrote %q, want %q", got, want)
		}
		h.muster(t, "config", "show").want(t, 0)
	})
	t.Run("an unknown cluster is refused with its near matches, and nothing is written", func(t *testing.T) {
		h := newHost(t, world...)
		h.muster(t, "bootstrap", "--cluster", "prdo").want(t, 78, "no cluster prdo in region "+region, "did you mean prod")
		if got := h.file(t, "etc/ecs/ecs.config"); got != "" {
			t.Errorf("wrote %q", got)
		}
	})
	t.Run("the cluster comes from a tag on the group", func(t *testing.T) {
		h := newHost(t, world...)
		h.muster(t, "bootstrap").want(t, 0, "prod, from tag muster:cluster of Auto Scaling group workers")
		if got := h.file(t, "etc/ecs/ecs.config"); got != "ECS_CLUSTER=prod\n" {
			t.Errorf("wrote %q", got)
		}
	})
	t.Run("a registration is confirmed", func(t *testing.T) {
		h := newHost(t, append(world, "MUSTER_INTROSPECTION_URL="+introspection(t, "prod", arn))...)
		h.muster(t, "bootstrap", "--cluster", "prod").want(t, 0)
		r := h.muster(t, "verify", "--output", "json")
		r.want(t, 0)
		report := r.report(t)
		if report.Outcome != bootreport.Registered || !report.Confirmed || report.ContainerInstanceARN != arn || len(report.Warnings) > 0 {
			t.Errorf("%+v", report)
		}
	})
	t.Run("a registration in another cluster is none", func(t *testing.T) {
		h := newHost(t, append(world, "MUSTER_INTROSPECTION_URL="+introspection(t, "staging", elsewhere))...)
		h.configure(t, "ECS_CLUSTER=prod\n")
		r := h.muster(t, "verify", "--cluster", "prod", "--timeout", "5s", "--output", "json")
		r.want(t, 10, "the ECS agent is in cluster staging, not in prod")
		if cause := r.report(t).Cause; cause == nil || cause.ID != "wrong-cluster" {
			t.Errorf("cause %+v", cause)
		}
	})
	t.Run("an ARN that ECS does not know is no registration", func(t *testing.T) {
		h := newHost(
			t,
			append(world, "MUSTER_INTROSPECTION_URL="+introspection(t, "prod", strings.Replace(elsewhere, "/staging/", "/prod/", 1)))...)
		h.muster(t, "verify", "--cluster", "prod", "--timeout", "3s").want(t, 10, "container instance")
	})
	for _, auth := range []string{"identity", "sigv4"} {
		t.Run("an API that rejects the signal is reported, signal by "+auth, func(t *testing.T) {
			h := newHost(t, append(world, "MUSTER_INTROSPECTION_URL="+introspection(t, "prod", arn))...)
			refused(t, h.muster(t, "verify", "--cluster", "prod", "--lifecycle-hook", "ready",
				"--cfn-stack", "web", "--cfn-resource", "Workers", "--cfn-auth", auth, "--timeout", "5s", "--output", "json"))
		})
	}
	t.Run("an instance that failed is set unhealthy when that is asked for", func(t *testing.T) {
		h := newHost(t, append(world, "MUSTER_INTROSPECTION_URL=http://127.0.0.1:1")...)
		r := h.muster(t, "verify", "--cluster", "prod", "--timeout", "1s", "--on-failure", "unhealthy")
		r.want(t, 10, "set to Unhealthy")
		if got := m.health(t); got != "UNHEALTHY" {
			t.Errorf("the group sees it %s", got)
		}
	})
}

// refused checks the outcome for an instance that registered but whose signals were all rejected: moto implements
// neither CompleteLifecycleAction nor SignalResource.
func refused(t *testing.T, r result) {
	t.Helper()
	r.want(t, 11, "but 2 of 2 signals were not delivered")
	report := r.report(t)
	if report.Outcome != bootreport.Registered || !report.Confirmed || len(report.Deliveries) != 2 {
		t.Fatalf("%+v", report)
	}
	for i, action := range []string{"autoscaling:CompleteLifecycleAction", "cloudformation:SignalResource"} {
		if d := report.Deliveries[i]; !strings.HasPrefix(d.Error, action) || strings.Contains(d.Error, "\n") {
			t.Errorf("delivery %+v, want an error of one line that names %s", d, action)
		}
	}
}
