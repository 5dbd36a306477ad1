package sandbox

import (
	"slices"
	"strings"
)

// maxCustomAttributes is the maximum number of custom attributes of a container instance (ECS API reference,
// PutAttributes).
const maxCustomAttributes = 10

type attributeTarget struct {
	Name, Value, TargetType, TargetID string
}

// putAttributes sets custom attributes of container instances. It replaces existing values (ECS API reference,
// PutAttributes).
func (s *Sandbox) putAttributes(r *request) (any, *apiError) {
	var in struct {
		Cluster    string
		Attributes []attributeTarget
	}
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	c := s.findCluster(in.Cluster, r.region)
	switch {
	case c == nil:
		return nil, &errClusterNotFound
	case len(in.Attributes) == 0:
		return nil, invalid("InvalidParameterException", "attributes can not be empty")
	}
	out := []map[string]string{}
	for _, a := range in.Attributes {
		ci := c.find(a.TargetID)
		if ci == nil || ci.Status == "INACTIVE" {
			return nil, invalid("TargetNotFoundException", "Could not find %s", a.TargetID)
		}
		if err := ci.put(Attribute{a.Name, a.Value}); err != nil {
			return nil, err
		}
		out = append(out, map[string]string{"name": a.Name, "value": a.Value, "targetId": ci.Arn, "targetType": "container-instance"})
	}
	return map[string]any{"attributes": out}, nil
}

func (ci *ContainerInstance) put(a Attribute) *apiError {
	if i := slices.IndexFunc(ci.Attributes, func(old Attribute) bool { return old.Name == a.Name }); i >= 0 {
		ci.Attributes[i].Value = a.Value
		return nil
	}
	custom := 0
	for _, old := range ci.Attributes {
		if !strings.HasPrefix(old.Name, "ecs.") && !strings.HasPrefix(old.Name, "com.amazonaws.ecs.") {
			custom++
		}
	}
	if custom >= maxCustomAttributes {
		return &apiError{400, "AttributeLimitExceededException", "The container instance has too many attributes."}
	}
	ci.Attributes = append(ci.Attributes, a)
	return nil
}
