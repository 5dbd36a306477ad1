package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"muster/check"
	"muster/check/ecs"
	"muster/internal/awsapi"
	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/host/ecsconfig"
	"muster/internal/instance"
)

// groupNameTag is the tag that Auto Scaling sets on each instance of a group.
const groupNameTag = "aws:autoscaling:groupName"

// findCluster takes the cluster from the settings, from a tag on the instance, or from the same tag on its Auto Scaling
// group, in this order.
func (r *run) findCluster(ctx context.Context) error {
	named, err := instance.Resolve(ctx, instance.InSettings(r.Config), r.inTags)
	if err != nil {
		return err
	}
	return r.want(named)
}

// want sets the cluster to join, after it has checked that it is a valid name or ARN.
func (r *run) want(named instance.Named) (err error) {
	r.origin = named.Origin
	if r.wanted, err = cluster.Parse(named.Text); err == nil {
		return nil
	}
	to := fix.Do("Set the cluster to its name or ARN:", r.again("NAME"))
	if likely := ecsconfig.LikelyCluster(named.Text); likely != "" {
		to = fix.Do("Set the cluster, probably to:", r.again(likely))
	}
	return badConfig(fix.Wrap(fmt.Errorf("%s: %w", named.Origin, err), to))
}

// inTags is an instance.Source. It reads the tag from the instance, or else from its Auto Scaling group. It returns an
// error if neither has the tag. It trims whitespace, including line breaks and no-break spaces, because templates often
// add some and cluster names never contain any.
func (r *run) inTags(ctx context.Context) (instance.Named, error) {
	key := r.Config.ClusterTag
	text, ok, err := r.imds.Tag(ctx, key)
	if err != nil {
		return instance.Named{}, undetermined(fmt.Errorf("reading instance tag %s for the cluster's name: %w", key, err))
	}
	if ok {
		return instance.Named{Text: strings.TrimSpace(text), Origin: "instance tag " + key}, nil
	}
	var group string
	_, err = r.persist(ctx, time.Now().Add(r.pace.deliver), r.pace.api, "tag "+key+" of the Auto Scaling group",
		func(ctx context.Context) error {
			if group, err = r.groupName(ctx); err == nil && group != "" {
				text, ok, err = r.aws.GroupTag(ctx, group, key)
			}
			return err
		})
	switch {
	case err != nil:
		return instance.Named{}, undetermined(fix.Because(
			fmt.Errorf("tag %s of the Auto Scaling group could not be read, and no other setting names the cluster", key), []string{err.Error()},
			fix.Do("Allow the action in the instance role, or set the cluster:", r.again("NAME"))))
	case !ok:
		return instance.Named{}, badConfig(r.noCluster(group))
	}
	return instance.Named{Text: strings.TrimSpace(text), Origin: fmt.Sprintf("tag %s of Auto Scaling group %s", key, group)}, nil
}

func (r *run) noCluster(group string) error {
	why := []string{
		"--cluster and MUSTER_CLUSTER are not set, and " + r.Settings.File.Path + " does not set it",
		"instance tag " + r.Config.ClusterTag + " is not in the metadata: it is not set, or access to tags in the metadata is off",
		"this instance is in no Auto Scaling group",
	}
	if group != "" {
		why[2] = fmt.Sprintf("Auto Scaling group %s has no such tag", group)
	}
	return fix.Because(errors.New("no cluster is set"), why, fix.Do("Set the cluster:", r.again("NAME")))
}

// groupName returns the name of the instance's Auto Scaling group, or "" if it has none. It reads the instance tag from
// the metadata first, which is free, and calls the API at most once.
func (r *run) groupName(ctx context.Context) (string, error) {
	if known := r.group.Load(); known != nil {
		return *known, nil
	}
	name, ok, err := r.imds.Tag(ctx, groupNameTag)
	if err != nil || !ok {
		name, err = r.groupByAPI(ctx)
	}
	if err == nil {
		r.group.Store(&name)
	}
	return name, err
}

func (r *run) groupByAPI(ctx context.Context) (string, error) {
	state, err := r.imds.LifecycleState(ctx)
	if err == nil && state == "" {
		return "", nil // the metadata has this path for every instance in a group
	}
	group, err := r.aws.Group(ctx, r.Identity.InstanceID)
	return group.Name, err
}

// confirmCluster returns an error if the instance cannot join the cluster, before anything is written. If the ECS API
// cannot be called, it only logs a warning. A throttled call is not repeated: the boot continues without the response,
// and leaves the calls to verify.
func (r *run) confirmCluster(ctx context.Context) error {
	ctx, stop := context.WithTimeout(awsapi.WithoutThrottleRetries(ctx), r.pace.api)
	defer stop()
	f, bad := ecs.ClusterFinding(ctx, r.aws, r.wanted, r.origin, r.Identity)
	switch {
	case !bad:
	case f.Status == check.Unknown:
		r.warn("cluster", "not confirmed: %s", f.Summary)
	case f.Status == check.Warn:
		r.warn("cluster", "%s: %s", f.Summary, f.Evidence[len(f.Evidence)-1])
	default:
		return badConfig(fix.Because(errors.New(f.Summary), f.Evidence, r.withSettings(f.Fix)))
	}
	return nil
}
