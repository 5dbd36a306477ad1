// Package fit writes the result of `muster fit`, as a table and as JSON.
package fit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/internal/fleet/capacity"
	"muster/internal/fleet/fit"
	"muster/internal/fleet/query"
)

// Report is the output of --output json, described in docs/schema/fit.json.
type Report struct {
	Schema         int    `json:"schema"`
	Cluster        string `json:"cluster"`
	Region         string `json:"region"`
	TaskDefinition string `json:"task_definition"`
	Service        string `json:"service,omitempty"`

	Verdict   string      `json:"verdict"` // yes, no or unknown
	Summary   string      `json:"summary"`
	Count     int         `json:"count"`
	Copies    int         `json:"copies"`
	Open      bool        `json:"open,omitempty"` // more copies may fit
	Needs     fit.Amounts `json:"needs"`
	HostPorts []string    `json:"host_ports,omitempty"`

	Event     *Event     `json:"event,omitempty"`
	Used      *Used      `json:"used,omitempty"` // only with --service
	Changes   []Change   `json:"changes"`
	Zones     []fit.Zone `json:"zones"`
	Instances []Instance `json:"instances"`
	Notes     []string   `json:"notes,omitempty"`

	closest fit.Result
	lacks   bool // true if closest is set
}

// schema is the version of the JSON. Fields may be added but never removed or renamed.
const schema = 1

// Event is ECS's last event about a task that could not be placed.
type Event struct {
	At      time.Time  `json:"at"`
	Text    string     `json:"text"`
	Reason  fit.Reason `json:"reason,omitempty"`
	Closest string     `json:"closest,omitempty"` // the name that ECS uses
	// Instance is that container instance, if it is still in the cluster. Now lists what it lacks now.
	Instance string        `json:"instance,omitempty"`
	Now      []fit.Missing `json:"now,omitempty"`
}

// Used is what the tasks of the service used at most since a time. A missing value is unknown.
type Used struct {
	Since     time.Time `json:"since"`
	Hours     int       `json:"hours"` // with data
	Memory    *float64  `json:"memory_percent,omitempty"`
	MiB       *int      `json:"memory,omitempty"` // at most, of a copy
	Throttled *float64  `json:"cpu_throttled_percent,omitempty"`
	Unknown   string    `json:"unknown,omitempty"` // why
}

// Change is a change that lets more copies fit.
type Change struct {
	fit.Change
	Text  string    `json:"text"`
	Tasks []Stopped `json:"tasks,omitempty"`
}

// Stopped is a task to stop.
type Stopped struct {
	ARN    string `json:"task"`
	Group  string `json:"group"`
	CPU    int    `json:"cpu"`
	Memory int    `json:"memory"`
}

// Instance is one container instance.
type Instance struct {
	ID         string        `json:"instance"`
	ARN        string        `json:"container_instance"`
	Zone       string        `json:"zone"`
	Type       string        `json:"type,omitempty"`
	Status     string        `json:"status"`
	Connected  bool          `json:"connected"`
	Fits       string        `json:"fits"` // yes, no or unknown
	Copies     int           `json:"copies"`
	Open       bool          `json:"open,omitempty"`
	Registered fit.Amounts   `json:"registered"`
	Free       fit.Amounts   `json:"free"`
	Missing    []fit.Missing `json:"missing,omitempty"`
}

// New creates the report of an answer.
func New(a *capacity.Answer) *Report {
	r := &Report{
		Schema: schema, Cluster: a.Cluster, Region: a.Region, TaskDefinition: a.Task.Name, Count: a.Count,
		Verdict: a.Verdict.String(), Copies: a.Copies, Open: a.Open, Needs: a.Task.Needs,
		Changes: []Change{}, Zones: a.Zones, Instances: []Instance{}, Notes: a.Notes,
	}
	if a.Service != nil {
		r.Service = a.Service.Name
	}
	if ports := a.Task.Ports.String(); ports != "" {
		r.HostPorts = strings.Split(ports, ", ")
	}
	if r.Zones == nil {
		r.Zones = []fit.Zone{}
	}
	for _, i := range a.Instances {
		r.Instances = append(r.Instances, instance(i))
	}
	for _, c := range a.Changes {
		r.Changes = append(r.Changes, change(c))
	}
	if u := a.Used; u != nil {
		r.Used = &Used{u.Since, u.Hours, u.Memory, u.MiB, u.Throttled, u.Unknown}
	}
	r.closest, r.lacks = a.Closest()
	r.event(a)
	r.Summary = r.summary()
	return r
}

func instance(r fit.Result) Instance {
	i := r.Instance
	return Instance{
		ID: i.Name(), ARN: i.ARN, Zone: i.Zone, Type: i.Type, Status: i.Status, Connected: i.AgentConnected, Fits: r.Fits.String(),
		Copies: r.Copies, Open: r.Open, Registered: i.Registered, Free: i.Free, Missing: r.Missing,
	}
}

func change(c fit.Change) Change {
	out := Change{Change: c, Text: c.String()}
	for _, t := range c.Tasks {
		out.Tasks = append(out.Tasks, Stopped{t.ARN, t.Group, t.Amounts.CPU, t.Amounts.Memory})
	}
	return out
}

func (r *Report) event(a *capacity.Answer) {
	if a.Event == nil {
		return
	}
	r.Event = &Event{At: a.EventAt, Text: a.Event.Text, Reason: a.Event.Reason, Closest: a.Event.Closest}
	n := slices.IndexFunc(a.Instances, func(i fit.Result) bool { return a.Event.Names(i.Instance) })
	if n >= 0 {
		r.Event.Instance, r.Event.Now = a.Instances[n].Instance.Name(), a.Instances[n].Missing
	}
}

// summary returns the verdict as a sentence.
func (r *Report) summary() string {
	what := r.TaskDefinition
	if r.Service != "" {
		what = fmt.Sprintf("service %s (%s)", r.Service, r.TaskDefinition)
	}
	copies := "1 copy fits"
	switch {
	case r.Count > 1 && r.Copies >= r.Count:
		copies = fmt.Sprintf("all %d copies fit", r.Count)
	case r.Copies >= r.Count:
	case r.Count == 1 && r.Open:
		copies = "unknown whether a copy fits"
	case r.Open:
		copies = fmt.Sprintf("%d of %d copies fit, more are unknown", r.Copies, r.Count)
	case r.Count == 1:
		copies = "no copy fits"
	default:
		copies = fmt.Sprintf("%d of %d copies fit", r.Copies, r.Count)
	}
	return fmt.Sprintf("%s in cluster %s in %s: %s", what, r.Cluster, r.Region, copies)
}

// Unknown reports whether it is unknown that all copies fit.
func (r *Report) Unknown() bool { return r.Verdict == query.Unknown.String() }

// Fits reports whether all copies fit.
func (r *Report) Fits() bool { return r.Verdict == query.Yes.String() }
