package bootstrap

import (
	"context"
	"errors"
	"strings"

	"muster/internal/base/fix"
)

// warmed is the prefix of the target lifecycle states in a warm pool (EC2 Auto Scaling, "Lifecycle state transitions
// for instances in a warm pool").
const warmed = "Warmed:"

// warmPoolKey is the setting that makes the ECS agent wait until the instance leaves the warm pool. Without it the
// agent registers at once, and ECS places tasks on an instance that the group is about to stop (amazon-ecs-agent,
// README, ECS_WARM_POOLS_CHECK).
const warmPoolKey = "ECS_WARM_POOLS_CHECK"

// warnOfWarmPool logs a warning if the instance is in a warm pool and the ECS agent would register anyway. It does not
// change the setting, which is the owner's decision.
func (r *run) warnOfWarmPool(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, r.pace.api)
	defer stop()
	state, err := r.imds.LifecycleState(ctx)
	if err != nil || !strings.HasPrefix(state, warmed) || r.waitsInWarmPool() {
		return // optional here: verify checks the state again
	}
	r.warnOf("warm pool", fix.Wrap(
		errors.New("the instance is in a warm pool ("+state+") and "+warmPoolKey+" is not true: the ECS agent registers at once"),
		fix.Do("Let the ECS agent wait until the instance leaves the pool:", r.again(r.wanted.Text, "--ecs", warmPoolKey+"=true"))))
}
