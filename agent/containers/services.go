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

// TaskMetadata is the ECS agent's task metadata endpoint on this host.
type TaskMetadata interface {
	// Task returns the task of the container with this ECS_CONTAINER_METADATA_URI_V4.
	Task(ctx context.Context, containerURI string) (ecsagent.TaskMetadata, error)
}

// TaskGroups is the part of the ECS API that returns task groups.
type TaskGroups interface {
	// TaskGroups returns the groups of tasks by ARN: service:NAME or family:NAME.
	TaskGroups(ctx context.Context, cluster string, arns []string) (map[string]string, error)
}

const (
	// failedPause is how long ECS is not called again after it denied a request. Its tasks are then reported by family,
	// and the whole fleet shares the API's request budget.
	failedPause = time.Hour
	// latePause is that pause after a temporary failure: no credentials yet, or throttling. It has a jitter of one
	// half.
	latePause = 4 * time.Minute
)

// Services finds the services of tasks. It uses the ECS agent's task metadata, which costs nothing, and otherwise the
// ECS API. It does not cache results: the Watcher makes one lookup per task, and keeps the result as long as the task.
type Services struct {
	metadata TaskMetadata
	groups   TaskGroups
	log      *slog.Logger

	said  bool
	again map[string]time.Time // by cluster: the earliest time for the next call to ECS
}

// NewServices returns a Services. If groups is nil, it uses only the metadata.
func NewServices(metadata TaskMetadata, groups TaskGroups, log *slog.Logger) *Services {
	return &Services{metadata: metadata, groups: groups, log: log, again: map[string]time.Time{}}
}

// Resolve implements Resolver. It is not safe for concurrent use.
func (s *Services) Resolve(ctx context.Context, lookups []Lookup) iter.Seq2[string, TaskInfo] {
	return func(yield func(string, TaskInfo) bool) {
		left := map[string][]string{} // task ARNs without a result, by cluster
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
					service = "" // the group is family:NAME, or there is none
				}
				if !yield(arn, TaskInfo{Service: service, Unsure: unsure && service == ""}) {
					return
				}
			}
		}
	}
}

// fromMetadata accepts a response only if it is about the task in question, because the URI comes from a container's
// environment. The response contains the service's name since version 1.63.1 of the ECS agent. Without a name, the task
// counts as having no service.
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

// fromECS returns nil if ECS cannot be called, which is logged once. unsure means that a later call may succeed.
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
		s.log.Warn("services are reported by the family of their tasks", "phase", "containers", "error", err)
	}
	return groups, true
}
