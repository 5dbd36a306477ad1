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

// Lifecycle returns the target lifecycle state of the instance in its Auto Scaling group, from the metadata service. It
// is empty outside a group.
type Lifecycle interface {
	LifecycleState(ctx context.Context) (string, error)
}

// Group is the API of the instance's Auto Scaling group.
type Group interface {
	Group(ctx context.Context, instanceID string) (awsapi.Group, error)
	Members(ctx context.Context, group string) ([]awsapi.Member, error)
	SetUnhealthy(ctx context.Context, instanceID string, respectGracePeriod bool) error
}

// ClusterInstances lists the container instances of the cluster.
type ClusterInstances interface {
	ContainerInstanceARNs(ctx context.Context, cluster, filter string) iter.Seq2[[]string, error]
}

// enoughAnswers is the number of consecutive responses of ECS, disconnected or impaired, after which the instance may
// be replaced.
const enoughAnswers = 3

// healPatience is the timeout of one evaluation, which makes at most four calls.
const healPatience = 15 * time.Second

// inService is the lifecycle state of an instance that is in use.
const inService = "InService"

// Healer makes the Auto Scaling group replace the instance if ECS has reported it as disconnected or impaired for long
// enough. It does nothing if it cannot look up a fact that it needs. It also does nothing if the problem seems to
// affect the whole fleet.
type Healer struct {
	After            time.Duration // 0 means never
	MaxShare         int           // percentage of the group that may be out of service at the same time
	InstanceID       string
	Lifecycle        Lifecycle
	Group            Group
	ClusterInstances ClusterInstances
	Log              *slog.Logger

	considered time.Time // time of the last evaluated response of ECS
	acted      bool      // the instance was marked unhealthy since it was last healthy
	logged     string
}

// MaxInterval returns how often ECS must be called while something is wrong, so that After can be kept. It returns 0 if
// healing is off.
func (h *Healer) MaxInterval() time.Duration { return h.After / (enoughAnswers + 1) }

// Evaluate evaluates each response of ECS once, and writes each new decision to the journal. It returns the journal
// line, or "" if there is no new decision.
func (h *Healer) Evaluate(ctx context.Context, s Snapshot) string {
	if s.ECS.At.Equal(h.considered) || !s.ECS.Known() {
		return ""
	}
	h.considered = s.ECS.At
	answers, since, what := s.ECS.unfit()
	if answers == 0 {
		h.acted, h.logged = false, ""
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
			held = "the Auto Scaling group could not be updated: " + err.Error()
		}
	}
	h.acted = held == ""
	return h.report(gone, what, facts, held)
}

func (h *Healer) report(gone time.Duration, what, facts, held string) string {
	log := h.Log.With("phase", "heal", "because", what, "for", gone.Round(time.Second).String(), "unhealthy-after", h.After.String())
	if h.acted {
		h.logged = "marked this instance as unhealthy in its Auto Scaling group: " + facts
		log.Error(h.logged)
		return h.logged
	}
	if reason, _, _ := strings.Cut(held, ":"); h.logged != reason { // the text after the colon varies: attempts, counts
		h.logged = reason
		held = "this instance is not marked unhealthy: " + held
		log.Warn(held)
		return held
	}
	return ""
}

// weigh returns the facts for marking the instance unhealthy, or the reason why it must not be marked.
func (h *Healer) weigh(ctx context.Context, s Snapshot) (facts, held string) {
	if s.ECS.EC2 != h.InstanceID {
		return "", "ECS has not confirmed that " + s.ARN + " is this instance"
	}
	if s.ECS.Status != "ACTIVE" {
		return "", "ECS has it as " + s.ECS.Status
	}
	switch target, err := h.Lifecycle.LifecycleState(ctx); {
	case err != nil:
		return "", "could not read its lifecycle state: " + err.Error()
	case target == "":
		return "", "it is not in an Auto Scaling group"
	case target != inService:
		return "", "its group wants it " + target
	}
	group, err := h.Group.Group(ctx, h.InstanceID)
	switch {
	case err != nil:
		return "", "could not read its group: " + err.Error()
	case group.LifecycleState != inService:
		return "", "its group has it as " + group.LifecycleState
	}
	members, err := h.Group.Members(ctx, group.Name)
	if err != nil {
		return "", "could not read its group: " + err.Error()
	}
	off := 0
	for arns, err := range h.ClusterInstances.ContainerInstanceARNs(ctx, s.Cluster, "agentConnected == false") {
		if err != nil {
			return "", "could not read the other instances: " + err.Error()
		}
		off += len(arns)
	}
	return h.brake(group.Name, members, off)
}

// brake returns a reason to do nothing if the problem affects the fleet. It counts the group's instances that are out
// of service, and all instances of the cluster that are disconnected. If all instances lose their connection at once,
// the group does not see that, and each instance would treat itself as the only one.
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
		return "", "too many instances fail at once, so the cause is probably not this instance: " + facts
	}
	return facts, ""
}
