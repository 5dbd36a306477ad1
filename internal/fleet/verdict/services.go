package verdict

import (
	"fmt"
	"strings"
	"time"

	"muster/internal/base/fix"
	"muster/internal/base/plural"
	"muster/internal/fleet/inventory"
)

// stuck is the age from which a deployment counts as stuck. ECS's own circuit breaker counts failed tasks instead. A
// rollout without failures has no time limit.
const stuck = time.Hour

func (e *evaluation) services() {
	var asleep, zero []string
	for n := range e.inv.Services {
		s := Service{Service: &e.inv.Services[n], Status: Pass}
		s.Event = matters(s.Events)
		s.Spread = e.spread(s.Service)
		switch {
		case s.Service.Status != "" && s.Service.Status != active:
			worse(&s.Status, &s.Wrong, Info, strings.ToLower(s.Service.Status))
		case e.asleepService(s.Service):
			if s.Running < s.Desired {
				asleep = append(asleep, s.Name)
				worse(&s.Status, &s.Wrong, Info, "asleep")
			}
		case s.Desired == 0 && s.Running == 0 && s.Scheduling != "DAEMON":
			zero = append(zero, s.Name)
			worse(&s.Status, &s.Wrong, Info, "scaled to 0")
		default:
			e.deployment(&s)
			e.count(&s)
			e.skew(&s)
		}
		e.v.Services = append(e.v.Services, s)
	}
	if len(zero) > 0 {
		e.add(Problem{ID: "service-zero", Status: Info,
			Summary: fmt.Sprintf("%s the desired count 0", plural.Of(len(zero), "service has", "services have")),
			Why:     []string{some(zero), "not read: the schedules of Application Auto Scaling, which may set it"}})
	}
	if len(asleep) > 0 && !e.v.Asleep {
		e.add(
			Problem{
				ID:      "service-asleep",
				Status:  Info,
				Summary: fmt.Sprintf("%s for groups that sleep", plural.Of(len(asleep), "service waits", "services wait")),
				Why:     []string{some(asleep)},
			},
		)
	}
}

// deployment evaluates the PRIMARY deployment.
func (e *evaluation) deployment(s *Service) {
	if len(s.Deployments) == 0 {
		return
	}
	d := s.Deployments[0]
	p := Problem{ID: "deployment-stuck", Why: []string{d.Reason}}
	switch running := e.now.Sub(d.Created); {
	case d.Rollout == "FAILED":
		p.ID, p.Status = "deployment-failed", Fail
		p.Summary = fmt.Sprintf("service %s: the deployment of %s failed", s.Name, d.Definition)
		worse(&s.Status, &s.Wrong, Fail, "deployment failed")
	case d.Rollout != "IN_PROGRESS" || d.Running >= d.Desired:
		return
	case d.Failed > 0:
		p.Status = Fail
		p.Summary = fmt.Sprintf("service %s: %s of the deployment of %s failed", s.Name, plural.Count(d.Failed, "task"), d.Definition)
		worse(&s.Status, &s.Wrong, Fail, fmt.Sprintf("%d tasks failed", d.Failed))
		if !s.Breaker {
			p.Why = append(p.Why, "the deployment circuit breaker is off: ECS retries indefinitely")
		}
	case running > stuck:
		p.Status = Fail
		p.Summary = fmt.Sprintf("service %s: the deployment of %s has been in progress for %s", s.Name, d.Definition, Age(running))
		worse(&s.Status, &s.Wrong, Fail, "deployment stuck for "+Age(running))
	default:
		worse(&s.Status, &s.Wrong, Info, "deploying")
		return
	}
	if s.Event != nil {
		p.Why = append(p.Why, Stamp(s.Event.At)+" "+s.Event.Message)
	}
	p.Fix = e.look(s)
	e.add(p)
}

// look returns the fix that shows more about a service.
func (e *evaluation) look(s *Service) fix.Fix {
	if s.Event != nil && strings.Contains(s.Event.Message, "unable to place a task") {
		return fix.Do("See what is missing on each instance:", "muster fit --service "+s.Name+" "+e.flags())
	}
	if s.Event == nil && s.Pending > 0 {
		return fix.Do("See what its tasks wait for:", "aws ecs list-tasks "+e.flags()+" --service-name "+s.Name,
			"aws ecs describe-tasks "+e.flags()+" --query 'tasks[].[taskArn,lastStatus,containers[].[name,lastStatus,reason]]' --tasks TASK")
	}
	return fix.Do("See why its tasks stopped:", "aws ecs list-tasks "+e.flags()+" --service-name "+s.Name+" --desired-status STOPPED",
		"aws ecs describe-tasks "+e.flags()+" --query 'tasks[].[taskArn,stoppedReason,containers[].reason]' --tasks TASK")
}

// count compares the number of running tasks with the desired number.
func (e *evaluation) count(s *Service) {
	if s.Running >= s.Desired || s.Status == Fail {
		return
	}
	p := Problem{ID: "service-short", Status: Warn,
		Summary: fmt.Sprintf("service %s runs %d of %s", s.Name, s.Running, plural.Count(s.Desired, "task"))}
	if s.Event != nil {
		p.Status = Fail
		p.Why = []string{Stamp(s.Event.At) + " " + s.Event.Message}
	} else if s.Pending > 0 {
		p.Why = []string{plural.Of(s.Pending, "task is", "tasks are") + " pending"}
	}
	if s.Wrong == "deploying" && p.Status == Warn && s.Running > 0 && s.Running*100 >= s.Desired*s.MinPercent {
		return // a rolling update may temporarily run minimumHealthyPercent of the desired tasks
	}
	p.Fix = e.look(s)
	worse(&s.Status, &s.Wrong, p.Status, fmt.Sprintf("%d of %d running", s.Running, s.Desired))
	e.add(p)
}

// Messages of service events by meaning (ECS developer guide, "Amazon ECS service event messages"). Other messages,
// such as "has started 1 tasks", report progress.
var (
	steadyEvents  = []string{"has reached a steady state", "deployment completed", "is AZ balanced"}
	problemEvents = []string{"unable to", "unhealthy", "failed", "throttled", "error"}
)

// matters returns the latest event about a problem. It returns nil if a steady state followed.
func matters(events []inventory.Event) *inventory.Event {
	for n := range events {
		switch {
		case contains(events[n].Message, steadyEvents):
			return nil
		case contains(events[n].Message, problemEvents):
			return &events[n]
		}
	}
	return nil
}

func contains(text string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}
