package sandbox

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Attribute is an attribute of a container instance.
type Attribute struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

// ContainerInstance is the registration of an instance in a cluster, in ECS's format.
type ContainerInstance struct {
	Arn            string      `json:"containerInstanceArn"`
	EC2InstanceID  string      `json:"ec2InstanceId"`
	Status         string      `json:"status"`
	StatusReason   string      `json:"statusReason,omitempty"`
	AgentConnected bool        `json:"agentConnected"`
	RegisteredAt   Epoch       `json:"registeredAt"`
	Version        int64       `json:"version"`
	Attributes     []Attribute `json:"attributes"`
	Health         *Health     `json:"healthStatus,omitempty"` // included on request

	CapacityProviderName string       `json:"capacityProviderName,omitempty"`
	VersionInfo          *VersionInfo `json:"versionInfo,omitempty"`
	RegisteredResources  []Resource   `json:"registeredResources,omitempty"`
	RemainingResources   []Resource   `json:"remainingResources,omitempty"`
	// The counts include the added tasks, unless they are set.
	RunningTasksCount int `json:"runningTasksCount"`
	PendingTasksCount int `json:"pendingTasksCount"`
}

// VersionInfo names the versions of the ECS agent and of Docker.
type VersionInfo struct {
	AgentVersion  string `json:"agentVersion"`
	AgentHash     string `json:"agentHash,omitempty"`
	DockerVersion string `json:"dockerVersion,omitempty"` // "DockerVersion: 25.0.8"
}

// Resource is an amount of a container instance: CPU and MEMORY (INTEGER), PORTS, PORTS_UDP and GPU (STRINGSET).
type Resource struct {
	Name           string   `json:"name"`
	Type           string   `json:"type"`
	IntegerValue   int      `json:"integerValue"`
	StringSetValue []string `json:"stringSetValue,omitempty"`
}

// Resources returns the resources of an instance with this many CPU units and MiB. Ports are in use.
func Resources(cpu, memory int, ports ...string) []Resource {
	return []Resource{
		{Name: "CPU", Type: "INTEGER", IntegerValue: cpu},
		{Name: "MEMORY", Type: "INTEGER", IntegerValue: memory},
		{Name: "PORTS", Type: "STRINGSET", StringSetValue: append([]string{"22", "2375", "2376", "51678", "51679"}, ports...)},
		{Name: "PORTS_UDP", Type: "STRINGSET", StringSetValue: []string{}},
	}
}

// Health is the overall status of a container instance: OK, IMPAIRED, ...
type Health struct {
	OverallStatus string         `json:"overallStatus"`
	Details       []HealthDetail `json:"details,omitempty"`
}

// HealthDetail is one check of ECS: Type is CONTAINER_RUNTIME, AGENT_CONNECTIVITY, ...
type HealthDetail struct {
	Type             string `json:"type"`
	Status           string `json:"status"`
	StatusReason     string `json:"statusReason,omitempty"`
	LastStatusChange Epoch  `json:"lastStatusChange"`
}

// Epoch is a time that marshals as seconds, as in the JSON protocols.
type Epoch struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (e Epoch) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(e.UnixMilli())/1000, 'f', 3, 64), nil
}

// shown returns a deep copy, which is safe to use without the lock.
func (ci *ContainerInstance) shown(health bool) ContainerInstance {
	out := *ci
	out.Attributes = slices.Clone(ci.Attributes)
	out.RegisteredResources, out.RemainingResources = slices.Clone(ci.RegisteredResources), slices.Clone(ci.RemainingResources)
	out.Health = nil
	if health && ci.Health != nil {
		out.Health = &Health{ci.Health.OverallStatus, slices.Clone(ci.Health.Details)}
	}
	return out
}

// ContainerInstances returns copies of a cluster's registrations.
func (s *Sandbox) ContainerInstances(cluster string) []ContainerInstance {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []ContainerInstance
	if c := s.findCluster(cluster, s.opts.Region); c != nil {
		for _, ci := range c.instances {
			out = append(out, ci.shown(true))
		}
	}
	return out
}

// AddContainerInstance adds a registration to a cluster, such as a stale duplicate, and returns its ARN. It generates a
// missing cluster or ARN.
func (s *Sandbox) AddContainerInstance(cluster string, ci ContainerInstance) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.findCluster(cluster, s.opts.Region)
	if c == nil {
		c = s.setCluster(cluster, "ACTIVE")
	}
	if ci.Arn == "" {
		ci.Arn = s.newContainerInstanceARN(c.name)
	}
	c.add(&ci)
	return ci.Arn
}

// EditContainerInstance changes a registration in any cluster.
func (s *Sandbox) EditContainerInstance(arn string, edit func(*ContainerInstance)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clusters {
		if ci := c.find(arn); ci != nil {
			edit(ci)
		}
	}
}

func (c *cluster) add(ci *ContainerInstance) {
	c.instances = append(c.instances, ci)
	if c.byInstance[ci.Arn] == nil {
		c.byInstance[ci.Arn] = ci
	}
}

// describe returns a registration with the counts of its tasks.
func (c *cluster) describe(ci *ContainerInstance, health bool) ContainerInstance {
	out := ci.shown(health)
	if out.RunningTasksCount == 0 {
		out.RunningTasksCount = c.running[ci.Arn]
	}
	if out.PendingTasksCount == 0 {
		out.PendingTasksCount = c.pending[ci.Arn]
	}
	return out
}

// find accepts an ARN or its last part.
func (c *cluster) find(ref string) *ContainerInstance {
	if ci := c.byInstance[ref]; ci != nil && ci.Arn == ref { // a test may have edited the ARN
		return ci
	}
	i := slices.IndexFunc(c.instances, func(ci *ContainerInstance) bool {
		return ci.Arn == ref || strings.HasSuffix(ci.Arn, "/"+ref)
	})
	if i < 0 {
		return nil
	}
	return c.instances[i]
}

func (s *Sandbox) newContainerInstanceARN(cluster string) string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	return s.arn("ecs", "container-instance/"+cluster+"/"+hex.EncodeToString(id[:]))
}

// registration is the input of RegisterContainerInstance.
type registration struct {
	Cluster, ContainerInstanceArn string
	InstanceIdentityDocument      string
	Attributes                    []Attribute
	TotalResources                []Resource
	VersionInfo                   *VersionInfo
}

func (s *Sandbox) registerContainerInstance(r *request) (any, *apiError) {
	var in registration
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	ci, err := s.register(in, r.region)
	if err != nil {
		return nil, err
	}
	return map[string]any{"containerInstance": ci.shown(false)}, nil
}

// register returns the error messages of ECS: ClientException "Cluster not found." (amazon-ecs-agent api/errors), "is
// inactive" (amazon-ecs-agent#583).
func (s *Sandbox) register(in registration, region string) (*ContainerInstance, *apiError) {
	c := s.findCluster(in.Cluster, region)
	switch {
	case c == nil:
		return nil, invalid("ClientException", "Cluster not found.")
	case c.status != "ACTIVE":
		return nil, invalid("ClientException", "The referenced cluster was inactive.")
	case in.ContainerInstanceArn != "":
		return c.reregister(in.ContainerInstanceArn)
	}
	ci := &ContainerInstance{
		Arn:            s.newContainerInstanceARN(c.name),
		EC2InstanceID:  instanceOfDocument(in.InstanceIdentityDocument),
		Status:         "ACTIVE",
		AgentConnected: true,
		RegisteredAt:   Epoch{s.clock.Now()},
		Version:        1,
		Attributes: append(slices.Clone(in.Attributes),
			Attribute{"ecs.availability-zone", s.zone()}, Attribute{"ecs.instance-type", instanceType}),
		Health:              &Health{OverallStatus: "OK"},
		VersionInfo:         in.VersionInfo,
		RegisteredResources: in.TotalResources,
		RemainingResources:  in.TotalResources,
	}
	c.add(ci)
	return ci, nil
}

func (c *cluster) reregister(arn string) (*ContainerInstance, *apiError) {
	ci := c.find(arn)
	if ci == nil || ci.Status == "INACTIVE" {
		return nil, invalid("ClientException", "Container instance %s is inactive.", arn)
	}
	ci.AgentConnected = true
	ci.Version++
	return ci, nil
}

func (s *Sandbox) deregisterContainerInstance(r *request) (any, *apiError) {
	var in struct{ Cluster, ContainerInstance string }
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	c := s.findCluster(in.Cluster, r.region)
	if c == nil {
		return nil, &errClusterNotFound
	}
	ci := c.find(in.ContainerInstance)
	if ci == nil {
		return nil, invalid("InvalidParameterException", "Referenced container instance %s not found.", in.ContainerInstance)
	}
	ci.Status, ci.AgentConnected = "INACTIVE", false
	return map[string]any{"containerInstance": ci.shown(false)}, nil
}

func (s *Sandbox) listContainerInstances(r *request) (any, *apiError) {
	var in struct {
		pageRequest
		Cluster, Filter, Status string
	}
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	c := s.findCluster(in.Cluster, r.region)
	if c == nil {
		return nil, &errClusterNotFound
	}
	fits, err := c.parseFilter(in.Filter)
	if err != nil {
		return nil, err
	}
	var arns []string
	for _, ci := range c.instances {
		listed := ci.Status == in.Status || in.Status == "" && ci.Status != "INACTIVE"
		if listed && fits(ci) {
			arns = append(arns, ci.Arn)
		}
	}
	return in.page("containerInstanceArns", arns)
}

// parseFilter supports a subset of the cluster query language: one instance by its EC2 ID, instances that run tasks of
// given groups, instances that run tasks but none of these, and instances by agent connection.
func (c *cluster) parseFilter(filter string) (func(*ContainerInstance) bool, *apiError) {
	if filter == "" {
		return func(*ContainerInstance) bool { return true }, nil
	}
	if groups, without := strings.CutPrefix(filter, "runningTasksCount > 0 and not("); without {
		runs, err := c.parseFilter(strings.TrimSuffix(groups, ")"))
		return func(ci *ContainerInstance) bool { return c.runs(ci, "") && !runs(ci) }, err
	}
	values := map[string][]string{}
	for _, term := range strings.Split(filter, " or ") {
		m := regexp.MustCompile(`^\s*(ec2InstanceId|task:group|agentConnected)\s*==?\s*([^\s()]+)\s*$`).FindStringSubmatch(term)
		if m == nil {
			return nil, invalid("InvalidParameterException", "Invalid filter expression: %s", filter)
		}
		values[m[1]] = append(values[m[1]], m[2])
	}
	return func(ci *ContainerInstance) bool {
		return slices.Contains(values["ec2InstanceId"], ci.EC2InstanceID) ||
			slices.Contains(values["agentConnected"], strconv.FormatBool(ci.AgentConnected)) ||
			slices.ContainsFunc(values["task:group"], func(group string) bool { return c.runs(ci, group) })
	}, nil
}

// runs reports whether an instance runs a task of the group, or any task if group is empty.
func (c *cluster) runs(ci *ContainerInstance, group string) bool {
	return slices.ContainsFunc(c.tasks, func(t *RunningTask) bool {
		return t.ContainerInstance == ci.Arn && (group == "" || t.Group == group)
	})
}

func (s *Sandbox) describeContainerInstances(r *request) (any, *apiError) {
	var in struct {
		Cluster                     string
		ContainerInstances, Include []string
	}
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	c := s.findCluster(in.Cluster, r.region)
	switch {
	case c == nil:
		return nil, &errClusterNotFound
	case len(in.ContainerInstances) == 0 || len(in.ContainerInstances) > 100:
		return nil, invalid("InvalidParameterException", "Container instances must be 1 to 100.")
	}
	out := struct {
		ContainerInstances []ContainerInstance `json:"containerInstances"`
		Failures           []failure           `json:"failures"`
	}{[]ContainerInstance{}, []failure{}}
	for _, ref := range in.ContainerInstances {
		if ci := c.find(ref); ci != nil {
			health := slices.Contains(in.Include, "CONTAINER_INSTANCE_HEALTH")
			out.ContainerInstances = append(out.ContainerInstances, c.describe(ci, health))
			continue
		}
		out.Failures = append(out.Failures, failure{ref, "MISSING"})
	}
	return out, nil
}
