package sandbox

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ScalingGroup is another Auto Scaling group of the region. The group of this instance is Options.Group.
type ScalingGroup struct {
	Name              string
	Min, Max, Desired int
	Zones             []string // default: this instance's
	Members           []GroupMember
	Suspended         []string // processes
	WarmPool          *WarmPool
	Tags              map[string]string
	Scheduled         []ScheduledAction
	Activities        []Activity // newest first
}

// GroupMember is an instance of a group.
type GroupMember struct {
	ID, Zone, Type    string
	Lifecycle, Health string // defaults: InService, Healthy
}

// WarmPool is the warm pool of a group.
type WarmPool struct {
	State         string // Stopped, Running, Hibernated
	MinSize, Size int
}

// ScheduledAction is a scheduled action of a group. A nil size stays unchanged.
type ScheduledAction struct {
	Name, Recurrence, TimeZone string
	Start, End                 time.Time
	Min, Max, Desired          *int
}

// Activity is a scaling activity of a group.
type Activity struct {
	Status                      string // Successful, Failed, ...
	Start                       time.Time
	Description, Cause, Message string
}

// AddGroup adds an Auto Scaling group to the region.
func (s *Sandbox) AddGroup(g ScalingGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scaling = append(s.scaling, &g)
}

// EditGroup changes an Auto Scaling group that AddGroup added.
func (s *Sandbox) EditGroup(name string, edit func(*ScalingGroup)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.scaling {
		if g.Name == name {
			edit(g)
		}
	}
}

type suspendedShape struct {
	Name   string `xml:"ProcessName"`
	Reason string `xml:"SuspensionReason"`
}

type warmPoolShape struct {
	MinSize int    `xml:"MinSize"`
	State   string `xml:"PoolState"`
}

type groupShape struct {
	Name      string           `xml:"AutoScalingGroupName"`
	ARN       string           `xml:"AutoScalingGroupARN"`
	Min       int              `xml:"MinSize"`
	Max       int              `xml:"MaxSize"`
	Desired   int              `xml:"DesiredCapacity"`
	Zones     []string         `xml:"AvailabilityZones>member"`
	Instances []groupInstance  `xml:"Instances>member"`
	Suspended []suspendedShape `xml:"SuspendedProcesses>member"`
	WarmPool  *warmPoolShape   `xml:"WarmPoolConfiguration"`
	WarmSize  int              `xml:"WarmPoolSize"`
	Tags      []groupTag       `xml:"Tags>member"`
}

func (s *Sandbox) showGroup(g *ScalingGroup) groupShape {
	out := groupShape{Name: g.Name, ARN: s.groupARN(g.Name), Min: g.Min, Max: g.Max, Desired: g.Desired, Zones: g.Zones}
	if len(out.Zones) == 0 {
		out.Zones = []string{s.zone()}
	}
	for _, m := range g.Members {
		out.Instances = append(out.Instances, groupInstance{InstanceID: m.ID, Zone: cmp.Or(m.Zone, s.zone()),
			Type: cmp.Or(m.Type, instanceType), Lifecycle: cmp.Or(m.Lifecycle, "InService"), Health: cmp.Or(m.Health, "Healthy")})
	}
	for _, p := range g.Suspended {
		out.Suspended = append(out.Suspended, suspendedShape{p, "User suspended at " + s.clock.Now().UTC().Format(time.RFC3339)})
	}
	if w := g.WarmPool; w != nil {
		out.WarmPool, out.WarmSize = &warmPoolShape{w.MinSize, w.State}, w.Size
	}
	for _, key := range slices.Sorted(maps.Keys(g.Tags)) {
		out.Tags = append(out.Tags, groupTag{key, g.Tags[key], g.Name, "auto-scaling-group", true})
	}
	return out
}

// allGroups returns this instance's group and the added ones.
func (s *Sandbox) allGroups() []groupShape {
	var all []groupShape
	if s.group != nil {
		instances := s.groupInstances()
		all = append(all, groupShape{
			Name: s.group.Name, ARN: s.arn("autoscaling", "autoScalingGroup::autoScalingGroupName/"+s.group.Name),
			Min: 1, Max: len(instances), Desired: len(instances), Zones: []string{s.zone()},
			Instances: instances, Tags: s.groupTags(),
		})
	}
	for _, g := range s.scaling {
		all = append(all, s.showGroup(g))
	}
	return all
}

func (s *Sandbox) describeGroups(r *request) (any, *apiError) {
	names, filters := r.list("AutoScalingGroupNames.member"), r.filters("Filters.member", "Values.member")
	all := slices.DeleteFunc(s.allGroups(), func(g groupShape) bool {
		return len(names) > 0 && !slices.Contains(names, g.Name) || !g.carries(filters)
	})
	var out struct {
		Groups []groupShape `xml:"AutoScalingGroups>member"`
		Next   string       `xml:"NextToken,omitempty"`
	}
	var err *apiError
	out.Groups, out.Next, err = scalingPage(r, all, 50)
	return out, err
}

// carries supports the filter tag:KEY (API reference, DescribeAutoScalingGroups).
func (g groupShape) carries(f filters) bool {
	for name, values := range f {
		key := strings.TrimPrefix(name, "tag:")
		if !slices.ContainsFunc(g.Tags, func(t groupTag) bool { return t.Key == key && slices.Contains(values, t.Value) }) {
			return false
		}
	}
	return true
}

// scalingPage returns a page of up to 100 items. usual is the page size without MaxRecords.
func scalingPage[T any](r *request, all []T, usual int) (page []T, next string, err *apiError) {
	size, from := usual, 0
	if text := r.form.Get("MaxRecords"); text != "" {
		size, _ = strconv.Atoi(text)
	}
	if text := r.form.Get("NextToken"); text != "" {
		from, _ = strconv.Atoi(text)
	}
	if size < 1 || size > 100 || from < 0 || from > len(all) {
		return nil, "", invalid("ValidationError", "MaxRecords must be 1 to 100, and NextToken one that was returned")
	}
	to := min(from+size, len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return all[from:to], next, nil
}

type scheduledShape struct {
	Group      string `xml:"AutoScalingGroupName"`
	Name       string `xml:"ScheduledActionName"`
	Start      string `xml:"StartTime,omitempty"`
	Time       string `xml:"Time,omitempty"`
	End        string `xml:"EndTime,omitempty"`
	Recurrence string `xml:"Recurrence,omitempty"`
	TimeZone   string `xml:"TimeZone,omitempty"`
	Min        *int   `xml:"MinSize"`
	Max        *int   `xml:"MaxSize"`
	Desired    *int   `xml:"DesiredCapacity"`
}

// putScheduledAction replaces the action of the same name. It supports groups of AddGroup and this instance's.
func (s *Sandbox) putScheduledAction(r *request) (any, *apiError) {
	name := r.form.Get("AutoScalingGroupName")
	if !slices.ContainsFunc(s.allGroups(), func(g groupShape) bool { return g.Name == name }) {
		return nil, invalid("ValidationError", "AutoScalingGroup name not found - null")
	}
	a := ScheduledAction{Name: r.form.Get("ScheduledActionName"), Recurrence: r.form.Get("Recurrence"), TimeZone: r.form.Get("TimeZone"),
		Min: r.number("MinSize"), Max: r.number("MaxSize"), Desired: r.number("DesiredCapacity")}
	for field, into := range map[string]*time.Time{"StartTime": &a.Start, "EndTime": &a.End} {
		var err error
		if text := r.form.Get(field); text != "" {
			if *into, err = time.Parse(time.RFC3339, text); err != nil {
				return nil, invalid("ValidationError", "%s is no time: %s", field, text)
			}
		}
	}
	s.scheduled[name] = append(slices.DeleteFunc(s.scheduled[name], func(o ScheduledAction) bool { return o.Name == a.Name }), a)
	return nil, nil
}

func (r *request) number(parameter string) *int {
	n, err := strconv.Atoi(r.form.Get(parameter))
	if err != nil {
		return nil
	}
	return &n
}

func (s *Sandbox) describeScheduledActions(r *request) (any, *apiError) {
	var all []scheduledShape
	add := func(group string, actions []ScheduledAction) {
		if only := r.form.Get("AutoScalingGroupName"); only != "" && only != group {
			return
		}
		for _, a := range actions {
			all = append(all, scheduledShape{group, a.Name, stamp(a.Start), stamp(a.Start), stamp(a.End), a.Recurrence, a.TimeZone,
				a.Min, a.Max, a.Desired})
		}
	}
	for _, g := range s.scaling {
		add(g.Name, g.Scheduled)
	}
	for _, group := range slices.Sorted(maps.Keys(s.scheduled)) {
		add(group, s.scheduled[group])
	}
	var out struct {
		Actions []scheduledShape `xml:"ScheduledUpdateGroupActions>member"`
		Next    string           `xml:"NextToken,omitempty"`
	}
	var err *apiError
	out.Actions, out.Next, err = scalingPage(r, all, 50)
	return out, err
}

type activityShape struct {
	ID          string `xml:"ActivityId"`
	Group       string `xml:"AutoScalingGroupName"`
	Description string `xml:"Description,omitempty"`
	Cause       string `xml:"Cause"`
	Start       string `xml:"StartTime"`
	Status      string `xml:"StatusCode"`
	Message     string `xml:"StatusMessage,omitempty"`
	Progress    int    `xml:"Progress"`
}

// describeActivities rejects an unknown group, unlike describeScheduledActions (API reference).
func (s *Sandbox) describeActivities(r *request) (any, *apiError) {
	name := r.form.Get("AutoScalingGroupName")
	if name != "" && !slices.ContainsFunc(s.allGroups(), func(g groupShape) bool { return g.Name == name }) {
		return nil, invalid("ValidationError", "AutoScalingGroup name not found - AutoScalingGroup '%s' not found", name)
	}
	var all []activityShape
	for _, g := range s.scaling {
		if name != "" && g.Name != name {
			continue
		}
		for n, a := range g.Activities {
			all = append(all, activityShape{"activity-" + g.Name + "-" + strconv.Itoa(n), g.Name, a.Description, a.Cause, stamp(a.Start),
				cmp.Or(a.Status, "Successful"), a.Message, 100})
		}
	}
	var out struct {
		Activities []activityShape `xml:"Activities>member"`
		Next       string          `xml:"NextToken,omitempty"`
	}
	var err *apiError
	out.Activities, out.Next, err = scalingPage(r, all, 100)
	return out, err
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
