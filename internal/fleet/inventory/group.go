package inventory

import (
	"strings"
	"time"
)

// Group is an Auto Scaling group.
type Group struct {
	Name              string
	Min, Max, Desired int
	Status            string // "Delete in progress", or empty
	Zones             []string
	Members           []Member // without those of the warm pool
	WarmPool          *WarmPool
	Suspended         []string // suspended processes: Launch, Terminate, ScheduledActions, ...
	Provider          string   // the capacity provider that uses the group; empty if there is none
	Tags              map[string]string

	Scheduled []ScheduledAction // sorted by name
	// Activities are the latest activities, newest first, at most MaxActivities. Auto Scaling keeps them for six weeks.
	Activities []Activity
	// ActivitiesRead is true if the activities were read. Otherwise an empty Activities means unknown.
	ActivitiesRead bool
}

// MaxActivities is the maximum number of activities that are read for a group.
const MaxActivities = 100

// InService returns the number of members in the lifecycle state InService.
func (g *Group) InService() (n int) {
	for _, m := range g.Members {
		if m.Lifecycle == InService {
			n++
		}
	}
	return n
}

// Leaving returns the number of members that are being terminated.
func (g *Group) Leaving() (n int) {
	for _, m := range g.Members {
		if strings.HasPrefix(m.Lifecycle, "Terminat") {
			n++
		}
	}
	return n
}

// InService is the lifecycle state of a running instance (EC2 Auto Scaling user guide, instance lifecycle).
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
	Size  int    // number of instances in it
	Min   int
}

// ScheduledAction is a scheduled action of a group.
type ScheduledAction struct {
	Group, Name string
	// Start is the next run, as computed by Auto Scaling. Without a recurrence it is the only run. It is zero if Auto
	// Scaling returned none.
	Start      time.Time
	End        time.Time // end of the recurrence; zero if it has none
	Recurrence string    // Unix cron, five fields
	TimeZone   string    // IANA; empty is UTC
	// Min, Max and Desired are the values that the action sets. A nil value stays unchanged.
	Min, Max, Desired *int
}

// Activity is a scaling activity.
type Activity struct {
	Group       string
	Status      string // Successful, Failed, Cancelled, InProgress, ...
	Start       time.Time
	Description string // Launching a new EC2 instance: i-...
	Cause       string
	Message     string // statusMessage: why the activity failed
}
