package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/host/ecsconfig"
	"muster/internal/host/kernel"
	"muster/internal/instance"
)

// regionKey is the setting that overrides the region that the ECS agent reads from the metadata service.
const regionKey = "AWS_DEFAULT_REGION"

// change is a planned change of ecs.config.
type change struct {
	path     string
	old, new []byte
	repaired []ecsconfig.Problem
	notes    []string            // changes that the settings did not ask for
	left     []ecsconfig.Problem // problems that only a person can fix, in all files that the agent reads
	refused  error               // set if the remaining problems would prevent the ECS agent from registering
}

// plan reads ecs.config, repairs what the agent would misread, and applies the settings. It then looks for remaining
// problems in the result as the ECS agent would read it, together with the agent's other files.
func (r *run) plan(ref cluster.Ref) (change, error) {
	from := r.sources()
	c := change{path: r.Config.Path(r.Config.ECSConfig), old: from.User.Data}
	if from.User.Err != nil {
		return c, from.User.Err
	}
	file := ecsconfig.Parse(c.old)
	c.repaired = file.Repair()
	if err := r.set(file, ref); err != nil {
		return c, badConfig(err)
	}
	from.User.Data = file.Bytes()
	settings, _ := ecsconfig.Read(from)
	if region := settings.Text(regionKey); region != r.Identity.Region && settings.Set(regionKey) {
		where, _ := settings.Get(regionKey)
		c.notes = append(c.notes, fmt.Sprintf("%s: %s is %s, and this instance is in %s; set to %s",
			where.Where(), regionKey, region, r.Identity.Region, r.Identity.Region))
		if err := file.Set(regionKey, r.Identity.Region); err != nil {
			return c, badConfig(err)
		}
		from.User.Data = file.Bytes()
		settings, _ = ecsconfig.Read(from)
	}
	c.new = from.User.Data
	_, problems := ecsconfig.Read(from)
	c.left = slices.DeleteFunc(problems, func(p ecsconfig.Problem) bool {
		_, set := file.Get(p.Key)
		return p.File == from.Instance.Path && set // the user's file overrides the image's
	})
	c.refused = r.refusal(settings, c.left)
	return c, nil
}

// inAgentConfig is an instance.Source. It returns the cluster that the ECS agent's own configuration names. User data
// has the lowest precedence (agent/config/config.go, NewConfig), and is read only if the files name no cluster. An
// unreadable ecs.config is an error if no other source names the cluster.
func (r *run) inAgentConfig(ctx context.Context) (instance.Named, error) {
	from := r.sources()
	settings, _ := ecsconfig.Read(from)
	if !settings.Set("ECS_CLUSTER") && r.Identity.InstanceID != "" {
		ctx, stop := context.WithTimeout(ctx, r.pace.api)
		defer stop()
		from.UserData, _, _ = r.imds.UserData(ctx) // ignored if it cannot be read
		settings, _ = ecsconfig.Read(from)
	}
	if !settings.Set("ECS_CLUSTER") {
		return instance.Named{}, from.User.Err
	}
	named := settings.Cluster()
	return instance.Named{Text: named.Text, Origin: "ECS_CLUSTER in " + named.Where()}, nil
}

// sources returns the files that the ECS agent reads. The agent also reads user data, which has lower precedence than
// all of them.
func (r *run) sources() ecsconfig.Sources {
	from := ecsconfig.Gather(r.Config.ECSConfig, r.Config.Path)
	from.Region = r.Identity.Region
	return from
}

// set writes the cluster and the settings from --ecs to file.
func (r *run) set(file *ecsconfig.File, ref cluster.Ref) error {
	if err := file.Set("ECS_CLUSTER", ref.Text); err != nil {
		return err
	}
	origin := r.Config.Origin("MUSTER_ECS")
	for _, s := range r.Config.ECS {
		switch {
		case s.Key == "ECS_CLUSTER":
			return fix.Wrap(fmt.Errorf("%s: ECS_CLUSTER cannot be set this way", origin), fix.Do("Remove it, and set the cluster with --cluster."))
		case s.Key == regionKey && s.Value != r.Identity.Region:
			return fix.Wrap(
				fmt.Errorf("%s: %s must be %s, the region of this instance: it can only join a cluster in that region", origin, regionKey,
					r.Identity.Region),
				fix.Do("Remove "+regionKey+" from the settings; the ECS agent takes the region from the metadata service."))
		}
		if err := file.Set(s.Key, s.Value); err != nil {
			return fix.Wrap(fmt.Errorf("%s: %w", origin, err), fix.Do("Correct the value of "+s.Key+"."))
		}
	}
	return nil
}

// refusal returns an error if the remaining problems would prevent the ECS agent from registering: it would exit, or
// ECS would reject the registration. In that case nothing is written.
func (r *run) refusal(settings *ecsconfig.Settings, left []ecsconfig.Problem) error {
	worst := slices.DeleteFunc(slices.Clone(left), func(p ecsconfig.Problem) bool { return p.Severity < ecsconfig.Refused })
	switch {
	case len(worst) > 0:
		why := []string{worst[0].Effect}
		for _, p := range worst[1:] {
			why = append(why, withEffect(p))
		}
		return badConfig(fix.Because(errors.New(worst[0].String()), why,
			fix.Do("Correct the line, then run bootstrap again:", fmt.Sprintf("sudo vi +%d %s", max(worst[0].Line, 1), worst[0].File), r.again(""))))
	case r.reservesTooMuch(settings) != nil:
		return badConfig(r.reservesTooMuch(settings))
	}
	return nil
}

// reservesTooMuch returns an error if ECS_RESERVED_MEMORY exceeds the memory of the instance. It compares in MiB, as
// the agent does (ecs-agent/api/ecs/client/ecs_client.go, getResources).
func (r *run) reservesTooMuch(settings *ecsconfig.Settings) error {
	const key = "ECS_RESERVED_MEMORY"
	value, _ := settings.Get(key)
	reserved, err := strconv.ParseUint(value.Text, 10, 64)
	text, _ := kernel.ReadFile(r.Config.Path("/proc/meminfo"))
	memory, unknown := kernel.ParseMemory(text)
	if total := memory.Total >> 20; err == nil && unknown == nil && reserved > total {
		return fix.Wrap(
			fmt.Errorf("%s: %s is %d, and this instance has %d MiB of memory: the ECS agent would exit", value.Where(), key, reserved, total),
			fix.Do("Lower "+key+", in MiB, then run bootstrap again."))
	}
	return nil
}

// writable returns the error with which apply would fail before it writes anything.
func (r *run) writable(ref cluster.Ref) error {
	c, err := r.plan(ref)
	if err != nil {
		return err
	}
	return c.refused
}

// apply writes ecs.config. If another program changes the file between the read and the write, apply plans the change
// again, once.
func (r *run) apply(ref cluster.Ref) (changed bool, err error) {
	for range 2 {
		var c change
		if c, err = r.plan(ref); err == nil {
			err = c.refused
		}
		if err != nil {
			return false, err
		}
		changed, err = ecsconfig.Write(c.path, c.old, c.new)
		if err == nil {
			r.logChange(c)
			return changed, nil
		}
		if !errors.Is(err, ecsconfig.ErrChanged) {
			break
		}
	}
	return changed, err
}

// logChange logs what was repaired, what only a person can fix, and the result.
func (r *run) logChange(c change) {
	r.logProblems(c)
	switch changed := string(c.old) != string(c.new); {
	case changed:
		r.info("ecs.config", "%s written", c.path)
	case len(c.left) > 0:
		r.info("ecs.config", "%s unchanged", c.path)
	default:
		r.info("ecs.config", "%s is already correct, unchanged", c.path)
	}
}

// logProblems logs one line per line of the file, even if that line has several problems.
func (r *run) logProblems(c change) {
	for at := 0; at < len(c.repaired); {
		p, first := c.repaired[at], at
		p.File = c.path
		for at++; at < len(c.repaired) && c.repaired[at].Line == p.Line && c.repaired[at].Key == p.Key; at++ {
			p.What += ", " + c.repaired[at].What
		}
		how := p.Repair
		if at > first+1 {
			how = "rewrite it as one plain line"
		}
		r.warn("ecs.config", "%s (repair: %s)", p, how)
	}
	for _, note := range c.notes {
		r.warn("ecs.config", "%s", note)
	}
	for _, p := range c.left {
		r.warn("ecs.config", "%s", withEffect(p))
	}
}

func withEffect(p ecsconfig.Problem) string {
	if p.Effect == "" {
		return p.String()
	}
	return p.String() + ": " + p.Effect
}

// waitsInWarmPool reports whether the ECS agent is configured to wait while the instance is in a warm pool.
func (r *run) waitsInWarmPool() bool {
	for _, s := range slices.Backward(r.Config.ECS) {
		if s.Key == warmPoolKey {
			return s.Value == "true"
		}
	}
	settings, _ := ecsconfig.Read(r.sources())
	return settings.On(warmPoolKey)
}
