package sandbox

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// TaskDefinition is a task definition in ECS's format.
type TaskDefinition struct {
	Arn                     string                `json:"taskDefinitionArn"`
	Family                  string                `json:"family"`
	Revision                int                   `json:"revision"` // default: the next one of the family
	Status                  string                `json:"status"`   // default ACTIVE
	NetworkMode             string                `json:"networkMode,omitempty"`
	CPU                     string                `json:"cpu,omitempty"`
	Memory                  string                `json:"memory,omitempty"`
	Containers              []ContainerDefinition `json:"containerDefinitions"`
	RequiresAttributes      []Attribute           `json:"requiresAttributes,omitempty"`
	Constraints             []PlacementItem       `json:"placementConstraints"`
	Compatibilities         []string              `json:"compatibilities"` // default EXTERNAL and EC2
	RequiresCompatibilities []string              `json:"requiresCompatibilities,omitempty"`
	Platform                *RuntimePlatform      `json:"runtimePlatform,omitempty"`
}

// ContainerDefinition is a container of a task definition.
type ContainerDefinition struct {
	Name              string                `json:"name"`
	CPU               int                   `json:"cpu"`
	Memory            int                   `json:"memory,omitempty"`
	MemoryReservation int                   `json:"memoryReservation,omitempty"`
	Ports             []PortMapping         `json:"portMappings"`
	Requirements      []ResourceRequirement `json:"resourceRequirements,omitempty"`
}

// PortMapping maps a container's port.
type PortMapping struct {
	ContainerPort int    `json:"containerPort,omitempty"`
	HostPort      int    `json:"hostPort"`
	Protocol      string `json:"protocol"` // tcp or udp
	Range         string `json:"containerPortRange,omitempty"`
}

// ResourceRequirement is a number of GPUs: Type is GPU.
type ResourceRequirement struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// RuntimePlatform is the platform that a task needs.
type RuntimePlatform struct {
	OS   string `json:"operatingSystemFamily,omitempty"`
	Arch string `json:"cpuArchitecture,omitempty"`
}

// AddTaskDefinition adds a task definition and returns its ARN.
func (s *Sandbox) AddTaskDefinition(d TaskDefinition) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.Revision == 0 {
		d.Revision = 1
		for _, other := range s.definitions {
			if other.Family == d.Family {
				d.Revision = max(d.Revision, other.Revision+1)
			}
		}
	}
	d.Arn = s.arn("ecs", fmt.Sprintf("task-definition/%s:%d", d.Family, d.Revision))
	d.Status = cmp.Or(d.Status, "ACTIVE")
	if d.Compatibilities == nil {
		d.Compatibilities = []string{"EXTERNAL", "EC2"}
	}
	if d.Constraints == nil {
		d.Constraints = []PlacementItem{}
	}
	s.definitions = append(s.definitions, &d)
	return d.Arn
}

// describeTaskDefinition accepts FAMILY, which is its latest ACTIVE revision, FAMILY:REVISION, or an ARN.
func (s *Sandbox) describeTaskDefinition(r *request) (any, *apiError) {
	var in struct{ TaskDefinition string }
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	ref := strings.TrimPrefix(in.TaskDefinition, s.arn("ecs", "task-definition/"))
	family, text, given := strings.Cut(ref, ":")
	revision, _ := strconv.Atoi(text)
	var found *TaskDefinition
	for _, d := range s.definitions {
		if d.Family == family && (given && d.Revision == revision || !given && d.Status == "ACTIVE") {
			found = d
		}
	}
	if found == nil || r.region != s.opts.Region {
		return nil, invalid("ClientException", "Unable to describe task definition.")
	}
	return map[string]any{"taskDefinition": *found}, nil
}

func (s *Sandbox) listTaskDefinitionFamilies(r *request) (any, *apiError) {
	var in struct {
		pageRequest
		FamilyPrefix, Status string
	}
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	var families []string
	for _, d := range s.definitions {
		if strings.HasPrefix(d.Family, in.FamilyPrefix) && (d.Status == in.Status || in.Status == "") && !slices.Contains(families, d.Family) {
			families = append(families, d.Family)
		}
	}
	slices.Sort(families)
	return in.page("families", families)
}

// interfaceLimits holds EC2's limits for the types that tests use (EC2 user guide, "Maximum IP addresses per network
// interface").
var interfaceLimits = map[string]int{"t3.micro": 2, "t3.medium": 3, "m5.large": 3, "c5.large": 3, "m7i.large": 3, "m7i.xlarge": 4}

// describeInstanceTypes rejects the whole call for an unknown type, as EC2 does.
func (s *Sandbox) describeInstanceTypes(r *request) (any, *apiError) {
	type item struct {
		Type       string `xml:"instanceType"`
		Interfaces int    `xml:"networkInfo>maximumNetworkInterfaces"`
	}
	var out struct {
		XMLName xml.Name `xml:"instanceTypeSet"`
		Items   []item   `xml:"item"`
	}
	for _, kind := range r.list("InstanceType") {
		limit, known := interfaceLimits[kind]
		if !known {
			return nil, invalid("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", kind)
		}
		out.Items = append(out.Items, item{kind, limit})
	}
	return out, nil
}
