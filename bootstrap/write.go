package bootstrap

import (
	"errors"
	"fmt"

	"muster/internal/cluster"
	"muster/internal/ecsconfig"
)

// change is what bootstrap does to ecs.config.
type change struct {
	path     string
	old, new []byte
	repaired []ecsconfig.Problem
	left     []ecsconfig.Problem // only a person can fix these
}

// plan reads ecs.config, repairs what the agent would misread, and sets what the
// settings ask for.
func (r *run) plan(ref cluster.Ref) (change, error) {
	c := change{path: r.cfg.Path(r.cfg.ECSConfig)}
	var err error
	if c.old, err = ecsconfig.Load(c.path); err != nil {
		return c, err
	}
	file := ecsconfig.Parse(c.old)
	c.repaired = file.Repair()
	if err := file.Set("ECS_CLUSTER", ref.Text); err != nil {
		return c, badConfig(err)
	}
	for _, s := range r.cfg.ECS {
		if s.Key == "ECS_CLUSTER" {
			return c, badConfig(fmt.Errorf("%s: ECS_CLUSTER is not set this way; the setting for it is --cluster", r.cfg.Origin("MUSTER_ECS")))
		}
		if err := file.Set(s.Key, s.Value); err != nil {
			return c, badConfig(fmt.Errorf("%s: %w", r.cfg.Origin("MUSTER_ECS"), err))
		}
	}
	c.new, c.left = file.Bytes(), file.Problems()
	return c, nil
}

// apply writes ecs.config. Another program may write between the reading and the
// writing; then the change is planned anew, once.
func (r *run) apply(ref cluster.Ref) (changed bool, err error) {
	for range 2 {
		var c change
		if c, err = r.plan(ref); err != nil {
			return false, err
		}
		changed, err = ecsconfig.Write(c.path, c.old, c.new)
		if err == nil {
			r.logChange(c, changed)
			return changed, nil
		}
		if !errors.Is(err, ecsconfig.ErrChanged) {
			break
		}
	}
	return changed, err
}

func (r *run) logChange(c change, changed bool) {
	for _, p := range c.repaired {
		r.warn("ecs.config", "%s:%d: %s %s; %s", c.path, p.Line, p.Key, p.What, p.Repair)
	}
	for _, p := range c.left {
		r.warn("ecs.config", "%s:%d: %s %s; left as it is", c.path, p.Line, p.Key, p.What)
	}
	if changed {
		r.info("ecs.config", "%s written", c.path)
	} else {
		r.info("ecs.config", "%s is already correct, unchanged", c.path)
	}
}

// waitsInWarmPool reports whether the ECS agent waits while the instance is in a warm
// pool.
func (r *run) waitsInWarmPool() bool {
	data, _ := ecsconfig.Load(r.cfg.Path(r.cfg.ECSConfig)) // the write reports the error
	value, _ := ecsconfig.Parse(data).Get(warmPoolKey)
	for _, s := range r.cfg.ECS {
		if s.Key == warmPoolKey {
			value = s.Value
		}
	}
	return value == "true"
}
