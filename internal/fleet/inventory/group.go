package inventory

import (
	"strings"
	"time"
)

// Group is an Auto Scaling group.
type Group struct {
	Name              string
	Min, Max, Desired int
	Status            string // "Delete in progress", else empty
	Zones             []string
	Members           []Member // without those of the warm pool
	WarmPool          *WarmPool
	Suspended         []string // processes: Launch, Terminate, ScheduledActions, ...
	Provider          string   // the capacity provider that uses it; empty: none
	Tags              map[string]string

	Scheduled []ScheduledAction // sorted by name
	// Activities are the latest ones, newest first, at most MaxActivities. Auto Scaling keeps
	// them for six weeks.
	Activities []Activity
	// ActivitiesRead: Activities is what Auto Scaling knows, and not just empty.
	ActivitiesRead bool
}

// MaxActivities is how many activities of a group are read.
const MaxActivities = 100

// InService is the number of members in the lifecycle state InService.
func (g *Group) InService() (n int) {
	for _, m := range g.Members {
		if m.Lifecycle == InService {
			n++
		}
	}
	return n
}

// Leaving is the number of members that are being terminated.
func (g *Group) Leaving() (n int) {
	for _, m := range g.Members {
		if strings.HasPrefix(m.Lifecycle, "Terminat") {
			n++
		}
	}
	return n
}

// InService is the lifecycle state of an instance that runs (EC2 Auto Scaling user guide,
// instance lifecycle).
const InService = "InService"

// Member is an instance of a group.
type Member struct {
	ID, Zone, Type string
	Lifecycle      string // Pending, Pending:Wait, InService, Standby, Terminating, ...
	Health         string // Healthy or Unhealthy
}

// WarmPool is a group's warm pool.
type WarmPool struct {
	State string // Stopped, Running, Hibernated
	Size  int    // instances in it
	Min   int
}

// ScheduledAction is a scheduled action of a group.
type ScheduledAction struct {
	Group, Name string
	// Start is the next run, as Auto Scaling computes it. With a recurrence it is the next
	// one; without, the only one. Zero: Auto Scaling gave none.
	Start      time.Time
	End        time.Time // of the recurrence; zero: none
	Recurrence string    // Unix cron, five fields
	TimeZone   string    // IANA; empty is UTC
	// Min, Max and Desired are what it sets; nil leaves the value as it is.
	Min, Max, Desired *int
}

// Activity is a scaling activity.
type Activity struct {
	Group       string
	Status      string // Successful, Failed, Cancelled, InProgress, ...
	Start       time.Time
	Description string // Launching a new EC2 instance: i-...
	Cause       string
	Message     string // statusMessage: why it failed
}
