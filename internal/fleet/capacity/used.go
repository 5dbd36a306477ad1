package capacity

import (
	"context"
	"errors"
	"time"

	"muster/internal/awsapi"
	"muster/internal/base/arn"
)

// Used holds what the tasks of a service used at most, from the metrics of muster-agent. They are published with
// --metrics limits (docs/reference/metrics.md). A nil value means unknown, and Unknown has the reason.
type Used struct {
	Since time.Time
	Hours int // hours with data points of MemoryUsed
	// Memory is the highest share of its memory limit that a container of the service used, in percent.
	Memory *float64
	// MiB is that share of the limits of all containers of a copy. A copy used no more. It is nil if a container has no
	// limit.
	MiB *int
	// Throttled is the highest share of the periods of its CPU quota in which a container had to wait, in percent.
	Throttled *float64
	Unknown   string
}

const (
	usedNamespace = "Muster"            // the default of MUSTER_NAMESPACE
	usedWindow    = 14 * 24 * time.Hour // of metrics
)

// used reads what the service's tasks used at most. It makes two calls.
func (r *reader) used(ctx context.Context) *Used {
	now := time.Now().UTC().Truncate(time.Hour)
	out := &Used{Since: now.Add(-usedWindow)}
	memory, hours, err := r.highest(ctx, "MemoryUsed", out.Since)
	if err != nil {
		out.Unknown = err.Error()
		var e *awsapi.Error
		if errors.As(err, &e) && e.Kind == awsapi.Denied {
			out.Unknown = e.Action + " is not allowed"
		}
		return out
	}
	throttled, _, err := r.highest(ctx, "CPUThrottled", out.Since)
	if err == nil {
		out.Throttled = throttled
	}
	if memory == nil {
		out.Unknown = "namespace " + usedNamespace + " has no MemoryUsed of the service in 14 days; muster agent --metrics limits publishes it"
		return out
	}
	out.Memory, out.Hours = memory, hours
	if limit := r.out.Definition.MemoryLimit; limit > 0 {
		// Rounded up, so that it stays an upper bound.
		most := int(float64(limit)*min(*memory, 100)/100 + 0.999)
		out.MiB = &most
	}
	return out
}

func (r *reader) highest(ctx context.Context, metric string, since time.Time) (value *float64, hours int, err error) {
	return r.api.HighestMetric(ctx, usedNamespace, metric, []awsapi.Dimension{
		{Name: "ClusterName", Value: arn.Last(r.q.Cluster)}, {Name: "ServiceName", Value: r.out.Service.Name},
	}, since)
}
