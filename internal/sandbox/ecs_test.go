package sandbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"muster/internal/sandbox"
)

func TestClusterStatus(t *testing.T) {
	s := start(t, sandbox.Options{Clusters: []string{"prod", "gone"}})
	s.SetCluster("gone", "INACTIVE")
	c := sdk(t, s)
	out, err := c.describeClusters(t, "prod", "gone", "none")
	if err != nil || len(out.Clusters) != 2 || *out.Clusters[1].Status != "INACTIVE" || *out.Failures[0].Reason != "MISSING" {
		t.Errorf("got %+v, %v", out, err)
	}
	list, err := c.ecs.ListClusters(t.Context(), &ecs.ListClustersInput{})
	if err != nil || len(list.ClusterArns) != 1 {
		t.Errorf("an inactive cluster is listed: %v, %v", list, err)
	}
}

func TestAnotherRegionHasNoClusters(t *testing.T) {
	s := start(t, sandbox.Options{Clusters: []string{"prod"}})
	cfg := s.AWSConfig()
	cfg.Region = "us-east-1"
	c := connect(t, cfg)
	out, err := c.describeClusters(t, "prod")
	if err != nil || len(out.Clusters) != 0 || len(out.Failures) != 1 {
		t.Errorf("got %+v, %v", out, err)
	}
	if list, err := c.ecs.ListClusters(t.Context(), &ecs.ListClustersInput{}); err != nil || len(list.ClusterArns) != 0 {
		t.Errorf("got %+v, %v", list, err)
	}
	foreign := "arn:aws:ecs:us-east-1:123456789012:cluster/prod"
	if out, err := sdk(t, s).describeClusters(t, foreign); err != nil || *out.Failures[0].Arn != foreign {
		t.Errorf("by a foreign ARN: %+v, %v", out, err)
	}
}

func TestListPaging(t *testing.T) {
	var names []string
	for i := range 150 {
		names = append(names, fmt.Sprintf("c%03d", i))
	}
	s := start(t, sandbox.Options{Clusters: names})
	c, seen, pages := sdk(t, s), map[string]bool{}, 0
	p := ecs.NewListClustersPaginator(c.ecs, &ecs.ListClustersInput{})
	for p.HasMorePages() {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, arn := range out.ClusterArns {
			seen[arn] = true
		}
	}
	if pages != 2 || len(seen) != 150 {
		t.Errorf("%d clusters in %d pages, want 150 in 2", len(seen), pages)
	}
	for name, in := range map[string]*ecs.ListClustersInput{
		"page of none":  {MaxResults: aws.Int32(0)},
		"page over 100": {MaxResults: aws.Int32(101)},
		"made-up token": {NextToken: aws.String("more")},
		"token beyond":  {NextToken: aws.String("151")},
	} {
		_, err := c.ecs.ListClusters(t.Context(), in)
		t.Run(name, func(t *testing.T) { wantCode(t, err, "InvalidParameterException") })
	}
}

func TestStaleDuplicatesAreListed(t *testing.T) {
	s := start(t, sandbox.Options{})
	stale := s.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: self, Status: "ACTIVE",
		RegisteredAt: sandbox.Epoch{Time: time.Unix(1700000000, 0)}})
	dead := s.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: self, Status: "INACTIVE"})
	live := s.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: self, Status: "ACTIVE", AgentConnected: true})
	c := sdk(t, s)
	list := func(status types.ContainerInstanceStatus) []string {
		out, err := c.ecs.ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{
			Cluster: aws.String("prod"), Filter: aws.String("ec2InstanceId == " + self), Status: status})
		if err != nil {
			t.Fatal(err)
		}
		return out.ContainerInstanceArns
	}
	if got := list(""); len(got) != 2 || got[0] != stale || got[1] != live {
		t.Errorf("listed %v", got)
	}
	if got := list("INACTIVE"); len(got) != 1 || got[0] != dead {
		t.Errorf("listed as INACTIVE %v", got)
	}
	out, err := c.ecs.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{
		Cluster: aws.String("prod"), ContainerInstances: []string{stale}})
	if err != nil || !out.ContainerInstances[0].RegisteredAt.Equal(time.Unix(1700000000, 0)) {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestRegistrationCanBeEdited(t *testing.T) {
	s := start(t, sandbox.Options{})
	arn := s.AddContainerInstance("prod", sandbox.ContainerInstance{Status: "ACTIVE"})
	s.EditContainerInstance(arn, func(ci *sandbox.ContainerInstance) {
		ci.Status, ci.StatusReason, ci.Health = "REGISTRATION_FAILED", "no trunk ENI", &sandbox.Health{OverallStatus: "IMPAIRED"}
	})
	out, err := sdk(t, s).ecs.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{
		Cluster: aws.String("prod"), ContainerInstances: []string{arn},
		Include: []types.ContainerInstanceField{types.ContainerInstanceFieldContainerInstanceHealth}})
	if err != nil {
		t.Fatal(err)
	}
	got := out.ContainerInstances[0]
	if *got.Status != "REGISTRATION_FAILED" || *got.StatusReason != "no trunk ENI" ||
		got.HealthStatus.OverallStatus != types.InstanceHealthCheckStateImpaired {
		t.Errorf("got %+v", got)
	}
}

func TestContainerInstanceCallsCheckTheirInput(t *testing.T) {
	s := start(t, sandbox.Options{Clusters: []string{"prod"}})
	c, prod := sdk(t, s), aws.String("prod")
	_, err := c.ecs.ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{
		Cluster: prod, Filter: aws.String("attribute:rack =~ r*")})
	wantCode(t, err, "InvalidParameterException")
	_, err = c.ecs.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{
		Cluster: prod, ContainerInstances: []string{}})
	wantCode(t, err, "InvalidParameterException")
	_, err = c.ecs.DeregisterContainerInstance(t.Context(), &ecs.DeregisterContainerInstanceInput{
		Cluster: prod, ContainerInstance: aws.String("none")})
	wantCode(t, err, "InvalidParameterException")
	_, err = c.ecs.DeregisterContainerInstance(t.Context(), &ecs.DeregisterContainerInstanceInput{
		Cluster: aws.String("none"), ContainerInstance: aws.String("none")})
	wantCode(t, err, "ClusterNotFoundException")
	_, err = c.ecs.RegisterContainerInstance(t.Context(), &ecs.RegisterContainerInstanceInput{
		Cluster: prod, ContainerInstanceArn: aws.String("arn:gone")})
	wantCode(t, err, "ClientException")
}
