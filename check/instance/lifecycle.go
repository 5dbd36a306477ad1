package instance

import (
	"context"
	"strings"

	"muster/check"
	"muster/internal/base/fix"
)

// lifecycle never fails, because the Auto Scaling group decides about its instances. It warns about settings that the
// ECS agent needs on a spot instance or in a warm pool. It also returns the warm pool state that defers the
// registration.
func (g Group) lifecycle(ctx context.Context) (found []check.Finding, warmPool string) {
	state, there, err := g.IMDS.Metadata(ctx, "autoscaling/target-lifecycle-state")
	if err != nil {
		return check.Undetermined(err, fix.Fix{}), ""
	}
	found = g.spotWithoutDraining(ctx)
	if !there {
		return append(found, check.Skipped("the instance is in no Auto Scaling group")...), ""
	}
	seen := []string{"meta-data/autoscaling/target-lifecycle-state: " + strings.TrimSpace(state)}
	switch state = strings.TrimSpace(state); {
	case strings.HasPrefix(state, "Warmed:"):
		return append(found, g.warmPool(ctx, state)...), state
	case state == "Standby":
		found = append(found, check.Finding{Kind: Standby, Status: check.Warn, Evidence: seen,
			Summary: "the Auto Scaling group has put this instance on standby",
			Fix: fix.Do("Return it to service:", "aws autoscaling exit-standby --region "+g.Region()+
				" --auto-scaling-group-name "+g.group(ctx)+" --instance-ids "+g.InstanceID())})
	case state != "InService":
		found = append(found, check.Finding{Kind: Leaving, Status: check.Warn, Evidence: seen,
			Summary: "the Auto Scaling group is taking this instance out of service",
			Fix: fix.Do("Find out why:", "aws autoscaling describe-scaling-activities --region "+g.Region()+
				" --auto-scaling-group-name "+g.group(ctx)+" --max-items 5")})
	default:
		found = append(found, check.Passed("the Auto Scaling group's target state is InService")...)
	}
	return found, ""
}

// warmPool warns if the ECS agent registers although the instance waits in the warm pool. The agent waits until the
// instance is in service only with ECS_WARM_POOLS_CHECK (agent/app/agent.go, waitUntilInstanceInService).
func (g Group) warmPool(ctx context.Context, state string) []check.Finding {
	const key = "ECS_WARM_POOLS_CHECK"
	switch {
	case g.enabled(key):
		return []check.Finding{{Kind: WarmPool, Status: check.Skip,
			Summary: "the instance is in the warm pool (" + state + "): the ECS agent registers when the instance leaves the pool"}}
	case g.Registered(ctx):
		return []check.Finding{{Kind: WarmPoolUnchecked, Status: check.Warn,
			Summary: key + " is not set: the instance registered while in the warm pool",
			Evidence: []string{"meta-data/autoscaling/target-lifecycle-state: " + state,
				"ECS may place tasks on the instance, and Auto Scaling may stop it while they run"},
			Fix: fix.Do("Set it, here and in user data, then recreate the warm pool:", "sudo muster bootstrap --ecs "+key+"=true")}}
	}
	return []check.Finding{{Kind: WarmPool, Status: check.Skip,
		Summary: "the instance is in the warm pool (" + state + "), and " + key + " is not set: the ECS agent may register at once"}}
}

// spotWithoutDraining warns if the tasks of a spot instance are not drained before EC2 reclaims it
// (agent/config/config.go, SpotInstanceDrainingEnabled: off by default).
func (g Group) spotWithoutDraining(ctx context.Context) []check.Finding {
	const key = "ECS_ENABLE_SPOT_INSTANCE_DRAINING"
	kind, _, err := g.IMDS.Metadata(ctx, "instance-life-cycle")
	if err != nil || strings.TrimSpace(kind) != "spot" || g.enabled(key) {
		return nil
	}
	return []check.Finding{{Kind: SpotDrainingOff, Status: check.Warn,
		Summary:  key + " is not set on this spot instance: an interruption kills its tasks",
		Evidence: []string{"meta-data/instance-life-cycle: spot"},
		Fix:      fix.Do("Set it, here and in user data:", "sudo muster bootstrap --ecs "+key+"=true")}}
}

// enabled reports whether the ECS agent reads this switch as true.
func (g Group) enabled(key string) bool { return g.Settings().On(key) }

// group returns the Auto Scaling group's name for commands, or a placeholder. The name is in an instance tag, which is
// readable if tags in instance metadata are enabled.
func (g Group) group(ctx context.Context) string {
	name, there, err := g.IMDS.Metadata(ctx, "tags/instance/aws:autoscaling:groupName")
	if err != nil || !there {
		return "GROUP"
	}
	return strings.TrimSpace(name)
}
