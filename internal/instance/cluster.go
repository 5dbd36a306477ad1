package instance

import (
	"context"

	"muster/internal/config"
	"muster/internal/instance/record"
)

// Named is the name or ARN of a cluster, and the setting, tag or file that it came from. Text is not validated and may
// be blank.
type Named struct{ Text, Origin string }

// A Source returns the cluster of this instance, or the zero Named if it does not set one. If the source sets an empty
// value, Origin is still set.
type Source func(context.Context) (Named, error)

// Resolve returns the cluster from the first source that sets one. bootstrap resolves it from the settings and then the
// tags. All later commands resolve it from the settings, then the record of bootstrap, then the ECS agent's
// configuration.
func Resolve(ctx context.Context, sources ...Source) (Named, error) {
	for _, source := range sources {
		if named, err := source(ctx); err != nil || named != (Named{}) {
			return named, err
		}
	}
	return Named{}, nil
}

// InSettings returns a Source for the cluster in the settings.
func InSettings(cfg *config.Config) Source {
	return func(context.Context) (Named, error) {
		if cfg.Cluster == "" {
			return Named{}, nil
		}
		return Named{cfg.Cluster, cfg.Origin("MUSTER_CLUSTER").String()}, nil
	}
}

// InRecord returns a Source for the cluster that bootstrap recorded, with its original origin.
func InRecord(rec record.Record) Source {
	return func(context.Context) (Named, error) {
		if rec.Cluster == "" {
			return Named{}, nil
		}
		return Named{rec.Cluster, rec.ClusterOrigin}, nil
	}
}

// Cluster returns the cluster of this instance from its settings or its record, or "" if neither sets one.
func (i *Instance) Cluster() string {
	named, _ := Resolve(context.Background(), InSettings(i.Config), InRecord(i.Record)) // these sources return no errors
	return named.Text
}
