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

// metadataURI is the environment variable in which the ECS agent passes a container the URI of its task metadata
// (agent/api/container, MetadataURIEnvVarNameV4).
const metadataURI = "ECS_CONTAINER_METADATA_URI_V4"

// Inspection holds facts about a container that events and the list do not contain.
type Inspection struct {
	ID, Name     string
	Labels       map[string]string // only the labels of ECS; nil if there are none
	Running      bool              // false while it waits for a restart, although Docker calls that running too
	Health       string            // starting, healthy or unhealthy; none without a health check. An exited container keeps its last health
	Checked      bool              // the container or its image has a HEALTHCHECK
	Due          time.Duration     // time after the start by which the HEALTHCHECK must have a result
	OOMKilled    bool              // the kernel killed a process of the container since its start, because memory ran out
	Error        string            // why its last start failed; empty if it succeeded
	ExitCode     int               // exit code of the last run
	StopSignal   int               // the signal with which a stop begins
	RestartCount int               // restarts by Docker's restart policy
	StartedAt    time.Time
	FinishedAt   time.Time
	// MetadataURI is the URI of the task metadata, from the container's environment. No other part of the environment
	// is kept.
	MetadataURI string
}

// Inspect returns one container, by ID. It returns false without an error if the container does not exist.
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

// checked reports whether there is a health check. The test NONE means that the container disables its image's check.
func checked(config *container.Config) bool {
	check := config.Healthcheck
	return check != nil && len(check.Test) > 0 && check.Test[0] != "NONE"
}

// due returns how long a HEALTHCHECK can remain "starting": until the start period is over and all retries have failed.
// A setting of 0 means Docker's default (moby daemon/health.go).
func due(config *container.Config) time.Duration {
	if !checked(config) {
		return 0
	}
	check := config.Healthcheck
	interval, timeout := cmp.Or(check.Interval, 30*time.Second), cmp.Or(check.Timeout, 30*time.Second)
	return check.StartPeriod + time.Duration(cmp.Or(max(0, check.Retries), 3))*(interval+timeout)
}

// signal parses a signal such as SIGQUIT, QUIT or 3. Docker's default for a stop is SIGTERM.
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
