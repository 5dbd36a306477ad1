package dockerapi

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"
)

// metadataURI is the variable by which the ECS agent tells a container where its
// task's metadata is (agent/api/container, MetadataURIEnvVarNameV4).
const metadataURI = "ECS_CONTAINER_METADATA_URI_V4"

// Inspection holds the facts about a container that events and the list lack.
type Inspection struct {
	ID, Name     string
	Labels       map[string]string // those of ECS; nil if there are none
	Running      bool              // and not waiting to be restarted, which Docker calls running too
	Health       string            // starting, healthy, unhealthy; none without a check. Also of one that no longer runs
	Checked      bool              // there is a HEALTHCHECK, of the container's or of its image
	Due          time.Duration     // within which its HEALTHCHECK must have had a result, at the latest
	OOMKilled    bool              // some process of its was, since it started
	Error        string            // why its last start failed; empty if it did not
	ExitCode     int               // of the last exit
	StopSignal   int               // what stopping begins with
	RestartCount int               // by Docker's restart policy
	StartedAt    time.Time
	FinishedAt   time.Time
	// MetadataURI is where ECS has the metadata of its task, from its environment,
	// of which nothing else is kept.
	MetadataURI string
}

// Inspect returns one container, by id. It returns false without an error if the
// container does not exist.
func (c *Client) Inspect(ctx context.Context, id string) (Inspection, bool, error) {
	found, seen, err := c.inspect(ctx, id)
	if isGone(seen, err) {
		return Inspection{}, false, nil
	}
	if err != nil {
		return Inspection{}, false, err
	}
	it, state, config := found.Container, found.Container.State, found.Container.Config
	out := Inspection{
		ID:           it.ID,
		Name:         strings.TrimPrefix(it.Name, "/"),
		Labels:       onlyECS(config.Labels),
		Running:      state.Running && !state.Restarting,
		Health:       string(container.NoHealthcheck),
		Checked:      checked(config),
		Due:          due(config),
		OOMKilled:    state.OOMKilled,
		Error:        state.Error,
		ExitCode:     state.ExitCode,
		StopSignal:   signal(config.StopSignal),
		RestartCount: it.RestartCount,
		StartedAt:    parseTime(state.StartedAt),
		FinishedAt:   parseTime(state.FinishedAt),
		MetadataURI:  variable(config.Env, metadataURI),
	}
	if state.Health != nil && state.Health.Status != "" {
		out.Health = string(state.Health.Status)
	}
	return out, true, nil
}

// checked reads a test of NONE as none: it is how an image's check is taken away.
func checked(config *container.Config) bool {
	check := config.Healthcheck
	return check != nil && len(check.Test) > 0 && check.Test[0] != "NONE"
}

// due is how long a HEALTHCHECK may say "starting": until the start period is over and
// all retries have failed. 0 is Docker's default of a setting (moby daemon/health.go).
func due(config *container.Config) time.Duration {
	if !checked(config) {
		return 0
	}
	check := config.Healthcheck
	interval, timeout := cmp.Or(check.Interval, 30*time.Second), cmp.Or(check.Timeout, 30*time.Second)
	return check.StartPeriod + time.Duration(cmp.Or(max(0, check.Retries), 3))*(interval+timeout)
}

// signal reads SIGQUIT, QUIT and 3. Docker stops with SIGTERM by default.
func signal(s string) int {
	n, err := strconv.Atoi(s)
	switch {
	case s == "":
		return int(unix.SIGTERM)
	case errors.Is(err, strconv.ErrSyntax):
		return int(unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG")))
	}
	return n
}

func variable(env []string, name string) string {
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}
