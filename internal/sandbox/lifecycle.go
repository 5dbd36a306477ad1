package sandbox

import "slices"

// The lifecycle actions of Auto Scaling: the calls that muster makes for its own group.

func (s *Sandbox) describeHooks(r *request) (any, *apiError) {
	type hook struct {
		Name          string `xml:"LifecycleHookName"`
		Group         string `xml:"AutoScalingGroupName"`
		Transition    string `xml:"LifecycleTransition"`
		Timeout       int    `xml:"HeartbeatTimeout"`
		GlobalTimeout int    `xml:"GlobalTimeout"`
		DefaultResult string `xml:"DefaultResult"`
	}
	var out struct {
		Hooks []hook `xml:"LifecycleHooks>member"`
	}
	if err := s.checkGroup(r); err != nil {
		return nil, err
	}
	names := r.list("LifecycleHookNames.member")
	for _, h := range s.group.hooks {
		if len(names) == 0 || slices.Contains(names, h.Name) {
			seconds := int(h.Timeout.Seconds())
			// 48 hours or 100 times the heartbeat, whichever is smaller (API reference).
			out.Hooks = append(out.Hooks,
				hook{h.Name, s.group.Name, h.Transition, seconds, min(100*seconds, 172800), h.DefaultResult})
		}
	}
	return out, nil
}

func (s *Sandbox) checkGroup(r *request) *apiError {
	name := r.form.Get("AutoScalingGroupName")
	if s.group == nil || s.group.Name != name {
		return invalid("ValidationError", "AutoScalingGroup name not found - null: %s", name)
	}
	return nil
}

// activeHook returns the hook that the instance is waiting for.
func (s *Sandbox) activeHook(r *request) (*hookState, *apiError) {
	if err := s.checkGroup(r); err != nil {
		return nil, err
	}
	id := r.form.Get("InstanceId")
	h := s.findHookOf(r.form.Get("LifecycleHookName"), id)
	if h == nil || h.Result != "" {
		return nil, invalid("ValidationError", "No active Lifecycle Action found with instance ID %s", id)
	}
	return h, nil
}

// findHookOf returns the hook's state for one instance of the group. An instance other than the sandbox's starts to
// wait with its first call.
func (s *Sandbox) findHookOf(name, id string) *hookState {
	h := s.findHook(name)
	if h == nil || id == s.opts.InstanceID {
		return h
	}
	if !slices.Contains(s.group.Others, id) {
		return nil
	}
	key := name + " " + id
	if s.group.waiting[key] == nil {
		s.group.waiting[key] = &hookState{Hook: h.Hook, deadline: s.clock.Now().Add(h.Timeout)}
	}
	h = s.group.waiting[key]
	h.expire(s.clock.Now())
	return h
}

// HookOf is Hook for an instance of Group.Others.
func (s *Sandbox) HookOf(name, id string) HookState {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.findHookOf(name, id); h != nil {
		return h.HookState
	}
	return HookState{}
}

func (s *Sandbox) recordHeartbeat(r *request) (any, *apiError) {
	h, err := s.activeHook(r)
	if err != nil {
		return nil, err
	}
	h.Heartbeats++
	h.deadline = s.clock.Now().Add(h.Timeout)
	return struct{}{}, nil
}

func (s *Sandbox) completeLifecycleAction(r *request) (any, *apiError) {
	result := r.form.Get("LifecycleActionResult")
	if result != "CONTINUE" && result != "ABANDON" {
		return nil, invalid("ValidationError", "Lifecycle action result must be CONTINUE or ABANDON, not %q", result)
	}
	h, err := s.activeHook(r)
	if err != nil {
		return nil, err
	}
	h.Result = result
	return struct{}{}, nil
}

func (s *Sandbox) setInstanceHealth(r *request) (any, *apiError) {
	health, id := r.form.Get("HealthStatus"), r.form.Get("InstanceId")
	switch {
	case health != "Healthy" && health != "Unhealthy":
		return nil, invalid("ValidationError", "Valid instance health states are: [Healthy, Unhealthy]")
	case s.group == nil || id != s.opts.InstanceID:
		return nil, invalid("ValidationError", "Instance Id not found - No managed instance found for instance ID: %s", id)
	}
	s.group.health = health
	return nil, nil
}
