package check_test

import (
	"context"
	"strings"
	"testing"

	"muster/check"
	"muster/check/ecs"
	"muster/internal/awsapi"
	"muster/internal/sandbox"
)

// edited is the ECS API with changed data about the instance.
type edited struct {
	ecs.Registry
	edit func(*awsapi.ContainerInstance)
}

func (e edited) ContainerInstance(ctx context.Context, cluster, arn string) (awsapi.ContainerInstance, error) {
	ci, err := e.Registry.ContainerInstance(ctx, cluster, arn)
	e.edit(&ci)
	return ci, err
}

func knows(edit func(*awsapi.ContainerInstance)) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) { w.Registry = edited{w.Registry, edit} }
}

// joins arranges an instance that is configured to join this cluster.
func joins(name string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		w.Config.Cluster = name
		w.write(t, "/etc/ecs/ecs.config", "ECS_CLUSTER="+name+"\n")
	}
}

// unasked arranges an instance without permission to describe clusters.
func unasked(arrange func(*testing.T, *world)) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		arrange(t, w)
		w.Inject(sandbox.AccessDenied(sandbox.ECS, "DescribeClusters"))
	}
}

func registryScenarios() []scenario {
	deleted := func(t *testing.T, w *world) { w.SetCluster("old", "INACTIVE"); joins("old")(t, w) }
	return []scenario{
		{"the cluster is mistyped", joins("prdo"), []string{"cluster-missing"}},
		{"the cluster is mistyped, and only the agent may ask", unasked(joins("prdo")), []string{"cluster-not-found"}},
		{"the cluster was deleted", deleted, []string{"cluster-inactive"}},
		{"the cluster was deleted, and only the agent may ask", unasked(deleted), []string{"cluster-deleted"}},
		{"ECS got no trunk interface", knows(func(ci *awsapi.ContainerInstance) {
			ci.Status, ci.StatusReason = "REGISTRATION_FAILED", "no trunk ENI"
		}), []string{"registration-failed"}},
		{"it was deregistered while it ran", func(t *testing.T, w *world) {
			knows(func(ci *awsapi.ContainerInstance) { ci.Status = "INACTIVE" })(t, w)
			w.logged(t, "ecs-agent.log", "info", "Container instance is deregistered")
		}, []string{"container-instance-inactive"}},
		{"it is draining", knows(func(ci *awsapi.ContainerInstance) { ci.Status = "DRAINING" }), nil},
		{"ECS is still at it", knows(func(ci *awsapi.ContainerInstance) { ci.Status = "REGISTERING" }), []string{"still-registering"}},
		{"the entry is another's", knows(func(ci *awsapi.ContainerInstance) { ci.EC2InstanceID = "i-0fedcba9876543210" }),
			[]string{"foreign-container-instance"}},
		{"the agent is disconnected", func(_ *testing.T, w *world) { w.plan.Disconnected = true }, []string{"agent-disconnected"}},
		{"ECS may not be asked", func(_ *testing.T, w *world) {
			w.Inject(sandbox.Fault{Service: sandbox.ECS, Action: "Describe", Kind: sandbox.KindAccessDenied})
		}, nil},
	}
}

// An agent that lost its agent.db registers again, and the old entry remains (amazon-ecs-agent issues 583 and 858).
func TestASecondRegistrationIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(*testing.T, *world)
		want    check.Status
	}{
		"one":        {func(*testing.T, *world) {}, check.Pass},
		"of another": {registered("i-0fedcba9876543210"), check.Pass},
		"an old one": {registered(self), check.Warn},
		"it may not ask": {func(_ *testing.T, w *world) { w.Inject(sandbox.AccessDenied(sandbox.ECS, "ListContainerInstances")) },
			check.Unknown},
		"not yet, or gone": {func(_ *testing.T, w *world) { w.plan.Hold = true }, check.Skip},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy(t)
			c.arrange(t, w)
			for _, r := range w.run(t) {
				if r.ID == "registrations" && (r.Status != c.want || r.Status == check.Warn && !strings.Contains(r.Findings[0].Fix.String(),
					"deregister-container-instance --region eu-central-1 --cluster prod --force --container-instance arn:")) {
					t.Errorf("got %+v", r)
				}
			}
		})
	}
}

func registered(instance string) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) {
		w.AddContainerInstance(cluster, sandbox.ContainerInstance{EC2InstanceID: instance, Status: "ACTIVE"})
	}
}
