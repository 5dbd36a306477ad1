package registration

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"time"

	"muster/internal/awsapi"
)

// Lifecycle is where the Auto Scaling group wants this instance to be, by the
// metadata service; empty outside of a group.
type Lifecycle interface {
	LifecycleState(ctx context.Context) (string, error)
}

// Group is the instance's Auto Scaling group.
type Group interface {
	Group(ctx context.Context, instanceID string) (awsapi.Group, error)
	Members(ctx context.Context, group string) ([]awsapi.Member, error)
	SetUnhealthy(ctx context.Context, instanceID string, respectGracePeriod bool) error
}

// Fellows are the container instances of the cluster.
type Fellows interface {
	ContainerInstanceARNs(ctx context.Context, cluster, filter string) iter.Seq2[[]string, error]
}

// enoughAnswers is how often ECS must have said, in a row, that the instance is
// disconnected or impaired before it is replaced.
const enoughAnswers = 3

// healPatience bounds one consideration, which makes four calls at most.
const healPatience = 15 * time.Second

// inService is the lifecycle state of an instance that is in use.
const inService = "InService"

// Healer has the Auto Scaling group replace the instance when ECS has not heard
// from it for long, or has reported it as impaired. What it cannot look up holds it back, and so does anything
// that looks like a trouble of the fleet and not of this instance.
type Healer struct {
	After      time.Duration // 0: never
	MaxShare   int           // of the group that may be out of service at once, in percent
	InstanceID string
	Lifecycle  Lifecycle
	Group      Group
	Fellows    Fellows
	Log        *slog.Logger

	considered time.Time // the answer of ECS that was considered last
	acted      bool      // since ECS last heard from the ECS agent
	said       string
}

// Hurry is how often ECS must be asked while something is wrong, for After to be
// kept; 0 when nothing is healed.
func (h *Healer) Hurry() time.Duration { return h.After / (enoughAnswers + 1) }

// Consider decides once for each answer of ECS, and writes each new decision to
// the journal. It returns the line, or nothing when there is no new one.
func (h *Healer) Consider(ctx context.Context, s Snapshot) string {
	if s.ECS.At.Equal(h.considered) || !s.ECS.Known() {
		return ""
	}
	h.considered = s.ECS.At
	answers, since, what := s.ECS.unfit()
	if answers == 0 {
		h.acted, h.said = false, ""
	}
	gone := s.ECS.At.Sub(since)
	if h.After == 0 || h.acted || answers < enoughAnswers || gone < h.After {
		return ""
	}
	ctx, stop := context.WithTimeout(ctx, healPatience)
	defer stop()
	facts, held := h.weigh(ctx, s)
	if held == "" {
		if err := h.Group.SetUnhealthy(ctx, h.InstanceID, true); err != nil {
			held = "the group was not told: " + err.Error()
		}
	}
	h.acted = held == ""
	return h.report(gone, what, facts, held)
}

func (h *Healer) report(gone time.Duration, what, facts, held string) string {
	log := h.Log.With("phase", "heal", "because", what, "for", gone.Round(time.Second).String(), "unhealthy-after", h.After.String())
	if h.acted {
		h.said = "told the Auto Scaling group that this instance is unhealthy: " + facts
		log.Error(h.said)
		return h.said
	}
	if reason, _, _ := strings.Cut(held, ":"); h.said != reason { // what follows varies: attempts, counts
		h.said = reason
		held = "this instance is not marked unhealthy: " + held
		log.Warn(held)
		return held
	}
	return ""
}

// weigh says what speaks for giving the instance up, or what holds it back.
func (h *Healer) weigh(ctx context.Context, s Snapshot) (facts, held string) {
	if s.ECS.EC2 != h.InstanceID {
		return "", "ECS has not confirmed that " + s.ARN + " is this instance"
	}
	if s.ECS.Status != "ACTIVE" {
		return "", "ECS has it as " + s.ECS.Status
	}
	switch target, err := h.Lifecycle.LifecycleState(ctx); {
	case err != nil:
		return "", "could not look at its lifecycle state: " + err.Error()
	case target == "":
		return "", "it is in no Auto Scaling group that could replace it"
	case target != inService:
		return "", "its group wants it " + target
	}
	group, err := h.Group.Group(ctx, h.InstanceID)
	switch {
	case err != nil:
		return "", "could not look at its group: " + err.Error()
	case group.LifecycleState != inService:
		return "", "its group has it as " + group.LifecycleState
	}
	members, err := h.Group.Members(ctx, group.Name)
	if err != nil {
		return "", "could not look at its group: " + err.Error()
	}
	off := 0
	for arns, err := range h.Fellows.ContainerInstanceARNs(ctx, s.Cluster, "agentConnected == false") {
		if err != nil {
			return "", "could not look at the other instances: " + err.Error()
		}
		off += len(arns)
	}
	return h.brake(group.Name, members, off)
}

// brake holds back when the trouble is the fleet's. What is already out of
// service in the group counts, and so does every instance of the cluster that ECS
// does not hear from: when all lose their connection at once the group sees
// nothing of it, and each would think that it is alone.
func (h *Healer) brake(group string, members []awsapi.Member, disconnected int) (facts, held string) {
	out := 1
	for _, m := range members {
		if m.ID != h.InstanceID && (m.LifecycleState != inService || m.Health != "Healthy") {
			out++
		}
	}
	allowed := max(1, len(members)*h.MaxShare/100)
	facts = fmt.Sprintf("%d of %d instances of %s out of service with this one, %d disconnected in the cluster, %d allowed (%d %%)",
		out, len(members), group, disconnected, allowed, h.MaxShare)
	switch {
	case out >= len(members):
		return "", "no other instance of the group is in service: " + facts
	case max(out, disconnected) > allowed:
		return "", "too many at once, the cause is hardly this instance: " + facts
	}
	return facts, ""
}
