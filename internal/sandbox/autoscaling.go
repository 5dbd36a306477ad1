package sandbox

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Group is an Auto Scaling group that contains this instance.
type Group struct {
	Name  string
	Tags  map[string]string
	Hooks []Hook
	// TargetState is the target-lifecycle-state in IMDS: InService (the default), Warmed:Stopped, Terminated, ...
	TargetState string
	Others      []string // IDs of the other instances, all InService and Healthy unless SetOther changes them
}

type memberState struct{ lifecycle, health string }

// Hook is a lifecycle hook. The instance waits for it from the start of the sandbox.
type Hook struct {
	Name          string
	Transition    string        // default autoscaling:EC2_INSTANCE_LAUNCHING
	DefaultResult string        // default ABANDON
	Timeout       time.Duration // of a heartbeat; default one hour
}

// HookState is the state of a hook.
type HookState struct {
	Heartbeats int
	Result     string // CONTINUE or ABANDON, empty while the instance waits
	TimedOut   bool   // Result is the hook's default after a heartbeat timeout
}

type hookState struct {
	Hook
	HookState
	deadline time.Time
}

type groupState struct {
	Group
	hooks  []*hookState
	health string
	others map[string]memberState
	// waiting holds the hooks of Group.Others, by name and instance.
	waiting map[string]*hookState
}

// SetOther changes the lifecycle state and the health of another instance of the group.
func (s *Sandbox) SetOther(id, lifecycle, health string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.group.others[id] = memberState{lifecycle, health}
}

func (s *Sandbox) newGroup() *groupState {
	if s.opts.Group == nil {
		return nil
	}
	g := &groupState{Group: *s.opts.Group, health: "Healthy", others: map[string]memberState{}, waiting: map[string]*hookState{}}
	g.TargetState = cmp.Or(g.TargetState, "InService")
	for _, h := range g.Hooks {
		h.Transition = cmp.Or(h.Transition, "autoscaling:EC2_INSTANCE_LAUNCHING")
		h.DefaultResult = cmp.Or(h.DefaultResult, "ABANDON")
		h.Timeout = cmp.Or(h.Timeout, time.Hour)
		g.hooks = append(g.hooks, &hookState{Hook: h, deadline: s.clock.Now().Add(h.Timeout)})
	}
	return g
}

// SetTargetState changes the target lifecycle state in IMDS.
func (s *Sandbox) SetTargetState(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.group != nil {
		s.group.TargetState = state
	}
}

// Hook returns the state of a hook, or the zero state for an unknown one.
func (s *Sandbox) Hook(name string) HookState {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.findHook(name); h != nil {
		return h.HookState
	}
	return HookState{}
}

// InstanceHealth returns the health according to the group: Healthy or Unhealthy, or "" outside a group.
func (s *Sandbox) InstanceHealth() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.group == nil {
		return ""
	}
	return s.group.health
}

// findHook returns the hook, after applying a timeout that is due.
func (s *Sandbox) findHook(name string) *hookState {
	if s.group == nil {
		return nil
	}
	i := slices.IndexFunc(s.group.hooks, func(h *hookState) bool { return h.Name == name })
	if i < 0 {
		return nil
	}
	h := s.group.hooks[i]
	h.expire(s.clock.Now())
	return h
}

// expire applies a timeout that is due.
func (h *hookState) expire(now time.Time) {
	if h.Result == "" && now.After(h.deadline) {
		h.Result, h.TimedOut = h.DefaultResult, true
	}
}

// lifecycleState derives the state from the target and the launch hooks: an instance waits for each of its hooks, then
// reaches the target unless a hook was abandoned.
func (s *Sandbox) lifecycleState() string {
	for _, h := range s.group.hooks {
		switch s.findHook(h.Name).Result {
		case "":
			return "Pending:Wait"
		case "ABANDON":
			return "Terminating:Wait"
		}
	}
	return s.group.TargetState
}

// autoScalingService implements the query protocol (service/autoscaling: awsAwsquery_serializeOp*).
func (s *Sandbox) autoScalingService() *service {
	return &service{
		name:     AutoScaling,
		version:  "2011-01-01",
		protocol: awsQuery{"http://autoscaling.amazonaws.com/doc/2011-01-01/"},
		actions: map[string]action{
			"DescribeAutoScalingGroups":      s.describeGroups,
			"DescribeAutoScalingInstances":   s.describeGroupInstances,
			"DescribeScheduledActions":       s.describeScheduledActions,
			"PutScheduledUpdateGroupAction":  s.putScheduledAction,
			"DescribeScalingActivities":      s.describeActivities,
			"DescribeTags":                   s.describeGroupTags,
			"DescribeLifecycleHooks":         s.describeHooks,
			"RecordLifecycleActionHeartbeat": s.recordHeartbeat,
			"CompleteLifecycleAction":        s.completeLifecycleAction,
			"SetInstanceHealth":              s.setInstanceHealth,
		},
	}
}

type groupInstance struct {
	InstanceID string `xml:"InstanceId"`
	GroupName  string `xml:"AutoScalingGroupName,omitempty"`
	Zone       string `xml:"AvailabilityZone"`
	Type       string `xml:"InstanceType"`
	Lifecycle  string `xml:"LifecycleState"`
	Health     string `xml:"HealthStatus"`
	Protected  bool   `xml:"ProtectedFromScaleIn"`
}

func (s *Sandbox) groupInstance(health string) groupInstance {
	return groupInstance{InstanceID: s.opts.InstanceID, Zone: s.zone(), Type: instanceType,
		Lifecycle: s.lifecycleState(), Health: health}
}

// groupInstances returns all instances of the group, including this one.
func (s *Sandbox) groupInstances() []groupInstance {
	all := []groupInstance{s.groupInstance(s.group.health)}
	for _, id := range s.group.Others {
		is := s.group.others[id]
		all = append(all, groupInstance{InstanceID: id, Zone: s.zone(), Type: instanceType,
			Lifecycle: cmp.Or(is.lifecycle, "InService"), Health: cmp.Or(is.health, "Healthy")})
	}
	return all
}

type groupTag struct {
	Key        string `xml:"Key"`
	Value      string `xml:"Value"`
	ResourceID string `xml:"ResourceId"`
	Type       string `xml:"ResourceType"`
	Propagate  bool   `xml:"PropagateAtLaunch"`
}

func (s *Sandbox) groupTags() []groupTag {
	var tags []groupTag
	if s.group != nil {
		for _, key := range slices.Sorted(maps.Keys(s.group.Tags)) {
			tags = append(tags, groupTag{key, s.group.Tags[key], s.group.Name, "auto-scaling-group", true})
		}
	}
	return tags
}

// describeGroupInstances returns the health in capitals, unlike DescribeAutoScalingGroups (both API references).
func (s *Sandbox) describeGroupInstances(r *request) (any, *apiError) {
	var out struct {
		Instances []groupInstance `xml:"AutoScalingInstances>member"`
	}
	ids := r.list("InstanceIds.member")
	if s.group != nil && (len(ids) == 0 || slices.Contains(ids, s.opts.InstanceID)) {
		i := s.groupInstance(strings.ToUpper(s.group.health))
		i.GroupName = s.group.Name
		out.Instances = []groupInstance{i}
	}
	return out, nil
}

func (s *Sandbox) describeGroupTags(r *request) (any, *apiError) {
	var out struct {
		Tags []groupTag `xml:"Tags>member"`
	}
	filters := r.filters("Filters.member", "Values.member")
	for _, t := range s.groupTags() {
		fits, err := filters.fit(map[string]string{
			"auto-scaling-group": t.ResourceID, "key": t.Key, "value": t.Value, "propagate-at-launch": "true",
		}, "ValidationError")
		if err != nil {
			return nil, err
		}
		if fits {
			out.Tags = append(out.Tags, t)
		}
	}
	return out, nil
}
