package sandbox

import (
	"cmp"
	"slices"
	"strings"
)

// Service is an ECS service in ECS's format. AddService generates what is missing.
type Service struct {
	Arn            string `json:"serviceArn"`
	Name           string `json:"serviceName"`
	ClusterArn     string `json:"clusterArn"`
	Status         string `json:"status"` // default ACTIVE
	TaskDefinition string `json:"taskDefinition"`
	LaunchType     string `json:"launchType,omitempty"` // default EC2, unless a strategy is given
	Scheduling     string `json:"schedulingStrategy"`   // default REPLICA
	DesiredCount   int    `json:"desiredCount"`
	RunningCount   int    `json:"runningCount"`
	PendingCount   int    `json:"pendingCount"`

	Providers   []ProviderItem  `json:"capacityProviderStrategy,omitempty"`
	Strategy    []PlacementItem `json:"placementStrategy,omitempty"`
	Constraints []PlacementItem `json:"placementConstraints,omitempty"`
	Rebalancing string          `json:"availabilityZoneRebalancing,omitempty"` // ENABLED or DISABLED
	// Configuration defaults to 200 and 100 percent without a circuit breaker.
	Configuration *DeploymentConfiguration `json:"deploymentConfiguration,omitempty"`
	// Deployments default to a completed one.
	Deployments []Deployment   `json:"deployments"`
	Events      []ServiceEvent `json:"events"`
	CreatedAt   Epoch          `json:"createdAt"`
	// Network is set for tasks in awsvpc mode.
	Network *NetworkConfiguration `json:"networkConfiguration,omitempty"`
}

// NetworkConfiguration is the network configuration of a service.
type NetworkConfiguration struct {
	Awsvpc AwsvpcConfiguration `json:"awsvpcConfiguration"`
}

// AwsvpcConfiguration names the subnets of a service's tasks.
type AwsvpcConfiguration struct {
	Subnets []string `json:"subnets"`
}

// ProviderItem is an item of a capacity provider strategy.
type ProviderItem struct {
	CapacityProvider string `json:"capacityProvider"`
	Weight           int    `json:"weight"`
}

// PlacementItem is a placement strategy (Type, Field) or constraint (Type, Expression).
type PlacementItem struct {
	Type       string `json:"type"`
	Field      string `json:"field,omitempty"`
	Expression string `json:"expression,omitempty"`
}

// DeploymentConfiguration limits deployments.
type DeploymentConfiguration struct {
	MaximumPercent        int             `json:"maximumPercent"`
	MinimumHealthyPercent int             `json:"minimumHealthyPercent"`
	CircuitBreaker        *CircuitBreaker `json:"deploymentCircuitBreaker,omitempty"`
}

// CircuitBreaker is the deployment circuit breaker.
type CircuitBreaker struct {
	Enable   bool `json:"enable"`
	Rollback bool `json:"rollback"`
}

// Deployment is a deployment of a service.
type Deployment struct {
	ID             string `json:"id"`
	Status         string `json:"status"` // PRIMARY, ACTIVE
	TaskDefinition string `json:"taskDefinition"`
	DesiredCount   int    `json:"desiredCount"`
	RunningCount   int    `json:"runningCount"`
	PendingCount   int    `json:"pendingCount"`
	FailedTasks    int    `json:"failedTasks"`
	RolloutState   string `json:"rolloutState,omitempty"` // IN_PROGRESS, COMPLETED, FAILED
	RolloutReason  string `json:"rolloutStateReason,omitempty"`
	CreatedAt      Epoch  `json:"createdAt"`
	UpdatedAt      Epoch  `json:"updatedAt"`
}

// ServiceEvent is an event of a service.
type ServiceEvent struct {
	ID        string `json:"id"`
	CreatedAt Epoch  `json:"createdAt"`
	Message   string `json:"message"`
}

// CapacityProvider is a capacity provider of a cluster.
type CapacityProvider struct {
	Name  string
	Group string // name of its Auto Scaling group; empty for FARGATE and Managed
	// Managed is true for ECS Managed Instances.
	Managed bool
	// Target is the target capacity of managed scaling in percent. 0 means that managed scaling is off.
	Target int
}

// AddService adds a service to a cluster and returns its ARN.
func (s *Sandbox) AddService(cluster string, svc Service) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.findCluster(cluster, s.opts.Region)
	if c == nil {
		c = s.setCluster(cluster, "ACTIVE")
	}
	svc.ClusterArn = s.arn("ecs", "cluster/"+c.name)
	svc.Arn = cmp.Or(svc.Arn, s.arn("ecs", "service/"+c.name+"/"+svc.Name))
	svc.Status, svc.Scheduling = cmp.Or(svc.Status, "ACTIVE"), cmp.Or(svc.Scheduling, "REPLICA")
	if len(svc.Providers) == 0 {
		svc.LaunchType = cmp.Or(svc.LaunchType, "EC2")
	}
	svc.TaskDefinition = cmp.Or(svc.TaskDefinition, svc.Name+":1")
	if !strings.HasPrefix(svc.TaskDefinition, "arn:") {
		svc.TaskDefinition = s.arn("ecs", "task-definition/"+svc.TaskDefinition)
	}
	if svc.Configuration == nil {
		svc.Configuration = &DeploymentConfiguration{MaximumPercent: 200, MinimumHealthyPercent: 100}
	}
	if svc.CreatedAt.IsZero() {
		svc.CreatedAt = Epoch{s.clock.Now()}
	}
	if svc.Deployments == nil {
		svc.Deployments = []Deployment{
			{ID: "ecs-svc/1", Status: "PRIMARY", TaskDefinition: svc.TaskDefinition, DesiredCount: svc.DesiredCount,
				RunningCount: svc.RunningCount, PendingCount: svc.PendingCount, RolloutState: "COMPLETED",
				CreatedAt: svc.CreatedAt, UpdatedAt: svc.CreatedAt},
		}
	}
	if svc.Events == nil {
		svc.Events = []ServiceEvent{}
	}
	c.services = slices.DeleteFunc(c.services, func(old *Service) bool { return old.Arn == svc.Arn }) // names are unique in a cluster
	c.services = append(c.services, &svc)
	return svc.Arn
}

// EditService changes a service.
func (s *Sandbox) EditService(cluster, name string, edit func(*Service)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.findCluster(cluster, s.opts.Region); c != nil {
		for _, svc := range c.services {
			if svc.Name == name {
				edit(svc)
			}
		}
	}
}

// AddCapacityProvider adds a capacity provider to a cluster.
func (s *Sandbox) AddCapacityProvider(cluster string, p CapacityProvider) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.findCluster(cluster, s.opts.Region)
	if c == nil {
		c = s.setCluster(cluster, "ACTIVE")
	}
	c.providers = append(c.providers, p)
}

// listServices has pages of 10, unlike ECS's other lists (API reference, ListServices).
func (s *Sandbox) listServices(r *request) (any, *apiError) {
	var in struct {
		pageRequest
		Cluster string
	}
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	c := s.findCluster(in.Cluster, r.region)
	if c == nil {
		return nil, &errClusterNotFound
	}
	if in.MaxResults == nil {
		ten := 10
		in.MaxResults = &ten
	}
	var arns []string
	for _, svc := range c.services {
		if svc.Status != "INACTIVE" {
			arns = append(arns, svc.Arn)
		}
	}
	return in.page("serviceArns", arns)
}

func (s *Sandbox) describeServices(r *request) (any, *apiError) {
	var in struct {
		Cluster  string
		Services []string
	}
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	c := s.findCluster(in.Cluster, r.region)
	switch {
	case c == nil:
		return nil, &errClusterNotFound
	case len(in.Services) == 0:
		return nil, invalid("InvalidParameterException", "Services cannot be empty.")
	case len(in.Services) > 10:
		return nil, invalid("InvalidParameterException", "Services must be 1 to 10.")
	}
	out := struct {
		Services []Service `json:"services"`
		Failures []failure `json:"failures"`
	}{[]Service{}, []failure{}}
	for _, ref := range in.Services {
		n := slices.IndexFunc(c.services, func(svc *Service) bool { return svc.Arn == ref || svc.Name == ref })
		if n < 0 {
			out.Failures = append(out.Failures, failure{s.arn("ecs", "service/"+c.name+"/"+ref), "MISSING"})
			continue
		}
		out.Services = append(out.Services, c.services[n].shown())
	}
	return out, nil
}

// shown returns a copy, which is safe to use without the lock.
func (svc *Service) shown() Service {
	out := *svc
	out.Deployments, out.Events = slices.Clone(svc.Deployments), slices.Clone(svc.Events)
	return out
}

type managedScaling struct {
	Status string `json:"status"`
	Target int    `json:"targetCapacity,omitempty"`
}

type groupProvider struct {
	Group   string         `json:"autoScalingGroupArn"`
	Scaling managedScaling `json:"managedScaling"`
}

type providerShape struct {
	Arn     string         `json:"capacityProviderArn"`
	Name    string         `json:"name"`
	Status  string         `json:"status"`
	Group   *groupProvider `json:"autoScalingGroupProvider,omitempty"`
	Managed *struct{}      `json:"managedInstancesProvider,omitempty"`
}

// describeCapacityProviders has pages of 10 (API reference, DescribeCapacityProviders).
func (s *Sandbox) describeCapacityProviders(r *request) (any, *apiError) {
	var in struct {
		pageRequest
		Cluster           string
		CapacityProviders []string
	}
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	if in.MaxResults == nil {
		ten := 10
		in.MaxResults = &ten
	}
	var all []providerShape
	for _, c := range s.clusters {
		if in.Cluster != "" && c != s.findCluster(in.Cluster, r.region) {
			continue
		}
		for _, p := range c.providers {
			if len(in.CapacityProviders) == 0 || slices.Contains(in.CapacityProviders, p.Name) {
				all = append(all, s.showProvider(p))
			}
		}
	}
	names := make([]string, 0, len(all))
	for _, p := range all {
		names = append(names, p.Name)
	}
	page, err := in.page("names", names)
	if err != nil {
		return nil, err
	}
	out := page.(map[string]any)
	shown := []providerShape{}
	for _, name := range out["names"].([]string) {
		shown = append(shown, all[slices.IndexFunc(all, func(p providerShape) bool { return p.Name == name })])
	}
	delete(out, "names")
	out["capacityProviders"] = shown
	return out, nil
}

func (s *Sandbox) showProvider(p CapacityProvider) providerShape {
	out := providerShape{Arn: s.arn("ecs", "capacity-provider/"+p.Name), Name: p.Name, Status: "ACTIVE"}
	switch {
	case p.Group != "":
		out.Group = &groupProvider{Group: s.groupARN(p.Group), Scaling: managedScaling{Status: "DISABLED"}}
		if p.Target > 0 {
			out.Group.Scaling = managedScaling{"ENABLED", p.Target}
		}
	case p.Managed:
		out.Managed = &struct{}{}
	}
	return out
}

func (s *Sandbox) groupARN(name string) string {
	return s.arn("autoscaling", "autoScalingGroup:8e86b655-b2e6-4410-8f29-b4f094d6871c:autoScalingGroupName/"+name)
}
