package bootstrap

import (
	"context"
	"errors"
	"sync"
	"time"

	"muster/internal/awsapi"
)

// heartbeatShare is the interval between heartbeats as a fraction of the hook's timeout. It is below one half, so that
// after a failed heartbeat another one is sent before the hook times out.
const heartbeatShare = 0.4

// keepHook sends heartbeats to the launch hook, if one is set, until the hook is completed. It sends the first
// heartbeat immediately, because the hook has been waiting since the launch. stop ends the heartbeats and returns after
// the last one has finished.
func (r *run) keepHook(ctx context.Context) (stop func()) {
	if r.Config.LifecycleHook == "" {
		return func() {}
	}
	h := &heartbeats{run: r}
	if !h.send(ctx) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for h.rest(ctx) && h.send(ctx) {
		}
	})
	return func() { cancel(); done.Wait() }
}

// heartbeats sends heartbeats to one launch hook.
type heartbeats struct {
	*run
	hook     awsapi.Hook
	pause    time.Duration // interval between heartbeats; 0 until the hook is found
	failures int           // consecutive failures
	passing  bool          // the last failure may be transient
}

// send sends one heartbeat. It returns false if no further heartbeat can succeed.
func (h *heartbeats) send(ctx context.Context) bool {
	if h.pause == 0 {
		if err := h.find(ctx); err != nil {
			return passes(err)
		}
	}
	err := bounded(ctx, h.pace.api, func(ctx context.Context) error { return h.aws.Heartbeat(ctx, h.hook, h.Identity.InstanceID) })
	switch {
	case err == nil:
		if h.failures > 0 {
			h.info("hook", "heartbeat delivered again")
		}
		h.failures = 0
		return true
	case errors.Is(err, awsapi.ErrHookOver):
		if !h.completing.Load() {
			h.warn("hook", "%s is no longer waiting", h.hook.Name)
		}
		return false
	case ctx.Err() == nil:
		h.failed("heartbeat not delivered", err)
	}
	return true
}

func (h *heartbeats) find(ctx context.Context) error {
	hook, err := h.findHook(ctx)
	if err != nil {
		if errors.Is(err, awsapi.ErrNoSuchHook) {
			h.noHook.Store(&err)
		}
		if ctx.Err() == nil {
			h.failed("no heartbeats", err)
		}
		return err
	}
	h.hook, h.pause = hook, time.Duration(float64(hook.Heartbeat)*heartbeatShare)
	h.info("hook", "%s of Auto Scaling group %s times out after %s; sending a heartbeat every %s", hook.Name, hook.Group, hook.Heartbeat,
		h.pause)
	return nil
}

// failed logs only the first of several consecutive failures.
func (h *heartbeats) failed(what string, err error) {
	h.passing = passes(err)
	if again := ""; h.failures == 0 {
		if h.passing {
			again = ", retrying"
		}
		h.warn("hook", "%s%s: %v", what, again, err)
	}
	h.failures++
}

// rest waits until the next heartbeat is due. After a transient failure it waits for a shorter time. It returns false
// if ctx ends first.
func (h *heartbeats) rest(ctx context.Context) bool {
	wait := h.pause
	if h.failures > 0 && h.passing {
		if wait = h.pace.backoff.after(h.failures - 1); h.pause > 0 {
			wait = min(wait, h.pause)
		}
	}
	next := time.NewTimer(wait)
	defer next.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-next.C:
		return true
	}
}

func (r *run) findHook(ctx context.Context) (awsapi.Hook, error) {
	ctx, stop := context.WithTimeout(ctx, r.pace.api)
	defer stop()
	group, err := r.mustGroup(ctx)
	if err != nil {
		return awsapi.Hook{}, err
	}
	hook, err := r.aws.Hook(ctx, group, r.Config.LifecycleHook)
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
