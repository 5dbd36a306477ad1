package bootstrap

import (
	"context"
	"errors"
	"sync"
	"time"

	"muster/internal/awsapi"
)

// heartbeatShare is the share of the hook's timeout between two heartbeats: below a
// half, so that one that fails is followed by another in time.
const heartbeatShare = 0.4

// keepHook keeps the launch hook waiting while verify waits, if one is named. The
// first heartbeat is sent at once, because the hook has waited since the launch.
// stop ends the heartbeats and returns when none is under way any more.
func (r *run) keepHook(ctx context.Context) (stop func()) {
	if r.cfg.LifecycleHook == "" {
		return func() {}
	}
	hook, err := r.findHook(ctx)
	if err != nil {
		r.warn("hook", "no heartbeats: %v", err)
		if errors.Is(err, awsapi.ErrNoSuchHook) {
			r.noHook = err
		}
		return func() {}
	}
	pause := time.Duration(float64(hook.Heartbeat) * heartbeatShare)
	r.info("hook", "%s of Auto Scaling group %s times out after %s; sending a heartbeat every %s",
		hook.Name, hook.Group, hook.Heartbeat, pause)
	if !r.heartbeat(ctx, hook) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { r.sendHeartbeats(ctx, hook, pause) })
	return func() { cancel(); done.Wait() }
}

// heartbeat sends one, and reports whether more are worth sending.
func (r *run) heartbeat(ctx context.Context, hook awsapi.Hook) bool {
	bounded, stop := context.WithTimeout(ctx, r.pace.api)
	defer stop()
	err := r.aws.Heartbeat(bounded, hook, r.id.InstanceID)
	switch {
	case errors.Is(err, awsapi.ErrHookOver):
		r.warn("hook", "%s is no longer waiting", hook.Name)
		return false
	case err != nil && ctx.Err() == nil:
		r.warn("hook", "heartbeat not delivered: %v", err)
	}
	return true
}

func (r *run) findHook(ctx context.Context) (awsapi.Hook, error) {
	ctx, stop := context.WithTimeout(ctx, r.pace.api)
	defer stop()
	group, err := r.mustGroup(ctx)
	if err != nil {
		return awsapi.Hook{}, err
	}
	hook, err := r.aws.Hook(ctx, group, r.cfg.LifecycleHook)
	if err == nil && hook.Heartbeat <= 0 {
		err = errors.New("the hook has no heartbeat timeout")
	}
	return hook, err
}

func (r *run) mustGroup(ctx context.Context) (string, error) {
	group, err := r.groupName(ctx)
	if err == nil && group == "" {
		err = errors.New("this instance is in no Auto Scaling group")
	}
	return group, err
}

// sendHeartbeats sends a heartbeat each pause until ctx ends or the hook is over.
func (r *run) sendHeartbeats(ctx context.Context, hook awsapi.Hook, pause time.Duration) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !r.heartbeat(ctx, hook) {
			return
		}
	}
}
