package sandbox

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

type cluster struct {
	name, status string
	instances    []*ContainerInstance
	tasks        []*RunningTask
	services     []*Service
	providers    []CapacityProvider

	byInstance map[string]*ContainerInstance // by ARN
	byTask     map[string]*RunningTask
	running    map[string]int // number of tasks by the ARN of the instance
	pending    map[string]int
}

var errClusterNotFound = apiError{400, "ClusterNotFoundException", "Cluster not found."}

// ecsService implements awsJson1.1 (service/ecs api_client.go: awsjson.New11).
func (s *Sandbox) ecsService() *service {
	clusters := rate{"clusters", 50, 20}
	providers := rate{"capacity-providers", 50, 20}
	definitions := rate{"task-definitions", 50, 20}
	reads := rate{"cluster-resources", 100, 20}
	services := rate{"services", 100, 20}
	changes := rate{"cluster-resource-changes", 100, 40}
	return &service{
		name:     ECS,
		target:   "AmazonEC2ContainerServiceV20141113",
		protocol: awsJSON{},
		actions: map[string]action{
			"CreateCluster":               s.createCluster,
			"DescribeClusters":            s.describeClusters,
			"ListClusters":                s.listClusters,
			"ListContainerInstances":      s.listContainerInstances,
			"DescribeContainerInstances":  s.describeContainerInstances,
			"RegisterContainerInstance":   s.registerContainerInstance,
			"DeregisterContainerInstance": s.deregisterContainerInstance,
			"ListTasks":                   s.listTasks,
			"DescribeTasks":               s.describeTasks,
			"DiscoverPollEndpoint":        s.discoverPollEndpoint,
			"ListServices":                s.listServices,
			"DescribeServices":            s.describeServices,
			"DescribeCapacityProviders":   s.describeCapacityProviders,
			"DescribeTaskDefinition":      s.describeTaskDefinition,
			"ListTaskDefinitionFamilies":  s.listTaskDefinitionFamilies,
			"PutAttributes":               s.putAttributes,
		},
		// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html, "Request Token Bucket Sizes
		// and Refill Rates". The page lists no bucket for DiscoverPollEndpoint.
		rates: map[string]rate{
			"CreateCluster": {"cluster-changes", 20, 1},
			"ListClusters":  clusters, "DescribeClusters": clusters,
			"DescribeCapacityProviders": providers,
			"DescribeTaskDefinition":    definitions, "ListTaskDefinitionFamilies": definitions,
			"ListContainerInstances": reads, "DescribeContainerInstances": reads,
			"ListTasks": reads, "DescribeTasks": reads,
			"DeregisterContainerInstance": changes, "PutAttributes": changes,
			"RegisterContainerInstance": {"agent-changes", 200, 120},
			"ListServices":              services, "DescribeServices": services,
		},
	}
}

// discoverPollEndpoint returns the sandbox's own address, because it has no AWS host names.
func (s *Sandbox) discoverPollEndpoint(*request) (any, *apiError) {
	return map[string]string{"endpoint": s.api.url() + "/", "telemetryEndpoint": s.api.url() + "/"}, nil
}

// SetCluster creates a cluster or changes its status: ACTIVE, INACTIVE, ...
func (s *Sandbox) SetCluster(name, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setCluster(name, status)
}

func (s *Sandbox) setCluster(name, status string) *cluster {
	c := s.findCluster(name, s.opts.Region)
	if c == nil {
		c = newCluster(name)
		s.clusters = append(s.clusters, c)
	}
	c.status = status
	return c
}

// findCluster accepts a name, an ARN, or "" for the default cluster. Other regions have no clusters.
func (s *Sandbox) findCluster(ref, region string) *cluster {
	name := cmp.Or(ref, defaultCluster)
	if strings.HasPrefix(ref, "arn:") {
		prefix := s.arn("ecs", "cluster/")
		if !strings.HasPrefix(ref, prefix) {
			return nil
		}
		name = strings.TrimPrefix(ref, prefix)
	}
	i := slices.IndexFunc(s.clusters, func(c *cluster) bool { return c.name == name })
	if i < 0 || region != s.opts.Region {
		return nil
	}
	return s.clusters[i]
}

type clusterShape struct {
	ClusterArn                        string   `json:"clusterArn"`
	ClusterName                       string   `json:"clusterName"`
	Status                            string   `json:"status"`
	RegisteredContainerInstancesCount int      `json:"registeredContainerInstancesCount"`
	RunningTasksCount                 int      `json:"runningTasksCount"`
	PendingTasksCount                 int      `json:"pendingTasksCount"`
	ActiveServicesCount               int      `json:"activeServicesCount"`
	CapacityProviders                 []string `json:"capacityProviders"`
}

func newCluster(name string) *cluster {
	return &cluster{name: name, byInstance: map[string]*ContainerInstance{}, byTask: map[string]*RunningTask{},
		running: map[string]int{}, pending: map[string]int{}}
}

func (s *Sandbox) shapeOf(c *cluster) clusterShape {
	out := clusterShape{ClusterArn: s.arn("ecs", "cluster/"+c.name), ClusterName: c.name, Status: c.status,
		RegisteredContainerInstancesCount: len(c.instances), CapacityProviders: []string{}}
	for _, t := range c.tasks {
		if t.status() == taskRunning {
			out.RunningTasksCount++
		} else {
			out.PendingTasksCount++
		}
	}
	for _, svc := range c.services {
		if svc.Status == "ACTIVE" {
			out.ActiveServicesCount++
		}
	}
	for _, p := range c.providers {
		out.CapacityProviders = append(out.CapacityProviders, p.Name)
	}
	return out
}

func (s *Sandbox) createCluster(r *request) (any, *apiError) {
	var in struct{ ClusterName string }
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	c := s.setCluster(cmp.Or(in.ClusterName, defaultCluster), "ACTIVE")
	return map[string]any{"cluster": s.shapeOf(c)}, nil
}

type failure struct {
	Arn    string `json:"arn"`
	Reason string `json:"reason"`
}

func (s *Sandbox) describeClusters(r *request) (any, *apiError) {
	var in struct{ Clusters []string }
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	out := struct {
		Clusters []clusterShape `json:"clusters"`
		Failures []failure      `json:"failures"`
	}{[]clusterShape{}, []failure{}}
	if len(in.Clusters) == 0 {
		in.Clusters = []string{defaultCluster}
	}
	for _, ref := range in.Clusters {
		if c := s.findCluster(ref, r.region); c != nil {
			out.Clusters = append(out.Clusters, s.shapeOf(c))
			continue
		}
		arn := ref
		if !strings.HasPrefix(ref, "arn:") {
			arn = s.arn("ecs", "cluster/"+ref)
		}
		out.Failures = append(out.Failures, failure{arn, "MISSING"})
	}
	return out, nil
}

func (s *Sandbox) listClusters(r *request) (any, *apiError) {
	var in pageRequest
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	var arns []string
	for _, c := range s.clusters {
		if c.status != "INACTIVE" && r.region == s.opts.Region {
			arns = append(arns, s.arn("ecs", "cluster/"+c.name))
		}
	}
	return in.page("clusterArns", arns)
}

// pageRequest holds the paging parameters of ECS's List actions. The token is an offset, which clients must treat as
// opaque.
type pageRequest struct {
	MaxResults *int
	NextToken  string
}

func (p pageRequest) page(member string, all []string) (any, *apiError) {
	size := 100
	if p.MaxResults != nil {
		size = *p.MaxResults
	}
	from, err := 0, error(nil)
	if p.NextToken != "" {
		from, err = strconv.Atoi(p.NextToken)
	}
	if err != nil || size < 1 || size > 100 || from < 0 || from > len(all) {
		return nil, invalid("InvalidParameterException", "Invalid maxResults or nextToken.")
	}
	to := min(from+size, len(all))
	out := map[string]any{member: slices.Concat([]string{}, all[from:to])}
	if to < len(all) {
		out["nextToken"] = strconv.Itoa(to)
	}
	return out, nil
}

// instanceOfDocument returns the instance ID of an identity document.
func instanceOfDocument(document string) string {
	var d struct{ InstanceID string }
	_ = json.Unmarshal([]byte(document), &d) // without a document, it is not an EC2 instance
	return d.InstanceID
}
