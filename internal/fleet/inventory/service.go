package inventory

import "time"

// Service is an ECS service.
type Service struct {
	ARN, Name  string
	Status     string // ACTIVE, DRAINING, INACTIVE
	Definition string // task definition, FAMILY:REVISION
	LaunchType string // EC2, FARGATE, EXTERNAL; empty with a capacity provider strategy
	// Providers are the capacity providers of the strategy.
	Providers  []string
	Scheduling string // REPLICA or DAEMON
	Controller string // ECS, CODE_DEPLOY, EXTERNAL
	Desired    int
	Running    int
	Pending    int

	Strategy    []Strategy
	Constraints []Constraint
	// Rebalancing is ENABLED or DISABLED, or empty if ECS returned neither.
	Rebalancing string
	MaxPercent  int // maximumPercent; 0 if ECS returned none
	MinPercent  int // minimumHealthyPercent
	// Breaker is true if the deployment circuit breaker is on. Rollback is true if it also rolls back.
	Breaker, Rollback bool
	ClassicLB         bool // a Classic Load Balancer is attached
	Awsvpc            bool // tasks have their own network interfaces

	Deployments []Deployment // PRIMARY first
	Events      []Event      // newest first, at most MaxEvents
}

// MaxEvents is the maximum number of events that are kept for a service.
const MaxEvents = 10

// Strategy is a placement strategy.
type Strategy struct {
	Type  string // random, spread, binpack
	Field string // attribute:ecs.availability-zone, instanceId, memory, ...
}

// Constraint is a placement constraint.
type Constraint struct {
	Type       string // distinctInstance or memberOf
	Expression string // in the cluster query language
}

// Deployment is a deployment of a service.
type Deployment struct {
	ID         string
	Status     string // PRIMARY, ACTIVE, INACTIVE
	Definition string
	Desired    int
	Running    int
	Pending    int
	Failed     int    // failedTasks
	Rollout    string // IN_PROGRESS, COMPLETED, FAILED; empty without a rolling update
	Reason     string // rolloutStateReason
	Created    time.Time
	Updated    time.Time
}

// Event is an event of a service.
type Event struct {
	At      time.Time
	Message string
}
