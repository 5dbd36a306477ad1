// Package clusters writes the state of ECS clusters as tables, as JSON, as an HTML page and as JUnit XML. It evaluates
// nothing (package internal/fleet/verdict does) and makes no calls.
package clusters

import (
	"fmt"
	"strings"
	"time"

	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/fleet/inventory"
	"muster/internal/fleet/verdict"
	"muster/internal/report/ports"
)

const schema = 1

// Document is the output of `muster fleet`, also with --output json. Fields may be added but never removed or renamed.
type Document struct {
	Schema   int       `json:"schema"`
	At       time.Time `json:"at"`
	Region   string    `json:"region"`
	Clusters []Cluster `json:"clusters"`
	Wait     *Wait     `json:"wait,omitempty"` // with --wait
}

// Wait is the result of --wait.
type Wait struct {
	Met     bool     `json:"met"`
	Missing []string `json:"missing"` // what was missing at the last reading
	Seconds int      `json:"seconds"`
}

// Cluster is one cluster.
type Cluster struct {
	Name      string     `json:"cluster"`
	Status    string     `json:"status"`  // pass, info, unknown, warn, fail
	Verdict   string     `json:"verdict"` // the first line of the output
	Asleep    bool       `json:"asleep,omitempty"`
	ExitCode  int        `json:"exitCode"`
	Problems  []Problem  `json:"problems"`
	Instances []Instance `json:"instances"`
	Services  []Service  `json:"services"`
	Groups    []Group    `json:"groups"`
	Ports     *Ports     `json:"ports,omitempty"`
	Unread    []Unread   `json:"unread,omitempty"`
	Notes     []string   `json:"notes,omitempty"`
	Calls     int        `json:"calls"`

	unread map[inventory.Part]string // why a column is unknown, by part
}

// Problem holds what is wrong, why, and the fix.
type Problem struct {
	ID      string   `json:"id"`
	Status  string   `json:"status"`
	Summary string   `json:"summary"`
	Why     []string `json:"why,omitempty"`
	Fix     fix.Fix  `json:"fix,omitzero"`
}

// Instance is a container instance. Fields that EC2 did not return are left out.
type Instance struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind"` // ec2, external, managed
	Zone       string     `json:"zone,omitempty"`
	Type       string     `json:"type,omitempty"`
	Status     string     `json:"status"`
	Connected  bool       `json:"connected"`
	Agent      string     `json:"agent,omitempty"`
	Muster     string     `json:"muster,omitempty"` // left out if muster-agent did not publish it
	Running    int        `json:"running"`
	Pending    int        `json:"pending"`
	FreeCPU    int        `json:"freeCPU"`
	CPU        int        `json:"cpu"`
	FreeMemory int        `json:"freeMemory"` // MiB
	Memory     int        `json:"memory"`
	Provider   string     `json:"capacityProvider,omitempty"`
	Group      string     `json:"group,omitempty"`
	State      string     `json:"state,omitempty"`
	Launched   *time.Time `json:"launched,omitempty"`
	Verdict    string     `json:"verdict"`
	Wrong      string     `json:"wrong,omitempty"`
}

// Service is a service.
type Service struct {
	Name        string         `json:"name"`
	Desired     int            `json:"desired"`
	Running     int            `json:"running"`
	Pending     int            `json:"pending"`
	Zones       map[string]int `json:"zones,omitempty"` // running tasks; left out if unknown
	Skew        *int           `json:"skew,omitempty"`
	SkewMatters bool           `json:"skewMatters,omitempty"`
	SkewWhy     string         `json:"skewWhy,omitempty"`
	Rebalancing string         `json:"rebalancing,omitempty"`
	Definition  string         `json:"taskDefinition,omitempty"`
	Rollout     string         `json:"rollout,omitempty"`
	Breaker     bool           `json:"circuitBreaker"`
	Event       *Event         `json:"event,omitempty"` // the latest event about a problem
	Verdict     string         `json:"verdict"`
	Wrong       string         `json:"wrong,omitempty"`

	spread string
}

// Event is an event or an activity with its time.
type Event struct {
	At      time.Time `json:"at"`
	Message string    `json:"message"`
}

// Group is an Auto Scaling group.
type Group struct {
	Name       string   `json:"name"`
	Min        int      `json:"min"`
	Max        int      `json:"max"`
	Desired    int      `json:"desired"`
	InService  int      `json:"inService"`
	WarmPool   *int     `json:"warmPool,omitempty"`
	Suspended  []string `json:"suspended,omitempty"`
	Provider   string   `json:"capacityProvider,omitempty"`
	Next       []Run    `json:"next,omitempty"`
	Sleep      *Sleep   `json:"sleep,omitempty"`
	LastFailed *Event   `json:"lastFailed,omitempty"`
	Verdict    string   `json:"verdict"`
	Wrong      string   `json:"wrong,omitempty"`
}

// Run is the next run of a scheduled action.
type Run struct {
	Action  string     `json:"action"`
	At      *time.Time `json:"at,omitempty"`
	Sets    string     `json:"sets"`
	Problem string     `json:"problem,omitempty"`
}

// Sleep is the reason why a group has no capacity.
type Sleep struct {
	Since  *time.Time `json:"since,omitempty"`
	By     string     `json:"by,omitempty"`
	Cause  string     `json:"cause"`
	Wakes  *time.Time `json:"wakes,omitempty"`
	Action string     `json:"action,omitempty"` // the action that raises the capacity again
	NoWake string     `json:"noWake,omitempty"`
	Left   int        `json:"left,omitempty"`
}

// Ports is the summary of `muster ports`.
type Ports struct {
	Counts map[string]int `json:"counts"`
	Closed []string       `json:"closed,omitempty"` // sentences
	Fix    string         `json:"fix,omitempty"`
}

// Unread is a part that could not be read.
type Unread struct {
	Part   string `json:"part"`
	Action string `json:"action,omitempty"`
	Reason string `json:"reason"`
}

// New returns a document with clusters of one region.
func New(region string, at time.Time, all ...Cluster) Document {
	return Document{Schema: schema, At: at.UTC().Truncate(time.Second), Region: region, Clusters: append([]Cluster{}, all...)}
}

// Of returns the report on one cluster. matrix is nil unless the ports were evaluated.
func Of(inv *inventory.Inventory, v *verdict.Verdict, matrix *ports.Report) Cluster {
	c := Cluster{Name: inv.Cluster.Name, Status: string(v.Status), Verdict: v.Line, Asleep: v.Asleep, Notes: inv.Notes, Calls: inv.Calls,
		Problems: []Problem{}, Instances: []Instance{}, Services: []Service{}, Groups: []Group{}, unread: map[inventory.Part]string{}}
	for _, u := range inv.Unread {
		c.Unread = append(c.Unread, Unread{string(u.Part), u.Action, u.Reason})
		if c.unread[u.Part] = u.Reason; u.Action != "" {
			c.unread[u.Part] = u.Action + ": " + u.Reason
		}
	}
	for _, p := range v.Problems {
		c.Problems = append(c.Problems, Problem{p.ID, string(p.Status), p.Summary, p.Why, p.Fix})
	}
	for _, i := range v.Instances {
		c.Instances = append(c.Instances, instance(i))
	}
	for _, s := range v.Services {
		c.Services = append(c.Services, service(s))
	}
	for _, g := range v.Groups {
		c.Groups = append(c.Groups, group(g))
	}
	c.ExitCode = code(v.Status)
	c.addPorts(matrix)
	return c
}

// code returns the exit code of a status.
func code(s verdict.Status) int {
	switch s {
	case verdict.Fail:
		return exitcode.Failed
	case verdict.Unknown:
		return exitcode.Undetermined
	}
	return exitcode.Healthy
}

// addPorts adds the summary, and closed ports as the last problem.
func (c *Cluster) addPorts(r *ports.Report) {
	if r == nil {
		return
	}
	closed, command := r.Closed()
	c.Ports = &Ports{r.Counts, closed, command}
	err := r.Err()
	if err == nil {
		return
	}
	p := Problem{ID: "ports-unknown", Status: string(verdict.Unknown), Summary: "some ports could not be checked",
		Fix: fix.Do("See which, and why:", "muster ports --cluster "+c.Name+" --region "+r.Region)}
	if len(closed) > 0 {
		p.ID, p.Status, p.Summary, p.Why = "ports-closed", string(verdict.Fail), "some ports between instances are closed", closed[:1]
		if command != "" {
			p.Fix = fix.Do("Open them, beginning with:", command)
		}
	}
	c.Problems = append(c.Problems, p)
	if exit := exitcode.Of(err); c.ExitCode == exitcode.Healthy || exit == exitcode.Failed && c.ExitCode != exitcode.Failed {
		c.ExitCode, c.Status = exit, p.Status
		c.Verdict = map[string]string{string(verdict.Fail): "Problem: ", string(verdict.Unknown): "Unknown: "}[p.Status] + p.Summary
		c.Problems = append([]Problem{p}, c.Problems[:len(c.Problems)-1]...)
	}
}

func instance(i verdict.Instance) Instance {
	return Instance{
		ID: i.ID, Kind: string(i.Kind), Zone: i.Zone, Type: i.Type, Status: i.Instance.Status, Connected: i.Connected, Agent: i.Agent,
		Muster:  i.Muster(),
		Running: i.Running, Pending: i.Pending, FreeCPU: i.Free.CPU, CPU: i.Total.CPU, FreeMemory: i.Free.Memory, Memory: i.Total.Memory,
		Provider: i.Provider, Group: i.Group, State: i.State, Launched: known(i.Launched), Verdict: string(i.Status), Wrong: i.Wrong,
	}
}

func service(s verdict.Service) Service {
	out := Service{
		Name: s.Name, Desired: s.Desired, Running: s.Running, Pending: s.Pending, Rebalancing: s.Rebalancing, Definition: s.Definition,
		Breaker: s.Breaker, Verdict: string(s.Status), Wrong: s.Wrong, SkewMatters: s.Spread.Matters, SkewWhy: s.Spread.Why,
	}
	if s.Spread.Known {
		out.Zones, out.Skew, out.spread = map[string]int{}, &s.Spread.Skew, s.Spread.Text()
		for _, z := range s.Spread.Zones {
			out.Zones[z.Zone] = z.Tasks
		}
	}
	if len(s.Deployments) > 0 {
		out.Rollout = s.Deployments[0].Rollout
	}
	if s.Event != nil {
		out.Event = &Event{s.Event.At, s.Event.Message}
	}
	return out
}

func group(g verdict.Group) Group {
	out := Group{
		Name:      g.Name,
		Min:       g.Min,
		Max:       g.Max,
		Desired:   g.Desired,
		InService: g.InService(),
		Suspended: g.Suspended,
		Provider:  g.Provider,
		Verdict:   string(g.Status),
		Wrong:     g.Wrong,
	}
	if g.WarmPool != nil {
		out.WarmPool = &g.WarmPool.Size
	}
	for _, r := range g.Runs {
		out.Next = append(out.Next, Run{r.Action, known(r.At), r.Sets, r.Problem})
	}
	if s := g.Sleep; s != nil {
		out.Sleep = &Sleep{Since: known(s.Since), By: s.By, Cause: s.Cause, NoWake: s.NoWake, Left: s.Left}
		if s.Wake != nil {
			out.Sleep.Wakes, out.Sleep.Action = known(s.Wake.At), s.Wake.Action
		}
	}
	if f := g.LastFailed; f != nil {
		out.LastFailed = &Event{f.Start, strings.TrimSpace(f.Description + " " + f.Message)}
	}
	return out
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Err returns nil if no cluster has a problem, otherwise an error with the exit code of the worst one.
func (d Document) Err() error {
	worst, name := exitcode.Healthy, ""
	for _, c := range d.Clusters {
		if c.ExitCode == exitcode.Failed && worst != exitcode.Failed || c.ExitCode != exitcode.Healthy && worst == exitcode.Healthy {
			worst, name = c.ExitCode, c.Name
		}
	}
	if worst == exitcode.Healthy {
		return nil
	}
	what := "has a problem"
	if worst == exitcode.Undetermined {
		what = "could not be checked completely"
	}
	return exitcode.Wrap(worst, fmt.Errorf("cluster %s %s", name, what))
}
