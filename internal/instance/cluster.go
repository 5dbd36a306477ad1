package instance

import (
	"context"

	"muster/internal/config"
	"muster/internal/instance/record"
)

// Named is a cluster by name or ARN, and the setting, tag or file that names it. The
// text is as it was given, and may be no valid name.
type Named struct{ Text, Origin string }

// A Source may name the cluster of this instance. The zero Named is no cluster.
type Source func(context.Context) (Named, error)

// Resolve returns the cluster that the first source names which names one. bootstrap,
// which decides, asks the settings and then the tags. Everything that runs after it asks
// the settings, then the record of bootstrap, then the configuration of the ECS agent.
func Resolve(ctx context.Context, sources ...Source) (Named, error) {
	for _, source := range sources {
		if named, err := source(ctx); err != nil || named.Text != "" {
			return named, err
		}
	}
	return Named{}, nil
}

// InSettings is the cluster that the settings name.
func InSettings(cfg *config.Config) Source {
	return func(context.Context) (Named, error) {
		if cfg.Cluster == "" {
			return Named{}, nil
		}
		return Named{cfg.Cluster, cfg.Origin("MUSTER_CLUSTER").String()}, nil
	}
}

// InRecord is the cluster that bootstrap recorded, from wherever it had it.
func InRecord(rec record.Record) Source {
	return func(context.Context) (Named, error) { return Named{rec.Cluster, rec.ClusterOrigin}, nil }
}

// Cluster is where this instance belongs by its settings and its record; empty if
// neither names a cluster.
func (i *Instance) Cluster() string {
	named, _ := Resolve(context.Background(), InSettings(i.Config), InRecord(i.Record)) // neither fails
	return named.Text
}
