package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"muster/check"
	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/host/ecsconfig"
)

// groupNameTag is the tag that Auto Scaling puts on each of its instances.
const groupNameTag = "aws:autoscaling:groupName"

// findCluster takes the cluster from the settings, else from a tag on the
// instance, else from the same tag on its Auto Scaling group.
func (r *run) findCluster(ctx context.Context) (err error) {
	text, origin := r.Config.Cluster, r.Config.Origin("MUSTER_CLUSTER").String()
	if text == "" {
		if text, origin, err = r.clusterByTag(ctx); err != nil {
			return err
		}
	}
	return r.want(text, origin)
}

func (r *run) want(text, origin string) (err error) {
	r.origin = origin
	if r.wanted, err = cluster.Parse(text); err == nil {
		return nil
	}
	to := fix.Do("Set the cluster to its name or ARN:", r.again("NAME"))
	if likely := ecsconfig.LikelyCluster(text); likely != "" {
		to = fix.Do("Set the cluster, probably to:", r.again(likely))
	}
	return badConfig(fix.Wrap(fmt.Errorf("%s: %w", origin, err), to))
}

// clusterByTag ignores blanks around a tag's value, line ends and no-break spaces
// among them: they come from templates, and no cluster has any in its name.
func (r *run) clusterByTag(ctx context.Context) (text, origin string, err error) {
	key := r.Config.ClusterTag
	text, ok, err := r.imds.Tag(ctx, key)
	if err != nil {
		return "", "", undetermined(fmt.Errorf("reading instance tag %s for the cluster's name: %w", key, err))
	}
	if ok {
		return strings.TrimSpace(text), "instance tag " + key, nil
	}
	var group string
	_, err = r.persist(ctx, time.Now().Add(r.pace.deliver), r.pace.api, "tag "+key+" of the Auto Scaling group", func(ctx context.Context) error {
		if group, err = r.groupName(ctx); err == nil && group != "" {
			text, ok, err = r.aws.GroupTag(ctx, group, key)
		}
		return err
	})
	switch {
	case err != nil:
		return "", "", undetermined(fix.Because(
			fmt.Errorf("tag %s of the Auto Scaling group could not be read, and no other setting names the cluster", key), []string{err.Error()},
			fix.Do("Allow the action in the instance role, or set the cluster:", r.again("NAME"))))
	case !ok:
		return "", "", badConfig(r.noCluster(group))
	}
	return strings.TrimSpace(text), fmt.Sprintf("tag %s of Auto Scaling group %s", key, group), nil
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

// groupName is the instance's Auto Scaling group, empty without one: from the
// tag that costs nothing, else from the API, which is asked once.
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
		return "", nil // the metadata has this path for every instance of a group
	}
	group, err := r.aws.Group(ctx, r.Identity.InstanceID)
	return group.Name, err
}

// confirmCluster refuses a cluster that the instance cannot join, before anything is
// written. When ECS cannot be asked it only warns.
func (r *run) confirmCluster(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, r.pace.api)
	defer stop()
	f, bad := check.ClusterFinding(ctx, r.aws, r.wanted, r.origin, r.Identity)
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
