package ecsagent

import "testing"

func TestWhereAnAgentIsRegistered(t *testing.T) {
	const prod = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod"
	for name, c := range map[string]struct {
		meta   Metadata
		wanted string
		want   Standing
	}{
		"no ARN yet":              {Metadata{Cluster: "prod"}, "prod", NotRegistered},
		"in the cluster":          {Metadata{Cluster: "prod", ContainerInstanceARN: "arn"}, "prod", Registered},
		"by ARN":                  {Metadata{Cluster: prod, ContainerInstanceARN: "arn"}, "prod", Registered},
		"in another":              {Metadata{Cluster: "default", ContainerInstanceARN: "arn"}, "prod", Elsewhere},
		"in another, without ARN": {Metadata{Cluster: "default"}, "prod", NotRegistered},
		"in that name elsewhere": {Metadata{Cluster: prod, ContainerInstanceARN: "arn"}, "arn:aws:ecs:eu-west-2:123456789012:cluster/prod",
			Elsewhere},
		"no cluster is wanted":     {Metadata{Cluster: "default", ContainerInstanceARN: "arn"}, "", Registered},
		"an answer without a name": {Metadata{ContainerInstanceARN: "arn"}, "prod", Elsewhere},
	} {
		if got := c.meta.In(c.wanted); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
