package containers

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"muster/internal/awsapi"
	"muster/internal/host/ecsagent"
)

// TaskMetadata is the ECS agent's endpoint of that name, on this host.
type TaskMetadata interface {
	// Task returns the task of a container with this ECS_CONTAINER_METADATA_URI_V4.
	Task(ctx context.Context, containerURI string) (ecsagent.TaskMetadata, error)
}

// TaskGroups is ECS's API.
type TaskGroups interface {
	// TaskGroups tells the groups of tasks, by ARN: service:NAME or family:NAME.
	TaskGroups(ctx context.Context, cluster string, arns []string) (map[string]string, error)
}

const (
	// failedPause is how long ECS is not asked again after it refused an answer: what
	// that leaves out is reported by its family, and the API's budget is the fleet's.
	failedPause = time.Hour
	// latePause is that after a failure that passes: no credentials yet, a throttle. It
	// is jittered by a half.
	latePause = 4 * time.Minute
)

// Services finds the services of tasks: from the ECS agent's task metadata, which
// costs nothing, else from ECS. Its answers are not kept: the Watcher asks once a
// task, and keeps the answer as long as the task.
type Services struct {
	metadata TaskMetadata
	groups   TaskGroups
	log      *slog.Logger

	said  bool
	again map[string]time.Time // by cluster: ECS is not asked before
}

// NewServices returns a Services. Without groups (nil) it asks the metadata only.
func NewServices(metadata TaskMetadata, groups TaskGroups, log *slog.Logger) *Services {
	return &Services{metadata: metadata, groups: groups, log: log, again: map[string]time.Time{}}
}

// Resolve implements Resolver. It must not be called concurrently.
func (s *Services) Resolve(ctx context.Context, lookups []Lookup) iter.Seq2[string, TaskInfo] {
	return func(yield func(string, TaskInfo) bool) {
		left := map[string][]string{} // task ARNs by cluster
		for _, l := range lookups {
			info, ok := s.fromMetadata(ctx, l)
			if !ok {
				left[l.Cluster] = append(left[l.Cluster], l.TaskARN)
				continue
			}
			if !yield(l.TaskARN, info) {
				return
			}
		}
		for _, cluster := range slices.Sorted(maps.Keys(left)) {
			groups, unsure := s.fromECS(ctx, cluster, left[cluster])
			for _, arn := range left[cluster] {
				service, _ := strings.CutPrefix(groups[arn], "service:")
				if service == groups[arn] {
					service = "" // family:NAME, or no answer
				}
				if !yield(arn, TaskInfo{Service: service, Unsure: unsure && service == ""}) {
					return
				}
			}
		}
	}
}

// fromMetadata believes only an answer about the task in question: the URI comes
// from a container's environment. The service's name is in it since version 1.63.1
// of the ECS agent; without one, the task counts as belonging to no service.
func (s *Services) fromMetadata(ctx context.Context, l Lookup) (TaskInfo, bool) {
	if l.MetadataURI == "" {
		return TaskInfo{}, false
	}
	found, err := s.metadata.Task(ctx, l.MetadataURI)
	if err != nil || found.TaskARN != l.TaskARN {
		return TaskInfo{}, false
	}
	return TaskInfo{Service: found.ServiceName, Checked: found.Checked}, true
}

// fromECS is nil where ECS cannot be asked, which is logged once. unsure means that it
// may answer later.
func (s *Services) fromECS(ctx context.Context, cluster string, arns []string) (groups map[string]string, unsure bool) {
	if s.groups == nil {
		return nil, true
	}
	if time.Now().Before(s.again[cluster]) {
		return nil, true
	}
	groups, err := s.groups.TaskGroups(ctx, cluster, arns)
	if err == nil {
		return groups, false
	}
	pause := failedPause
	switch awsapi.KindOf(err) {
	case awsapi.NoIdentity, awsapi.Throttled, awsapi.Unreachable, awsapi.ClockSkew:
		pause = latePause/2 + rand.N(latePause)
	}
	s.again[cluster] = time.Now().Add(pause)
	if !s.said && ctx.Err() == nil {
		s.said = true
		s.log.Warn("services go by the families of their tasks", "phase", "containers", "error", err)
	}
	return groups, true
}
