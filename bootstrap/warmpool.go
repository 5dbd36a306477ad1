package bootstrap

import (
	"context"
	"errors"
	"strings"

	"muster/internal/base/fix"
)

// warmed is how the target lifecycle states of a warm pool begin (EC2 Auto Scaling,
// "Lifecycle state transitions for instances in a warm pool").
const warmed = "Warmed:"

// warmPoolKey makes the ECS agent wait until the instance leaves the warm pool. Without
// it the agent registers at once, and ECS places tasks on an instance that the group is
// about to stop (amazon-ecs-agent, README, ECS_WARM_POOLS_CHECK).
const warmPoolKey = "ECS_WARM_POOLS_CHECK"

// warnOfWarmPool warns of an instance in a warm pool whose ECS agent would register all
// the same. The setting is the owner's to make.
func (r *run) warnOfWarmPool(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, r.pace.api)
	defer stop()
	state, err := r.imds.LifecycleState(ctx)
	if err != nil || !strings.HasPrefix(state, warmed) || r.waitsInWarmPool() {
		return // bootstrap does without: verify asks again
	}
	r.warnOf("warm pool", fix.Wrap(
		errors.New("the instance is in a warm pool ("+state+") and "+warmPoolKey+" is not true: the ECS agent registers at once"),
		fix.Do("Let the ECS agent wait until the instance leaves the pool:", r.again(r.wanted.Text, "--ecs", warmPoolKey+"=true"))))
}
