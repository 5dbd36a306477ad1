package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"muster/check"
	"muster/internal/awsapi"
	"muster/internal/cluster"
)

// groupNameTag is the tag that Auto Scaling puts on each of its instances.
const groupNameTag = "aws:autoscaling:groupName"

// findCluster takes the cluster from the settings, else from a tag on the
// instance, else from the same tag on its Auto Scaling group.
func (r *run) findCluster(ctx context.Context) (err error) {
	text, origin := r.cfg.Cluster, r.cfg.Origin("MUSTER_CLUSTER").String()
	if text == "" {
		if text, origin, err = r.clusterByTag(ctx); err != nil {
			return err
		}
	}
	if err := r.want(text, origin); err != nil {
		return err
	}
	if region := r.wanted.Region; region != "" && region != r.id.Region {
		return badConfig(fmt.Errorf("%s: cluster %s is in %s, this instance is in %s, and an instance can only join a cluster of its own region", origin, text, region, r.id.Region))
	}
	return nil
}

func (r *run) want(text, origin string) (err error) {
	r.origin = origin
	if r.wanted, err = cluster.Parse(text); err != nil {
		return badConfig(fmt.Errorf("%s: %w", origin, err))
	}
	return nil
}

func (r *run) clusterByTag(ctx context.Context) (text, origin string, err error) {
	key := r.cfg.ClusterTag
	text, ok, err := r.imds.Tag(ctx, key)
	if err != nil {
		return "", "", undetermined(fmt.Errorf("looking for the cluster's name in instance tag %s: %w", key, err))
	}
	if ok {
		return text, "instance tag " + key, nil
	}
	ctx, stop := context.WithTimeout(ctx, r.pace.api)
	defer stop()
	group, err := r.groupName(ctx)
	if err == nil && group != "" {
		text, ok, err = r.aws.GroupTag(ctx, group, key)
	}
	switch {
	case err != nil:
		return "", "", undetermined(fmt.Errorf("no setting and no instance tag in the metadata names the cluster, and the Auto Scaling group could not be asked for its tag %s: %w", key, err))
	case !ok:
		return "", "", badConfig(r.noCluster(group))
	}
	return text, fmt.Sprintf("tag %s of Auto Scaling group %s", key, group), nil
}

func (r *run) noCluster(group string) error {
	where := "this instance is in no Auto Scaling group"
	if group != "" {
		where = "Auto Scaling group " + group + " has no such tag"
	}
	return fmt.Errorf("no cluster is named: --cluster, MUSTER_CLUSTER and %s do not say, instance tag %s is not there (or instance tags are not allowed in the metadata), and %s", r.Settings.File.Path, r.cfg.ClusterTag, where)
}

// groupName is the instance's Auto Scaling group, empty without one: from the
// tag that costs nothing, else from the API, which is asked once.
func (r *run) groupName(ctx context.Context) (string, error) {
	if r.group != nil {
		return *r.group, nil
	}
	name, ok, err := r.imds.Tag(ctx, groupNameTag)
	if err != nil || !ok {
		name, err = r.groupByAPI(ctx)
	}
	if err == nil {
		r.group = &name
	}
	return name, err
}

func (r *run) groupByAPI(ctx context.Context) (string, error) {
	state, err := r.imds.LifecycleState(ctx)
	if err == nil && state == "" {
		return "", nil // the metadata has this path for every instance of a group
	}
	group, err := r.aws.Group(ctx, r.id.InstanceID)
	return group.Name, err
}

// confirmCluster refuses a cluster that ECS does not know, before anything is
// written. When ECS cannot be asked it only warns.
func (r *run) confirmCluster(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, r.pace.api)
	defer stop()
	status, err := r.aws.ClusterStatus(ctx, r.wanted.Text)
	switch {
	case errors.Is(err, awsapi.ErrNoSuchCluster):
		return badConfig(errors.New(check.NoSuchCluster(ctx, r.aws, r.wanted, r.id.Region, r.id.AccountID)))
	case err != nil:
		r.warn("cluster", "not confirmed: %v", err)
		return nil
	case status == "INACTIVE":
		return badConfig(fmt.Errorf("cluster %s in %s was deleted (INACTIVE): create it again (aws ecs create-cluster --cluster-name %s), or name another", r.wanted, r.id.Region, r.wanted.Name))
	case status != "ACTIVE":
		r.warn("cluster", "%s is %s: that is about its capacity providers, and may pass", r.wanted, status)
	}
	return nil
}
